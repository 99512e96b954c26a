//! Moving the objects of a collection from Weaviate into data files.

use std::sync::Arc;

use super::remarks::Remarks;
use super::source::{Contents, Source};
use super::waking::{WAVE, while_awake};
use super::{BackupRequest, settle, tenants};
use crate::archive::{BackupWriter, CollectionManifest, CollectionWriter, DataWriter, Repository, Written};
use crate::error::Result;
use crate::model::Batch;
use crate::ops::lanes::{LANES, Part, Reading, Sink, Tally};
use crate::ops::{CollectionCounters, CollectionState, JobContext};
use crate::weaviate::{Cluster, ObjectReader, Permissions};

/// Everything that the collections of a backup are copied with.
pub struct Copying<'a> {
    pub job: &'a JobContext,
    pub cluster: &'a Cluster,
    pub repository: &'a Repository,
    pub writer: &'a BackupWriter,
    pub request: &'a BackupRequest,
    pub permissions: &'a Permissions,
}

impl Copying<'_> {
    /// Copies one collection, and makes sure that nothing is missing that is not told.
    pub async fn copy(&self, mut source: Source) -> Result<CollectionManifest> {
        source.counters.set_state(CollectionState::Running);
        let counters = Arc::clone(&source.counters);
        let result = self.copy_whole(&mut source).await;
        counters.set_state(match &result {
            Ok(manifest) if manifest.complete => CollectionState::Done,
            Ok(_) => CollectionState::Partial,
            Err(_) => CollectionState::Failed,
        });
        result
    }

    async fn copy_whole(&self, source: &mut Source) -> Result<CollectionManifest> {
        let Self { job, cluster, request, .. } = self;
        job.or_stop(source.refresh(cluster, request, self.permissions)).await?;
        let reader =
            Arc::new(ObjectReader::open(cluster, &source.collection, !request.without_vectors).await?);
        // Not to be dropped in the middle: the store may finish what it began, after everything else was taken away.
        let target = self.writer.add_collection(&source.collection, &source.aliases, reader.spaces()).await?;
        let reading = Reading {
            job,
            cluster,
            collection: &source.collection,
            reader: Arc::clone(&reader),
            counters: Arc::clone(&source.counters),
        };
        let mut remarks = source.contents.remarks.clone();
        let (tally, written) = self.read(&reading, &source.contents, &target, &mut remarks).await?;
        if !request.schema_only {
            job.or_stop(settle::check(cluster, source, &tally, &mut remarks)).await?;
            settle::tell_misreadings(&tally.misread, &mut remarks);
            settle::tell_dimensions(&written.content.dimensions, &mut remarks);
        }
        if reader.read_at_one() {
            remarks.note("read_at_one", settle::READ_AT_ONE);
        }
        job.or_stop(settle::check_unchanged(cluster, source, &mut remarks)).await?;
        remarks.warn(job, &source.collection.name);
        let records = settle::tenant_records(source, request, &tally);
        target.finish(written, records, remarks.into_completeness()).await
    }

    /// The active tenants first, then the others wave by wave. What a wave has to say is added to the remarks.
    async fn read(
        &self,
        reading: &Reading<'_>,
        contents: &Contents,
        target: &CollectionWriter,
        remarks: &mut Remarks,
    ) -> Result<(Tally, Written)> {
        let counters = &reading.counters;
        let lane = || DataSink { writer: target.data_writer(), counters: Arc::clone(counters), counted: 0 };
        let mut sinks: Vec<_> = (0..LANES).map(|_| lane()).collect();
        let mut tally = Tally::default();
        let read = async {
            tally.add(reading.run(&contents.parts, &mut sinks).await?);
            for wave in contents.asleep.chunks(WAVE) {
                self.job.check_stop()?;
                tally.add(self.read_wave(reading, wave, &mut sinks, remarks).await?);
            }
            Ok(())
        };
        match read.await {
            Ok(()) => {
                let mut written = Written::default();
                for sink in sinks {
                    written.merge(sink.finish().await?);
                }
                Ok((tally, written))
            }
            Err(error) => {
                for sink in sinks {
                    sink.writer.abort().await;
                }
                Err(error)
            }
        }
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
        let (asleep, awake) = tenants::still_there(wave, &now, remarks);
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
