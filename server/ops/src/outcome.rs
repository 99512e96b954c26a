//! How an operation ended, and what came of it.

use selvedge_archive::BackupId;
use selvedge_model::error::{Error, Kind};
use serde::{Deserialize, Serialize};

use crate::{Context, Findings, Plan};

/// How an operation ended that did not fail.
#[derive(Debug)]
pub enum Outcome {
    /// A dry run: this is what would be done.
    Planned(Plan),
    /// Everything that was asked for was done and checked.
    Complete(Report),
    /// Something is missing, was refused for good or could not be looked at; the error says what.
    Partial(Report, Error),
}

/// What came of an operation, however it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The backup that was made or read.
    pub backup_id: Option<BackupId>,
    /// The backup that was made of what was destroyed, or was to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backed_up: Option<BackupId>,
    /// What was to be confirmed, or was.
    pub plan: Option<Plan>,
    /// What a verification found not to hold.
    pub findings: Findings,
    /// Whether another attempt could go on with what is left.
    pub resumable: bool,
}

/// An operation that failed.
#[derive(Debug)]
pub struct Failure {
    pub error: Error,
    pub report: Box<Report>,
    /// Whether nothing is left that could be gone on with, or going on would lead to the same.
    pub(crate) for_good: bool,
}

impl Failure {
    /// Of a job that another attempt can go on with.
    pub(crate) fn resumable(error: Error, report: Report) -> Self {
        Self { error, report: Box::new(Report { resumable: true, ..report }), for_good: false }
    }

    pub(crate) fn for_good(error: Error, report: Report) -> Self {
        Self { error, report: Box::new(report), for_good: true }
    }

    /// The failure of a part of an operation, with what is to be told of the whole.
    pub(crate) fn with(mut self, whole: &Report) -> Self {
        self.report.backup_id.clone_from(&whole.backup_id);
        self.report.plan.clone_from(&whole.plan);
        self
    }

    /// What failed before it began says nothing of what earlier attempts have done: that can still be gone on with.
    pub(crate) fn of_attempt(mut self, job: &Context) -> Self {
        let is_for_good = self.for_good || self.error.kind() == Kind::JobNotResumable;
        let is_begun = self.report.resumable || job.journal().is_resumed();
        self.report.resumable = job.journal().is_kept() && is_begun && !is_for_good;
        self
    }
}

/// Whether what failed for this may be gone on with later.
pub(crate) fn can_pass(cause: Kind) -> bool {
    matches!(
        cause,
        Kind::ServerStopped
            | Kind::JobSuperseded
            | Kind::WeaviateUnreachable
            | Kind::WeaviateOverloaded
            | Kind::ShardsUnavailable
            | Kind::RepositoryUnavailable
    )
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, report: Box::default(), for_good: false }
    }
}
