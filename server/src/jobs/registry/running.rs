//! The life of a job on this server, from its turn to its end.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument;

use super::Registry;
use crate::grpc::reason_of;
use crate::jobs::attempt::{Attempt, Ending, Waiting, register};
use crate::jobs::holds::Holds;
use crate::jobs::journal::EndJson;
use crate::jobs::locks::ClusterLocks;
use crate::jobs::{Job, Lifecycle, State};
use selvedge_archive::{BackupId, Repository};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::{Context, Failure, Operation, Outcome, Report, Request};

/// How often to look whether what an earlier attempt was in the middle of is finished.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// The end of a job waits so long for the repository, and is tried again as often.
const WRITE_END_WITHIN: Duration = Duration::from_secs(10);
const WRITE_END_TRIES: usize = 360;

/// What there is of a job besides itself while this server has it.
#[derive(Default)]
struct Standing {
    /// Where it is written down; None if it is not.
    repository: Option<Repository>,
    /// Of a job that waits for its first attempt.
    waiting: Option<Waiting>,
    attempt: Option<Attempt>,
}

impl Registry {
    /// `before` is the attempt that this one comes after; None for a new job.
    pub(super) async fn run<W, F>(self: Arc<Self>, job: Arc<Job>, before: Option<u32>, work: W)
    where
        W: FnOnce(Context, Request) -> F + Send + 'static,
        F: Future<Output = Result<Outcome, Failure>> + Send + 'static,
    {
        let mut standing = Standing::default();
        let carried = AssertUnwindSafe(self.carry_out(&job, before, work, &mut standing));
        let result = tokio::select! {
            biased;
            result = carried.catch_unwind() => result.unwrap_or_else(|panic| Err(panicked(&*panic).into())),
            () = self.overdue.cancelled() => Err(overdue().into()),
        };
        let Standing { repository, waiting, attempt } = standing;
        drop(waiting);
        let mut lifecycle = job.concluded(result, repository.is_some());
        let ending = match (attempt, &repository, before) {
            (Some(attempt), ..) => Ok(Some(attempt.stop().await)),
            (None, Some(repository), None) => Ending::of_waiting(repository, &job).await,
            // What failed before its attempt began leaves a job that is resumed as it was.
            (None, Some(_), Some(_)) => {
                lifecycle = resumable(lifecycle);
                Ok(None)
            }
            (None, None, _) => Ok(None),
        };
        write_end(&job, &lifecycle, ending).await;
        // The place is free before anybody can see that the job has ended.
        match lifecycle.state {
            State::Refused => self.book().refuse(job.id, self.limits.history),
            _ => self.book().end(job.id, self.limits.history),
        }
        // And what it did is told already.
        log_end(&job, &lifecycle);
        self.metrics.end(&job, &lifecycle);
        job.end(lifecycle);
    }

    async fn carry_out<W, F>(
        &self,
        job: &Arc<Job>,
        before: Option<u32>,
        work: W,
        standing: &mut Standing,
    ) -> Result<Outcome, Failure>
    where
        W: FnOnce(Context, Request) -> F + Send + 'static,
        F: Future<Output = Result<Outcome, Failure>> + Send + 'static,
    {
        self.write_down(job, before, standing).await?;
        let _turn = self.turn(job).await?;
        if let Some(repository) = &standing.repository {
            self.until_finished(job).await?;
            // Its beat would take the attempt for another's.
            standing.waiting = None;
            match Attempt::begin(repository, job, before.unwrap_or(0), &self.process).await {
                Ok(attempt) => standing.attempt = Some(attempt),
                // Without a journal, another attempt would begin anew with what is there already.
                Err(error) if before.is_some() => return Err(error.into()),
                Err(error) => not_written(job, error)?,
            }
        }
        tracing::info!(
            summary = %job.request,
            caller = job.caller.as_deref(),
            cluster = job.request.cluster,
            repository = job.request.repository,
            dry_run = job.request.operation.is_dry_run(),
            attempt = job.attempt(),
            "job started"
        );
        job.start();
        let context = self.context(job, standing.attempt.as_ref());
        context.check_stop()?;
        work(context, job.request.clone()).await
    }

    /// Writes down what the job is to do, unless it is not worth it, or cannot be written down and does not need to be.
    async fn write_down(&self, job: &Arc<Job>, before: Option<u32>, standing: &mut Standing) -> Result<()> {
        if job.request.operation.is_dry_run() {
            return Ok(());
        }
        let Request { repository, cluster, .. } = &job.request;
        let (Ok(repository), Ok(cluster)) =
            (self.places.repository(repository), self.places.cluster(cluster))
        else {
            return Ok(());
        };
        if before.is_none() {
            match register(&repository, cluster.rest_url(), job, &self.process).await {
                Ok(waiting) => standing.waiting = Some(waiting),
                Err(error) => return not_written(job, error),
            }
        }
        standing.repository = Some(repository);
        Ok(())
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
    async fn until_finished(&self, job: &Job) -> Result<()> {
        let id = job.id.to_string();
        let is_being_finished =
            || self.finishing.lock().unwrap_or_else(PoisonError::into_inner).contains(&id);
        while is_being_finished() {
            if job.stop.is_requested() {
                return Err(job.stop.error());
            }
            job.progress.wait_for("what its earlier attempt was in the middle of is finished first", None);
            tokio::time::sleep(LOOK_AGAIN).await;
            job.progress.end_wait();
        }
        Ok(())
    }

    fn context(&self, job: &Job, attempt: Option<&Attempt>) -> Context {
        let Request { cluster, repository, operation, .. } = &job.request;
        let locks = |cluster: &str| {
            let holds = match (attempt, self.places.cluster(cluster), self.places.repository(repository)) {
                (Some(attempt), Ok(cluster), Ok(repository)) => {
                    Some(Holds::new(&repository, cluster.rest_url(), job, &self.process, attempt.held()))
                }
                _ => None,
            };
            self.lock_table(cluster).for_job(&job.request.to_string(), &job.progress, holds)
        };
        let others = operation.other_cluster().filter(|other| *other != cluster);
        let others = others.map(|other| (other.to_owned(), locks(other))).into_iter().collect();
        let locks = Arc::new(ClusterLocks { own: locks(cluster), others });
        let (progress, stop) = (Arc::clone(&job.progress), Arc::clone(&job.stop));
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
        Operation::Restore(_) | Operation::Verify(_)
            if !matches!(error.kind(), Kind::JobSuperseded | Kind::Cancelled | Kind::ServerStopped) =>
        {
            let text = format!("the job cannot be written down, so it could not be resumed: {error}");
            job.progress.warn("not_recorded", text, "");
            Ok(())
        }
        _ => Err(error),
    }
}

/// It is as it was before this attempt.
fn resumable(lifecycle: Lifecycle) -> Lifecycle {
    let report = Report { resumable: true, ..(*lifecycle.report).clone() };
    Lifecycle { report: Arc::new(report), ..lifecycle }
}

/// What cannot be written down at once is tried again later, as long as there is this server: until then others would wait for
/// what has ended.
async fn write_end(job: &Arc<Job>, lifecycle: &Lifecycle, ending: Result<Option<Ending>>) {
    let end = EndJson::new(lifecycle, job.progress.snapshot());
    let written = match &ending {
        Ok(None) => return,
        Ok(Some(ending)) => {
            let written = tokio::time::timeout(WRITE_END_WITHIN, ending.write(&end)).await;
            written.unwrap_or_else(|_| {
                Err(Error::new(Kind::RepositoryUnavailable, "the repository does not answer"))
            })
        }
        Err(error) => Err(Error::new(error.kind(), error.to_string())),
    };
    let Err(error) = written else { return };
    let text = format!("how the job ended could not be written down: {error}");
    job.progress.warn("end_not_recorded", text, "");
    if let Ok(Some(ending)) = ending {
        let again = async move {
            for _ in 0..WRITE_END_TRIES {
                tokio::time::sleep(WRITE_END_WITHIN).await;
                if ending.write(&end).await.is_ok() {
                    break;
                }
            }
        };
        tokio::spawn(again.in_current_span());
    }
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

/// One line, whatever has become of it.
fn log_end(job: &Job, lifecycle: &Lifecycle) {
    let Lifecycle { state, failure, report, .. } = lifecycle;
    let progress = job.progress.snapshot();
    let totals = job.progress.totals();
    let warnings: u64 = progress.warnings.iter().map(|warning| warning.count).sum();
    let backup = report.backup_id.as_ref().or(report.backed_up.as_ref()).map(BackupId::as_str);
    let reason = failure.as_deref().map(|error| reason_of(error.kind()));
    let next = failure.as_deref().and_then(Error::hint_text);
    let error = failure.as_deref().map(tracing::field::display);
    macro_rules! tell {
        ($level:ident) => {
            tracing::$level!(
                state = state.name(),
                backup,
                objects = progress.total.objects_done,
                bytes_read = totals.bytes_read,
                bytes_written = totals.bytes_written,
                seconds = lifecycle.seconds().unwrap_or_default(),
                warnings,
                retries = progress.retries,
                reason,
                error,
                next,
                "job ended"
            )
        };
    }
    match failure {
        Some(error) if error.kind() == Kind::Internal => tell!(error),
        // Somebody wanted that, or nothing has failed: alerts must not take it for that.
        Some(_) if !matches!(state, State::Cancelled | State::Refused) => tell!(warn),
        _ => tell!(info),
    }
}
