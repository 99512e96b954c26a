//! One job: what it is to do, how far it is, how it ended.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use super::rate::{Rate, RateWindow};
use selvedge_model::error::{Error, Kind};
use selvedge_ops::{Failure, Outcome, Progress, ProgressSnapshot, Report, Request, Stop};

/// Where a job is in its life: PENDING → RUNNING (→ CANCELLING) → one of the rest, which are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Pending,
    Running,
    Cancelling,
    Succeeded,
    Partial,
    Failed,
    Cancelled,
    Interrupted,
}

impl State {
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Running | Self::Cancelling => false,
            Self::Succeeded | Self::Partial | Self::Failed | Self::Cancelled | Self::Interrupted => true,
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

/// A job, running or ended.
#[derive(Debug)]
pub struct Job {
    /// Sorts by creation.
    pub id: Uuid,
    /// As it was asked for.
    pub asked: Request,
    /// The same, with what was left open decided.
    pub request: Request,
    pub created: DateTime<Utc>,
    pub(super) progress: Arc<Progress>,
    pub(super) stop: Arc<Stop>,
    lifecycle: watch::Sender<Lifecycle>,
    rate: Mutex<RateWindow>,
}

/// A job at one moment.
#[derive(Debug, Clone)]
pub struct View {
    pub lifecycle: Lifecycle,
    pub progress: ProgressSnapshot,
    pub rate: Rate,
}

impl Job {
    pub(super) fn new(asked: Request) -> Self {
        let request = Request { operation: asked.operation.clone().decided(), ..asked.clone() };
        let lifecycle = Lifecycle {
            state: State::Pending,
            started: None,
            ended: None,
            failure: None,
            report: Arc::default(),
        };
        Self {
            id: Uuid::now_v7(),
            asked,
            request,
            created: Utc::now(),
            progress: Arc::default(),
            stop: Arc::default(),
            lifecycle: watch::Sender::new(lifecycle),
            rate: Mutex::default(),
        }
    }

    /// Wakes at every change of the lifecycle. Progress has no such signal: it is sampled.
    pub fn watch(&self) -> watch::Receiver<Lifecycle> {
        self.lifecycle.subscribe()
    }

    pub fn state(&self) -> State {
        self.lifecycle.borrow().state
    }

    pub fn view(&self) -> View {
        // The lifecycle first: if it is final, the progress read after it is final too.
        let lifecycle = self.lifecycle.borrow().clone();
        let mut progress = self.progress.snapshot();
        let rate = if lifecycle.state.is_terminal() {
            // A job that was stopped while it waited no longer does.
            progress.waiting_for.clear();
            Rate::default()
        } else {
            let mut window = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
            window.sample(Instant::now(), &progress.total)
        };
        View { lifecycle, progress, rate }
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

    /// Sets the state the job really ended in, whatever it was asked meanwhile.
    pub(super) fn end(&self, result: Result<Outcome, Failure>) {
        let (state, report, failure) = match result {
            Ok(Outcome::Planned(plan)) => {
                (State::Succeeded, Report { plan: Some(plan), ..Report::default() }, None)
            }
            Ok(Outcome::Complete(report)) => (State::Succeeded, report, None),
            Ok(Outcome::Partial(report, error)) => (State::Partial, report, Some(error)),
            Err(Failure { error, report }) => {
                let state = match error.kind() {
                    Kind::Cancelled => State::Cancelled,
                    Kind::ServerStopped => State::Interrupted,
                    _ => State::Failed,
                };
                (state, *report, Some(error))
            }
        };
        self.lifecycle.send_modify(|lifecycle| {
            lifecycle.state = state;
            lifecycle.ended = Some(Utc::now());
            lifecycle.failure = failure.map(Arc::new);
            lifecycle.report = Arc::new(report);
        });
    }
}
