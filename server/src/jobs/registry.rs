//! Starts jobs, goes on with them, finds them, stops them.

mod named;
mod running;
mod shown;

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

use super::book::Book;
use super::journal::{CANCEL, JOB, JobCover, JobJson, Written};
use super::liveness::Liveness;
use super::locks::LockTable;
use super::process::Process;
use super::{Asking, Job, Snapshot};
use crate::metrics::Metrics;
use selvedge_archive::Repository;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::{Budget, Context, Failure, Outcome, Places, Request};
pub use shown::Shown;

/// While a section that must not be cut holds up the end of the server, the log says so this often.
const REMIND_EVERY: Duration = Duration::from_secs(10);
/// The newest jobs of which the request is known although an earlier server took it.
const REMEMBERED: usize = 100;
/// Journals that are read side by side.
const READS: usize = 16;

/// How many jobs there may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Jobs that run at once.
    pub running: usize,
    /// Jobs that wait for their turn.
    pub waiting: usize,
    /// Ended jobs that are remembered.
    pub history: usize,
    /// Bytes of objects that all of them together may have in flight.
    pub memory: usize,
}

/// All jobs of this server, and what is written down of others.
pub struct Registry {
    pub(super) limits: Limits,
    pub(super) places: Arc<Places>,
    pub(super) process: Process,
    pub(super) metrics: Arc<Metrics>,
    budget: Budget,
    turns: Arc<Semaphore>,
    book: Mutex<Book>,
    locks: Mutex<HashMap<String, LockTable>>,
    /// Jobs of which is being finished what their servers were in the middle of.
    pub(super) finishing: Mutex<BTreeSet<String>>,
    /// Jobs, by their repository, that have ended for good: nothing more becomes of them, so they are not looked at again.
    pub(super) settled: Mutex<BTreeSet<(String, String)>>,
    /// For looks at what is written down, of which there can be very many.
    pub(super) looking: Semaphore,
    tasks: TaskTracker,
    /// Sections that neither a cancel nor a shutdown cuts.
    uncut: TaskTracker,
    /// Drops the jobs that did not stop when they were asked to.
    overdue: CancellationToken,
}

impl Registry {
    pub fn new(limits: Limits, places: Arc<Places>, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            places,
            process: Process::begin(),
            metrics,
            budget: Budget::new(limits.memory),
            turns: Arc::new(Semaphore::new(limits.running)),
            book: Mutex::default(),
            locks: Mutex::default(),
            finishing: Mutex::default(),
            settled: Mutex::default(),
            looking: Semaphore::new(READS),
            tasks: TaskTracker::new(),
            uncut: TaskTracker::new(),
            overdue: CancellationToken::new(),
        })
    }

    /// Starts a job, or returns the one that the same request with the same id has started before.
    pub fn start<W, F>(self: &Arc<Self>, asking: Asking, request: Request, work: W) -> Result<Arc<Job>>
    where
        W: FnOnce(Context, Request) -> F + Send + 'static,
        F: Future<Output = Result<Outcome, Failure>> + Send + 'static,
    {
        let mut book = self.book();
        if let Some(id) = &asking.request_id
            && let Some(job) = book.same_request(id, &request)?
        {
            return Ok(Arc::clone(job));
        }
        self.add(&mut book, Job::new(request, asking), None, work)
    }

    /// The job that the same request with the same id has started, on this server or on one before it.
    pub async fn started(&self, request_id: &str, request: &Request) -> Result<Option<Shown>> {
        let before = {
            let book = self.book();
            if let Some(job) = book.same_request(request_id, request)? {
                return Ok(Some(Shown::Here(Arc::clone(job))));
            }
            book.remembered(request_id, request)?
        };
        match before {
            Some(id) => self.show(&id.to_string()).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whoever did not hear that its call has started a job may repeat it when the server is back. To be called before any is
    /// taken.
    pub async fn remember_requests(&self) {
        for repository in self.places.repositories() {
            let ids = match repository.job_ids().await {
                Ok(ids) => ids,
                Err(error) => {
                    tracing::warn!(repository = repository.name(), %error, "earlier requests cannot be looked at");
                    continue;
                }
            };
            let newest = ids.into_iter().rev().take(REMEMBERED);
            let read = newest.map(async |id| repository.job(&id).read_covered::<JobJson>(JOB).await);
            let mut read = stream::iter(read).buffered(READS);
            while let Some(written) = read.next().await {
                // One that cannot be read has no caller any more.
                let Ok(Some(job)) = written else { continue };
                let JobCover { id, request_id: Some(request_id), .. } = job.cover() else { continue };
                let asked = job.whole().map(|job| job.asked.clone());
                self.book().remember(request_id, id, asked);
            }
        }
    }

    /// Goes on with a job. One that this server is at is only returned.
    pub async fn resume<W, F>(self: &Arc<Self>, id: &str, work: W) -> Result<Arc<Job>>
    where
        W: FnOnce(Context, Request) -> F + Send + 'static,
        F: Future<Output = Result<Outcome, Failure>> + Send + 'static,
    {
        if let Some(job) = self.active(id) {
            return Ok(job);
        }
        let Some((repository, written)) = self.written(id).await? else { return Err(self.unknown(id).await) };
        self.refuse_to_resume(&repository, &written).await?;
        let before = written.number();
        let mut book = self.book();
        match book.get(written.job.id) {
            Some(job) if !job.state().is_terminal() => Ok(Arc::clone(job)),
            _ => self.add(
                &mut book,
                Job::again(written.whole()?.clone(), repository.name()),
                Some(before),
                work,
            ),
        }
    }

    async fn refuse_to_resume(&self, repository: &Repository, written: &Written) -> Result<()> {
        let refused = |why: String| {
            let text = format!("job {} cannot be resumed: {why}", written.job.id);
            Err(Error::new(Kind::JobNotResumable, text))
        };
        let liveness = self.liveness(repository, written).await?;
        if liveness == Liveness::Alive {
            return refused(format!("it runs ({})", written.process()));
        }
        written.whole()?;
        if written.is_given_up {
            return refused("it was given up".to_owned());
        }
        let snapshot = Snapshot::written(written, liveness).await?;
        if !snapshot.resumable {
            let state = snapshot.lifecycle.state.name();
            return refused(format!("it has ended ({state}), and left nothing to go on from"));
        }
        let cluster = self.places.cluster(&written.job.cluster)?;
        if cluster.rest_url() != written.job.address {
            let (name, here, there) = (cluster.name(), cluster.rest_url(), &written.job.address);
            return refused(format!("it is for {there}, and cluster \"{name}\" of this server is {here}"));
        }
        Ok(())
    }

    /// `before` is the attempt that this one comes after; None for a new job.
    fn add<W, F>(
        self: &Arc<Self>,
        book: &mut Book,
        job: Job,
        before: Option<u32>,
        work: W,
    ) -> Result<Arc<Job>>
    where
        W: FnOnce(Context, Request) -> F + Send + 'static,
        F: Future<Output = Result<Outcome, Failure>> + Send + 'static,
    {
        if book.closed {
            return Err(Error::new(Kind::ServerStopped, "the server is shutting down")
                .hint("start the job again when the server is back"));
        }
        let Limits { running, waiting, .. } = self.limits;
        if book.active() >= running + waiting {
            let text = format!(
                "running: {running}, waiting: {waiting}, which is as many jobs as this server allows"
            );
            return Err(Error::new(Kind::TooManyJobs, text)
                .hint("try again when one has ended, or let the server take more"));
        }
        let job = Arc::new(job);
        book.add(Arc::clone(&job));
        let span = tracing::info_span!("job", id = %job.id, kind = job.request.operation.name());
        // Under the lock, so that whoever closes the book finds every job among the tasks.
        self.tasks.spawn(Arc::clone(self).run(Arc::clone(&job), before, work).instrument(span));
        Ok(job)
    }

    fn active(&self, id: &str) -> Option<Arc<Job>> {
        let job = Uuid::try_parse(id).ok().and_then(|id| self.book().get(id).cloned());
        job.filter(|job| !job.state().is_terminal())
    }

    /// Asks a job to stop, and does not wait until it has. One that nobody is at is given up; one that has ended for good stays
    /// as it is.
    pub async fn cancel(&self, id: &str) -> Result<Shown> {
        if let Some(job) = self.active(id) {
            job.request_stop(Kind::Cancelled);
            return Ok(Shown::Here(job));
        }
        if let Some((repository, written)) = self.written(id).await? {
            let liveness = self.liveness(&repository, &written).await?;
            if written.can_go_on(liveness) || liveness == Liveness::Alive {
                written.folder.put(CANCEL, &()).await?;
                let unshown = |error: Error| error.also("it has been asked to stop all the same");
                return self.show(id).await.map_err(unshown);
            }
        }
        self.show(id).await
    }

    /// Refuses new jobs from now on, and asks those that run to stop.
    pub fn close(&self) {
        let mut book = self.book();
        book.closed = true;
        for job in book.newest_first(None) {
            job.request_stop(Kind::ServerStopped);
        }
    }

    /// Jobs that have not ended.
    pub fn active_jobs(&self) -> Vec<Arc<Job>> {
        let is_active = |job: &&Arc<Job>| !job.state().is_terminal();
        self.book().newest_first(None).filter(is_active).cloned().collect()
    }

    /// Waits until all jobs have ended: for `deadline` if they are slow to stop, and for as long as it takes if they are
    /// in a section that must not be cut. To be called after [`Registry::close`].
    pub async fn drain(&self, deadline: Duration) {
        self.tasks.close();
        self.uncut.close();
        if tokio::time::timeout(deadline, self.tasks.wait()).await.is_err() {
            for job in self.active_jobs() {
                tracing::warn!(id = %job.id, summary = %job.request, "job did not stop within the deadline");
            }
        }
        self.uncut_sections().await;
        self.overdue.cancel();
        self.tasks.wait().await;
        self.uncut_sections().await;
        self.process.end();
    }

    async fn uncut_sections(&self) {
        while tokio::time::timeout(REMIND_EVERY, self.uncut.wait()).await.is_err() {
            let sections = self.uncut.len();
            tracing::warn!(
                sections,
                "waiting for work that must not be left half done; a second signal ends it at once"
            );
        }
    }

    /// Runs what is no job, but has to come to an end although nobody waits for it any more. It is cut off as jobs are that do not
    /// stop in time.
    pub async fn beside<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let stopped = || {
            Error::new(Kind::ServerStopped, "the server is being stopped").hint("try again when it is back")
        };
        if self.tasks.is_closed() {
            return Err(stopped());
        }
        let overdue = self.overdue.clone();
        let run = async move {
            tokio::select! {
                biased;
                result = work => result,
                () = overdue.cancelled() => Err(stopped()),
            }
        };
        let run = self.tasks.spawn(run.in_current_span());
        run.await.map_err(|panic| Error::internal("what was asked for broke off").caused_by(panic))?
    }

    /// The metrics as they are now.
    pub fn scrape(&self) -> Result<String> {
        self.metrics.render(&self.active_jobs(), &self.budget)
    }

    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// That of all jobs, for what is no job.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        // No code that holds it leaves it half changed.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The collections of a cluster, by its name here.
    pub(super) fn lock_table(&self, cluster: &str) -> LockTable {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.entry(cluster.to_owned()).or_default().clone()
    }
}

#[cfg(test)]
mod tests;
