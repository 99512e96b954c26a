//! Whether a backup can be restored: its rows are whole, and a restore of it can be planned.

use selvedge_archive::Repository;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::Cluster;

use crate::engine::Lanes;
use crate::{Context, Failure, Finding, FindingKind, Outcome, VerifyRequest, Wanted, restore, verify};

/// Verifies a backup in `repository`, and whether it could be restored to `cluster`.
pub async fn run(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    request: &VerifyRequest,
) -> Result<Outcome, Failure> {
    let mut report = match verify::run(job, cluster, repository, request).await? {
        Outcome::Complete(report) => report,
        other => return Ok(other),
    };
    let Err(error) = job.or_stop(check(job, cluster, repository, request)).await else {
        return Ok(Outcome::Complete(report));
    };
    if is_of_backup(&error) {
        let (kind, text) = (FindingKind::NotRestorable, error.to_string());
        let (collection, part) = (String::new(), String::new());
        report.findings.add(Finding { kind, collection, tenant: None, object: None, part, text });
    }
    Err(verify::failed(job, error, report))
}

async fn check(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    request: &VerifyRequest,
) -> Result<()> {
    let (collections, rename) = (request.collections.clone(), request.rename.clone());
    let wanted = Wanted { collections, rename, ..Wanted::default() };
    let backup = repository.open_backup(&request.backup_id).await?;
    backup.require_objects()?;
    let differs = restore::check_restorable(cluster, &Lanes::of(job), &backup, &wanted).await?;
    for (subject, text) in differs {
        job.progress.warn("would_differ", text, subject);
    }
    Ok(())
}

/// That Weaviate cannot be asked is a failure of the verification, anything else one of the backup.
fn is_of_backup(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::CollectionUnsupported
            | Kind::ReferenceTargetMissing
            | Kind::BackupCorrupt
            | Kind::InvalidRequest
    )
}
