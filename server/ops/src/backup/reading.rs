//! Moving the objects of a collection from Weaviate into data files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::remarks::Remarks;
use super::settle::Schema;
use super::source::{Contents, Source, unless_gone};
use super::waking::{WAVE, while_awake};
use super::{BackupRequest, settle, tenants};
use crate::lanes::{LANES, Part, Reading, Sink, Tally};
use crate::{CollectionCounters, CollectionState, Context};
use selvedge_archive::{
    BackupWriter, CollectionManifest, CollectionWriter, DataWriter, Repository, TenantRecord, Written,
};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, Collection};
use selvedge_weaviate::{Cluster, ObjectReader, Permissions};

/// Everything that the collections of a backup are copied with.
pub struct Copying<'a> {
    pub job: &'a Context,
    pub cluster: &'a Cluster,
    pub repository: &'a Repository,
    pub writer: &'a BackupWriter,
    pub request: &'a BackupRequest,
    pub permissions: &'a Permissions,
}

/// How often a collection is read whose schema changes while it is read.
const READS: usize = 3;

/// A collection that was copied.
pub struct Copied {
    pub manifest: CollectionManifest,
    /// As it was when it was read.
    pub collection: Collection,
    pub tenants: BTreeSet<String>,
    pub aliases: Vec<String>,
}

/// What came of copying a collection once.
enum Outcome {
    /// With the names of its tenants.
    Copied(Box<CollectionManifest>, BTreeSet<String>),
    /// Its schema is another by now; says in what.
    Changed(String),
    Dropped,
}

/// What is known of a collection after it was read.
enum Settled {
    /// Everything that is missing is told. These are its tenants.
    Whole(Option<Vec<TenantRecord>>),
    Changed(String),
    Dropped,
}

impl Copying<'_> {
    /// Copies one collection, and makes sure that nothing is missing that is not told. None if it was dropped.
    pub async fn copy(
        &self,
        mut source: Source,
        counters: Arc<CollectionCounters>,
    ) -> Result<Option<Copied>> {
        counters.set_state(CollectionState::Running);
        let result = self.copy_whole(&mut source, &counters).await;
        counters.set_state(match &result {
            Ok(Some((manifest, _))) if manifest.complete => CollectionState::Done,
            Ok(_) => CollectionState::Partial,
            Err(_) => CollectionState::Failed,
        });
        let copied = |(manifest, tenants)| {
            let Source { collection, aliases, .. } = source;
            Copied { manifest, collection, tenants, aliases }
        };
        result.map(|manifest| manifest.map(copied))
    }

    /// Reads it again if its schema changes meanwhile.
    async fn copy_whole(
        &self,
        source: &mut Source,
        counters: &Arc<CollectionCounters>,
    ) -> Result<Option<(CollectionManifest, BTreeSet<String>)>> {
        let Self { job, cluster, request, .. } = self;
        let mut change = String::new();
        for _ in 0..READS {
            if !job.or_stop(source.refresh(cluster, request, self.permissions, counters)).await? {
                return Ok(None);
            }
            match self.copy_once(source, counters).await? {
                Outcome::Copied(manifest, tenants) => return Ok(Some((*manifest, tenants))),
                Outcome::Dropped => return Ok(None),
                Outcome::Changed(difference) => change = difference,
            }
        }
        let name = &source.collection.name;
        let text = format!("the schema of collection \"{name}\" changed each time it was read: {change}");
        Err(Error::new(Kind::SchemaChanged, text).hint("start the backup again when the schema has settled"))
    }

    async fn copy_once(&self, source: &Source, counters: &Arc<CollectionCounters>) -> Result<Outcome> {
        let Self { job, cluster, request, .. } = self;
        let reader =
            Arc::new(ObjectReader::open(cluster, &source.collection, !request.without_vectors).await?);
        // Not to be dropped in the middle: the store may finish what it began, after everything else was taken away.
        let target = self.writer.add_collection(&source.collection, &source.aliases, reader.spaces()).await?;
        let reading = Reading {
            job,
            cluster,
            collection: &source.collection,
            reader: Arc::clone(&reader),
            counters: Arc::clone(counters),
        };
        let mut remarks = source.contents.remarks.clone();
        let (read, written) = self.read(&reading, &source.contents, &target, &mut remarks).await;
        let settled = async {
            match read {
                Ok(tally) => self.settle(source, &tally, &written, &mut remarks).await,
                Err(error) => self.explain(source, error).await,
            }
        };
        let records = match unless_gone(settled.await) {
            Ok(Some(Settled::Whole(records))) => records,
            Ok(Some(Settled::Changed(difference))) => {
                target.discard(written).await?;
                return Ok(Outcome::Changed(difference));
            }
            Ok(None | Some(Settled::Dropped)) => {
                target.discard(written).await?;
                return Ok(Outcome::Dropped);
            }
            Err(error) => return Err(error),
        };
        if reader.read_at_one() {
            remarks.note("read_at_one", settle::READ_AT_ONE);
        }
        remarks.warn(job, &source.collection.name);
        let tenants = records.iter().flatten().map(|record| record.name.clone()).collect();
        let manifest = target.finish(written, records, remarks.into_completeness()).await?;
        Ok(Outcome::Copied(Box::new(manifest), tenants))
    }

    /// Objects that do not fit the schema they were read with may fit the one that the collection has by now.
    async fn explain(&self, source: &Source, error: Error) -> Result<Settled> {
        if error.is_transient() || self.job.check_stop().is_err() {
            return Err(error);
        }
        let mut remarks = Remarks::default();
        match self.job.or_stop(settle::schema_now(self.cluster, source, &mut remarks)).await? {
            Schema::Same => Err(error),
            Schema::Changed(difference) => Ok(Settled::Changed(difference)),
            Schema::Dropped => Ok(Settled::Dropped),
        }
    }

    /// Whether what was read is all there was.
    async fn settle(
        &self,
        source: &Source,
        tally: &Tally,
        written: &Written,
        remarks: &mut Remarks,
    ) -> Result<Settled> {
        let Self { job, cluster, request, .. } = self;
        // First: what does not fit the schema any more may also not be counted as it was.
        match job.or_stop(settle::schema_now(cluster, source, remarks)).await? {
            Schema::Same => {}
            Schema::Changed(difference) => return Ok(Settled::Changed(difference)),
            Schema::Dropped => return Ok(Settled::Dropped),
        }
        settle::check_rows(source, tally, written)?;
        let mut lost = BTreeMap::new();
        if !tally.lost.is_empty() {
            let now = job.or_stop(cluster.tenants(&source.collection.name)).await?;
            lost = tenants::what_became_of(&tally.lost, &now, request, remarks);
        }
        if !request.schema_only {
            job.or_stop(settle::check(cluster, source, tally, remarks)).await?;
            settle::tell_misreadings(&tally.misread, remarks);
            settle::tell_dimensions(&written.content.dimensions, remarks);
        }
        Ok(Settled::Whole(settle::tenant_records(source, request, tally, &lost)))
    }

    /// The active tenants first, then the others wave by wave. What a wave has to say is added to the remarks. What was
    /// written is told also if reading fails.
    async fn read(
        &self,
        reading: &Reading<'_>,
        contents: &Contents,
        target: &CollectionWriter,
        remarks: &mut Remarks,
    ) -> (Result<Tally>, Written) {
        let counters = &reading.counters;
        let lane = || DataSink { writer: target.data_writer(), counters: Arc::clone(counters), counted: 0 };
        let mut sinks: Vec<_> = (0..LANES).map(|_| lane()).collect();
        let read = async {
            let mut tally = reading.run(&contents.parts, &mut sinks).await?;
            for wave in contents.asleep.chunks(WAVE) {
                self.job.check_stop()?;
                tally.add(self.read_wave(reading, wave, &mut sinks, remarks).await?);
            }
            Ok(tally)
        };
        let mut read = read.await;
        let mut written = Written::default();
        for sink in sinks {
            match &read {
                Ok(_) => match sink.finish().await {
                    Ok(more) => written.merge(more),
                    Err(error) => read = Err(error),
                },
                Err(_) => written.merge(sink.writer.abort().await),
            }
        }
        (read, written)
    }

    /// Wakes tenants, reads them, compares what was read with what is there, and puts them back.
    async fn read_wave(
        &self,
        reading: &Reading<'_>,
        wave: &[String],
        sinks: &mut Vec<DataSink>,
        remarks: &mut Remarks,
    ) -> Result<Tally> {
        let Self { job, cluster, .. } = self;
        let name = &reading.collection.name;
        // The plan is some waves old.
        let now = job.or_stop(cluster.tenants(name)).await?;
        let (asleep, awake) = tenants::still_there(wave, &now, self.request, remarks);
        let all = [asleep.as_slice(), &awake].concat();
        while_awake(job, cluster, self.repository, name, &asleep, async {
            let parts: Vec<Part> = job.or_stop(tenants::count(cluster, name, &all)).await?;
            let expected = reading.counters.counts().objects_expected;
            let more: u64 = parts.iter().map(|part| part.objects).sum();
            reading.counters.expect_objects(expected + more, false);
            let tally = reading.run(&parts, sinks).await?;
            let changed = settle::compare(cluster, reading.collection, &parts, &tally);
            if let Some(text) = job.or_stop(changed).await? {
                remarks.note(settle::CHANGED, text);
            }
            Ok(tally)
        })
        .await
    }
}

/// A lane's data files.
struct DataSink {
    writer: DataWriter,
    counters: Arc<CollectionCounters>,
    /// Bytes that were counted as written.
    counted: u64,
}

impl Sink for DataSink {
    async fn take(&mut self, tenant: Option<&str>, batch: Batch) -> Result<()> {
        self.writer.append(tenant, batch).await?;
        let total = self.writer.bytes_written();
        self.counters.add_bytes_written(total - std::mem::replace(&mut self.counted, total));
        Ok(())
    }
}

impl DataSink {
    async fn finish(self) -> Result<Written> {
        let written = self.writer.finish().await?;
        let total: u64 = written.files.iter().map(|file| file.bytes).sum();
        self.counters.add_bytes_written(total - self.counted);
        Ok(written)
    }
}
