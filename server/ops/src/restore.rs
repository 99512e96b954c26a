//! Restore: plan, check the backup, create the collections, write the objects, then their references, compare, finish.
//!
//! Everything that can be refused is refused by `planning` before anything is written. `creating` undoes itself if a
//! collection does not come out as it was; `writing` moves the objects and their references, `checking` proves that they
//! are there, `finishing` sets what must come last, and `roles` brings back who may do what, if that is asked for.

mod adopting;
mod begun;
mod checking;
mod creating;
mod deleting;
mod dimensions;
mod existing;
mod filling;
mod finishing;
mod fitting;
mod indexing;
mod merging;
mod onto;
mod planning;
mod proving;
mod refused;
mod replaced;
mod replacing;
mod requirements;
mod restoring;
mod roles;
mod same_files;
mod settings;
mod showing;
mod sinks;
mod source;
mod surveying;
mod switching;
mod target;
mod tenants;
mod there;
mod undoing;
mod versions;
mod writing;
mod written;

use std::sync::Arc;

use selvedge_archive::{BackupReader, Manifest, Repository};
use selvedge_model::error::{Error, Kind, Result, counted, listed};
use selvedge_model::gaps;
use selvedge_weaviate::Cluster;

use super::engine::Lanes;
use super::files::Checked;
use super::journal::Ledger;
use super::outcome::can_pass;
use super::{
    Access, Context, Failure, MergeCounts, OnConflict, Outcome, Phase, Report, RestoreRequest, Wanted, files,
    same_backup,
};
use begun::Begun;
use existing::Existing;
use merging::Merging;
pub use onto::Onto;
use planning::Lists;
pub use refused::FailureKind;
use refused::Totals;
use restoring::Restoring;
use surveying::Survey;
use target::{Planned, Target, Targets};
use undoing::{Found, Undoing};

/// Creates collections on `cluster` from a backup in `repository`.
pub async fn run(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    request: &RestoreRequest,
) -> Result<Outcome, Failure> {
    let backup = job.or_stop(repository.open_backup(&request.backup_id)).await?;
    backup.require_objects()?;
    let names = planning::names(backup.manifest(), &request.wanted)?;
    let access = job.or_stop(roles::check(cluster, &backup, request, &names)).await?;
    let behind = request.behind_alias.as_ref();
    let dropped = behind.and_then(|behind| behind.drop_previous.clone());
    let locked: Vec<_> = names.values().cloned().chain(dropped).collect();
    let _lock = job.lock(&locked, Access::Exclusive).await?;
    job.or_stop(same_backup::keep_to(job, backup.manifest())).await?;
    let begun = job.or_stop(Begun::earlier(job)).await?;
    if begun == Begun::Nothing {
        tell_idle_exclusions(job, &backup, request);
    }
    let lanes = Lanes::of(job);
    let existing = job.or_stop(Existing::find(job, cluster, &names, request, begun)).await?;
    let mut planned = job
        .or_stop(planning::plan(
            cluster,
            &lanes,
            &Lists::Backup(&backup),
            &request.wanted,
            names,
            existing,
            begun,
        ))
        .await?;
    if request.wanted.allow_modified && !request.dry_run {
        job.or_stop(same_files::keep_to(job, &planned.all, begun)).await?;
    }
    let mut switched = Vec::new();
    if let Some(behind) = behind {
        switched = job.or_stop(switching::check(cluster, behind, begun)).await?;
        switching::leave_alone(&mut planned, behind);
    }
    let confirmation = planned.replaced();
    if !request.dry_run && !request.confirms(&confirmation) {
        let surveys = vec![None; planned.all.len()];
        let unconfirmed = showing::unconfirmed(cluster, repository, request, &planned, surveys, confirmation);
        return Err(job.or_stop(unconfirmed).await?);
    }
    replacing::refuse_less(&planned.all, backup.manifest(), request.allow_partial)?;
    job.or_stop(replacing::refuse_unable(cluster, &planned.all)).await?;
    if begun == Begun::Creating && !confirmation.is_empty() {
        // What an earlier attempt has not dropped yet is not dropped for a backup that was damaged since.
        check_files(job, &planned).await?;
    }
    let saves = request.saves();
    let undoing = |repair| Undoing { job, cluster, repository, lanes: &lanes, backup: &backup, repair };
    if begun == Begun::Nothing {
        // Later, each row group is checked before anything of it is written; of what little a repair reads, that will do.
        if request.repair.is_none() {
            check_files(job, &planned).await?;
        }
        for target in planned.all.iter().filter(|target| target.with_data) {
            job.or_stop(dimensions::refuse_others(cluster, target)).await?;
        }
        let found = match &saves {
            Some(repair) if request.dry_run || repair.deletes() && request.confirm.is_empty() => {
                undoing(repair).look(&planned).await?
            }
            _ => Found::default(),
        };
        let surveys = match &saves {
            None => survey(job, cluster, &lanes, &planned, request).await?,
            Some(_) => planned.all.iter().map(|target| found.counts(&target.collection.name)).collect(),
        };
        let losing = found.losing();
        if !request.dry_run && !request.confirms(&losing) {
            let unconfirmed = showing::unconfirmed(cluster, repository, request, &planned, surveys, losing);
            return Err(job.or_stop(unconfirmed).await?);
        }
        if request.dry_run {
            planned.notes.extend(switched);
            if let Some(access) = &access {
                planned.notes.extend(job.or_stop(roles::plan(cluster, access)).await?);
            }
            let confirmation = [planned.replaced(), losing].concat();
            let plan = showing::plan(cluster, repository, request, &planned, surveys, confirmation);
            return Ok(Outcome::Planned(job.or_stop(plan).await?));
        }
    }
    job.end_planning();
    let found = match &saves {
        Some(repair) => {
            let found = undoing(repair).save(&planned).await.map_err(|error| {
                let report = Report { backup_id: Some(request.backup_id.clone()), ..Report::default() };
                match can_pass(job.cause_of(&error)) {
                    true => Failure::resumable(error, report),
                    false => error.into(),
                }
            })?;
            found.confine(&mut planned, repair)?;
            found
        }
        None => Found::default(),
    };
    job.progress.set_phase(Phase::CreatingSchema);
    let (backup_id, backed_up) = (Some(request.backup_id.clone()), found.saved.clone());
    let mut report = Report { backup_id, backed_up, ..Report::default() };
    replacing::prove_all(job, cluster, repository, &planned.all).await?;
    if request.backup_first {
        let backed_up = replacing::back_up(job, cluster, repository, &planned.all).await;
        report.backed_up = backed_up.map_err(|failure| failure.with(&report))?;
        job.progress.set_phase(Phase::CreatingSchema);
    }
    let targets = Arc::new(planned.begin(&job.progress));
    for target in &targets.all {
        // What is written is counted when it is.
        if let Some(counts) = found.counts(&target.collection.name) {
            target.counters.add_merged(MergeCounts { new: 0, overwritten: 0, ..counts });
        }
    }
    create(job, cluster, &targets, begun).await.map_err(|error| match targets.replace_any() {
        // What is dropped by now comes back when the job goes on.
        true => Failure::resumable(error, report.clone()),
        false => error.into(),
    })?;
    let restoring = Restoring::new(job, cluster, &targets, lanes, request);
    let mut gaps = match restoring.run().await {
        Ok(gaps) => gaps,
        Err(error) => {
            return Err(match error.kind() {
                // Everything was done, and is not as it should be.
                Kind::CountMismatch | Kind::ContentMismatch => Failure::for_good(error, report),
                _ => Failure::resumable(error, report),
            });
        }
    };
    for target in targets.all.iter().filter(|target| target.is_merged()) {
        let deleted = deleting::delete(job, cluster, target, &found).await;
        deleted.map_err(|error| Failure::resumable(error, report.clone()))?;
    }
    gaps.extend(found.gaps());
    targets.all.iter().for_each(|target| target.warn_of_losses(&job.progress));
    if !request.allow_partial {
        gaps.extend(not_whole(backup.manifest(), request, &targets));
    }
    if let Some(access) = &access {
        let left = roles::restore(job, cluster, access).await;
        gaps.extend(left.map_err(|error| Failure::resumable(error, report.clone()))?);
    }
    let outcome = outcome(report.clone(), restoring.totals(), &gaps);
    match (behind, outcome) {
        (Some(behind), Outcome::Partial(report, error)) => {
            let text =
                format!("alias \"{}\" was left where it points, as not all was restored", behind.alias);
            Ok(Outcome::Partial(report, error.also(text)))
        }
        (Some(behind), whole) => {
            for target in &targets.all {
                let switched = switching::switch(job, cluster, behind, &target.collection.name).await;
                switched.map_err(|error| Failure::resumable(error, report.clone()))?;
            }
            Ok(whole)
        }
        (None, outcome) => Ok(outcome),
    }
}

/// Creates all collections, unless an earlier attempt has.
async fn create(job: &Context, cluster: &Cluster, targets: &Arc<Targets>, begun: Begun) -> Result<()> {
    adopting::adopt(begun, cluster, &targets.all).await?;
    if begun == Begun::Created {
        return Ok(());
    }
    existing::decide(job, &targets.all).await?;
    Begun::creating(job).await?;
    job.uncut(creating::create_all(job.clone(), cluster.clone(), Arc::clone(targets))).await
}

/// How the objects of the backup stand to what is there, for each collection that is merged into, where that has to be known
/// before anything is changed. Fails if there are objects that must not be changed, and differ.
async fn survey(
    job: &Context,
    cluster: &Cluster,
    lanes: &Lanes,
    planned: &Planned,
    request: &RestoreRequest,
) -> Result<Vec<Option<MergeCounts>>> {
    let is_asked = request.dry_run || request.on_conflict == OnConflict::Fail;
    let surveys = planned.all.iter().map(async |target| {
        let merging = match is_asked && target.with_data {
            true => job.or_stop(Merging::of(job, cluster, target, &planned.names)).await?,
            false => None,
        };
        let Some(merging) = merging else { return Ok(None) };
        let taken = Survey::take(lanes, target, merging);
        let survey = taken.await?;
        if !request.dry_run {
            survey.refuse_conflicts(&target.collection.name)?;
        }
        Ok(Some(survey.counts))
    });
    lanes.side_by_side(surveys.collect()).await
}

/// Reads all data that is to be restored, so that damage is found while there is nothing yet that a restore would leave
/// behind. Hashing is far faster than writing.
async fn check_files(job: &Context, planned: &Planned) -> Result<()> {
    job.progress.set_phase(Phase::CheckingBackup);
    let with_data = planned.all.iter().filter(|target| target.with_data);
    let checked = |target: &Target| Checked {
        reader: target.source.clone(),
        tenants: target.chosen.clone(),
        // Nothing is created before all of them are whole, and from then on they are not asked for again.
        ledger: Ledger::default(),
    };
    let readers: Vec<_> = with_data.map(checked).collect();
    files::check(job, &readers, |reader, _, damage| match damage {
        Some(damage) => Err(showing::damaged(reader, &damage)),
        None => Ok(()),
    })
    .await
}

fn tell_idle_exclusions(job: &Context, backup: &BackupReader, request: &RestoreRequest) {
    let names = backup.manifest().collections.iter().map(|collection| collection.name.as_str());
    for term in request.wanted.collections.idle_exclusions(names) {
        let text = format!(
            "nothing is left out by \"{term}\": there is no such collection in backup {}",
            request.backup_id
        );
        job.progress.warn("nothing_excluded", text, term);
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
    let gaps: Vec<_> = gaps(&manifest.remarks).map(ToString::to_string).collect();
    (asks_for_all && !gaps.is_empty()).then(|| format!("backup {id} is partial: {}", gaps.join("; ")))
}

/// Whether the backup could be restored to the cluster, with everything that can be told without writing. Returns what would be
/// different, by collection.
pub async fn check_restorable(
    cluster: &Cluster,
    lanes: &Lanes,
    backup: &BackupReader,
    wanted: &Wanted,
) -> Result<Vec<(String, String)>> {
    let names = planning::names(backup.manifest(), wanted)?;
    let existing = Existing::default();
    let lists = Lists::Backup(backup);
    let planned = planning::plan(cluster, lanes, &lists, wanted, names, existing, Begun::Nothing).await?;
    let of_all = planned.notes.iter().map(|note| (backup.manifest().id.to_string(), note.clone()));
    let differs = |target: &Target| {
        let name = target.collection.name.clone();
        target.differs.clone().into_iter().map(move |text| (name.clone(), text))
    };
    Ok(of_all.chain(planned.all.iter().flat_map(differs)).collect())
}

fn outcome(report: Report, refused: Totals, gaps: &[String]) -> Outcome {
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
        let hint =
            "the warnings say why, and the job's failures name each of them; everything else was restored";
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
        "the warnings say more, and the job's failures name each of them"
    } else {
        "the warnings say more"
    };
    let error = Error::new(Kind::RestoreIncomplete, gaps.join("; "));
    Outcome::Partial(report, error.hint(format!("{hint}; everything else was restored")))
}
