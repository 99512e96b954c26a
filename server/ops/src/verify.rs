//! Verify: prove that a backup is intact, or that a cluster matches it. Changes nothing, but that it can activate tenants, and puts
//! them back.

mod against_live;
mod backup;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::outcome::can_pass;
use super::{
    CollectionState, Context, Failure, Finding, FindingKind, Findings, Level, Outcome, Phase, Report,
    VerifyRequest, same_backup,
};
use selvedge_archive::{BackupReader, Damage, DamageKind, Repository};
use selvedge_model::error::{Error, Kind, Result, counted};
use selvedge_model::{Reason, gaps, nearest_or};
use selvedge_weaviate::Cluster;

/// Verifies a backup in `repository`, on its own or against `cluster`.
pub async fn run(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    request: &VerifyRequest,
) -> Result<Outcome, Failure> {
    let found = Arc::new(Found::new(request.max_findings));
    let verified = verify(job, cluster, repository, request, &found).await;
    let backup_id = Some(request.backup_id.clone());
    let report = Report { backup_id, findings: found.findings().clone(), ..Report::default() };
    match verified {
        Ok(None) => Ok(Outcome::Complete(report)),
        Ok(Some(error)) => Ok(Outcome::Partial(report, error)),
        Err(error) => Err(failed(job, error, report)),
    }
}

/// What was looked at need not be looked at again by another attempt, if there is any use in one.
pub fn failed(job: &Context, error: Error, report: Report) -> Failure {
    match job.cause_of(&error) {
        cause if can_pass(cause) || cause == Kind::Cancelled => Failure::resumable(error, report),
        _ => Failure::for_good(error, report),
    }
}

/// An error that is returned as a value says what could not be looked at.
async fn verify(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    request: &VerifyRequest,
    found: &Arc<Found>,
) -> Result<Option<Error>> {
    let backup = job.or_stop(repository.open_backup(&request.backup_id)).await?;
    job.or_stop(same_backup::keep_to(job, backup.manifest())).await?;
    let names = names(&backup, request)?;
    tell_gaps(job, &backup, &names);
    if job.journal().is_resumed() {
        let text = "the job was resumed: what was looked at before was not looked at again";
        job.progress.warn("looked_in_attempts", text, backup.manifest().id.as_str());
    }
    job.end_planning();
    job.progress.set_phase(Phase::Checking);
    if request.level == Level::AgainstLive {
        return against_live::compare(job, cluster, repository, &backup, request, &names, found).await;
    }
    backup::check(job, &backup, request, &names, found).await?;
    let count = found.total();
    if count > 0 {
        return Err(Error::new(
            Kind::BackupCorrupt,
            format!("backup {} is damaged: {}", request.backup_id, counted(count, "finding")),
        )
        .hint("use another backup, or bring its files back from a copy of the repository"));
    }
    Ok(None)
}

/// A backup can be intact and yet not whole.
fn tell_gaps(job: &Context, backup: &BackupReader, names: &[String]) {
    let manifest = backup.manifest();
    let warn = |gap: &Reason, subject: &str| {
        job.progress.warn_of_gap("backup_incomplete", format!("the backup is not whole: {gap}"), subject);
    };
    gaps(&manifest.remarks).for_each(|gap| warn(gap, manifest.id.as_str()));
    for collection in manifest.collections.iter().filter(|collection| names.contains(&collection.name)) {
        gaps(&collection.remarks).for_each(|gap| warn(gap, &collection.name));
    }
}

/// The collections that are meant, by their names in the backup.
fn names(backup: &BackupReader, request: &VerifyRequest) -> Result<Vec<String>> {
    let manifest = backup.manifest();
    let place = format!("in backup {}", manifest.id);
    let in_backup = manifest.collections.iter().map(|collection| collection.name.as_str());
    let selected = request.collections.apply(in_backup, &place)?;
    if let Some(stray) = request.rename.keys().find(|old| !selected.contains(&old.as_str())) {
        let text = format!("\"{stray}\" has another name on the cluster but is not selected {place}");
        let near = nearest_or(stray, &selected, "choose it, or leave its name alone");
        return Err(Error::new(Kind::CollectionNotFound, text).hint(near));
    }
    Ok(selected.into_iter().map(str::to_owned).collect())
}

fn of_damage(collection: &str, damage: Damage) -> Finding {
    let Damage { kind, file, text } = damage;
    let kind = match kind {
        DamageKind::Missing => FindingKind::FileMissing,
        DamageKind::Extra => FindingKind::FileExtra,
        DamageKind::Truncated => FindingKind::FileTruncated,
        DamageKind::Altered => FindingKind::FileAltered,
        DamageKind::Unsound => FindingKind::RowsUnsound,
    };
    Finding { kind, collection: collection.to_owned(), tenant: None, object: None, part: file, text }
}

fn of_collection(kind: FindingKind, collection: &str, part: &str, text: String) -> Finding {
    let (collection, part) = (collection.to_owned(), part.to_owned());
    Finding { kind, collection, tenant: None, object: None, part, text }
}

/// What a verification has found so far.
struct Found(Mutex<Findings>);

impl Found {
    /// The first `limit` findings are listed.
    fn new(limit: usize) -> Self {
        Self(Mutex::new(Findings::listing(limit)))
    }

    fn findings(&self) -> MutexGuard<'_, Findings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, finding: Finding) {
        self.findings().add(finding);
    }

    /// `text` goes on after the tenant's name and the collection's.
    fn tenant(&self, kind: FindingKind, collection: &str, tenant: &str, text: &str) {
        let finding =
            of_collection(kind, collection, "", format!("tenant \"{tenant}\" of {collection} {text}"));
        self.add(Finding { tenant: Some(tenant.to_owned()), ..finding });
    }

    fn total(&self) -> u64 {
        self.findings().total
    }

    /// What the state is of the collection that was looked at.
    fn state(&self) -> CollectionState {
        if self.total() > 0 { CollectionState::Failed } else { CollectionState::Done }
    }

    fn merge(&self, other: Self) {
        self.findings().merge(other.into_findings());
    }

    fn into_findings(self) -> Findings {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
