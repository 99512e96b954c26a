//! Reading a collection into data files: what earlier attempts have left of it, the active tenants first, the others wave by wave.

use std::sync::Arc;

use selvedge_archive::{CollectionWriter, DataFile, Written};
use selvedge_model::error::Result;
use selvedge_model::{Content, Remark};
use selvedge_weaviate::ObjectReader;
use uuid::Uuid;

use super::copying::Copying;
use super::subject::{Counted, Subject, tasks};
use super::waking::{WAVE, while_awake};
use super::{settle, tenants};
use crate::CollectionCounters;
use crate::engine::{
    Base, Beside, Done, FromWeaviate, IntoArchive, IntoBackup, Look, Moved, Part, PartTally, Piece, Record,
    Tally, Task,
};
use crate::journal::Ledger;

/// A collection that is read into data files.
pub struct Reading<'a> {
    pub subject: &'a Subject,
    pub counters: &'a Arc<CollectionCounters>,
    pub reader: Arc<ObjectReader>,
    /// What it is compared with.
    pub base: Option<Base>,
    pub target: CollectionWriter,
    pub ledger: Ledger,
    /// What earlier attempts have read.
    pub done: Done,
}

impl Reading<'_> {
    /// Whether replicas were not asked to agree, of what was read or of what that was decided by.
    pub fn reads_at_one(&self) -> bool {
        let keys = self.base.as_ref().is_some_and(|base| match &base.look {
            Look::Times(keys) => keys.read_at_one(),
            Look::Everything => false,
        });
        keys || self.reader.read_at_one()
    }
}

/// What has come of it so far.
#[derive(Default)]
pub struct Gathered {
    pub files: Vec<DataFile>,
    pub content: Content,
    pub tally: Tally,
    pub remarks: Vec<Remark>,
}

impl Gathered {
    pub fn add(&mut self, record: Record<Moved, Tally>) {
        if let Some(Written { file, content }) = record.left.written {
            self.files.push(file);
            self.content.merge(content);
        }
        self.tally.add(record.notes);
    }
}

impl Copying {
    /// Another place that the objects of a collection go to, if there is one.
    pub fn beside(&self, collection: &str) -> Option<&Arc<dyn Beside>> {
        self.beside.get(collection)
    }

    fn sinks(
        &self,
        collection: &str,
        target: &CollectionWriter,
        counters: &Arc<CollectionCounters>,
    ) -> IntoBackup {
        let beside = self.beside(collection);
        // What is counted there is not counted here too.
        let unseen = beside.map(|_| Arc::new(CollectionCounters::unseen()));
        IntoBackup::new(IntoArchive::new(target, unseen.as_ref().unwrap_or(counters)), beside)
    }

    /// What earlier attempts have read of a collection, and what of it still has its bytes.
    pub async fn take_back(
        &self,
        collection: &str,
        target: &CollectionWriter,
        ledger: &Ledger,
        gathered: &mut Gathered,
        counters: &Arc<CollectionCounters>,
    ) -> Result<Done> {
        let sinks = self.sinks(collection, target, counters);
        let take_back = self.lanes.take_back::<FromWeaviate, _>(&sinks, ledger, |record| {
            counters.add_tenants(tenants_ended_by(&record.piece));
            gathered.add(record);
            Ok(())
        });
        take_back.await
    }

    /// The active tenants first, then the others wave by wave.
    pub async fn read(&self, reading: &Reading<'_>, gathered: &mut Gathered) -> Result<()> {
        let contents = &reading.subject.contents;
        let mut gone = Vec::new();
        if let (Some(base), Some(parent)) = (&reading.base, &contents.parent) {
            gone = Task::of_tenants(base.gone.iter().map(|name| (name.clone(), parent.rows_of(name))));
        }
        if !contents.parts.is_empty() || !gone.is_empty() {
            self.read_parts(reading, &contents.parts, gone, gathered).await?;
        }
        if let Some(parent) = &contents.parent {
            for tenant in &contents.unread {
                let rows = parent.rows_of(tenant);
                let part = PartTally { rows, kept: rows, ..PartTally::default() };
                gathered.tally.parts.insert(Some(tenant.clone()), part);
                reading.counters.add_objects(rows);
            }
        }
        let mut asleep = contents.asleep.clone();
        asleep.retain(|tenant| !reading.done.has_tenant(tenant));
        for wave in asleep.chunks(WAVE) {
            self.lanes.check_stop()?;
            self.read_wave(reading, wave, gathered).await?;
        }
        Ok(())
    }

    /// `gone` are tenants that only the parent has.
    pub async fn read_parts(
        &self,
        reading: &Reading<'_>,
        parts: &[Counted],
        gone: Vec<Task>,
        gathered: &mut Gathered,
    ) -> Result<()> {
        let Reading { subject, counters, reader, base, target, ledger, done } = reading;
        // A tenant that was counted empty is not asked again, but counted once more in the end.
        let is_empty = |part: &&Counted| part.tenant.is_some() && part.objects == Some(0);
        let (empty, parts): (Vec<_>, Vec<_>) = parts.iter().partition(is_empty);
        counters.add_tenants(empty.len() as u64);
        for part in empty {
            gathered.tally.parts.entry(part.tenant.clone()).or_default();
        }
        let counted = parts.iter().all(|part| part.objects.is_some());
        let base = base.as_ref();
        let source = FromWeaviate::new(&self.cluster, &subject.collection, reader, counted, counters, base);
        let sinks = self.sinks(&subject.collection.name, target, counters);
        let tasks = done.rest_of([tasks(&parts), gone].concat());
        let carried = self.lanes.carry_recorded(tasks, source, sinks, counters, ledger, |record| {
            gathered.add(record?);
            Ok(())
        });
        self.lanes.while_whole(&self.cluster, &subject.collection, carried).await
    }

    /// Wakes tenants, reads them, compares what was read with what is there, and puts them back.
    async fn read_wave(&self, reading: &Reading<'_>, wave: &[String], gathered: &mut Gathered) -> Result<()> {
        let Self { job, cluster, .. } = self;
        let collection = &reading.subject.collection;
        let name = &collection.name;
        let _alone = job.or_stop(async { Ok(self.waking.lock().await) }).await?;
        // The plan is some waves old.
        let now = job.or_stop(cluster.tenants(name)).await?;
        let (asleep, awake) = tenants::still_there(wave, &now, &self.request, &mut gathered.remarks);
        let all = [asleep.as_slice(), &awake].concat();
        while_awake(job, cluster, &self.repository, name, &asleep, async {
            let parts = job.or_stop(tenants::count(cluster, name, &all)).await?;
            let more: u64 = parts.iter().filter_map(|part| part.objects).sum();
            reading.counters.expect_more_objects(more);
            let mut of_wave = Gathered::default();
            let read = self.read_parts(reading, &parts, Vec::new(), &mut of_wave).await;
            let compared = match read {
                Ok(()) => {
                    let compared = settle::compare(cluster, collection, &parts, &of_wave.tally);
                    job.or_stop(compared).await
                }
                Err(error) => Err(error),
            };
            let Gathered { files, content, tally, .. } = of_wave;
            gathered.files.extend(files);
            gathered.content.merge(content);
            gathered.tally.add(tally);
            gathered.remarks.extend(compared?);
            Ok(())
        })
        .await
    }
}

/// How many tenants were read to their end with this.
fn tenants_ended_by(piece: &Piece) -> u64 {
    match piece {
        Piece::Ids { part: Part::Tenants(tenants), .. } => tenants.len() as u64,
        Piece::Ids { part: Part::Tenant(_), ids } => u64::from(ids.last == Uuid::max()),
        Piece::Ids { part: Part::Whole, .. } | Piece::File { .. } => 0,
    }
}
