//! Restore: plan, create the collections, write the objects, then their references, compare, finish.
//!
//! Everything that can be refused is refused by `target` before anything is written. `creating` undoes itself if a
//! collection does not come out as it was; `writing` moves the objects and their references, `checking` proves that they
//! are there, `finishing` sets what must come last.

mod checking;
mod creating;
mod finishing;
mod refused;
mod requirements;
mod settings;
mod target;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Access, CollectionCounters, CollectionState, JobContext, Outcome, Phase, Plan};
use crate::archive::{BackupId, BackupReader, Repository};
use crate::error::{Error, Kind, Result, counted};
use crate::model::Selection;
use crate::weaviate::Cluster;
use checking::Checking;
use refused::Refused;
pub use settings::Settings;
use target::{Target, Targets};
use writing::Content;

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
    pub without_references: bool,
    pub settings: Settings,
    pub check: Check,
    pub dry_run: bool,
}

/// How the result is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Check {
    None,
    Count,
    /// Count, and compare the content.
    #[default]
    Digest,
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
    let targets = job.or_stop(target::plan(job, &cluster, &backup, request, names)).await?;
    if request.dry_run {
        let collections = targets.all.iter().map(Target::planned).collect();
        job.progress.set_plan(Plan { collections, confirmation: Vec::new() });
        return Ok(Outcome::Complete);
    }
    job.progress.set_phase(Phase::CreatingSchema);
    let targets = Arc::new(targets);
    job.uncut(creating::create_all(job.clone(), cluster.clone(), Arc::clone(&targets))).await?;
    let mut refused = Refused::default();
    let filled = fill(job, &cluster, &targets, request.check, &mut refused).await;
    let list = if refused.is_empty() { None } else { Some(refused.save(repository, &job.job_id).await) };
    let gaps = match filled {
        Ok(gaps) => gaps,
        Err(error) => {
            let list = list
                .and_then(Result::ok)
                .map(|list| format!("{list} in the repository lists what Weaviate refused"));
            return Err(list.into_iter().fold(with_leftovers(error, &targets), Error::also));
        }
    };
    for target in &targets.all {
        target.warn_of_losses(job);
    }
    Ok(outcome(&refused, list.transpose()?, &gaps))
}

/// Whether the backup could be restored to the cluster, with everything that can be told without writing.
pub async fn check_restorable(
    cluster: &Cluster,
    backup: &BackupReader,
    selection: &Selection,
    rename: &BTreeMap<String, String>,
) -> Result<()> {
    let request = RestoreRequest {
        backup_id: backup.manifest().id.clone(),
        collections: selection.clone(),
        rename: rename.clone(),
        tenants: Vec::new(),
        schema_only: false,
        without_references: false,
        settings: Settings::default(),
        check: Check::default(),
        dry_run: true,
    };
    let names = target::names(backup.manifest(), &request)?;
    let unseen = |_: &str, _: &str| Arc::new(CollectionCounters::unseen());
    target::plan_beside_existing(cluster, backup, &request, names, &unseen).await.map(drop)
}

fn outcome(refused: &Refused, list: Option<String>, gaps: &[String]) -> Outcome {
    let list = list.unwrap_or_default();
    if refused.objects + refused.references > 0 {
        let objects = counted(refused.objects, "object");
        let references = counted(refused.references, "reference");
        let what = match (refused.objects, refused.references) {
            (_, 0) => objects,
            (0, _) => references,
            _ => format!("{objects} and {references}"),
        };
        let mut text = format!("Weaviate refused {what} for good");
        text += &gaps.iter().map(|gap| format!("; {gap}")).collect::<String>();
        return Outcome::Partial(Error::new(Kind::ObjectsRefused, text).hint(format!(
            "the warnings say why, and {list} in the repository lists them; everything else was restored"
        )));
    }
    let mut gaps = gaps.to_vec();
    if refused.altered > 0 {
        gaps.push(format!("{} objects were stored without something, listed in {list}", refused.altered));
    }
    if gaps.is_empty() {
        return Outcome::Complete;
    }
    let error = Error::new(Kind::RestoreIncomplete, gaps.join("; "));
    Outcome::Partial(error.hint("the warnings say more; everything else was restored"))
}

/// Returns what could not be brought back, beyond what was refused.
async fn fill(
    job: &JobContext,
    cluster: &Cluster,
    targets: &Targets,
    check: Check,
    refused: &mut Refused,
) -> Result<Vec<String>> {
    for target in &targets.all {
        job.check_stop()?;
        job.progress.set_phase(Phase::Writing);
        target.counters.set_state(CollectionState::Running);
        mark(target, writing::fill(job, cluster, targets, target, Content::Objects, refused).await)?;
    }
    // Only now there is everything that references point to.
    for target in targets.all.iter().filter(|target| target.has_references()) {
        job.check_stop()?;
        job.progress.set_phase(Phase::WritingReferences);
        mark(target, writing::fill(job, cluster, targets, target, Content::References, refused).await)?;
    }
    let mut gaps = Vec::new();
    for target in &targets.all {
        job.check_stop()?;
        job.progress.set_phase(Phase::Checking);
        let checking = Checking { job, cluster, targets, target, refused };
        mark(target, checking.check(check).await)?;
        job.progress.set_phase(Phase::Finishing);
        gaps.extend(mark(target, finishing::finish(job, cluster, target).await)?);
        let whole = refused.of(&target.collection.name).is_whole();
        target.counters.set_state(if whole { CollectionState::Done } else { CollectionState::Partial });
    }
    Ok(gaps)
}

fn mark<T>(target: &Target, result: Result<T>) -> Result<T> {
    if result.is_err() {
        target.counters.set_state(CollectionState::Failed);
    }
    result
}

/// Whoever starts the restore again would be refused because of what this one has made.
fn with_leftovers(error: Error, targets: &Targets) -> Error {
    let names: Vec<_> = targets.all.iter().map(|target| target.collection.name.as_str()).collect();
    error.also(format!(
        "the job created {} and did not fill all of it: delete what it created before you restore again",
        names.join(", ")
    ))
}
