//! Moving the objects of a collection from Weaviate into data files.
//!
//! The ids of a collection (or of a large tenant) are cut into ranges, small tenants are one range each. A few lanes take
//! ranges from a common queue; each reads page by page and appends to data files of its own, so that nothing is shared
//! but the queue, and memory depends on the number of lanes only.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::source::{Part, Source};
use super::{BackupRequest, settle};
use crate::archive::{BackupWriter, CollectionManifest, DataFile, DataWriter};
use crate::error::{Error, Result};
use crate::model::UuidRange;
use crate::ops::{CollectionCounters, CollectionState, JobContext};
use crate::weaviate::{Cluster, ObjectReader, Page};

/// More lanes only make Weaviate's pages slower, fewer leave it waiting while we write.
const LANES: usize = 3;
/// Below, cutting costs more than it brings.
const MIN_OBJECTS_TO_CUT: u64 = 5_000;
/// Ranges for each lane, so that an uneven spread of ids does not leave one lane with all the work.
const RANGES_PER_LANE: usize = 3;
/// How often to make sure, while reading, that all shards are still there.
const SHARD_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// A range of one part, waiting for a lane.
struct Task {
    tenant: Option<String>,
    range: UuidRange,
    /// Ranges of the same part that are not done.
    left: Arc<AtomicUsize>,
}

/// What the lanes of one collection share.
struct Work {
    reader: Arc<ObjectReader>,
    queue: Mutex<VecDeque<Task>>,
    counters: Arc<CollectionCounters>,
    /// Cancelled when the job is to stop or another lane has failed.
    stop: CancellationToken,
    started: DateTime<Utc>,
}

/// What was read of a collection.
#[derive(Debug, Default)]
pub struct Tally {
    pub files: Vec<DataFile>,
    /// By tenant, or under `None`.
    pub parts: BTreeMap<Option<String>, PartTally>,
}

/// What was read of a collection without tenants, or of a tenant.
#[derive(Debug, Default, Clone, Copy)]
pub struct PartTally {
    pub rows: u64,
    /// Objects that were written after reading had begun, as far as Weaviate's clock agrees with ours.
    pub young: u64,
}

/// Copies one collection, and makes sure that nothing is missing.
pub async fn copy_collection(
    job: &JobContext,
    cluster: &Cluster,
    writer: &BackupWriter,
    request: &BackupRequest,
    mut source: Source,
) -> Result<CollectionManifest> {
    source.counters.set_state(CollectionState::Running);
    let reader = Arc::new(ObjectReader::new(cluster, &source.collection, !request.without_vectors));
    let result = async {
        job.or_stop(source.refresh(cluster, request)).await?;
        // Not to be dropped in the middle: the store may finish what it began, after everything else was taken away.
        let target = writer.add_collection(&source.collection, &source.aliases, reader.spaces()).await?;
        let tally = read(job, cluster, &source, reader, || target.data_writer()).await?;
        let mut notes = if request.schema_only {
            Vec::new()
        } else {
            job.or_stop(settle::check(cluster, &source, &tally)).await?
        };
        notes.extend(job.or_stop(settle::check_unchanged(cluster, &source)).await?);
        let tenants = settle::tenant_records(&source, request, &tally);
        for note in &notes {
            job.progress.warn("changed_while_reading", note.clone(), source.collection.name.clone());
        }
        target.finish(tally.files, tenants, notes).await
    };
    let result = result.await;
    source.counters.set_state(if result.is_ok() { CollectionState::Done } else { CollectionState::Failed });
    result
}

async fn read(
    job: &JobContext,
    cluster: &Cluster,
    source: &Source,
    reader: Arc<ObjectReader>,
    data_writer: impl Fn() -> DataWriter,
) -> Result<Tally> {
    // A tenant that was counted empty is not asked again: with thousands of them that would be most of the time.
    let (parts, empty): (Vec<_>, Vec<_>) =
        source.parts.iter().partition(|part| part.objects > 0 || part.tenant.is_none());
    source.counters.add_tenants(empty.len() as u64);
    let tasks: VecDeque<_> = parts.into_iter().flat_map(tasks).collect();
    let lanes = LANES.min(tasks.len());
    let work = Arc::new(Work {
        reader,
        queue: Mutex::new(tasks),
        counters: Arc::clone(&source.counters),
        stop: job.stop_token().child_token(),
        started: Utc::now(),
    });
    let mut running = JoinSet::new();
    for _ in 0..lanes {
        running.spawn(lane(Arc::clone(&work), data_writer()));
    }
    let tally = gather(cluster, source, &work, running).await;
    // A lane that was stopped says so; why is the job's to say.
    job.check_stop()?;
    tally
}

/// Waits for all lanes, watching the shards meanwhile. The first failure stops the others, and is the one to report.
async fn gather(
    cluster: &Cluster,
    source: &Source,
    work: &Work,
    mut running: JoinSet<Result<Tally>>,
) -> Result<Tally> {
    let mut outcome = Ok(Tally::default());
    let mut ticks =
        tokio::time::interval_at(tokio::time::Instant::now() + SHARD_CHECK_INTERVAL, SHARD_CHECK_INTERVAL);
    loop {
        let result = tokio::select! {
            joined = running.join_next() => match joined {
                None => return outcome,
                Some(Ok(result)) => result,
                Some(Err(panic)) => Err(Error::internal("a reading lane broke off").caused_by(panic)),
            },
            _ = ticks.tick() => match cluster.check_shards(&source.collection).await {
                // Weaviate is not well; whoever reads from it notices, and waits.
                Err(error) if error.is_transient() => continue,
                checked => checked.map(|()| Tally::default()),
            },
        };
        match (&mut outcome, result) {
            (Ok(total), Ok(tally)) => total.add(tally),
            (Ok(_), Err(error)) => {
                work.stop.cancel();
                outcome = Err(error);
            }
            (Err(_), _) => {}
        }
    }
}

fn tasks(part: &Part) -> Vec<Task> {
    let ranges = if part.objects < MIN_OBJECTS_TO_CUT { 1 } else { LANES * RANGES_PER_LANE };
    let left = Arc::new(AtomicUsize::new(ranges));
    let task = |range| Task { tenant: part.tenant.clone(), range, left: Arc::clone(&left) };
    UuidRange::split_all(ranges).into_iter().map(task).collect()
}

async fn lane(work: Arc<Work>, mut writer: DataWriter) -> Result<Tally> {
    match work.run(&mut writer).await {
        Ok((mut tally, counted)) => {
            tally.files = writer.finish().await?;
            let total: u64 = tally.files.iter().map(|file| file.bytes).sum();
            work.counters.add_bytes_written(total - counted);
            Ok(tally)
        }
        Err(error) => {
            writer.abort().await;
            Err(error)
        }
    }
}

impl Work {
    /// Takes ranges until there are none. Also returns how many bytes it has counted as written: what is still being
    /// encoded comes on top.
    async fn run(&self, writer: &mut DataWriter) -> Result<(Tally, u64)> {
        let mut tally = Tally::default();
        let mut counted = 0;
        while let Some(task) = self.next_task() {
            let tenant = task.tenant.as_deref();
            let mut pages = self.reader.range(tenant, task.range);
            let part = tally.parts.entry(task.tenant.clone()).or_default();
            while let Some(page) = self.or_stop(pages.next()).await? {
                part.rows += page.batch.len() as u64;
                part.young += self.count_young(&page);
                self.count(&page);
                writer.append(tenant, page.batch).await?;
                let total = writer.bytes_written();
                self.counters.add_bytes_written(total - std::mem::replace(&mut counted, total));
            }
            if task.left.fetch_sub(1, Relaxed) == 1 && tenant.is_some() {
                self.counters.add_tenants(1);
            }
        }
        Ok((tally, counted))
    }

    fn next_task(&self) -> Option<Task> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    async fn or_stop<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let stopped = || Err(Error::internal("a reading lane was stopped for no reason"));
        self.stop.run_until_cancelled(work).await.unwrap_or_else(stopped)
    }

    fn count(&self, page: &Page) {
        self.counters.add_objects(page.batch.len() as u64);
        self.counters.add_bytes_read(page.bytes as u64);
    }

    fn count_young(&self, page: &Page) -> u64 {
        let started = self.started.timestamp_millis();
        page.batch.update_times.iter().filter(|time| **time >= started).count() as u64
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.files.extend(other.files);
        for (tenant, read) in other.parts {
            let part = self.parts.entry(tenant).or_default();
            part.rows += read.rows;
            part.young += read.young;
        }
    }
}
