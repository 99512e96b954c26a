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
    /// Whether the request was turned down before anything was done for it: it was a question, or names what is not there, or
    /// what must not be there. Nothing is wrong but the request, and nothing is left of it.
    pub refused: bool,
    /// Whether nothing is left that could be gone on with, or going on would lead to the same.
    pub(crate) for_good: bool,
}

impl Failure {
    /// Of a job that another attempt can go on with.
    pub(crate) fn resumable(error: Error, report: Report) -> Self {
        let report = Box::new(Report { resumable: true, ..report });
        Self { error, report, refused: false, for_good: false }
    }

    pub(crate) fn for_good(error: Error, report: Report) -> Self {
        Self { error, report: Box::new(report), refused: false, for_good: true }
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
        // An earlier attempt has got further than planning.
        self.refused = job.is_planning() && !job.journal().is_resumed() && is_refusal(self.error.kind());
        self
    }
}

/// Whether a request that cannot be planned for this is at fault itself: a question, a name of what is not there, or a target
/// that is. All else, such as a collection that is in use, is no mistake of whoever asks, and a failure.
fn is_refusal(cause: Kind) -> bool {
    matches!(
        cause,
        Kind::ConfirmationRequired
            | Kind::InvalidRequest
            | Kind::CollectionNotFound
            | Kind::TenantNotFound
            | Kind::BackupNotFound
            | Kind::ClusterUnknown
            | Kind::RepositoryUnknown
            | Kind::CollectionExists
            | Kind::BackupExists
    )
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
        Self { error, report: Box::default(), refused: false, for_good: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge_archive::{Repository, RepositoryConfig};

    use crate::Journal;

    fn ended(kind: Kind, job: &Context) -> bool {
        Failure::from(Error::new(kind, "it is so")).of_attempt(job).refused
    }

    #[test]
    fn a_refusal_is_of_the_request_and_comes_before_anything_is_done() {
        let refused =
            [Kind::ConfirmationRequired, Kind::CollectionNotFound, Kind::BackupExists, Kind::InvalidRequest];
        let failed = [Kind::WeaviateUnreachable, Kind::RepositoryFull, Kind::CollectionBusy, Kind::Cancelled];
        let job = Context::alone();
        assert!(refused.iter().all(|kind| ended(*kind, &job)));
        assert!(!failed.iter().any(|kind| ended(*kind, &job)));
        job.part("first").end_planning();
        assert!(!refused.iter().any(|kind| ended(*kind, &job)), "a part of it has changed something");
    }

    #[tokio::test]
    async fn what_is_gone_on_with_is_not_refused() {
        let repository = Repository::open(&RepositoryConfig::new("default", "memory://test")).unwrap();
        let second = Context::alone().with_journal(Journal::new(repository.job("one"), 2));
        assert!(!ended(Kind::CollectionNotFound, &second));
    }
}
