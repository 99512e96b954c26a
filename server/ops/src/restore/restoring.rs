//! Collections that are there, still empty or to be merged into, become what the backup holds: phase by phase, all of them side by
//! side in each.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use selvedge_model::error::{Error, Kind, Result, listed};
use selvedge_weaviate::Cluster;

use super::checking::Checking;
use super::filling::{Filling, checked_file};
use super::merging::Merging;
use super::refused::{RefusedOfCollection, Totals, lock};
use super::target::{Target, Targets};
use super::there::There;
use super::{finishing, indexing, proving, writing};
use crate::engine::Lanes;
use crate::{Check, CollectionState, Context, Phase, RestoreRequest};

/// A restore whose collections are there, still empty.
pub struct Restoring {
    job: Context,
    cluster: Cluster,
    targets: Arc<Targets>,
    check: Check,
    waits_for_indexes: bool,
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
    pub fn new(
        job: &Context,
        cluster: &Cluster,
        targets: &Arc<Targets>,
        lanes: Lanes,
        request: &RestoreRequest,
    ) -> Arc<Self> {
        Arc::new(Self {
            job: job.clone(),
            cluster: cluster.clone(),
            targets: Arc::clone(targets),
            check: request.check,
            waits_for_indexes: request.wait_indexed,
            lanes,
            kept: Arc::default(),
            totals: Mutex::default(),
        })
    }

    /// What was refused, of all collections.
    pub fn totals(&self) -> Totals {
        *lock(&self.totals)
    }

    /// Returns what could not be brought back, beyond what was refused.
    pub async fn run(self: &Arc<Self>) -> Result<Vec<String>> {
        let filled = self.write().await.map_err(|error| unwritten(error, &self.targets))?;
        self.finish(filled).await.map_err(|error| unfinished(error, &self.targets))
    }

    /// As [`Restoring::run`], of collections whose objects are written already.
    pub async fn go_on(self: &Arc<Self>, filled: Vec<(Arc<Target>, Arc<Filling>)>) -> Result<Vec<String>> {
        let filled = filled.into_iter().map(|(target, filling)| Filled { target, filling: Some(filling) });
        let filled = self.refer(filled.collect()).await.map_err(|error| unwritten(error, &self.targets))?;
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
        for target in &self.targets.all {
            target.counters.begin_phase(self.to_do_of(target, phase));
        }
        let works = all.into_iter().map(|one| work(Arc::clone(self), one));
        self.lanes.side_by_side(works.collect()).await
    }

    /// What a phase has to do of a collection and counts by itself: objects to go through, or else the collection.
    fn to_do_of(&self, target: &Target, phase: Phase) -> u64 {
        let is_read_back = match self.check {
            Check::None => false,
            Check::Count => target.is_merged(),
            Check::Digest => true,
        };
        let goes_through_objects = match phase {
            Phase::WritingReferences => target.has_references(),
            Phase::Checking => is_read_back,
            Phase::Finishing => return 1,
            _ => false,
        };
        if goes_through_objects && target.with_data { target.rows.values().sum() } else { 0 }
    }

    /// Writes all objects, and then all references.
    async fn write(self: &Arc<Self>) -> Result<Vec<Filled>> {
        let targets = self.targets.all.clone();
        let filled = self.each(Phase::Writing, targets, |restoring, target| async move {
            target.counters.set_state(CollectionState::Running);
            mark(&target, restoring.objects(&target).await)
        });
        self.refer(filled.await?).await
    }

    /// Writes the references of objects that are there: only when all of them are there is everything that references point to.
    async fn refer(self: &Arc<Self>, filled: Vec<Filled>) -> Result<Vec<Filled>> {
        let referred = self.each(Phase::WritingReferences, filled, |restoring, filled| async move {
            if let Filled { target, filling: Some(filling) } = &filled
                && target.has_references()
            {
                mark(target, writing::references(filling, &restoring.lanes).await)?;
                target.counters.end_phase();
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
        let merging = Merging::of(job, cluster, &target, &targets.names).await?;
        let filling = Filling::new(job, cluster, &target, &targets.names, kept, merging).await?;
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
                    // What was only repeated is compared as a whole.
                    Some(filling) if filling.merging.is_some() => restoring.prove(&filling, &refused).await,
                    filling => restoring.check(&target, filling.as_ref(), &refused).await,
                };
                mark(&target, checked)?;
                target.counters.end_phase();
                Ok((target, refused.totals.are_none()))
            });
        let checked = checked.await?;
        if self.waits_for_indexes {
            // Before tenants go to sleep, and what waits in them with them.
            indexing::wait(&self.job, &self.cluster, &self.targets).await?;
        }
        let finished = self.each(Phase::Finishing, checked, |restoring, (target, whole)| async move {
            let gaps = finishing::finish(&restoring.job, &restoring.cluster, &target).await;
            let gaps = mark(&target, gaps)?;
            target.counters.end_phase();
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
