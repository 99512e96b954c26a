//! Reading the objects of a collection in parallel.
//!
//! The ids of a collection (or of a large tenant) are cut into ranges, small tenants are one range each. A few lanes take
//! ranges from a common queue; each reads page by page into a sink of its own, so that nothing is shared but the queue,
//! and memory depends on the number of lanes only.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{CollectionCounters, Context};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, Collection, UuidRange};
use selvedge_weaviate::{Cluster, Misreading, ObjectReader, Page};

/// More lanes only make Weaviate's pages slower, fewer leave it waiting while we write.
pub const LANES: usize = 3;
/// Below, cutting costs more than it brings.
const MIN_OBJECTS_TO_CUT: u64 = 5_000;
/// Ranges for each lane, so that an uneven spread of ids does not leave one lane with all the work.
const RANGES_PER_LANE: usize = 3;
/// How often to make sure, while reading, that all shards are still there.
const SHARD_CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// Misread values that are kept; the others are counted.
const MISREADINGS: usize = 100;

/// A collection without tenants, or one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub tenant: Option<String>,
    /// Objects there were before reading.
    pub objects: u64,
}

/// Where a lane puts what it reads.
pub trait Sink: Send + 'static {
    /// Takes objects of one tenant; None without multi-tenancy.
    fn take(&mut self, tenant: Option<&str>, batch: Batch) -> impl Future<Output = Result<()>> + Send;
}

/// A collection that is to be read.
pub struct Reading<'a> {
    pub job: &'a Context,
    pub cluster: &'a Cluster,
    pub collection: &'a Collection,
    pub reader: Arc<ObjectReader>,
    pub counters: Arc<CollectionCounters>,
}

/// What was read: adds up.
#[derive(Debug, Default)]
pub struct Tally {
    /// By tenant, or under `None`.
    pub parts: BTreeMap<Option<String>, PartTally>,
    /// Tenants that could not be read any more when their turn came, or in the middle of it: deleted or deactivated.
    pub lost: BTreeSet<String>,
    pub misread: Misreadings,
}

/// What was read of a collection without tenants, or of a tenant.
#[derive(Debug, Default, Clone, Copy)]
pub struct PartTally {
    pub rows: u64,
    /// Objects that were written after reading had begun, as far as Weaviate's clock agrees with ours.
    pub young: u64,
    /// Objects that Weaviate could not show.
    pub unreadable: u64,
}

/// Values that Weaviate has not shown as they are, or not at all.
#[derive(Debug, Default)]
pub struct Misreadings {
    pub total: u64,
    /// The first of them.
    pub samples: Vec<Misreading>,
}

impl Reading<'_> {
    /// Reads these parts, with a lane for each sink. The sinks are there again afterwards, whatever happened; those of a
    /// lane that broke off are lost.
    pub async fn run<S: Sink>(&self, parts: &[Part], sinks: &mut Vec<S>) -> Result<Tally> {
        // A tenant that was counted empty is not asked again: with thousands of them that would be most of the time.
        let (parts, empty): (Vec<_>, Vec<_>) =
            parts.iter().partition(|part| part.objects > 0 || part.tenant.is_none());
        self.counters.add_tenants(empty.len() as u64);
        let work = Arc::new(Work {
            reader: Arc::clone(&self.reader),
            // Reading such a tenant would activate it, and leave it so.
            watched: self.collection.activates_tenants().then(|| self.cluster.clone()),
            collection: self.collection.name.clone(),
            queue: Mutex::new(parts.into_iter().flat_map(tasks).collect()),
            lost: Mutex::default(),
            counters: Arc::clone(&self.counters),
            stop: self.job.stop_token().child_token(),
            started: Utc::now(),
        });
        let mut running = JoinSet::new();
        for mut sink in sinks.drain(..) {
            let work = Arc::clone(&work);
            running.spawn(async move {
                let tally = work.run(&mut sink).await;
                (sink, tally)
            });
        }
        let tally = self.gather(&work, running, sinks).await;
        // A lane that was stopped says so; why is the job's to say.
        self.job.check_stop()?;
        let mut tally = tally?;
        tally.lost.extend(std::mem::take(&mut *work.lost()));
        tally.parts.extend(empty.into_iter().map(|part| (part.tenant.clone(), PartTally::default())));
        Ok(tally)
    }

    /// Waits for all lanes, watching the shards meanwhile. The first failure stops the others, and is the one to report.
    async fn gather<S: Sink>(
        &self,
        work: &Work,
        mut running: JoinSet<(S, Result<Tally>)>,
        sinks: &mut Vec<S>,
    ) -> Result<Tally> {
        let mut outcome = Ok(Tally::default());
        let mut watch = pin!(self.watch_shards());
        loop {
            let result = tokio::select! {
                joined = running.join_next() => match joined {
                    None => return outcome,
                    Some(Ok((sink, tally))) => {
                        sinks.push(sink);
                        tally
                    }
                    Some(Err(panic)) => Err(Error::internal("a reading lane broke off").caused_by(panic)),
                },
                gone = &mut watch, if outcome.is_ok() => Err(gone),
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
}

impl Reading<'_> {
    /// Ends when a shard cannot be read any more.
    async fn watch_shards(&self) -> Error {
        loop {
            tokio::time::sleep(SHARD_CHECK_INTERVAL).await;
            match self.cluster.check_shards(self.collection).await {
                Ok(_) => {}
                // Weaviate is not well, or the collection is gone; whoever reads from it notices.
                Err(error) if error.kind() != Kind::ShardsUnavailable => {}
                Err(error) => return error,
            }
        }
    }
}

/// What the lanes of one collection share.
struct Work {
    reader: Arc<ObjectReader>,
    /// Where to ask whether a tenant is still active, if that has to be asked.
    watched: Option<Cluster>,
    collection: String,
    queue: Mutex<VecDeque<Task>>,
    lost: Mutex<BTreeSet<String>>,
    counters: Arc<CollectionCounters>,
    /// Cancelled when the job is to stop or another lane has failed.
    stop: CancellationToken,
    started: DateTime<Utc>,
}

/// A range of one part, waiting for a lane.
struct Task {
    tenant: Option<String>,
    range: UuidRange,
    /// Ranges of the same part that are not done.
    left: Arc<AtomicUsize>,
}

fn tasks(part: &Part) -> Vec<Task> {
    let ranges = if part.objects < MIN_OBJECTS_TO_CUT { 1 } else { LANES * RANGES_PER_LANE };
    let left = Arc::new(AtomicUsize::new(ranges));
    let task = |range| Task { tenant: part.tenant.clone(), range, left: Arc::clone(&left) };
    UuidRange::split_all(ranges).into_iter().map(task).collect()
}

impl Work {
    /// Takes ranges until there are none.
    async fn run(&self, sink: &mut impl Sink) -> Result<Tally> {
        let mut tally = Tally::default();
        while let Some(task) = self.next_task() {
            let tenant = task.tenant.as_deref();
            match self.read(&task, sink, &mut tally).await {
                // What becomes of it is for the job to say, which has others to read.
                Err(error) if is_about_tenant(&error) && tenant.is_some() => {
                    self.lost().extend(task.tenant.clone());
                }
                read => read?,
            }
            if task.left.fetch_sub(1, Relaxed) == 1 && tenant.is_some() {
                self.counters.add_tenants(1);
            }
        }
        Ok(tally)
    }

    async fn read(&self, task: &Task, sink: &mut impl Sink, tally: &mut Tally) -> Result<()> {
        let tenant = task.tenant.as_deref();
        if let Some(tenant) = tenant {
            self.or_stop(self.check_tenant(tenant)).await?;
        }
        let mut pages = self.reader.range(tenant, task.range);
        let part = tally.parts.entry(task.tenant.clone()).or_default();
        while let Some(page) = self.or_stop(pages.next()).await? {
            part.rows += page.batch.len() as u64;
            part.young += self.count_young(&page);
            part.unreadable += page.unreadable.len() as u64;
            self.counters.add_objects(page.batch.len() as u64);
            self.counters.add_bytes_read(page.bytes as u64);
            tally.misread.extend(page.misread.into_iter().chain(page.unreadable));
            if !page.batch.is_empty() {
                sink.take(tenant, page.batch).await?;
            }
        }
        Ok(())
    }

    /// Fails with `TenantInactive` if the tenant is lost, or if reading it would activate it.
    async fn check_tenant(&self, tenant: &str) -> Result<()> {
        let inactive = || {
            let text = format!("tenant \"{tenant}\" of collection \"{}\" is not active", self.collection);
            Err(Error::new(Kind::TenantInactive, text))
        };
        if self.lost().contains(tenant) {
            return inactive();
        }
        match &self.watched {
            Some(cluster) if !cluster.is_active(&self.collection, tenant).await? => inactive(),
            _ => Ok(()),
        }
    }

    fn lost(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_task(&self) -> Option<Task> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    async fn or_stop<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let stopped = || Err(Error::internal("a reading lane was stopped for no reason"));
        self.stop.run_until_cancelled(work).await.unwrap_or_else(stopped)
    }

    fn count_young(&self, page: &Page) -> u64 {
        let started = self.started.timestamp_millis();
        page.batch.update_times.iter().filter(|time| **time >= started).count() as u64
    }
}

fn is_about_tenant(error: &Error) -> bool {
    matches!(error.kind(), Kind::TenantNotFound | Kind::TenantInactive)
}

impl Tally {
    /// Rows of all parts.
    pub fn rows(&self) -> u64 {
        self.parts.values().map(|part| part.rows).sum()
    }

    pub fn add(&mut self, other: Self) {
        for (tenant, read) in other.parts {
            let part = self.parts.entry(tenant).or_default();
            part.rows += read.rows;
            part.young += read.young;
            part.unreadable += read.unreadable;
        }
        self.lost.extend(other.lost);
        self.misread.total += other.misread.total;
        let room = MISREADINGS.saturating_sub(self.misread.samples.len());
        self.misread.samples.extend(other.misread.samples.into_iter().take(room));
    }
}

impl Misreadings {
    fn extend(&mut self, found: impl Iterator<Item = Misreading>) {
        for misreading in found {
            self.total += 1;
            if self.samples.len() < MISREADINGS {
                self.samples.push(misreading);
            }
        }
    }
}
