//! Restore: plan, create the collections, write the objects, count.
//!
//! Everything that can be refused is refused by `target` before anything is written. `creating` undoes itself if a
//! collection does not come out as it was; `writing` moves the objects.

mod creating;
mod refused;
mod target;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Access, CollectionState, JobContext, Outcome, Phase, Plan};
use crate::archive::{BackupId, Repository};
use crate::error::{Error, Kind, Result};
use crate::model::Selection;
use crate::weaviate::Cluster;
use refused::Refused;
use target::Target;

/// What to restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreRequest {
    pub backup_id: BackupId,
    pub collections: Selection,
    /// New names by the names in the backup.
    pub rename: BTreeMap<String, String>,
    /// Empty for all.
    pub tenants: Vec<String>,
    pub schema_only: bool,
    pub dry_run: bool,
}

/// Creates collections on `cluster` from a backup in `repository`.
pub async fn restore(
    job: &JobContext,
    cluster: &Cluster,
    repository: &Repository,
    request: &RestoreRequest,
) -> Result<Outcome> {
    job.progress.set_backup_id(request.backup_id.as_str());
    let cluster = job.cluster(cluster);
    let backup = job.or_stop(repository.open_backup(&request.backup_id)).await?;
    let names = target::names(backup.manifest(), request)?;
    let locked: Vec<_> = names.values().cloned().collect();
    let _lock = job.lock(&locked, Access::Exclusive)?;
    let targets = job.or_stop(target::plan(job, &cluster, &backup, request, &names)).await?;
    if request.dry_run {
        let collections = targets.iter().map(Target::planned).collect();
        job.progress.set_plan(Plan { collections, confirmation: Vec::new() });
        return Ok(Outcome::Complete);
    }
    job.progress.set_phase(Phase::CreatingSchema);
    let targets: Arc<[Target]> = targets.into();
    job.uncut(creating::create_all(job.clone(), cluster.clone(), Arc::clone(&targets))).await?;
    let mut refused = Refused::default();
    let filled = fill(job, &cluster, &targets, &mut refused).await;
    let list = if refused.total > 0 { Some(refused.save(repository, &job.job_id).await) } else { None };
    if let Err(error) = filled {
        let list = list
            .and_then(Result::ok)
            .map(|list| format!("{list} in the repository lists what Weaviate refused"));
        return Err(list.into_iter().fold(with_leftovers(error, &targets), Error::also));
    }
    for target in targets.iter() {
        target.warn_of_losses(job);
    }
    match list.transpose()? {
        None => Ok(Outcome::Complete),
        Some(list) => Ok(Outcome::Partial(
            Error::new(Kind::ObjectsRefused, format!("Weaviate refused {} objects for good", refused.total))
                .hint(format!("the warnings say why, and {list} in the repository lists them; everything else was restored")),
        )),
    }
}

async fn fill(job: &JobContext, cluster: &Cluster, targets: &[Target], refused: &mut Refused) -> Result<()> {
    for target in targets {
        job.check_stop()?;
        job.progress.set_phase(Phase::Writing);
        target.counters.set_state(CollectionState::Running);
        let result = writing::fill(job, cluster, target, refused).await;
        target.counters.set_state(match &result {
            Ok(true) => CollectionState::Done,
            Ok(false) => CollectionState::Partial,
            Err(_) => CollectionState::Failed,
        });
        result?;
    }
    Ok(())
}

/// Whoever starts the restore again would be refused because of what this one has made.
fn with_leftovers(error: Error, targets: &[Target]) -> Error {
    let names: Vec<_> = targets.iter().map(|target| target.collection.name.as_str()).collect();
    error.also(format!(
        "the job created {} and did not fill all of it: delete what it created before you restore again",
        names.join(", ")
    ))
}
