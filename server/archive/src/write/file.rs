use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;
use uuid::Uuid;

use super::destination::{Destination, Limits};
use super::open_file::{OpenFile, Written};
use crate::format::TenantBatch;
use selvedge_model::error::{Error, Result};
use selvedge_model::{Batch, UuidRange};

/// Counted for each batch besides its values, so that very many tiny batches are not taken for nothing.
const BATCH_OVERHEAD: usize = 1024;

/// A data file that takes objects of one part: of an interval of ids, or of some whole tenants. Rows come in the order of their
/// tenants and ids, none of them twice. While a row group is encoded and sent in the background, the next one is filled, so
/// about three row groups are in memory.
pub struct FileWriter {
    destination: Arc<Destination>,
    group_bytes: usize,
    group: Group,
    first: Option<Row>,
    last: Option<Row>,
    /// A batch was not taken, or only begun to be taken.
    spoilt: bool,
    stage: Stage,
    bytes: Arc<AtomicU64>,
}

/// Which row: of which tenant, and of which object.
type Row = (Option<Arc<str>>, Uuid);

/// A row group that is being filled.
#[derive(Default)]
struct Group {
    batches: Vec<TenantBatch>,
    rows: usize,
    bytes: usize,
}

enum Stage {
    /// There is no file yet.
    New,
    Idle(Box<OpenFile>),
    Working(AbortOnDropHandle<Result<OpenFile>>),
    /// It has failed, or has ended. What has failed has left nothing of the file.
    Over,
}

impl fmt::Debug for FileWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileWriter").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

impl FileWriter {
    pub(super) fn new(destination: Arc<Destination>, group_bytes: usize) -> Self {
        Self {
            destination,
            group_bytes,
            group: Group::default(),
            first: None,
            last: None,
            spoilt: false,
            stage: Stage::New,
            bytes: Arc::default(),
        }
    }

    /// Takes objects of one tenant; None without multi-tenancy. A failure may be that of a batch before. After one, or if
    /// this is dropped in the middle, a part of the objects is lost: the file can only be aborted.
    pub async fn append(&mut self, tenant: Option<&str>, batch: Batch) -> Result<()> {
        if self.spoilt {
            return Err(self.lacks_a_batch());
        }
        self.spoilt = true;
        self.take(tenant, batch).await?;
        self.spoilt = false;
        Ok(())
    }

    async fn take(&mut self, tenant: Option<&str>, batch: Batch) -> Result<()> {
        let (Some(first), Some(last)) = (batch.ids.first().copied(), batch.ids.last().copied()) else {
            return Ok(());
        };
        self.check(tenant, &batch)?;
        let (bytes, limits) = (self.group_bytes, self.destination.limits);
        if self.group.would_overflow(&batch, bytes, &limits) {
            self.write_group().await?;
        }
        let tenant: Option<Arc<str>> = tenant.map(|tenant| match &self.last {
            Some((Some(last), _)) if **last == *tenant => last.clone(),
            _ => Arc::from(tenant),
        });
        if self.first.is_none() {
            self.first = Some((tenant.clone(), first));
        }
        self.last = Some((tenant.clone(), last));
        self.group.push(tenant, batch);
        if self.group.is_full(bytes, &limits) {
            self.write_group().await?;
        }
        Ok(())
    }

    /// Bytes of the file until now; those that are not yet encoded are not among them, and not all are durable.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether it is large enough to be sealed.
    pub fn is_full(&self) -> bool {
        self.bytes() >= self.destination.limits.file_bytes
    }

    /// Waits until nothing is held in memory but what a multipart upload must hold: less than a part.
    pub async fn flush(&mut self) -> Result<()> {
        self.write_group().await?;
        self.settle().await?;
        match self.take_file()? {
            Some(file) => self.work(file.settle()),
            None => self.stage = Stage::New,
        }
        self.settle().await
    }

    /// Ends the file; it is durable when the backup is committed. `covers` are the ids, of its one tenant or of the whole
    /// collection, that were read for it: every object of that interval is in it. None for a run of whole tenants. There is
    /// no file if nothing was appended, and nothing is left of it if a batch was not taken.
    pub async fn seal(mut self, covers: Option<UuidRange>) -> Result<Option<Written>> {
        if self.spoilt {
            let error = self.lacks_a_batch();
            if let Err(cleanup) = self.abort().await {
                tracing::warn!(%cleanup, "parts of a data file may be left behind");
            }
            return Err(error);
        }
        self.write_group().await?;
        self.settle().await?;
        let Some(file) = self.take_file()? else { return Ok(None) };
        if !self.fits(covers) {
            let collection = &self.destination.collection;
            let text =
                format!("a data file of collection \"{collection}\" has objects outside of what it covers");
            return Err(file.abort_after(Error::internal(text)).await);
        }
        file.finish(covers).await.map(Some)
    }

    /// Leaves nothing of the file.
    pub async fn abort(mut self) -> Result<()> {
        if self.settle().await.is_err() {
            return Ok(());
        }
        match self.take_file() {
            Ok(Some(file)) => file.abort().await,
            Ok(None) | Err(_) => Ok(()),
        }
    }

    fn check(&self, tenant: Option<&str>, batch: &Batch) -> Result<()> {
        let Destination { columns, collection, .. } = &*self.destination;
        if tenant.is_some() != columns.multi_tenant || batch.vectors.len() != columns.spaces.len() {
            return Err(Error::internal(format!("a batch does not fit collection \"{collection}\"")));
        }
        let follows = |(of, id): &Row| (of.as_deref(), *id) < (tenant, batch.ids[0]);
        if self.last.as_ref().is_none_or(follows) && batch.ids.is_sorted_by(|a, b| a < b) {
            return Ok(());
        }
        Err(Error::internal(format!("objects of collection \"{collection}\" are out of order")))
    }

    fn lacks_a_batch(&self) -> Error {
        let collection = &self.destination.collection;
        Error::internal(format!("a data file of collection \"{collection}\" was used after it lost a batch"))
    }

    fn fits(&self, covers: Option<UuidRange>) -> bool {
        match (covers, &self.first, &self.last) {
            (Some(covers), Some((first, first_id)), Some((last, last_id))) => {
                first == last && covers.contains(first_id) && covers.contains(last_id)
            }
            _ => true,
        }
    }

    /// Lets the background write the group as soon as it is done with the one before.
    async fn write_group(&mut self) -> Result<()> {
        if self.group.batches.is_empty() {
            return Ok(());
        }
        self.settle().await?;
        let file = match self.take_file()? {
            Some(file) => file,
            None => OpenFile::new(&self.destination, self.bytes.clone())?,
        };
        let group = std::mem::take(&mut self.group);
        self.work(file.write(group.batches, self.group_bytes));
        Ok(())
    }

    fn work(&mut self, work: impl Future<Output = Result<OpenFile>> + Send + 'static) {
        self.stage = Stage::Working(AbortOnDropHandle::new(tokio::spawn(work.in_current_span())));
    }

    /// Waits for the background. Can be given up and called again.
    async fn settle(&mut self) -> Result<()> {
        let Stage::Working(task) = &mut self.stage else { return Ok(()) };
        let ended = task.await;
        self.stage = Stage::Over;
        let file = ended
            .map_err(|failure| Error::internal("writing a data file broke off").caused_by(failure))??;
        self.stage = Stage::Idle(Box::new(file));
        Ok(())
    }

    /// Takes the settled file for the next step; None if there is none yet.
    fn take_file(&mut self) -> Result<Option<OpenFile>> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::New => Ok(None),
            Stage::Idle(file) => Ok(Some(*file)),
            Stage::Working(_) | Stage::Over => Err(Error::internal("a data file was used after it failed")),
        }
    }
}

impl Group {
    fn push(&mut self, tenant: Option<Arc<str>>, batch: Batch) {
        self.rows += batch.len();
        self.bytes += batch.byte_len() + BATCH_OVERHEAD;
        self.batches.push((tenant, batch));
    }

    fn would_overflow(&self, batch: &Batch, bytes: usize, limits: &Limits) -> bool {
        self.rows + batch.len() > limits.row_group_rows || self.bytes + batch.byte_len() > bytes + bytes / 4
    }

    fn is_full(&self, bytes: usize, limits: &Limits) -> bool {
        self.rows >= limits.row_group_rows || self.bytes >= bytes
    }
}
