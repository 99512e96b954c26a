//! A job at one moment, whoever runs it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use selvedge_archive::Opened;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::{ProgressSnapshot, Report, Request};
use uuid::Uuid;

use super::journal::Written;
use super::liveness::Liveness;
use super::{Lifecycle, Rate, State};

#[derive(Debug, Clone)]
pub struct Snapshot {
    pub id: Uuid,
    pub request: Request,
    pub created: DateTime<Utc>,
    pub lifecycle: Lifecycle,
    pub progress: ProgressSnapshot,
    pub rate: Rate,
    /// 0 if none has begun.
    pub attempts: u32,
    pub resumable: bool,
    /// While it waits for its turn: how many wait before it.
    pub jobs_ahead: u32,
    /// The server that runs it, or ran it last. Empty if nobody knows.
    pub owner: String,
    /// Who asked for it. None if nobody had to say.
    pub caller: Option<String>,
}

impl Snapshot {
    /// A job of another process, as its journal tells of it.
    pub async fn written(written: &Written, liveness: Liveness) -> Result<Self> {
        let request = written.whole()?.request.clone();
        let lifecycle = match written.end.as_ref().map(Opened::whole) {
            Some(Some(end)) => end.lifecycle(),
            _ => unended(written, liveness),
        };
        Ok(Self {
            id: written.job.id,
            request,
            created: written.job.created,
            lifecycle,
            progress: written.progress().await?,
            rate: Rate::default(),
            attempts: written.number(),
            resumable: written.can_go_on(liveness),
            jobs_ahead: 0,
            owner: written.process().to_string(),
            caller: written.job.caller.clone(),
        })
    }
}

fn unended(written: &Written, liveness: Liveness) -> Lifecycle {
    let started = written.attempt.as_ref().map(|(_, attempt)| attempt.started);
    let (state, failure) = match liveness {
        Liveness::Dead if written.is_given_up => (State::Cancelled, Some(Arc::new(given_up()))),
        Liveness::Alive if written.is_given_up => (State::Cancelling, None),
        Liveness::Dead => (State::Interrupted, Some(Arc::new(died(written)))),
        Liveness::Alive | Liveness::Ended if started.is_none() => (State::Pending, None),
        Liveness::Alive | Liveness::Ended => (State::Running, None),
    };
    let ended = written.heard_of.filter(|_| failure.is_some());
    let backup_id = written.job.backup.clone();
    let report = Arc::new(Report { backup_id, ..Report::default() });
    Lifecycle { state, started, ended, failure, report }
}

fn died(written: &Written) -> Error {
    let text = format!("its server died before the job was done ({})", written.process());
    Error::new(Kind::ServerStopped, text).hint("resume the job to go on with it")
}

fn given_up() -> Error {
    let text = "the job was cancelled after its server had died";
    Error::new(Kind::Cancelled, text).hint("prune the repository to remove what it left")
}
