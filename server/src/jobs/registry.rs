//! Starts jobs, finds them, stops them.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

use super::Job;
use super::book::Book;
use super::locks::LockTable;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::{Budget, CollectionLocks, Context, Failure, Outcome, Request};

/// While a section that must not be cut holds up the end of the server, the log says so this often.
const REMIND_EVERY: Duration = Duration::from_secs(10);

/// How many jobs there may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Jobs that run at once.
    pub running: usize,
    /// Ended jobs that are remembered.
    pub history: usize,
    /// Bytes of objects that all of them together may have in flight.
    pub memory: usize,
}

/// All jobs of this server.
#[derive(Debug)]
pub struct Registry {
    limits: Limits,
    budget: Budget,
    book: Mutex<Book>,
    locks: Mutex<HashMap<String, LockTable>>,
    tasks: TaskTracker,
    /// Sections that neither a cancel nor a shutdown cuts.
    uncut: TaskTracker,
    /// Drops the jobs that did not stop when they were asked to.
    overdue: CancellationToken,
}

impl Registry {
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            budget: Budget::new(limits.memory),
            book: Mutex::default(),
            locks: Mutex::default(),
            tasks: TaskTracker::new(),
            uncut: TaskTracker::new(),
            overdue: CancellationToken::new(),
        })
    }

    /// Starts a job, or returns the one that the same request with the same id has started before.
    pub fn start<W, F>(
        self: &Arc<Self>,
        request_id: Option<String>,
        request: Request,
        work: W,
    ) -> Result<Arc<Job>>
    where
        W: FnOnce(Context, Request) -> F + Send + 'static,
        F: Future<Output = Result<Outcome, Failure>> + Send + 'static,
    {
        let mut book = self.book();
        if let Some(id) = &request_id
            && let Some(job) = book.same_request(id, &request)?
        {
            return Ok(Arc::clone(job));
        }
        if book.closed {
            return Err(Error::new(Kind::ServerStopped, "the server is shutting down")
                .hint("start the job again when the server is back"));
        }
        if book.running() >= self.limits.running {
            let text =
                format!("{} jobs are running, which is as many as this server allows", self.limits.running);
            return Err(Error::new(Kind::TooManyJobs, text)
                .hint("try again when one has ended, or let the server run more at once"));
        }
        let job = Arc::new(Job::new(request));
        book.add(Arc::clone(&job), request_id);
        let span = tracing::info_span!("job", id = %job.id, kind = job.request.operation.name());
        // Under the lock, so that whoever closes the book finds every job among the tasks.
        self.tasks.spawn(Arc::clone(self).run(Arc::clone(&job), work).instrument(span));
        Ok(job)
    }

    async fn run<W, F>(self: Arc<Self>, job: Arc<Job>, work: W)
    where
        W: FnOnce(Context, Request) -> F + Send + 'static,
        F: Future<Output = Result<Outcome, Failure>> + Send + 'static,
    {
        tracing::info!(
            summary = %job.request,
            dry_run = job.request.operation.is_dry_run(),
            "job started"
        );
        job.start();
        let context = self.context(&job);
        let work = AssertUnwindSafe(async {
            context.check_stop()?;
            work(context, job.request.clone()).await
        });
        let result = tokio::select! {
            biased;
            result = work.catch_unwind() => result.unwrap_or_else(|panic| Err(panicked(&*panic).into())),
            () = self.overdue.cancelled() => Err(overdue().into()),
        };
        // The place is free before anybody can see that the job has ended.
        self.book().end(job.id, self.limits.history);
        job.end(result);
        log_end(&job);
    }

    fn context(&self, job: &Job) -> Context {
        let locks = self.locks(&job.request.cluster, &job.request.to_string());
        let (progress, stop) = (Arc::clone(&job.progress), Arc::clone(&job.stop));
        Context::new(job.id.to_string(), progress, stop, locks, self.uncut.clone(), self.budget.clone())
    }

    /// The collections of a cluster, for whoever does `summary` with them.
    pub fn locks(&self, cluster: &str, summary: &str) -> Arc<dyn CollectionLocks> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.entry(cluster.to_owned()).or_default().for_job(summary)
    }

    pub fn get(&self, id: &str) -> Result<Arc<Job>> {
        let job = Uuid::try_parse(id).ok().and_then(|id| self.book().get(id).cloned());
        job.ok_or_else(|| {
            Error::new(Kind::JobNotFound, format!("there is no job \"{id}\""))
                .hint("list the jobs that this server knows; it forgets them when it restarts")
        })
    }

    /// Jobs older than `before`, newest first.
    pub fn list(&self, active_only: bool, before: Option<Uuid>) -> Vec<Arc<Job>> {
        let wanted = |job: &&Arc<Job>| !active_only || !job.state().is_terminal();
        self.book().newest_first(before).filter(wanted).cloned().collect()
    }

    /// Asks a job to stop, and does not wait until it has. A job that has ended stays as it is.
    pub fn cancel(&self, id: &str) -> Result<Arc<Job>> {
        let job = self.get(id)?;
        job.request_stop(Kind::Cancelled);
        Ok(job)
    }

    /// Refuses new jobs from now on, and asks those that run to stop.
    pub fn close(&self) {
        let mut book = self.book();
        book.closed = true;
        for job in book.newest_first(None) {
            job.request_stop(Kind::ServerStopped);
        }
    }

    /// Waits until all jobs have ended: for `deadline` if they are slow to stop, and for as long as it takes if they are
    /// in a section that must not be cut. To be called after [`Registry::close`].
    pub async fn drain(&self, deadline: Duration) {
        self.tasks.close();
        self.uncut.close();
        if tokio::time::timeout(deadline, self.tasks.wait()).await.is_err() {
            for job in self.list(true, None) {
                tracing::warn!(id = %job.id, summary = %job.request, "job did not stop within the deadline");
            }
        }
        self.uncut_sections().await;
        self.overdue.cancel();
        self.tasks.wait().await;
        self.uncut_sections().await;
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

    fn book(&self) -> MutexGuard<'_, Book> {
        // No code that holds it leaves it half changed.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn overdue() -> Error {
    Error::new(
        Kind::ServerStopped,
        "the server was stopped, and the job was cut off because it did not stop in time",
    )
    .hint("start the job again when the server is back")
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::internal(format!("the job panicked: {}", text.unwrap_or("no message")))
}

fn log_end(job: &Job) {
    let lifecycle = job.watch().borrow().clone();
    let seconds =
        lifecycle.ended.zip(lifecycle.started).map_or(0.0, |(end, start)| (end - start).as_seconds_f64());
    let state = lifecycle.state;
    match lifecycle.failure {
        None => tracing::info!(?state, seconds, "job ended"),
        Some(error) if error.kind() == Kind::Internal => {
            tracing::error!(?state, seconds, %error, "job ended");
        }
        Some(error) => tracing::warn!(?state, seconds, kind = ?error.kind(), %error, "job ended"),
    }
}

#[cfg(test)]
mod tests;
