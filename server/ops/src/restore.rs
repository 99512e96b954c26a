//! Restore: plan, check the backup, create the collections, write the objects, then their references, compare, finish.
//!
//! Everything that can be refused is refused by `planning` before anything is written. `creating` undoes itself if a
//! collection does not come out as it was; `writing` moves the objects and their references, `checking` proves that they
//! are there, `finishing` sets what must come last.

mod adopting;
mod begun;
mod checking;
mod creating;
mod existing;
mod filling;
mod finishing;
mod fitting;
mod merging;
mod planning;
mod proving;
mod refused;
mod replaced;
mod replacing;
mod requirements;
mod settings;
mod sinks;
mod source;
mod surveying;
mod switching;
mod target;
mod tenants;
mod there;
mod writing;
mod written;

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use selvedge_archive::{BackupReader, Manifest, Repository};
use selvedge_model::error::{Error, Kind, Result, counted, listed};
use selvedge_model::gaps;
use selvedge_weaviate::Cluster;

use super::engine::Lanes;
use super::files::Checked;
use super::journal::Ledger;
use super::{
    Access, Check, CollectionState, Context, Failure, MergeCounts, OnConflict, Outcome, Phase, Plan, Report,
    RestoreRequest, Wanted, files, same_backup,
};
use begun::Begun;
use checking::Checking;
use existing::Existing;
use filling::{Filling, checked_file};
use merging::Merging;
pub use refused::FailureKind;
use refused::{RefusedOfCollection, Totals, lock};
use surveying::Survey;
use target::{Planned, Target, Targets};
use there::There;

/// Creates collections on `cluster` from a backup in `repository`.
pub async fn run(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    request: &RestoreRequest,
) -> Result<Outcome, Failure> {
    let backup = job.or_stop(repository.open_backup(&request.backup_id)).await?;
    let names = planning::names(backup.manifest(), &request.wanted)?;
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
        .or_stop(planning::plan(cluster, &lanes, &backup, &request.wanted, names, existing, begun))
        .await?;
    let mut switched = Vec::new();
    if let Some(behind) = behind {
        switched = job.or_stop(switching::check(cluster, behind, begun)).await?;
        switching::leave_alone(&mut planned, behind);
    }
    if begun == Begun::Nothing {
        let confirmation = planned.replaced();
        if !request.dry_run && !request.confirms(&confirmation) {
            return Err(unconfirmed(request, &planned, confirmation));
        }
        if !request.allow_partial {
            replacing::refuse_gaps(&planned.all)?;
        }
        // Later, each row group is checked before anything of it is written.
        check_files(job, &planned).await?;
        let surveys = survey(job, cluster, &lanes, &planned, request).await?;
        if request.dry_run {
            let plans = planned.all.iter().zip(surveys);
            let mut collections: Vec<_> = plans.map(|(target, merge)| target.planned(merge)).collect();
            collections.iter_mut().for_each(|planned| planned.notes.extend(switched.iter().cloned()));
            return Ok(Outcome::Planned(Plan { collections, confirmation }));
        }
    }
    job.progress.set_phase(Phase::CreatingSchema);
    let targets = Arc::new(planned.begin(&job.progress));
    let report = Report { backup_id: Some(request.backup_id.clone()), ..Report::default() };
    if begun == Begun::Nothing {
        replacing::prove_all(job, cluster, repository, &targets.all).await?;
    }
    create(job, cluster, &targets, begun).await?;
    let restoring = Restoring::new(job, cluster, &targets, lanes, request.check);
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
    targets.all.iter().for_each(|target| target.warn_of_losses(&job.progress));
    if !request.allow_partial {
        gaps.extend(not_whole(backup.manifest(), request, &targets));
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

/// Nothing is destroyed before it is confirmed by name.
fn unconfirmed(request: &RestoreRequest, planned: &Planned, confirmation: Vec<String>) -> Failure {
    let text = format!("nothing was changed: replacing {} needs to be confirmed", confirmation.join(", "));
    let error = Error::new(Kind::ConfirmationRequired, text).hint("repeat the names in `confirm`");
    let collections = planned.all.iter().map(|target| target.planned(None)).collect();
    let (plan, backup_id) = (Some(Plan { collections, confirmation }), Some(request.backup_id.clone()));
    Failure::for_good(error, Report { backup_id, plan, ..Report::default() })
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
        Some(damage) => Err(reader.corrupt(&damage)),
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

/// Whether the backup could be restored to the cluster, with everything that can be told without writing.
pub async fn check_restorable(
    cluster: &Cluster,
    lanes: &Lanes,
    backup: &BackupReader,
    wanted: &Wanted,
) -> Result<()> {
    let names = planning::names(backup.manifest(), wanted)?;
    planning::plan(cluster, lanes, backup, wanted, names, Existing::default(), Begun::Nothing).await.map(drop)
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

/// A restore whose collections are there, still empty.
struct Restoring {
    job: Context,
    cluster: Cluster,
    targets: Arc<Targets>,
    check: Check,
    lanes: Lanes,
    /// What refused objects weigh that are kept.
    kept: Arc<AtomicUsize>,
    totals: Mutex<Totals>,
}

/// A collection, and how it was filled, if it was.
struct Filled {
    target: Arc<Target>,
    filling: Option<Arc<Filling>>,
}

impl Restoring {
    fn new(
        job: &Context,
        cluster: &Cluster,
        targets: &Arc<Targets>,
        lanes: Lanes,
        check: Check,
    ) -> Arc<Self> {
        Arc::new(Self {
            job: job.clone(),
            cluster: cluster.clone(),
            targets: Arc::clone(targets),
            check,
            lanes,
            kept: Arc::default(),
            totals: Mutex::default(),
        })
    }

    /// What was refused, of all collections.
    fn totals(&self) -> Totals {
        *lock(&self.totals)
    }

    /// Returns what could not be brought back, beyond what was refused.
    async fn run(self: &Arc<Self>) -> Result<Vec<String>> {
        let filled = self.write().await.map_err(|error| unwritten(error, &self.targets))?;
        self.finish(filled).await.map_err(|error| unfinished(error, &self.targets))
    }

    /// Does some work for each of some things, in a phase of its own.
    async fn each<T, R, F>(
        self: &Arc<Self>,
        phase: Phase,
        all: Vec<T>,
        work: impl Fn(Arc<Self>, T) -> F,
    ) -> Result<Vec<R>>
    where
        F: Future<Output = Result<R>> + Send,
    {
        self.job.progress.set_phase(phase);
        let works = all.into_iter().map(|one| work(Arc::clone(self), one));
        self.lanes.side_by_side(works.collect()).await
    }

    /// Writes all objects, and then all references.
    async fn write(self: &Arc<Self>) -> Result<Vec<Filled>> {
        let targets = self.targets.all.clone();
        let filled = self.each(Phase::Writing, targets, |restoring, target| async move {
            target.counters.set_state(CollectionState::Running);
            mark(&target, restoring.objects(&target).await)
        });
        // Only when all of it is written there is everything that references point to.
        let referring = filled.await?;
        let referred = self.each(Phase::WritingReferences, referring, |restoring, filled| async move {
            if let Filled { target, filling: Some(filling) } = &filled
                && target.has_references()
            {
                mark(target, writing::references(filling, &restoring.lanes).await)?;
            }
            Ok(filled)
        });
        referred.await
    }

    async fn objects(&self, target: &Arc<Target>) -> Result<Filled> {
        let target = Arc::clone(target);
        if !target.with_data {
            target.counters.add_tenants(target.tenants.len() as u64);
            return Ok(Filled { target, filling: None });
        }
        let Self { job, cluster, targets, kept, lanes, .. } = self;
        let filling = Filling::new(job, cluster, &target, &targets.names, kept).await?;
        writing::objects(&filling, lanes).await?;
        Ok(Filled { target, filling: Some(filling) })
    }

    /// Checks what was written, and sets what comes last.
    async fn finish(self: &Arc<Self>, filled: Vec<Filled>) -> Result<Vec<String>> {
        let checked =
            self.each(Phase::Checking, filled, |restoring, Filled { target, filling }| async move {
                let refused = filling.as_ref().map(|filling| std::mem::take(&mut *lock(&filling.refused)));
                let refused = Arc::new(refused.unwrap_or_default());
                *lock(&restoring.totals) += refused.totals;
                let checked = match filling {
                    Some(filling) if target.is_merged() => restoring.prove(&filling, &refused).await,
                    filling => restoring.check(&target, filling.as_ref(), &refused).await,
                };
                mark(&target, checked)?;
                Ok((target, refused.totals.are_none()))
            });
        let finished = self.each(Phase::Finishing, checked.await?, |restoring, (target, whole)| async move {
            let gaps = finishing::finish(&restoring.job, &restoring.cluster, &target).await;
            let gaps = mark(&target, gaps)?;
            target.counters.set_state(if whole { CollectionState::Done } else { CollectionState::Partial });
            Ok(gaps)
        });
        Ok(finished.await?.into_iter().flatten().collect())
    }

    async fn prove(&self, filling: &Arc<Filling>, refused: &Arc<RefusedOfCollection>) -> Result<()> {
        match self.check {
            Check::None => Ok(()),
            Check::Count | Check::Digest => {
                let there =
                    There::open(&self.job, &self.cluster, &filling.target, &self.targets.names).await?;
                proving::prove(filling, there, &self.lanes, refused).await
            }
        }
    }

    async fn check(
        &self,
        target: &Target,
        filling: Option<&Arc<Filling>>,
        refused: &Arc<RefusedOfCollection>,
    ) -> Result<()> {
        let Self { job, lanes, cluster, targets, check, .. } = self;
        let checking = Checking { job, lanes, cluster, targets, target, refused };
        let checked = checked_file(&target.collection.name);
        if job.journal().read::<()>(&checked).await?.is_some() {
            // What comes last may have put tenants to sleep since; the rest must still be there.
            return checking.count_again(*check).await;
        }
        match filling {
            // Of objects in another shape the backup has no digest: they are compared one by one.
            Some(filling) if *check == Check::Digest && target.shape.is_some() => {
                checking.check(Check::Count).await?;
                self.prove(filling, refused).await?;
            }
            _ => checking.check(*check).await?,
        }
        job.journal().write(&checked, &()).await
    }
}

fn mark<T>(target: &Target, result: Result<T>) -> Result<T> {
    if result.is_err() {
        target.counters.set_state(CollectionState::Failed);
    }
    result
}

/// Whoever starts the restore anew, and does not resume the job, would be refused because of what it has made.
fn unwritten(error: Error, targets: &Targets) -> Error {
    let (created, merged) = (targets.created(), targets.merged());
    let error = match created.is_empty() {
        true => error,
        false => error.also(format!(
            "the job created {} and did not fill all of it: resume it, or delete what it created before you restore again",
            listed(&created)
        )),
    };
    match merged.is_empty() {
        true => error,
        false => error.also(format!(
            "not all was merged into {}: resume the job, or merge again, which changes nothing of what is the same",
            listed(&merged)
        )),
    }
}

/// What was to be written is there. Only that it is so was not proved, or what comes last not set.
fn unfinished(error: Error, targets: &Targets) -> Error {
    let created = listed(&[targets.created(), targets.merged()].concat());
    match error.kind() {
        Kind::CountMismatch | Kind::ContentMismatch => error,
        _ => error.also(format!(
            "everything was written to {created}; what was not done is to compare it with the backup, and to set what comes \
             last (expiry, quantizers, tenants' statuses, aliases); verify the backup against the cluster to compare"
        )),
    }
}
