//! How an operation ended, and what came of it.

use selvedge_archive::BackupId;
use selvedge_model::error::Error;

use crate::{Findings, Plan};

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The backup that was made or read.
    pub backup_id: Option<BackupId>,
    /// What was to be confirmed, or was.
    pub plan: Option<Plan>,
    /// What a verification found not to hold.
    pub findings: Findings,
}

/// An operation that failed.
#[derive(Debug)]
pub struct Failure {
    pub error: Error,
    pub report: Box<Report>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, report: Box::default() }
    }
}
