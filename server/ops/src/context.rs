//! What an operation knows of the job that runs it.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use chrono::Utc;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

use super::{Budget, Journal, Progress};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::Cluster;

/// How often to look whether collections are free that others hold: it may mean to read what other servers have written.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// The job as its operation sees it: where to report, when to stop, what to hold.
#[derive(Clone)]
pub struct Context {
    pub job_id: String,
    pub progress: Arc<Progress>,
    stop: Arc<Stop>,
    locks: Arc<dyn CollectionLocks>,
    uncut: TaskTracker,
    budget: Budget,
    journal: Journal,
    /// Shared with the parts of the job.
    planning_ended: Arc<AtomicBool>,
    lock_timeout: Duration,
}

/// Asks a job to stop, and says why; or to pause.
#[derive(Debug, Default)]
pub struct Stop {
    token: CancellationToken,
    cause: OnceLock<Kind>,
    is_paused: watch::Sender<bool>,
}

impl Stop {
    /// `cause` is `Cancelled`, `ServerStopped`, `JobSuperseded` or `RepositoryUnavailable`; the first one counts.
    pub fn request(&self, cause: Kind) {
        let _ = self.cause.set(cause);
        self.token.cancel();
    }

    /// While nobody knows whether the job is still ours, nothing more is moved.
    pub fn pause(&self, is_paused: bool) {
        self.is_paused.send_if_modified(|was| std::mem::replace(was, is_paused) != is_paused);
    }

    pub(crate) async fn while_paused(&self) {
        // The sender is ours, so it is not gone.
        let _ = self.is_paused.subscribe().wait_for(|is_paused| !is_paused).await;
    }

    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Cancelled when the job is to stop.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Why it is to stop.
    pub fn error(&self) -> Error {
        match self.cause.get() {
            Some(Kind::ServerStopped) => {
                Error::new(Kind::ServerStopped, "the server was stopped before the job was done")
                    .hint("resume the job when the server is back")
            }
            Some(Kind::JobSuperseded) => {
                let text = "the job was taken for dead, and what it holds or does is another's by now";
                Error::new(Kind::JobSuperseded, text).hint("watch the job to see how it goes on")
            }
            Some(Kind::RepositoryUnavailable) => {
                let text =
                    "the repository could not be reached for so long that others may take the job for dead";
                Error::new(Kind::RepositoryUnavailable, text)
                    .hint("resume the job when the repository can be reached")
            }
            _ => Error::new(Kind::Cancelled, "the job was cancelled"),
        }
    }
}

/// How a job uses a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads it; several jobs may.
    Shared,
    /// Changes it; nobody else may touch it.
    Exclusive,
}

/// Held as long as the job needs the collections.
pub type LockGuard = Box<dyn Send + Sync>;

/// Keeps jobs on the same cluster out of each other's collections.
pub trait CollectionLocks: Send + Sync {
    /// Fails with `CollectionBusy`, naming the holder, if any of the collections is taken. They are of the cluster of this name; None
    /// for the one that the job's request names.
    fn acquire<'a>(
        &'a self,
        job_id: &'a str,
        cluster: Option<&'a str>,
        collections: &'a [String],
        access: Access,
    ) -> BoxFuture<'a, Result<LockGuard>>;
}

struct NobodyElse;

impl CollectionLocks for NobodyElse {
    fn acquire<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a str>,
        _: &'a [String],
        _: Access,
    ) -> BoxFuture<'a, Result<LockGuard>> {
        Box::pin(async { Ok(Box::new(()) as LockGuard) })
    }
}

impl Context {
    /// `uncut` tracks what must end before the process does; `budget` is that of all jobs.
    pub fn new(
        job_id: impl Into<String>,
        progress: Arc<Progress>,
        stop: Arc<Stop>,
        locks: Arc<dyn CollectionLocks>,
        uncut: TaskTracker,
        budget: Budget,
    ) -> Self {
        let (job_id, journal, planning_ended) = (job_id.into(), Journal::default(), Arc::default());
        let lock_timeout = Duration::ZERO;
        Self { job_id, progress, stop, locks, uncut, budget, journal, planning_ended, lock_timeout }
    }

    /// The job with a journal, from which another attempt can go on.
    pub fn with_journal(self, journal: Journal) -> Self {
        Self { journal, ..self }
    }

    /// For a job that is alone: nobody else is in its way, and nothing stops it but dropping it.
    pub fn alone() -> Self {
        let (progress, stop) = (Arc::default(), Arc::default());
        let job_id = Uuid::now_v7().to_string();
        Self::new(job_id, progress, stop, Arc::new(NobodyElse), TaskTracker::new(), Budget::default())
    }

    /// The job if it waits so long for collections that others hold.
    pub(crate) fn waiting_for_locks(&self, lock_timeout: Duration) -> Self {
        Self { lock_timeout, ..self.clone() }
    }

    /// A part of the job that is an operation by itself: it writes down what it does below `name`, and the job holds for it
    /// what it needs.
    pub(crate) fn part(&self, name: &str) -> Self {
        Self { journal: self.journal.part(name), locks: Arc::new(NobodyElse), ..self.clone() }
    }

    /// The job without those who look at it.
    pub(crate) fn unseen(&self) -> Self {
        Self { progress: Arc::default(), ..self.clone() }
    }

    /// The job as if nothing was written down of it.
    pub(crate) fn without_journal(&self) -> Self {
        Self { journal: Journal::default(), ..self.clone() }
    }

    /// What it writes down for other attempts.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The request can be carried out, and now it is: what ends the job from here on is a failure of the job, and no refusal of
    /// the request. To be called before the first change, by what changes something, and before the first look at what is to be
    /// verified.
    pub(crate) fn end_planning(&self) {
        self.planning_ended.store(true, Relaxed);
    }

    /// Whether nothing was done yet but to look whether the request can be carried out.
    pub(crate) fn is_planning(&self) -> bool {
        !self.planning_ended.load(Relaxed)
    }

    /// What a failure is due to. A call that was cut does not know why.
    pub fn cause_of(&self, error: &Error) -> Kind {
        match self.check_stop() {
            Err(stop) if error.kind() == Kind::Cancelled => stop.kind(),
            _ => error.kind(),
        }
    }

    /// The memory for what it moves.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The cluster as this job uses it: patient, and showing in the progress what it waits for.
    pub fn cluster(&self, cluster: &Cluster) -> Cluster {
        cluster.for_job(self.progress.clone(), self.stop.token.clone())
    }

    /// Cancelled when the job is asked to stop; for work that has to end in an orderly way.
    pub fn stop_token(&self) -> &CancellationToken {
        &self.stop.token
    }

    /// Whether it goes on, and when.
    pub(crate) fn stop(&self) -> &Arc<Stop> {
        &self.stop
    }

    /// Fails if the job was asked to stop. To be called between units of work.
    pub fn check_stop(&self) -> Result<()> {
        if self.stop.is_requested() { Err(self.stop.error()) } else { Ok(()) }
    }

    /// Runs work that changes nothing, and drops it as soon as the job is asked to stop.
    pub async fn or_stop<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.stop.token.cancelled() => Err(self.stop.error()),
            result = work => result,
        }
    }

    /// Runs work that must not be left half done: neither a cancel nor a shutdown cuts it.
    pub async fn uncut<T, F>(&self, work: F) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        match self.uncut.spawn(work.in_current_span()).await {
            Ok(result) => result,
            Err(panic) => Err(Error::internal("a section of the job broke off").caused_by(panic)),
        }
    }

    /// Takes the collections, or fails when they are not free in time. With others in hand, two jobs can come
    /// to wait for each other.
    pub async fn lock(&self, collections: &[String], access: Access) -> Result<LockGuard> {
        self.take(None, collections, access).await
    }

    /// As [`Context::lock`], of another cluster than the one that the job's request names.
    pub async fn lock_on(
        &self,
        cluster: &Cluster,
        collections: &[String],
        access: Access,
    ) -> Result<LockGuard> {
        self.take(Some(cluster.name()), collections, access).await
    }

    async fn take(&self, cluster: Option<&str>, collections: &[String], access: Access) -> Result<LockGuard> {
        let (since, time) = (Instant::now(), Utc::now());
        let taken = loop {
            let taken = self.or_stop(self.locks.acquire(&self.job_id, cluster, collections, access)).await;
            let error = match taken {
                Err(error) if error.kind() == Kind::CollectionBusy => error,
                taken => break taken,
            };
            let left = self.lock_timeout.saturating_sub(since.elapsed());
            if left.is_zero() {
                break Err(match self.lock_timeout {
                    Duration::ZERO => error,
                    waited => error.also(format!("the job has waited {} s for it", waited.as_secs())),
                });
            }
            self.progress.wait_since(time, error.to_string(), self.lock_timeout);
            let pause = tokio::time::sleep(left.min(LOOK_AGAIN));
            if self.stop.token.run_until_cancelled(pause).await.is_none() {
                break Err(self.stop.error());
            }
        };
        self.progress.end_wait();
        taken
    }
}
