//! The life of a job on this server, from its turn to its end.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::OwnedSemaphorePermit;

use super::Registry;
use crate::jobs::attempt::{Attempt, end_unbegun, register};
use crate::jobs::holds::Holds;
use crate::jobs::journal::EndJson;
use crate::jobs::locks::JobLocks;
use crate::jobs::{Job, Lifecycle};
use selvedge_archive::Repository;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::{Context, Failure, Operation, Outcome, Request};

/// How often to look whether what an earlier attempt was in the middle of is finished.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What there is of a job besides itself while this server has it.
#[derive(Default)]
struct Standing {
    /// Where it is written down; None if it is not.
    repository: Option<Repository>,
    attempt: Option<Attempt>,
    locks: Option<Arc<JobLocks>>,
}

impl Registry {
    /// `is_new` is false for another attempt at a job that is written down already.
    pub(super) async fn run<W, F>(self: Arc<Self>, job: Arc<Job>, is_new: bool, work: W)
    where
        W: FnOnce(Context, Request) -> F + Send + 'static,
        F: Future<Output = Result<Outcome, Failure>> + Send + 'static,
    {
        let mut standing = Standing::default();
        let carried = AssertUnwindSafe(self.carry_out(&job, is_new, work, &mut standing));
        let result = tokio::select! {
            biased;
            result = carried.catch_unwind() => result.unwrap_or_else(|panic| Err(panicked(&*panic).into())),
            () = self.overdue.cancelled() => Err(overdue().into()),
        };
        let lifecycle = job.concluded(result, standing.repository.is_some());
        if let Err(error) = write_end(&job, &lifecycle, standing).await {
            let text = format!("how the job ended could not be written down: {error}");
            job.progress.warn("end_not_recorded", text, "");
        }
        // The place is free before anybody can see that the job has ended.
        self.book().end(job.id, self.limits.history);
        job.end(lifecycle);
        log_end(&job);
    }

    async fn carry_out<W, F>(
        &self,
        job: &Arc<Job>,
        is_new: bool,
        work: W,
        standing: &mut Standing,
    ) -> Result<Outcome, Failure>
    where
        W: FnOnce(Context, Request) -> F + Send + 'static,
        F: Future<Output = Result<Outcome, Failure>> + Send + 'static,
    {
        standing.repository = self.write_down(job, is_new).await?;
        let _turn = self.turn(job).await?;
        if let Some(repository) = &standing.repository {
            self.until_finished(job).await;
            match Attempt::begin(repository, job, &self.process).await {
                Ok(attempt) => standing.attempt = Some(attempt),
                Err(error) => not_written(job, error)?,
            }
        }
        tracing::info!(
            summary = %job.request,
            dry_run = job.request.operation.is_dry_run(),
            attempt = job.attempt(),
            "job started"
        );
        job.start();
        let locks = standing.locks.insert(self.locks(job, standing.attempt.as_ref())?);
        let context = self.context(job, locks, standing.attempt.as_ref());
        context.check_stop()?;
        work(context, job.request.clone()).await
    }

    /// Writes down what the job is to do. None for what is not worth it, or cannot be written down and does not need to be.
    async fn write_down(&self, job: &Job, is_new: bool) -> Result<Option<Repository>> {
        if job.request.operation.is_dry_run() {
            return Ok(None);
        }
        let Ok(repository) = self.places.repository(&job.request.repository) else { return Ok(None) };
        if is_new && let Err(error) = register(&repository, job, &self.process).await {
            not_written(job, error)?;
            return Ok(None);
        }
        Ok(Some(repository))
    }

    /// Waits until fewer jobs run than may.
    async fn turn(&self, job: &Job) -> Result<OwnedSemaphorePermit> {
        let stop = job.stop.token().clone();
        let permit = Arc::clone(&self.turns).acquire_owned();
        let permit = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(job.stop.error()),
            permit = permit => permit,
        };
        self.book().begin(job.id);
        permit.map_err(|closed| Error::internal("nobody gets a turn any more").caused_by(closed))
    }

    /// What an earlier attempt was in the middle of may be being finished.
    async fn until_finished(&self, job: &Job) {
        let id = job.id.to_string();
        let is_being_finished =
            || self.finishing.lock().unwrap_or_else(PoisonError::into_inner).contains(&id);
        while is_being_finished() {
            job.progress.wait_for("what its earlier attempt was in the middle of to be finished");
            tokio::time::sleep(LOOK_AGAIN).await;
            job.progress.wait_for("");
        }
    }

    fn locks(&self, job: &Job, attempt: Option<&Attempt>) -> Result<Arc<JobLocks>> {
        let Request { cluster, repository, .. } = &job.request;
        let holds = match (attempt, self.places.cluster(cluster), self.places.repository(repository)) {
            (Some(_), Ok(cluster), Ok(repository)) => {
                Some(Holds::new(&repository, cluster.rest_url(), job.id, job.attempt()))
            }
            _ => None,
        };
        Ok(self.lock_table(cluster).for_job(&job.request.to_string(), &job.progress, holds))
    }

    fn context(&self, job: &Job, locks: &Arc<JobLocks>, attempt: Option<&Attempt>) -> Context {
        let (progress, stop) = (Arc::clone(&job.progress), Arc::clone(&job.stop));
        let locks = Arc::<JobLocks>::clone(locks);
        let (uncut, budget) = (self.uncut.clone(), self.budget.clone());
        let context = Context::new(job.id.to_string(), progress, stop, locks, uncut, budget);
        match attempt {
            Some(attempt) => context.with_journal(attempt.journal()),
            None => context,
        }
    }
}

/// A job that cannot be written down can be done all the same, if it reads the repository only; but nobody can go on with it.
fn not_written(job: &Job, error: Error) -> Result<()> {
    match job.request.operation {
        Operation::Restore(_) | Operation::Verify(_) if error.kind() != Kind::JobSuperseded => {
            let text = format!("the job cannot be written down, so it could not be resumed: {error}");
            job.progress.warn("not_recorded", text, "");
            Ok(())
        }
        _ => Err(error),
    }
}

async fn write_end(job: &Job, lifecycle: &Lifecycle, standing: Standing) -> Result<()> {
    let Standing { repository, attempt, locks } = standing;
    let end = EndJson::new(lifecycle, job.progress.snapshot());
    let ended = match (attempt, repository) {
        (Some(attempt), _) => attempt.end(&end).await,
        (None, Some(repository)) => end_unbegun(&repository, job, &end).await,
        (None, None) => Ok(()),
    };
    let given_back = match locks {
        Some(locks) => locks.give_back().await,
        None => Ok(()),
    };
    ended.and(given_back)
}

fn overdue() -> Error {
    Error::new(
        Kind::ServerStopped,
        "the server was stopped, and the job was cut off because it did not stop in time",
    )
    .hint("resume the job when the server is back")
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
