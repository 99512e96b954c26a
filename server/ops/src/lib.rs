//! The use cases: backup, restore, clear and verify, as a library.
//!
//! A [`Request`] is a value, and [`run`] carries it out at the [`Places`] that it names, reporting through the [`Context`] it
//! is given. What comes of it is returned as an [`Outcome`].

#![forbid(unsafe_code)]

mod backup;
mod backup_first;
mod check;
mod clear;
mod compare;
mod context;
mod copy;
mod diff;
mod engine;
mod estimate;
mod export;
mod failures;
mod files;
mod findings;
mod import;
mod inspect;
mod journal;
mod leftover;
mod limits;
mod outcome;
mod places;
mod plan;
mod probe;
mod progress;
mod replicas;
mod request;
mod reshape;
mod restorable;
mod restore;
mod same_backup;
mod status;
mod stock;
mod telling;
mod verify;

pub use backup::{PARENTS, ParentChoice};
pub use backup_first::FIRST_BACKUP;
pub use check::{CheckLine, CheckOutcome, check};
pub use compare::{Part as ChangedPart, PartKind};
pub use context::{Access, CollectionLocks, Context, LockGuard, Stop};
pub use diff::{Change, CollectionDifference, DiffRequest, DiffWith, Difference, ObjectDifference, diff};
pub use engine::Budget;
pub use export::export;
pub use failures::{FailureKind, FailurePage, ObjectFailure, list_failures};
pub use findings::{Finding, FindingKind, Findings};
pub use import::{Import, import};
pub use inspect::{CollectionSummary, list_collections};
pub use journal::{ATTEMPTS, Journal, RECORDS, REFUSED, newest_attempt};
pub use leftover::{Leftover, leftovers, spent_leftovers};
pub use outcome::{Failure, Outcome, Report};
pub use places::{DEFAULT_NAME, Places};
pub use plan::{Plan, PlannedCollection};
pub use progress::{
    CollectionCounters, CollectionSnapshot, CollectionState, Counts, MergeCounts, Passage, Phase, Progress,
    ProgressSnapshot, TRACED, Totals, Wait, Warning,
};
pub use replicas::{
    CollectionOnReplicas, ObjectOnReplicas, ReplicaFinding, ReplicasRequest, compare_replicas,
};
pub use request::{
    BackupRequest, BehindAlias, Check, ClearRequest, CopyRequest, Deviation, IfExists, InactiveTenants,
    LATEST, LatestOf, Level, OnConflict, Operation, Repair, Request, RestoreRequest, Settings, VerifyRequest,
    Wanted,
};
pub use reshape::{Part, Reshape, Tenancy};
use selvedge_archive::Repository;
use selvedge_model::error::{Kind, Result};
use selvedge_weaviate::Cluster;
pub use status::{ClusterStatus, CollectionStatus, RepositoryStatus, Status, status};
pub use stock::{Stock, Successes};

/// Carries out a request. Returns when nothing is under way any more.
pub async fn run(context: &Context, places: &Places, request: &Request) -> Result<Outcome, Failure> {
    carry_out(context, places, request).await.map_err(|failure| {
        let failure = match context.check_stop() {
            // A call that was cut does not know why.
            Err(stop) if failure.error.kind() == Kind::Cancelled && stop.kind() != Kind::Cancelled => {
                Failure { error: stop.caused_by(failure.error), ..failure }
            }
            _ => failure,
        };
        failure.of_attempt(context)
    })
}

async fn carry_out(context: &Context, places: &Places, request: &Request) -> Result<Outcome, Failure> {
    let context = &context.waiting_for_locks(request.lock_timeout);
    let _phases = context.progress.trace_phases();
    let cluster = context.cluster(&places.cluster(&request.cluster)?);
    let repository = places.repository(&request.repository)?;
    context.or_stop(repository.check()).await?;
    if context.journal().is_resumed() {
        finish_earlier(context, &cluster, &repository).await?;
    }
    match &request.operation {
        Operation::Backup(request) => backup::run(context, &cluster, &repository, request).await,
        Operation::Restore(request) | Operation::Repair(request) => {
            restore::run(context, &cluster, &repository, request).await
        }
        Operation::Copy(request) => {
            let to = context.cluster(&places.cluster(&request.to)?);
            copy::run(context, (&cluster, &to), &repository, request).await
        }
        Operation::Clear(request) => clear::run(context, &cluster, &repository, request).await,
        Operation::Verify(request) if request.level == Level::Restorable => {
            restorable::run(context, &cluster, &repository, request).await
        }
        Operation::Verify(request) => verify::run(context, &cluster, &repository, request).await,
    }
}

/// What an attempt that died was in the middle of must not stay as it is, whatever becomes of this one.
async fn finish_earlier(context: &Context, cluster: &Cluster, repository: &Repository) -> Result<()> {
    for leftover in leftovers(repository, &context.job_id).await? {
        let (leftover, cluster) = (leftover?, cluster.patient());
        let collection = leftover.collection().to_owned();
        let _alone = context.lock(std::slice::from_ref(&collection), Access::Exclusive).await?;
        if let Some(done) = context.uncut(async move { leftover.finish(&cluster).await }).await? {
            context.progress.warn(
                "finished",
                format!("what an earlier attempt had begun was finished: {done}"),
                collection,
            );
        }
    }
    Ok(())
}
