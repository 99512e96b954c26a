//! The lanes of a job.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use selvedge_model::Collection;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::Cluster;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::to_raw_value;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::lane::{LedgerOf, Move, RecordOf, stopped};
use super::queue::{Item, Queue};
use super::{Done, Ended, Sinks, Source, Task};
use crate::journal::Ledger;
use crate::{CollectionCounters, Context};

/// More lanes only make Weaviate slower, fewer leave it waiting while we work.
const LANES: usize = 3;
/// Collections that are at work at the same time: more than lanes, so that these need not wait for what is done before and
/// after.
const COLLECTIONS_AT_ONCE: usize = 8;
/// How often to make sure, while reading, that all shards are still there.
const SHARD_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// Some lanes, and the queue that they take tasks from. They end when it is dropped.
pub struct Lanes {
    queue: Arc<Queue>,
    context: Context,
    /// Cancelled when the job is to stop, or a part of it has failed.
    stop: CancellationToken,
    one_at_a_time: Mutex<()>,
    _running: JoinSet<()>,
}

impl Lanes {
    pub fn of(context: &Context) -> Self {
        let queue = Arc::new(Queue::default());
        let mut running = JoinSet::new();
        for _ in 0..LANES {
            running.spawn(run(Arc::clone(&queue)).in_current_span());
        }
        let stop = context.stop_token().child_token();
        Self { queue, context: context.clone(), stop, one_at_a_time: Mutex::default(), _running: running }
    }

    /// Fails if the job was asked to stop, or a part of it has failed: nothing more is to be begun.
    pub fn check_stop(&self) -> Result<()> {
        self.context.check_stop()?;
        if self.stop.is_cancelled() { Err(stopped()) } else { Ok(()) }
    }

    /// For work that takes memory beside the budget: only one collection of a job does it at a time.
    pub async fn alone(&self) -> MutexGuard<'_, ()> {
        self.one_at_a_time.lock().await
    }

    /// Does some work for each of a job's collections, a few at a time, and returns what came of it, in the same order. If one
    /// fails, what is under way of the others ends as soon as it can, and is waited for.
    pub async fn side_by_side<T>(
        &self,
        works: Vec<impl Future<Output = Result<T>> + Send>,
    ) -> Result<Vec<T>> {
        // On the heap: several of them, as they are passed on, do not fit on the stack of a thread.
        let works = works.into_iter().map(Box::pin);
        let numbered = works.enumerate().map(async |(number, work)| match self.check_stop() {
            Ok(()) => (number, work.await),
            Err(error) => (number, Err(error)),
        });
        let mut running = stream::iter(numbered).buffer_unordered(COLLECTIONS_AT_ONCE);
        let (mut done, mut failed) = (Vec::new(), None::<Error>);
        while let Some((number, result)) = running.next().await {
            match result {
                Ok(result) => done.push((number, result)),
                Err(error) => {
                    self.stop.cancel();
                    // That one was stopped is because of another.
                    failed = failed.filter(|failed| failed.kind() != Kind::Cancelled).or(Some(error));
                }
            }
        }
        // Work that was stopped fails in some way or other; why is the job's to say.
        self.context.check_stop()?;
        done.sort_by_key(|(number, _)| *number);
        failed.map_or_else(|| Ok(done.into_iter().map(|(_, result)| result).collect()), Err)
    }

    /// Does some work with a collection, making sure meanwhile that all its shards are there: as soon as one cannot be read, the
    /// work is stopped, and that is what is reported.
    pub async fn while_whole(
        &self,
        cluster: &Cluster,
        collection: &Collection,
        work: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let mut work = pin!(work);
        let gone = tokio::select! {
            done = &mut work => return done,
            gone = shard_gone(cluster, collection) => gone,
        };
        self.stop.cancel();
        // Whatever it says, it was stopped.
        let _ = work.await;
        Err(gone)
    }

    /// Moves what these tasks are about. Returns when all that was begun has ended, whatever happened. `gather` hears of each
    /// task, or part of a task, that is done or has failed; the first error it returns stops the others, and is returned.
    pub async fn carry<S: Source, K: Sinks>(
        &self,
        tasks: Vec<Task>,
        source: S,
        sinks: K,
        counters: &Arc<CollectionCounters>,
        gather: impl FnMut(Ended<S, K>) -> Result<()>,
    ) -> Result<()> {
        self.carry_out(tasks, source, sinks, counters, None, gather).await
    }

    /// As [`Lanes::carry`], but what earlier attempts have done of it is not done again: `gather` hears of it first. What is
    /// done now is written down for later ones.
    pub async fn carry_on<S: Source, K: Sinks>(
        &self,
        tasks: Vec<Task>,
        source: S,
        sinks: K,
        counters: &Arc<CollectionCounters>,
        ledger: &Ledger,
        mut gather: impl FnMut(Ended<S, K>) -> Result<()>,
    ) -> Result<()>
    where
        RecordOf<S, K>: Serialize + DeserializeOwned,
    {
        let done = self.take_back::<S, K>(&sinks, ledger, |record| gather(Ok(record))).await?;
        self.carry_recorded(done.rest_of(tasks), source, sinks, counters, ledger, gather).await
    }

    /// What earlier attempts have done, as far as it still holds. `gather` hears of each part of it.
    pub async fn take_back<S: Source, K: Sinks>(
        &self,
        sinks: &K,
        ledger: &Ledger,
        mut gather: impl FnMut(RecordOf<S, K>) -> Result<()>,
    ) -> Result<Done>
    where
        RecordOf<S, K>: DeserializeOwned,
    {
        let mut done = Done::default();
        // To check it can mean to read all of it.
        let earlier = ledger.earlier().await?.into_iter().map(async |name| {
            let Some(record) = ledger.read::<RecordOf<S, K>>(&name).await? else { return Ok((name, None)) };
            let holds = sinks.take_back(&record.left).await?;
            Ok::<_, Error>((name, Some(record).filter(|_| holds)))
        });
        let mut earlier = stream::iter(earlier).buffered(LANES);
        while let Some(read) = earlier.next().await {
            self.check_stop()?;
            match read? {
                (_, Some(record)) if done.add(&record.piece) => gather(record)?,
                (name, _) => ledger.strike(&name).await?,
            }
        }
        Ok(done)
    }

    /// As [`Lanes::carry`], and what is done is written down for later attempts.
    pub async fn carry_recorded<S: Source, K: Sinks>(
        &self,
        tasks: Vec<Task>,
        source: S,
        sinks: K,
        counters: &Arc<CollectionCounters>,
        ledger: &Ledger,
        gather: impl FnMut(Ended<S, K>) -> Result<()>,
    ) -> Result<()>
    where
        RecordOf<S, K>: Serialize,
    {
        let ledger = LedgerOf { ledger: ledger.clone(), write: |record| to_raw_value(record) };
        self.carry_out(tasks, source, sinks, counters, Some(ledger), gather).await
    }

    async fn carry_out<S: Source, K: Sinks>(
        &self,
        tasks: Vec<Task>,
        source: S,
        sinks: K,
        counters: &Arc<CollectionCounters>,
        ledger: Option<LedgerOf<S, K>>,
        mut gather: impl FnMut(Ended<S, K>) -> Result<()>,
    ) -> Result<()> {
        let (records, mut done) = unbounded_channel();
        let stop = self.stop.child_token();
        let work = Move {
            source,
            sinks,
            records,
            ledger,
            stop: stop.clone(),
            pause: Arc::clone(self.context.stop()),
            budget: self.context.budget().clone(),
            progress: Arc::clone(&self.context.progress),
            counters: Arc::clone(counters),
        };
        let work = Arc::new(work);
        for task in tasks {
            let (running, work) = (self.queue.running(task), Arc::clone(&work));
            self.queue.push(Item { running, work });
        }
        // The channel ends with the last task.
        drop(work);
        let mut outcome = Ok(());
        while let Some(record) = done.recv().await {
            if let Err(error) = gather(record)
                && outcome.is_ok()
            {
                stop.cancel();
                outcome = Err(error);
            }
        }
        // Work that was stopped fails in some way or other; why is the job's to say.
        self.context.check_stop()?;
        if outcome.is_ok() && stop.is_cancelled() { Err(stopped()) } else { outcome }
    }
}

/// Ends when a shard of a collection cannot be read any more.
async fn shard_gone(cluster: &Cluster, collection: &Collection) -> Error {
    loop {
        tokio::time::sleep(SHARD_CHECK_INTERVAL).await;
        match cluster.check_shards(collection).await {
            Ok(_) => {}
            // Weaviate is not well, or the collection is gone; whoever reads from it notices.
            Err(error) if error.kind() != Kind::ShardsUnavailable => {}
            Err(error) => return error,
        }
    }
}

async fn run(queue: Arc<Queue>) {
    loop {
        let item = queue.next().await;
        let apart = Arc::clone(&item.work).carry(Arc::clone(&item.running)).await;
        for task in apart {
            let (running, work) = (queue.running(task), Arc::clone(&item.work));
            queue.push(Item { running, work });
        }
        queue.done(&item);
    }
}
