//! One job: what it is to do, how far it is, how it ended.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use super::Assignment;
use super::rate::{Rate, RateWindow};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::{Outcome, Progress, ProgressSnapshot, Stop};

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
}

/// A job, running or ended.
#[derive(Debug)]
pub struct Job {
    /// Sorts by creation.
    pub id: Uuid,
    pub assignment: Assignment,
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
    pub(super) fn new(assignment: Assignment) -> Self {
        let progress = Arc::new(Progress::default());
        if let Some(id) = assignment.request.backup_id() {
            progress.set_backup_id(&id);
        }
        let lifecycle = Lifecycle { state: State::Pending, started: None, ended: None, failure: None };
        Self {
            id: Uuid::now_v7(),
            assignment,
            created: Utc::now(),
            progress,
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
    pub(super) fn end(&self, result: Result<Outcome>) {
        let (state, failure) = match result {
            Ok(Outcome::Complete) => (State::Succeeded, None),
            Ok(Outcome::Partial(error)) => (State::Partial, Some(error)),
            Err(error) if error.kind() == Kind::Cancelled => (State::Cancelled, Some(error)),
            Err(error) if error.kind() == Kind::ServerStopped => (State::Interrupted, Some(error)),
            Err(error) => (State::Failed, Some(error)),
        };
        self.lifecycle.send_modify(|lifecycle| {
            lifecycle.state = state;
            lifecycle.ended = Some(Utc::now());
            lifecycle.failure = failure.map(Arc::new);
        });
    }
}
