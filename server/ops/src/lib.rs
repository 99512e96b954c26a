//! The use cases. Each is one function: it reads a request, the cluster and the repository, and does the whole thing,
//! reporting through the [`JobContext`] it is given.

mod backup;
mod clear;
mod compare;
mod context;
mod findings;
mod inspect;
mod lanes;
mod leftover;
mod limits;
mod plan;
mod progress;
mod restore;
mod verify;

pub use backup::{BackupRequest, InactiveTenants, backup};
use clear::is_probe;
pub use clear::{ClearRequest, clear};
pub use context::{Access, CollectionLocks, JobContext, LockGuard, Stop};
pub use findings::{Finding, FindingKind, Findings};
pub use inspect::{CollectionSummary, list_collections};
pub use leftover::{Leftover, leftovers};
pub use plan::{Plan, PlannedCollection};
pub use progress::{
    CollectionCounters, CollectionSnapshot, CollectionState, Counts, Phase, Progress, ProgressSnapshot,
    Warning,
};
pub use restore::{Check, RestoreRequest, Settings, restore};
pub use verify::{Level, VerifyRequest, verify};

use selvedge_model::error::Error;

/// How an operation that did not fail ended.
#[derive(Debug)]
pub enum Outcome {
    /// Everything that was asked for was done and checked.
    Complete,
    /// Something was refused for good; the error says what.
    Partial(Error),
}
