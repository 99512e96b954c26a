//! Verify: prove that a backup is whole, or that a cluster holds what a backup holds. Changes nothing.

mod against_live;
mod backup;

use std::collections::BTreeMap;

use super::{CollectionState, Finding, FindingKind, JobContext, Outcome, Phase};
use selvedge_archive::{BackupId, BackupReader, Damage, DamageKind, Repository};
use selvedge_model::Selection;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::Cluster;

/// What to verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyRequest {
    pub backup_id: BackupId,
    pub level: Level,
    /// The names on the cluster by those in the backup.
    pub rename: BTreeMap<String, String>,
    pub collections: Selection,
    /// How many findings to list.
    pub max_findings: usize,
}

/// How deep to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Manifests, lists, and the bytes of all files.
    Files,
    /// Also each row.
    Rows,
    /// Also the plan of a restore.
    Restorable,
    /// The cluster instead of the backup's data.
    AgainstLive,
}

/// Verifies a backup in `repository`, on its own or against `cluster`.
pub async fn verify(
    job: &JobContext,
    cluster: &Cluster,
    repository: &Repository,
    request: &VerifyRequest,
) -> Result<Outcome> {
    job.progress.set_backup_id(request.backup_id.as_str());
    job.progress.with_findings(|findings| findings.set_limit(request.max_findings));
    let cluster = job.cluster(cluster);
    job.or_stop(repository.check()).await?;
    let backup = job.or_stop(repository.open_backup(&request.backup_id)).await?;
    let names = names(&backup, request)?;
    tell_gaps(job, &backup, &names);
    job.progress.set_phase(Phase::Checking);
    if request.level == Level::AgainstLive {
        return against_live::compare(job, &cluster, &backup, request, &names).await;
    }
    backup::check(job, &backup, request, &names).await?;
    let count = count(job);
    if count > 0 {
        return Err(Error::new(
            Kind::BackupCorrupt,
            format!("backup {} does not hold: {count} findings", request.backup_id),
        )
        .hint("use another backup, or bring its files back from a copy of the repository"));
    }
    if request.level == Level::Restorable {
        backup::check_restorable(job, &cluster, &backup, request).await?;
    }
    Ok(Outcome::Complete)
}

/// A backup can be intact and yet not whole.
fn tell_gaps(job: &JobContext, backup: &BackupReader, names: &[String]) {
    let manifest = backup.manifest();
    let warn = |gap: &String, subject: &str| {
        job.progress.warn("backup_incomplete", format!("the backup is not whole: {gap}"), subject);
    };
    manifest.gaps.iter().for_each(|gap| warn(gap, manifest.id.as_str()));
    for collection in manifest.collections.iter().filter(|collection| names.contains(&collection.name)) {
        collection.gaps.iter().for_each(|gap| warn(gap, &collection.name));
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
        return Err(Error::new(Kind::CollectionNotFound, text));
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

fn find(job: &JobContext, finding: Finding) {
    job.progress.with_findings(|findings| findings.add(finding));
}

/// How many findings there are.
fn count(job: &JobContext) -> u64 {
    job.progress.with_findings(|findings| findings.total)
}

/// What a collection's state is, after these findings.
fn state(before: u64, job: &JobContext) -> CollectionState {
    if count(job) > before { CollectionState::Failed } else { CollectionState::Done }
}
