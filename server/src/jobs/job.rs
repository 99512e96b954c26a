//! One job: what it is to do, how far it is, how it ended.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use super::Snapshot;
use super::journal::JobJson;
use super::rate::{Rate, RateWindow};
use selvedge_archive::BackupId;
use selvedge_model::error::{Error, Kind};
use selvedge_ops::{Failure, Outcome, Progress, Report, Request, Stop, Totals};

/// Where a job is in its life: PENDING → RUNNING (→ CANCELLING) → one of the rest, which are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Pending,
    Running,
    Cancelling,
    Succeeded,
    Partial,
    Failed,
    Cancelled,
    Interrupted,
    /// The request was turned down before anything was done for it. Nothing is kept of such a job, and no list shows it.
    Refused,
}

impl State {
    /// For programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::Refused => "refused",
        }
    }

    pub fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Running | Self::Cancelling => false,
            Self::Succeeded
            | Self::Partial
            | Self::Failed
            | Self::Cancelled
            | Self::Interrupted
            | Self::Refused => true,
        }
    }
}

/// The part of a job that changes a few times in all; the counters are in [`Progress`].
#[derive(Debug, Clone)]
pub struct Lifecycle {
    pub state: State,
    pub started: Option<DateTime<Utc>>,
    pub ended: Option<DateTime<Utc>>,
    /// Why the job did not succeed; set with the final state.
    pub failure: Option<Arc<Error>>,
    /// What came of it; set with the final state.
    pub report: Arc<Report>,
}

impl Lifecycle {
    /// How long it ran. None if it did not begin, or has not ended.
    pub fn seconds(&self) -> Option<f64> {
        self.ended.zip(self.started).map(|(end, start)| (end - start).as_seconds_f64())
    }
}

/// What of a job is in the sums over all jobs.
#[derive(Debug, Default)]
struct Summed {
    totals: Totals,
    /// Nothing comes any more.
    is_over: bool,
}

/// Who asks for a job, and what they call it.
#[derive(Debug, Clone, Default)]
pub struct Asking {
    /// So that it is not started twice.
    pub request_id: Option<String>,
    /// None if nobody has to say.
    pub caller: Option<String>,
    /// The backup that "latest" means, if that was asked for.
    pub latest: Option<BackupId>,
}

/// A job, running or ended.
#[derive(Debug)]
pub struct Job {
    /// Sorts by creation.
    pub id: Uuid,
    /// As it was asked for.
    pub asked: Request,
    /// The same, with what was left open decided.
    pub request: Request,
    /// What the caller calls it, so that it is not started twice.
    pub request_id: Option<String>,
    /// Who asked for it. None if nobody has to say.
    pub caller: Option<String>,
    pub created: DateTime<Utc>,
    /// Which attempt this is; 0 before it has begun.
    attempt: AtomicU32,
    pub(super) progress: Arc<Progress>,
    pub(super) stop: Arc<Stop>,
    lifecycle: watch::Sender<Lifecycle>,
    rate: Mutex<RateWindow>,
    summed: Mutex<Summed>,
}

impl Job {
    pub(super) fn new(asked: Request, asking: Asking) -> Self {
        let request =
            Request { operation: asked.operation.clone().decided(asking.latest.clone()), ..asked.clone() };
        Self::of(Uuid::now_v7(), asked, request, asking, Utc::now())
    }

    /// Another attempt at a job that was written down in a repository, by its name here.
    pub(super) fn again(written: JobJson, repository: &str) -> Self {
        let JobJson { id, asked, request, request_id, caller, created, process: _, address: _ } = written;
        let request = Request { repository: repository.to_owned(), ..request };
        Self::of(id, asked, request, Asking { request_id, caller, latest: None }, created)
    }

    fn of(id: Uuid, asked: Request, request: Request, asking: Asking, created: DateTime<Utc>) -> Self {
        let Asking { request_id, caller, latest: _ } = asking;
        let lifecycle = Lifecycle {
            state: State::Pending,
            started: None,
            ended: None,
            failure: None,
            report: Arc::default(),
        };
        Self {
            id,
            asked,
            request,
            request_id,
            caller,
            created,
            attempt: AtomicU32::new(0),
            progress: Arc::default(),
            stop: Arc::default(),
            lifecycle: watch::Sender::new(lifecycle),
            rate: Mutex::default(),
            summed: Mutex::default(),
        }
    }

    pub(super) fn set_attempt(&self, number: u32) {
        self.attempt.store(number, Relaxed);
    }

    /// Wakes at every change of the lifecycle. Progress has no such signal: it is sampled.
    pub fn watch(&self) -> watch::Receiver<Lifecycle> {
        self.lifecycle.subscribe()
    }

    pub fn state(&self) -> State {
        self.lifecycle.borrow().state
    }

    /// `jobs_ahead` wait before it, on the server that `owner` names.
    pub fn snapshot(&self, jobs_ahead: u32, owner: String) -> Snapshot {
        // The lifecycle first: if it is final, the progress read after it is final too.
        let lifecycle = self.lifecycle.borrow().clone();
        let mut progress = self.progress.snapshot();
        let rate = if lifecycle.state.is_terminal() {
            // A job that was stopped while it waited no longer does.
            progress.waiting = None;
            Rate::default()
        } else {
            let mut window = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
            window.sample(Instant::now(), progress.passage())
        };
        Snapshot {
            id: self.id,
            request: self.request.clone(),
            created: self.created,
            resumable: lifecycle.report.resumable,
            lifecycle,
            progress,
            rate,
            attempts: self.attempt.load(Relaxed),
            jobs_ahead,
            owner,
            caller: self.caller.clone(),
        }
    }

    /// What it has moved since this was asked last. The last time is when it ends, and after that there is nothing.
    pub fn gain(&self, is_last: bool) -> Totals {
        let mut summed = self.summed.lock().unwrap_or_else(PoisonError::into_inner);
        if summed.is_over {
            return Totals::default();
        }
        let now = self.progress.totals();
        let gain = now.since(&summed.totals);
        *summed = Summed { totals: now, is_over: is_last };
        gain
    }

    /// Whether it cannot go on now.
    pub fn is_waiting(&self) -> bool {
        self.progress.is_waiting()
    }

    /// Asks the job to stop; one that has ended stays as it is.
    pub(super) fn request_stop(&self, cause: Kind) {
        let asked = self.lifecycle.send_if_modified(|lifecycle| {
            let can_stop = matches!(lifecycle.state, State::Pending | State::Running);
            if can_stop {
                lifecycle.state = State::Cancelling;
            }
            can_stop
        });
        if asked {
            self.stop.request(cause);
        }
    }

    pub(super) fn start(&self) {
        self.lifecycle.send_modify(|lifecycle| {
            lifecycle.started = Some(Utc::now());
            if lifecycle.state == State::Pending {
                lifecycle.state = State::Running;
            }
        });
    }

    /// How the job has really ended, whatever it was asked meanwhile. `goes_on`: whether there is another attempt if this one was
    /// interrupted.
    pub(super) fn concluded(&self, result: Result<Outcome, Failure>, goes_on: bool) -> Lifecycle {
        let (state, mut report, failure) = match result {
            Ok(Outcome::Planned(plan)) => {
                (State::Succeeded, Report { plan: Some(plan), ..Report::default() }, None)
            }
            Ok(Outcome::Complete(report)) => (State::Succeeded, report, None),
            Ok(Outcome::Partial(report, error)) => (State::Partial, report, Some(error)),
            Err(Failure { error, report, refused, .. }) => {
                let state = match error.kind() {
                    Kind::Cancelled => State::Cancelled,
                    Kind::ServerStopped | Kind::JobSuperseded => State::Interrupted,
                    _ if refused => State::Refused,
                    _ => State::Failed,
                };
                (state, *report, Some(error))
            }
        };
        report.resumable |= goes_on && state == State::Interrupted;
        let (failure, report) = (failure.map(Arc::new), Arc::new(report));
        Lifecycle { state, ended: Some(Utc::now()), failure, report, ..self.lifecycle.borrow().clone() }
    }

    pub(super) fn end(&self, lifecycle: Lifecycle) {
        self.lifecycle.send_replace(lifecycle);
    }

    pub fn attempt(&self) -> u32 {
        self.attempt.load(Relaxed)
    }
}
