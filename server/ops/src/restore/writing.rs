//! Objects of a backup into Weaviate, and afterwards their references.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use selvedge_archive::Select;
use selvedge_model::error::{Error, Result};
use selvedge_model::{TextColumn, UuidRange};
use selvedge_weaviate::{Cluster, ObjectWriter, Parcel, Refusal, Run, Slice};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::refused::{Desk, Refused, RefusedOfCollection, What, lock};
use super::target::Target;
use crate::Context;
use crate::engine::{FromArchive, Lanes, Origin, Page, Sink, Sinks};

/// Data files whose references are written before the objects that this leaves to be written anew: few enough that these
/// can be remembered.
const FILES_AT_A_TIME: usize = 64;

/// The filling of one collection.
pub struct Filling {
    job: Context,
    target: Arc<Target>,
    /// The names of collections on the target, by those in the backup.
    names: Arc<BTreeMap<String, String>>,
    writer: ObjectWriter,
    all: Arc<Refused>,
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
        all: &Arc<Refused>,
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
            all: Arc::clone(all),
            refused: Mutex::new(refused),
            anew: Mutex::default(),
        }))
    }

    /// Writes all objects. Returns when everything is answered.
    pub async fn objects(self: &Arc<Self>, lanes: &Lanes) -> Result<()> {
        let counters = &self.target.counters;
        let source = FromArchive::new(&self.target.source, self.target.chosen.as_ref(), Select::All);
        let sinks = IntoWeaviate(Arc::clone(self));
        lanes.carry(source.tasks(), source, sinks, counters, |record| Ok(record.map(drop)?)).await?;
        let kept = lock(&self.refused).take_kept();
        for (tenant, object) in kept {
            self.job.check_stop()?;
            let bytes = object.byte_len();
            let (tenant, batch) = (tenant.map(Arc::from), Arc::new(object));
            self.write(vec![Slice { tenant, batch, rows: 0..1 }]).await?;
            self.all.give_room_back(bytes);
        }
        lock(&self.refused).close();
        counters.add_tenants(self.target.tenants.len() as u64);
        Ok(())
    }

    /// Writes the references of the objects, which are there by now.
    pub async fn references(self: &Arc<Self>, lanes: &Lanes) -> Result<()> {
        let Target { source, chosen, counters, .. } = &*self.target;
        let from = FromArchive::new(source, chosen.as_ref(), Select::References);
        let mut tasks = from.tasks();
        while !tasks.is_empty() {
            let later = tasks.split_off(tasks.len().min(FILES_AT_A_TIME));
            let sinks = IntoReferences(Arc::clone(self));
            lanes.carry(tasks, from.clone(), sinks, counters, |record| Ok(record.map(drop)?)).await?;
            self.anew(lanes).await?;
            tasks = later;
        }
        Ok(())
    }

    /// Writes the objects anew that could not be given their references.
    async fn anew(self: &Arc<Self>, lanes: &Lanes) -> Result<()> {
        let origins: BTreeSet<_> = lock(&self.anew).keys().copied().collect();
        if origins.is_empty() {
            return Ok(());
        }
        let Target { source, chosen, counters, .. } = &*self.target;
        let from = FromArchive::new(source, chosen.as_ref(), Select::All);
        let (tasks, sinks) = (FromArchive::tasks_of(&origins), IntoAnew(Arc::clone(self)));
        lanes.carry(tasks, from, sinks, counters, |record| Ok(record.map(drop)?)).await?;
        lock(&self.anew).clear();
        Ok(())
    }

    fn desk(&self) -> Desk<'_> {
        Desk {
            all: &self.all,
            of_collection: &self.refused,
            progress: &self.job.progress,
            counters: &self.target.counters,
            digester: self.target.source.digester(),
            collection: &self.target.collection.name,
        }
    }

    /// Writes some objects, and notes what became of them.
    async fn write(&self, slices: Vec<Slice>) -> Result<()> {
        let (counters, desk) = (&self.target.counters, self.desk());
        let mut refused = BTreeMap::new();
        for request in self.writer.requests(&slices)? {
            let (objects, bytes) = (request.len() as u64, request.bytes as u64);
            let outcome = self.writer.write(request).await?;
            counters.add_bytes_written(bytes);
            counters.add_objects(objects.saturating_sub(outcome.refused.len() as u64));
            let keyed = |refusal: Refusal| ((refusal.tenant.clone(), refusal.id), refusal);
            refused.extend(outcome.refused.into_iter().map(keyed));
            outcome.altered.into_iter().for_each(|refusal| desk.tell(What::PartOfObject, refusal));
        }
        if !refused.is_empty() {
            for Slice { tenant, batch, rows } in slices {
                for row in rows {
                    if let Some(refusal) = refused.remove(&(tenant.clone(), batch.ids[row])) {
                        desk.object(refusal, batch.row(row))?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn write_references(&self, page: Page) -> Result<()> {
        let Page { tenant: of_tenant, batch, origin, .. } = page;
        let tenant = of_tenant.as_deref();
        let rows: Vec<_> = {
            let refused = lock(&self.refused);
            let has_any = |row: &usize| has_any(batch.references.as_ref(), *row);
            // An object that was refused has no references either.
            let is_there = |row: &usize| !refused.is_missing(tenant, &batch.ids[*row]);
            (0..batch.len()).filter(|row| has_any(row) && is_there(row)).collect()
        };
        if rows.is_empty() {
            return Ok(());
        }
        let written = self.writer.write_references(tenant, &batch, rows, &self.names).await?;
        let desk = self.desk();
        written.refused.into_iter().for_each(|refusal| desk.tell(What::Reference, refusal));
        if !written.anew.is_empty() {
            let origin = origin.ok_or_else(|| Error::internal("references of no row group"))?;
            let ids = written.anew.iter().map(|row| batch.ids[*row]);
            lock(&self.anew).entry(origin).or_default().entry(of_tenant).or_default().extend(ids);
        }
        Ok(())
    }

    async fn write_anew(&self, page: Page) -> Result<()> {
        let Page { tenant, batch, origin, .. } = page;
        let batch = Arc::new(batch);
        let rows: Vec<_> = {
            let anew = lock(&self.anew);
            let wanted = origin.and_then(|origin| anew.get(&origin)?.get(&tenant));
            let is_wanted = |row: &usize| wanted.is_some_and(|ids| ids.contains(&batch.ids[*row]));
            (0..batch.len()).filter(is_wanted).collect()
        };
        let tenant = tenant.as_deref();
        for row in rows {
            let refused = self.writer.write_anew(tenant, &batch, row, &self.names).await?;
            refused.into_iter().for_each(|refusal| self.desk().tell(What::Reference, refusal));
        }
        Ok(())
    }
}

fn has_any(references: Option<&TextColumn>, row: usize) -> bool {
    references.is_some_and(|column| !column.get(row).is_empty())
}

struct IntoWeaviate(Arc<Filling>);

impl Sinks for IntoWeaviate {
    type Sink = ObjectSink;
    type Left = ();

    fn open(&self, room: usize) -> ObjectSink {
        ObjectSink { filling: Arc::clone(&self.0), room, parcel: Parcel::default(), request: None }
    }
}

/// Has one request on its way while the next one is made.
struct ObjectSink {
    filling: Arc<Filling>,
    room: usize,
    /// What the next request consists of: of small tenants, there are many in one.
    parcel: Parcel,
    request: Option<AbortOnDropHandle<Result<()>>>,
}

impl ObjectSink {
    async fn send(&mut self, slices: Vec<Slice>) -> Result<()> {
        self.settle().await?;
        let filling = Arc::clone(&self.filling);
        let write = async move { filling.write(slices).await };
        self.request = Some(AbortOnDropHandle::new(tokio::spawn(write)));
        Ok(())
    }

    /// Waits for the answer.
    async fn settle(&mut self) -> Result<()> {
        match self.request.take() {
            None => Ok(()),
            Some(request) => match request.await {
                Ok(written) => written,
                Err(panic) => Err(Error::internal("a request broke off").caused_by(panic)),
            },
        }
    }
}

impl Sink for ObjectSink {
    type Left = ();

    async fn take(&mut self, page: Page) -> Result<()> {
        let (tenant, batch) = (page.tenant, Arc::new(page.batch));
        for Run { rows, bytes } in self.filling.writer.split(&batch, self.room) {
            let slice = Slice { tenant: tenant.clone(), batch: Arc::clone(&batch), rows };
            if let Some(full) = self.parcel.add(slice, bytes, self.room) {
                self.send(full).await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        let rest = self.parcel.take();
        if !rest.is_empty() {
            self.send(rest).await?;
        }
        self.settle().await
    }

    async fn seal(mut self, _: Option<UuidRange>) -> Result<()> {
        self.flush().await
    }

    async fn abandon(mut self) {
        // What was sent is waited for, so that nothing is written after the job has ended. The job has failed already.
        let _ = self.settle().await;
    }
}

struct IntoReferences(Arc<Filling>);

impl Sinks for IntoReferences {
    type Sink = Self;
    type Left = ();

    fn open(&self, _: usize) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Sink for IntoReferences {
    type Left = ();

    async fn take(&mut self, page: Page) -> Result<()> {
        self.0.write_references(page).await
    }

    async fn seal(self, _: Option<UuidRange>) -> Result<()> {
        Ok(())
    }
}

/// Takes whole objects, of which only those are written that are to be written anew.
struct IntoAnew(Arc<Filling>);

impl Sinks for IntoAnew {
    type Sink = Self;
    type Left = ();

    fn open(&self, _: usize) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Sink for IntoAnew {
    type Left = ();

    async fn take(&mut self, page: Page) -> Result<()> {
        self.0.write_anew(page).await
    }

    async fn seal(self, _: Option<UuidRange>) -> Result<()> {
        Ok(())
    }
}
