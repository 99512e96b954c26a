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

use std::sync::Arc;

use super::{
    Access, Check, CollectionState, Context, Failure, Outcome, Phase, Plan, Report, RestoreRequest, Wanted,
};
use checking::Checking;
use refused::Refused;
use selvedge_archive::{BackupId, BackupReader, Manifest, Repository};
use selvedge_model::error::{Error, Kind, Result, counted, listed};
use selvedge_weaviate::Cluster;
use target::{Target, Targets};
use writing::Content;

/// Creates collections on `cluster` from a backup in `repository`.
pub async fn run(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    request: &RestoreRequest,
) -> Result<Outcome, Failure> {
    let backup = job.or_stop(repository.open_backup(&request.backup_id)).await?;
    let names = target::names(backup.manifest(), &request.wanted)?;
    let locked: Vec<_> = names.values().cloned().collect();
    let _lock = job.lock(&locked, Access::Exclusive)?;
    tell_idle_exclusions(job, &backup, request);
    job.or_stop(target::refuse_existing(cluster, &names)).await?;
    let mut targets = job.or_stop(target::plan(cluster, &backup, &request.wanted, names)).await?;
    if request.dry_run {
        let collections = targets.all.iter().map(Target::planned).collect();
        return Ok(Outcome::Planned(Plan { collections, confirmation: Vec::new() }));
    }
    targets.count(&job.progress);
    job.progress.set_phase(Phase::CreatingSchema);
    let targets = Arc::new(targets);
    job.uncut(creating::create_all(job.clone(), cluster.clone(), Arc::clone(&targets))).await?;
    let mut refused = Refused::default();
    let written = write(job, cluster, &targets, &mut refused).await;
    let list = refused.save(repository, job).await;
    let finished = match written {
        Ok(()) => {
            let finished = finish(job, cluster, &targets, request.check, &refused).await;
            finished.map_err(|error| unfinished(error, &request.backup_id, &targets))
        }
        Err(error) => Err(unwritten(error, &targets)),
    };
    let mut gaps = finished.map_err(|error| match &list {
        Some(list) => error.also(format!("{list} in the repository lists what Weaviate refused")),
        None => error,
    })?;
    for target in &targets.all {
        target.warn_of_losses(job);
    }
    if !request.allow_partial {
        gaps.extend(not_whole(backup.manifest(), request, &targets));
    }
    let report = Report { backup_id: Some(request.backup_id.clone()), ..Report::default() };
    Ok(outcome(report, &refused, list, &gaps))
}

fn tell_idle_exclusions(job: &Context, backup: &BackupReader, request: &RestoreRequest) {
    let names = backup.manifest().collections.iter().map(|collection| collection.name.as_str());
    for term in request.wanted.collections.idle_exclusions(names) {
        let text = format!("--exclude {term}: there is no such collection in backup {}", request.backup_id);
        job.progress.warn("selection", text, term);
    }
}

/// What of the backup is not whole, as far as it was restored.
fn not_whole(manifest: &Manifest, request: &RestoreRequest, targets: &Targets) -> Option<String> {
    let short: Vec<_> = targets.all.iter().filter(|target| !target.gaps.is_empty()).collect();
    let names: Vec<_> = short.iter().map(|target| target.source.collection().name.as_str()).collect();
    let id = &manifest.id;
    if !names.is_empty() {
        let (whole, all) = (targets.all.len() - names.len(), targets.all.len());
        return Some(format!(
            "backup {id} is partial: {whole} of {} restored from it are whole in it, {} not",
            counted(all as u64, "collection"),
            listed(&names)
        ));
    }
    let asks_for_all = !request.wanted.collections.patterns().is_empty();
    let gaps = manifest.gaps.join("; ");
    (asks_for_all && !gaps.is_empty()).then(|| format!("backup {id} is partial: {gaps}"))
}

/// Whether the backup could be restored to the cluster, with everything that can be told without writing.
pub async fn check_restorable(cluster: &Cluster, backup: &BackupReader, wanted: &Wanted) -> Result<()> {
    let names = target::names(backup.manifest(), wanted)?;
    target::plan(cluster, backup, wanted, names).await.map(drop)
}

fn outcome(report: Report, refused: &Refused, list: Option<String>, gaps: &[String]) -> Outcome {
    let listed = |hint: &str| match &list {
        Some(list) => format!("{hint}, and {list} in the repository lists them"),
        None => hint.to_owned(),
    };
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
        let hint = format!("{}; everything else was restored", listed("the warnings say why"));
        return Outcome::Partial(report, Error::new(Kind::ObjectsRefused, text).hint(hint));
    }
    let mut gaps = gaps.to_vec();
    if refused.altered > 0 {
        gaps.push(format!("{} stored without something", counted(refused.altered, "object")));
    }
    if gaps.is_empty() {
        return Outcome::Complete(report);
    }
    let hint = if refused.altered > 0 {
        listed("the warnings say more")
    } else {
        "the warnings say more".to_owned()
    };
    let error = Error::new(Kind::RestoreIncomplete, gaps.join("; "));
    Outcome::Partial(report, error.hint(format!("{hint}; everything else was restored")))
}

/// Writes all objects, and then all references.
async fn write(job: &Context, cluster: &Cluster, targets: &Targets, refused: &mut Refused) -> Result<()> {
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
    Ok(())
}

/// Checks what was written, and sets what comes last. Returns what could not be brought back, beyond what was refused.
async fn finish(
    job: &Context,
    cluster: &Cluster,
    targets: &Targets,
    check: Check,
    refused: &Refused,
) -> Result<Vec<String>> {
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
fn unwritten(error: Error, targets: &Targets) -> Error {
    error.also(format!(
        "the job created {} and did not fill all of it: delete what it created before you restore again",
        listed(&targets.created())
    ))
}

/// What was to be written is there. Only that it is so was not proved, or what comes last not set.
fn unfinished(error: Error, id: &BackupId, targets: &Targets) -> Error {
    let created = listed(&targets.created());
    match error.kind() {
        Kind::CountMismatch | Kind::ContentMismatch => error,
        _ => error.also(format!(
            "everything was written to {created}; what was not done is to compare it with the backup, and to set what comes \
             last (expiry, quantizers, tenants' statuses, aliases): `selvedge verify {id} --against-live` compares"
        )),
    }
}
