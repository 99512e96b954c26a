//! Where the objects of a restore go, and their references: lanes pass pages to these.

use std::sync::Arc;

use selvedge_model::UuidRange;
use selvedge_model::error::{Error, Result};
use selvedge_weaviate::{Parcel, Run, Slice};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::filling::{Filling, References};
use super::refused::Refusals;
use crate::engine::{Page, Sink, Sinks};

/// After so many bytes it is written down what was written: what is done twice after a crash is then less than a data file for
/// each lane.
const CHECKPOINT: usize = 16 << 20;

/// Failures that are held in memory at most before they are written down.
const FAILURES: usize = 10_000;

/// Objects, without references.
pub struct IntoWeaviate(pub Arc<Filling>);

impl Sinks for IntoWeaviate {
    type Sink = ObjectSink;
    type Left = Refusals;

    fn open(&self, room: usize) -> ObjectSink {
        let (filling, parcel, refusals) = (Arc::clone(&self.0), Parcel::default(), Refusals::default());
        ObjectSink { filling, room, taken: 0, parcel, request: None, refusals }
    }

    async fn take_back(&self, left: &Refusals) -> Result<bool> {
        self.0.count(left);
        Ok(true)
    }

    fn tells_of_refusals(left: &Refusals) -> bool {
        !left.failures.is_empty()
    }

    /// Not before all that was kept was sent once more.
    fn is_settled(left: &Refusals) -> bool {
        left.kept.is_empty()
    }
}

/// Has one request on its way while the next one is made.
pub struct ObjectSink {
    filling: Arc<Filling>,
    room: usize,
    /// Bytes since it was opened.
    taken: usize,
    /// What the next request consists of: of small tenants, there are many in one.
    parcel: Parcel,
    request: Option<AbortOnDropHandle<Result<Refusals>>>,
    refusals: Refusals,
}

impl ObjectSink {
    async fn send(&mut self, slices: Vec<Slice>) -> Result<()> {
        self.settle().await?;
        let filling = Arc::clone(&self.filling);
        let write = async move { filling.write(slices, true).await };
        self.request = Some(AbortOnDropHandle::new(tokio::spawn(write.in_current_span())));
        Ok(())
    }

    /// Waits for the answer.
    async fn settle(&mut self) -> Result<()> {
        let Some(request) = self.request.take() else { return Ok(()) };
        let written =
            request.await.map_err(|panic| Error::internal("a request broke off").caused_by(panic))?;
        self.refusals.add(written?);
        Ok(())
    }
}

impl Sink for ObjectSink {
    type Left = Refusals;

    async fn take(&mut self, page: Page) -> Result<()> {
        self.taken += page.batch.byte_len();
        let page = self.filling.sort(page, &mut self.refusals).await?;
        let (tenant, batch) = (page.tenant, Arc::new(page.batch));
        for Run { rows, bytes } in self.filling.writer.split(&batch, self.room) {
            let slice = Slice { tenant: tenant.clone(), batch: Arc::clone(&batch), rows };
            if let Some(full) = self.parcel.add(slice, bytes, self.room) {
                self.send(full).await?;
            }
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.taken >= CHECKPOINT || self.refusals.failures.len() >= FAILURES
    }

    async fn flush(&mut self) -> Result<()> {
        let rest = self.parcel.take();
        if !rest.is_empty() {
            self.send(rest).await?;
        }
        self.settle().await
    }

    async fn seal(mut self, _: Option<UuidRange>) -> Result<Refusals> {
        self.flush().await?;
        Ok(self.refusals)
    }

    async fn abandon(mut self) {
        // What was sent is waited for, so that nothing is written after the job has ended. The job has failed already.
        let _ = self.settle().await;
    }
}

/// References of objects that are there.
pub struct IntoReferences {
    pub filling: Arc<Filling>,
    /// Whether some of them may be there already.
    pub replacing: bool,
}

impl Sinks for IntoReferences {
    type Sink = ReferenceSink;
    type Left = References;

    fn open(&self, _: usize) -> ReferenceSink {
        let (filling, replacing) = (Arc::clone(&self.filling), self.replacing);
        ReferenceSink { filling, replacing, taken: 0, left: References::default() }
    }

    async fn take_back(&self, left: &References) -> Result<bool> {
        self.filling.count(&left.refusals);
        Ok(true)
    }

    fn tells_of_refusals(left: &References) -> bool {
        !left.refusals.failures.is_empty()
    }
}

pub struct ReferenceSink {
    filling: Arc<Filling>,
    replacing: bool,
    taken: usize,
    left: References,
}

impl Sink for ReferenceSink {
    type Left = References;

    async fn take(&mut self, page: Page) -> Result<()> {
        self.taken += page.batch.byte_len();
        let objects = page.batch.len() as u64;
        let References { refusals, anew } = self.filling.write_references(page, self.replacing).await?;
        self.filling.target.counters.add_of_phase(objects);
        self.left.refusals.add(refusals);
        self.left.anew.extend(anew);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.taken >= CHECKPOINT
    }

    async fn seal(self, _: Option<UuidRange>) -> Result<References> {
        Ok(self.left)
    }
}

/// Takes whole objects, of which only those are written that are to be written anew.
pub struct IntoAnew(pub Arc<Filling>);

impl Sinks for IntoAnew {
    type Sink = AnewSink;
    type Left = Refusals;

    fn open(&self, _: usize) -> AnewSink {
        AnewSink { filling: Arc::clone(&self.0), refusals: Refusals::default() }
    }

    async fn take_back(&self, left: &Refusals) -> Result<bool> {
        self.0.count(left);
        Ok(true)
    }

    fn tells_of_refusals(left: &Refusals) -> bool {
        !left.failures.is_empty()
    }
}

pub struct AnewSink {
    filling: Arc<Filling>,
    refusals: Refusals,
}

impl Sink for AnewSink {
    type Left = Refusals;

    async fn take(&mut self, page: Page) -> Result<()> {
        let refusals = self.filling.write_anew(page).await?;
        self.refusals.add(refusals);
        Ok(())
    }

    async fn seal(self, _: Option<UuidRange>) -> Result<Refusals> {
        Ok(self.refusals)
    }
}
