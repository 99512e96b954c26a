//! Objects of a backup into Weaviate, and afterwards their references.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use selvedge_archive::Select;
use selvedge_model::error::{Error, Result};
use selvedge_model::{TextColumn, UuidRange};
use selvedge_weaviate::{Cluster, ObjectWriter, Parcel, Refusal, Run, Slice};
use serde::{Deserialize, Serialize};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::refused::{Desk, FailureKind, Kept, Refusals, RefusedOfCollection, Room, lock};
use super::target::Target;
use crate::Context;
use crate::engine::{FromArchive, Lanes, Origin, Page, RecordOf, Sink, Sinks};

/// Data files whose references are written before the objects that this leaves to be written anew: few enough that these
/// can be remembered.
const FILES_AT_A_TIME: usize = 64;
/// After so many bytes it is written down what was written: what is done twice after a crash is then less than a data file for
/// each lane.
const CHECKPOINT: usize = 16 << 20;

/// Failures that are held in memory at most before they are written down.
const FAILURES: usize = 10_000;

/// The name under which it is written down that a collection was checked.
pub fn checked_file(collection: &str) -> String {
    format!("checked/{collection}/done.json")
}

/// The filling of one collection.
pub struct Filling {
    job: Context,
    target: Arc<Target>,
    /// The names of collections on the target, by those in the backup.
    names: Arc<BTreeMap<String, String>>,
    writer: ObjectWriter,
    room: Room,
    pub refused: Mutex<RefusedOfCollection>,
    /// Objects that have to be written anew before their references can be, by where they are in the backup.
    anew: Mutex<BTreeMap<Origin, Ids>>,
}

/// Objects by their tenant, and their ids.
type Ids = BTreeMap<Option<Arc<str>>, BTreeSet<Uuid>>;

impl Filling {
    pub async fn new(
        job: &Context,
        cluster: &Cluster,
        target: &Arc<Target>,
        names: &Arc<BTreeMap<String, String>>,
        kept: &Arc<AtomicUsize>,
    ) -> Result<Arc<Self>> {
        let writer = ObjectWriter::new(cluster, &target.collection, target.source.spaces()).await?;
        let refused = match target.has_references() {
            true => RefusedOfCollection::with_ids(),
            false => RefusedOfCollection::default(),
        };
        Ok(Arc::new(Self {
            job: job.clone(),
            target: Arc::clone(target),
            names: Arc::clone(names),
            writer,
            room: Room::beside(kept),
            refused: Mutex::new(refused),
            anew: Mutex::default(),
        }))
    }

    /// Writes all objects that earlier attempts have not. Returns when everything is answered.
    pub async fn objects(self: &Arc<Self>, lanes: &Lanes) -> Result<()> {
        let counters = &self.target.counters;
        let source = FromArchive::new(&self.target.source, self.target.chosen.as_ref(), Select::All);
        let (sinks, tasks) = (IntoWeaviate(Arc::clone(self)), source.tasks());
        let ledger = self.job.journal().ledger(&self.target.collection.name, "objects");
        let mut unsettled = Vec::new();
        let gather = |record: Result<RecordOf<FromArchive, IntoWeaviate>, _>| {
            let record = record?;
            match record.left.kept.is_empty() {
                true => lock(&self.refused).add(record.left),
                false => unsettled.push(record),
            }
            Ok(())
        };
        let mut gather = gather;
        let done = lanes.take_back::<FromArchive, _>(&sinks, &ledger, |record| gather(Ok(record))).await?;
        let tasks = done.rest_of(tasks);
        if self.job.journal().is_resumed() && !tasks.is_empty() {
            self.forget_what_follows().await?;
        }
        lanes.carry_recorded(tasks, source, sinks, counters, &ledger, gather).await?;
        for mut record in unsettled {
            for Kept { tenant, object } in std::mem::take(&mut record.left.kept) {
                self.job.check_stop()?;
                let bytes = object.byte_len();
                record.left.add(self.write(vec![Slice { tenant, batch: object, rows: 0..1 }], false).await?);
                self.room.give_back(bytes);
            }
            let tells_of_refusals = IntoWeaviate::tells_of_refusals(&record.left);
            ledger.keep(&record, tells_of_refusals, &self.job.progress).await;
            lock(&self.refused).add(record.left);
        }
        lock(&self.refused).close();
        counters.add_tenants(self.target.tenants.len() as u64);
        Ok(())
    }

    /// Objects are written without references: what was written of these, or checked, does not hold for those that come now.
    async fn forget_what_follows(&self) -> Result<()> {
        let (journal, name) = (self.job.journal(), &self.target.collection.name);
        journal.ledger(name, "references").strike_all().await?;
        journal.ledger(name, "anew").strike_all().await?;
        journal.remove(&checked_file(name)).await
    }

    /// Writes the references of the objects, which are there by now.
    pub async fn references(self: &Arc<Self>, lanes: &Lanes) -> Result<()> {
        let (job, Target { source, chosen, counters, .. }) = (&self.job, &*self.target);
        let name = &self.target.collection.name;
        let from = FromArchive::new(source, chosen.as_ref(), Select::References);
        let (ledger, of_anew) =
            (job.journal().ledger(name, "references"), job.journal().ledger(name, "anew"));
        let begun = format!("referring/{name}/begun.json");
        // What was appended and not written down must not be appended again.
        let is_begun = job.journal().read::<()>(&begun).await?.is_some();
        job.journal().write(&begun, &()).await?;
        let sinks = || IntoReferences { filling: Arc::clone(self), replacing: is_begun };
        let (as_before, anew_as_before) = (sinks(), IntoAnew(Arc::clone(self)));
        let done = lanes.take_back::<FromArchive, _>(&as_before, &ledger, |record| {
            self.take_references(record.left);
            Ok(())
        });
        let mut tasks = done.await?.rest_of(from.tasks());
        let done = lanes.take_back::<FromArchive, _>(&anew_as_before, &of_anew, |record| {
            lock(&self.refused).add(record.left);
            Ok(())
        });
        let done = done.await?;
        loop {
            let later = tasks.split_off(tasks.len().min(FILES_AT_A_TIME));
            let written = lanes.carry_recorded(tasks, from.clone(), sinks(), counters, &ledger, |record| {
                self.take_references(record?.left);
                Ok(())
            });
            written.await?;
            let origins: BTreeSet<_> = lock(&self.anew).keys().copied().collect();
            let anew = done.rest_of(FromArchive::tasks_of(&origins));
            let (from, sinks) =
                (FromArchive::new(source, chosen.as_ref(), Select::All), IntoAnew(Arc::clone(self)));
            let written = lanes.carry_recorded(anew, from, sinks, counters, &of_anew, |record| {
                lock(&self.refused).add(record?.left);
                Ok(())
            });
            written.await?;
            lock(&self.anew).clear();
            if later.is_empty() {
                return Ok(());
            }
            tasks = later;
        }
    }

    fn take_references(&self, left: References) {
        lock(&self.refused).add(left.refusals);
        let mut anew = lock(&self.anew);
        for (origin, tenant, ids) in left.anew {
            anew.entry(origin).or_default().entry(tenant.map(Arc::from)).or_default().extend(ids);
        }
    }

    fn desk(&self) -> Desk<'_> {
        Desk {
            room: &self.room,
            progress: &self.job.progress,
            counters: &self.target.counters,
            digester: self.target.source.digester(),
            collection: &self.target.collection.name,
        }
    }

    /// Writes some objects, and says what became of them. Those that are refused may be kept, to be sent once more.
    async fn write(&self, slices: Vec<Slice>, keep: bool) -> Result<Refusals> {
        let (counters, desk) = (&self.target.counters, self.desk());
        let (mut refused, mut refusals) = (BTreeMap::new(), Refusals::default());
        for request in self.writer.requests(&slices)? {
            let (objects, bytes) = (request.len() as u64, request.bytes as u64);
            let outcome = self.writer.write(request).await?;
            let written = objects.saturating_sub(outcome.refused.len() as u64);
            counters.add_bytes_written(bytes);
            counters.add_objects(written);
            refusals.written += written;
            let keyed = |refusal: Refusal| ((refusal.tenant.clone(), refusal.id), refusal);
            refused.extend(outcome.refused.into_iter().map(keyed));
            for refusal in outcome.altered {
                desk.add(&mut refusals, FailureKind::PartOfObject, refusal);
            }
        }
        if !refused.is_empty() {
            for Slice { tenant, batch, rows } in slices {
                for row in rows {
                    if let Some(refusal) = refused.remove(&(tenant.clone(), batch.ids[row])) {
                        desk.object(&mut refusals, refusal, batch.row(row), keep)?;
                    }
                }
            }
        }
        Ok(refusals)
    }

    async fn write_references(&self, page: Page, replacing: bool) -> Result<References> {
        let Page { tenant: of_tenant, batch, origin, .. } = page;
        let tenant = of_tenant.as_deref();
        let rows: Vec<_> = {
            let refused = lock(&self.refused);
            let has_any = |row: &usize| has_any(batch.references.as_ref(), *row);
            // An object that was refused has no references either.
            let is_there = |row: &usize| !refused.is_missing(tenant, &batch.ids[*row]);
            (0..batch.len()).filter(|row| has_any(row) && is_there(row)).collect()
        };
        let mut left = References::default();
        if rows.is_empty() {
            return Ok(left);
        }
        let written = self.writer.write_references(tenant, &batch, rows, &self.names, replacing).await?;
        for refusal in written.refused {
            self.desk().add(&mut left.refusals, FailureKind::Reference, refusal);
        }
        if !written.anew.is_empty() {
            let origin = origin.ok_or_else(|| Error::internal("references of no row group"))?;
            let ids = written.anew.iter().map(|row| batch.ids[*row]).collect();
            left.anew.push((origin, tenant.map(str::to_owned), ids));
        }
        Ok(left)
    }

    async fn write_anew(&self, page: Page) -> Result<Refusals> {
        let Page { tenant, batch, origin, .. } = page;
        let batch = Arc::new(batch);
        let rows: Vec<_> = {
            let anew = lock(&self.anew);
            let wanted = origin.and_then(|origin| anew.get(&origin)?.get(&tenant));
            let is_wanted = |row: &usize| wanted.is_some_and(|ids| ids.contains(&batch.ids[*row]));
            (0..batch.len()).filter(is_wanted).collect()
        };
        let (tenant, mut refusals) = (tenant.as_deref(), Refusals::default());
        for row in rows {
            for refusal in self.writer.write_anew(tenant, &batch, row, &self.names).await? {
                self.desk().add(&mut refusals, FailureKind::Reference, refusal);
            }
        }
        Ok(refusals)
    }

    /// What an earlier attempt has done counts, and is told.
    fn count(&self, refusals: &Refusals) {
        let counters = &self.target.counters;
        counters.add_objects(refusals.written);
        let is_missing = |failure: &&crate::ObjectFailure| failure.kind == FailureKind::Object;
        counters.add_refused(refusals.failures.iter().filter(is_missing).count() as u64);
        refusals.failures.iter().for_each(|failure| self.desk().tell(failure));
    }
}

fn has_any(references: Option<&TextColumn>, row: usize) -> bool {
    references.is_some_and(|column| !column.get(row).is_empty())
}

struct IntoWeaviate(Arc<Filling>);

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
struct ObjectSink {
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
        self.request = Some(AbortOnDropHandle::new(tokio::spawn(write)));
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
        let (tenant, batch) = (page.tenant, Arc::new(page.batch));
        self.taken += batch.byte_len();
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

/// What writing references leaves behind.
#[derive(Debug, Default, Serialize, Deserialize)]
struct References {
    #[serde(flatten)]
    refusals: Refusals,
    /// Objects that have to be written anew, by where they are in the backup and by their tenant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    anew: Vec<(Origin, Option<String>, Vec<Uuid>)>,
}

struct IntoReferences {
    filling: Arc<Filling>,
    /// Whether some of them may be there already.
    replacing: bool,
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

struct ReferenceSink {
    filling: Arc<Filling>,
    replacing: bool,
    taken: usize,
    left: References,
}

impl Sink for ReferenceSink {
    type Left = References;

    async fn take(&mut self, page: Page) -> Result<()> {
        self.taken += page.batch.byte_len();
        let References { refusals, anew } = self.filling.write_references(page, self.replacing).await?;
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
struct IntoAnew(Arc<Filling>);

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

struct AnewSink {
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
