//! What is written down of a job, so that other processes know of it: `jobs/<job-id>/` of its repository.
//!
//! A job without an end of its newest attempt, and without a process that is at it, is interrupted.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use selvedge_archive::{BackupId, Covered, JsonFolder, Opened, Repository};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::{ATTEMPTS, ProgressSnapshot, Report, Request, newest_attempt};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::liveness::Liveness;
use super::process::Process;
use super::{Lifecycle, State};

pub const JOB: &str = "job.json";
/// Whoever runs the job is to stop it.
pub const CANCEL: &str = "cancel.json";
const ALIVE: &str = "alive";
const ENDS: &str = "ends";

/// `job.json`: what was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobJson {
    pub id: Uuid,
    pub asked: Request,
    /// The same, with what was left open decided.
    pub request: Request,
    /// The address of its cluster: elsewhere, another one may have the same name.
    pub address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    pub created: DateTime<Utc>,
    /// Where it waits for its turn.
    pub process: Process,
}

/// What everybody may know of a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobCover {
    pub id: Uuid,
    pub cluster: String,
    /// That it reads or makes.
    pub backup: Option<BackupId>,
    pub address: String,
    pub request_id: Option<String>,
    pub caller: Option<String>,
    pub created: DateTime<Utc>,
    pub process: Process,
}

impl Covered for JobJson {
    type Cover = JobCover;

    fn cover(&self) -> JobCover {
        JobCover {
            id: self.id,
            cluster: self.request.cluster.clone(),
            backup: self.request.operation.backup_id().cloned(),
            address: self.address.clone(),
            request_id: self.request_id.clone(),
            caller: self.caller.clone(),
            created: self.created,
            process: self.process.clone(),
        }
    }
}

/// `attempts/<n>.json`: who tries it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AttemptJson {
    pub process: Process,
    pub started: DateTime<Utc>,
    pub selvedge_version: String,
}

/// `alive/<n>.json`: how far attempt `n` is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AliveJson {
    pub progress: ProgressSnapshot,
}

/// `ends/<n>.json`: how attempt `n` ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndJson {
    pub state: State,
    pub started: Option<DateTime<Utc>>,
    pub ended: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureJson>,
    pub report: Report,
    pub progress: ProgressSnapshot,
}

/// What everybody may know of an end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndCover {
    pub state: State,
    pub started: Option<DateTime<Utc>>,
    pub ended: DateTime<Utc>,
    pub resumable: bool,
}

impl Covered for EndJson {
    type Cover = EndCover;

    fn cover(&self) -> EndCover {
        let Self { state, started, ended, report, .. } = self;
        EndCover { state: *state, started: *started, ended: *ended, resumable: report.resumable }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FailureJson {
    pub kind: Kind,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<&Error> for FailureJson {
    fn from(error: &Error) -> Self {
        let (kind, hint) = (error.kind(), error.hint_text().map(str::to_owned));
        Self { kind, message: error.to_string(), hint }
    }
}

impl From<FailureJson> for Error {
    fn from(FailureJson { kind, message, hint }: FailureJson) -> Self {
        let error = Self::new(kind, message);
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

impl EndJson {
    pub fn new(lifecycle: &Lifecycle, progress: ProgressSnapshot) -> Self {
        let Lifecycle { state, started, ended, failure, report } = lifecycle.clone();
        Self {
            state,
            started,
            ended: ended.unwrap_or_else(Utc::now),
            failure: failure.as_deref().map(FailureJson::from),
            report: (*report).clone(),
            progress,
        }
    }

    pub fn lifecycle(&self) -> Lifecycle {
        Lifecycle {
            state: self.state,
            started: self.started,
            ended: Some(self.ended),
            failure: self.failure.clone().map(|failure| Arc::new(failure.into())),
            report: Arc::new(self.report.clone()),
        }
    }
}

pub fn attempt_file(number: u32) -> String {
    format!("{ATTEMPTS}/{number}.json")
}

pub fn alive_file(number: u32) -> String {
    format!("{ALIVE}/{number}.json")
}

pub fn end_file(number: u32) -> String {
    format!("{ENDS}/{number}.json")
}

/// The journal of one job, as it is at the moment.
#[derive(Debug)]
pub struct Written {
    pub folder: JsonFolder,
    pub job: JobCover,
    /// None if it is sealed, and this server has no key for it.
    whole: Option<JobJson>,
    /// The newest attempt; None if none has begun.
    pub attempt: Option<(u32, AttemptJson)>,
    pub end: Option<Opened<EndJson>>,
    /// When its process was last heard of, by the clock of the store.
    pub heard_of: Option<DateTime<Utc>>,
    /// Whether it is to stop, or if nobody is at it, will not be gone on with.
    pub is_given_up: bool,
}

impl Written {
    /// None if there is no such job. One that cannot be understood is an error.
    pub async fn read(repository: &Repository, job_id: &str) -> Result<Option<Self>> {
        Self::read_if(repository, job_id, |_| true).await
    }

    /// As [`Written::read`]; also None if it is sealed, and this server has no key for it.
    pub async fn read_whole(repository: &Repository, job_id: &str) -> Result<Option<Self>> {
        Self::read_if(repository, job_id, |job| job.whole().is_some()).await
    }

    async fn read_if(
        repository: &Repository,
        job_id: &str,
        is_wanted: fn(&Opened<JobJson>) -> bool,
    ) -> Result<Option<Self>> {
        let folder = repository.job(job_id);
        let opened = folder.read_covered::<JobJson>(JOB).await?;
        let Some(opened) = opened.filter(is_wanted) else { return Ok(None) };
        let (job, whole) = (opened.cover(), opened.whole().cloned());
        let number = newest_attempt(&folder).await?;
        let attempt = match number {
            0 => None,
            number => folder.read(&attempt_file(number)).await?.map(|attempt| (number, attempt)),
        };
        let end = folder.read_covered(&end_file(number)).await?;
        let mut heard_of = None;
        for name in [alive_file(number), attempt_file(number), JOB.to_owned()] {
            if heard_of.is_none() {
                heard_of = folder.modified(&name).await?;
            }
        }
        let is_given_up = folder.modified(CANCEL).await?.is_some();
        Ok(Some(Self { folder, job, whole, attempt, end, heard_of, is_given_up }))
    }

    /// All of what was asked for.
    pub fn whole(&self) -> Result<&JobJson> {
        self.whole.as_ref().ok_or_else(|| {
            let text = format!("job {} is encrypted, and this server has no identity for it", self.job.id);
            Error::new(Kind::KeyMissing, text).hint("ask a server that has one, or that runs the job")
        })
    }

    /// Whether it can be resumed.
    pub fn can_go_on(&self, liveness: Liveness) -> bool {
        let left_off = match &self.end {
            Some(end) => end.cover().resumable,
            None => liveness == Liveness::Dead,
        };
        left_off && !self.is_given_up
    }

    pub fn number(&self) -> u32 {
        self.attempt.as_ref().map_or(0, |(number, _)| *number)
    }

    /// Who runs it, ran it last, or lets it wait.
    pub fn process(&self) -> &Process {
        self.attempt.as_ref().map_or(&self.job.process, |(_, attempt)| &attempt.process)
    }

    pub async fn progress(&self) -> Result<ProgressSnapshot> {
        if let Some(end) = self.end.as_ref().and_then(Opened::whole) {
            return Ok(end.progress.clone());
        }
        // It is rewritten, and so may be cut off after a crash.
        let alive = self.folder.read_whole::<AliveJson>(&alive_file(self.number())).await?;
        Ok(alive.map(|alive| alive.progress).unwrap_or_default())
    }
}
