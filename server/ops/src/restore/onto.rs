//! A copy's other half: collections that are made on a cluster while their objects are read on another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use selvedge_archive::{BackupReader, CollectionReader, Repository};
use selvedge_model::Tenant;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::{Cluster, ObjectReader};
use serde_json::Value;
use uuid::Uuid;

use super::begun::Begun;
use super::existing::Existing;
use super::filling::Filling;
use super::planning::Lists;
use super::refused::{Refusals, lock};
use super::restoring::Restoring;
use super::sinks::{IntoWeaviate, ObjectSink};
use super::target::{Planned, Targets};
use super::{create, outcome, planning, replacing, showing};
use crate::backup::Places;
use crate::engine::{Beside, BesideSink, Lanes, Page, Sink, Sinks};
use crate::{Context, Failure, Outcome, Plan, Report, RestoreRequest};

/// What of a copy goes on on the cluster that is copied to.
pub struct Onto {
    job: Context,
    /// The one that is read.
    from: Cluster,
    cluster: Cluster,
    lanes: Lanes,
    request: RestoreRequest,
    begun: Begun,
    planned: Option<Planned>,
    /// From when on it is begun.
    targets: Option<Arc<Targets>>,
    fillings: BTreeMap<String, Arc<Filling>>,
}

impl Onto {
    /// Refuses what cannot be made there, or must not be. `drafts` are the collections that are copied, of this version of
    /// Weaviate; `objects` are those of each, as far as they are known.
    pub async fn plan(
        job: &Context,
        (from, cluster): (&Cluster, &Cluster),
        repository: &Repository,
        request: &RestoreRequest,
        drafts: &[CollectionReader],
        version: &str,
        objects: &BTreeMap<String, (u64, bool)>,
    ) -> Result<Self, Failure> {
        let lanes = Lanes::of(job);
        let names = drafts.iter().map(|draft| draft.collection().name.clone()).map(|old| {
            let new = request.wanted.rename.get(&old).cloned().unwrap_or_else(|| old.clone());
            (old, new)
        });
        let names: BTreeMap<_, _> = names.collect();
        let begun = job.or_stop(Begun::earlier(job)).await?;
        let existing = job.or_stop(Existing::find(job, cluster, &names, request, begun)).await;
        let existing = existing.map_err(|error| match error.kind() {
            Kind::CollectionExists => {
                error.hint("copy under another name, replace what is there, or delete it first")
            }
            _ => error,
        })?;
        let lists = Lists::Drafts { readers: drafts, version };
        let planned = planning::plan(cluster, &lanes, &lists, &request.wanted, names, existing, begun);
        let planned = job.or_stop(planned).await?;
        let (job, from, cluster, request) = (job.clone(), from.clone(), cluster.clone(), request.clone());
        let (planned, fillings) = (Some(planned), BTreeMap::new());
        let onto = Self { job, from, cluster, lanes, request, begun, planned, targets: None, fillings };
        if let Some(planned) = &onto.planned {
            if !onto.request.dry_run && !onto.request.confirms(&planned.replaced()) {
                let plan = onto.job.or_stop(onto.shown(repository, objects)).await?;
                return Err(showing::not_confirmed(&onto.request, plan));
            }
            onto.job.or_stop(replacing::refuse_unable(&onto.cluster, &planned.all)).await?;
        }
        Ok(onto)
    }

    /// What a dry run shows. `objects` are those of each collection, as far as they are known.
    pub async fn shown(
        &self,
        repository: &Repository,
        objects: &BTreeMap<String, (u64, bool)>,
    ) -> Result<Plan> {
        let Some(planned) = &self.planned else { return Ok(Plan::default()) };
        let (surveys, confirmation) = (vec![None; planned.all.len()], planned.replaced());
        let plan = showing::plan(&self.cluster, repository, &self.request, planned, surveys, confirmation);
        let mut plan = plan.await?;
        for one in &mut plan.collections {
            (one.objects, one.objects_exact) = objects.get(&one.collection).copied().unwrap_or_default();
            // What is on its way is not in files.
            one.bytes = None;
        }
        Ok(plan)
    }

    /// Makes the collections, unless an earlier attempt has. Returns where the objects of each go.
    pub async fn begin(&mut self) -> Result<Places> {
        let Some(planned) = self.planned.take() else { return Err(Error::internal("a copy is begun twice")) };
        let targets = Arc::new(planned.begin(&self.job.progress));
        create(&self.job, &self.cluster, &targets, self.begun).await?;
        let kept = Arc::<AtomicUsize>::default();
        let mut places = Places::new();
        for target in &targets.all {
            let name = &target.source.collection().name;
            let filling = Filling::new(&self.job, &self.cluster, target, &targets.names, &kept, None).await?;
            if self.job.journal().is_resumed() {
                filling.forget_what_follows().await?;
            }
            let beside: Arc<dyn Beside> = Arc::new(Copies(Arc::clone(&filling)));
            places.insert(name.clone(), (beside, Arc::clone(&target.counters)));
            self.fillings.insert(name.clone(), filling);
        }
        self.targets = Some(targets);
        Ok(places)
    }

    /// All objects are there: their references, the comparison, and what comes last. `keys` is what was read.
    pub async fn complete(mut self, keys: &BackupReader, report: Report) -> Result<Outcome, Failure> {
        if self.targets.is_none() {
            // Of an attempt that found everything read.
            self.begin().await?;
        }
        let Some(targets) = self.targets.take() else {
            return Err(Error::internal("a copy was not begun").into());
        };
        let mut filled = Vec::new();
        let mut readers = BTreeMap::new();
        for name in self.fillings.keys() {
            readers.insert(name.clone(), self.job.or_stop(keys.collection(name)).await?);
        }
        let targets = Arc::new(targets.reading(&readers));
        let kept = Arc::<AtomicUsize>::default();
        for target in &targets.all {
            let name = &target.source.collection().name;
            let filling = Filling::new(&self.job, &self.cluster, target, &targets.names, &kept, None).await?;
            if let Some(before) = self.fillings.get(name) {
                let mut refused = lock(&before.refused);
                refused.close();
                std::mem::swap(&mut *lock(&filling.refused), &mut *refused);
            }
            if target.has_references() {
                let original = target.source.collection();
                let originals = ObjectReader::open(&self.from, original, true);
                let originals = self.job.or_stop(originals).await?;
                // It is new.
                let _ = filling.originals.set(Arc::new(originals));
            }
            filled.push((Arc::clone(target), filling));
        }
        let Self { job, cluster, lanes, request, .. } = self;
        let restoring = Restoring::new(&job, &cluster, &targets, lanes, &request);
        let gaps = restoring.go_on(filled).await;
        let gaps = gaps.map_err(|error| match error.kind() {
            // What was written of before an interruption stays, also if it was deleted meanwhile where it came from.
            Kind::CountMismatch | Kind::ContentMismatch if job.journal().is_resumed() => Failure::for_good(
                error.hint("the original may have changed while nobody copied it: delete the copy, and make a new one"),
                report.clone(),
            ),
            _ => Failure::resumable(error, report.clone()),
        })?;
        targets.all.iter().for_each(|target| target.warn_of_losses(&job.progress));
        Ok(outcome(report, restoring.totals(), &gaps))
    }
}

/// The objects of one collection, on their way to another cluster.
struct Copies(Arc<Filling>);

impl Beside for Copies {
    fn open(&self, room: usize) -> Box<dyn BesideSink> {
        Box::new(Copier { sink: IntoWeaviate(Arc::clone(&self.0)).open(room), filling: Arc::clone(&self.0) })
    }

    fn take_back(&self, left: &Value) -> Result<()> {
        let refusals: Refusals = serde_json::from_value(left.clone())
            .map_err(|error| Error::internal("a record of a copy is not one").caused_by(error))?;
        self.0.count(&refusals);
        lock(&self.0.refused).add(refusals);
        Ok(())
    }

    fn delete<'a>(&'a self, tenant: Option<&'a str>, ids: &'a [Uuid]) -> BoxFuture<'a, Result<()>> {
        let (cluster, name) = (self.0.cluster(), &self.0.target.collection.name);
        async move { cluster.delete_objects(name, tenant, ids).await }.boxed()
    }

    fn delete_tenants<'a>(&'a self, tenants: &'a [String]) -> BoxFuture<'a, Result<()>> {
        let (cluster, name) = (self.0.cluster(), &self.0.target.collection.name);
        async move {
            let wanted: BTreeSet<_> = tenants.iter().collect();
            let there: Vec<Tenant> =
                cluster.tenants(name).await?.into_iter().filter(|one| wanted.contains(&one.name)).collect();
            if there.is_empty() { Ok(()) } else { cluster.delete_tenants(name, &there).await }
        }
        .boxed()
    }
}

struct Copier {
    sink: ObjectSink,
    filling: Arc<Filling>,
}

impl BesideSink for Copier {
    fn take(&mut self, page: Page) -> BoxFuture<'_, Result<()>> {
        self.sink.take(page).boxed()
    }

    fn is_full(&self) -> bool {
        self.sink.is_full()
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<()>> {
        self.sink.flush().boxed()
    }

    fn seal(self: Box<Self>) -> BoxFuture<'static, Result<(Value, bool)>> {
        let Self { sink, filling } = *self;
        async move {
            let refusals = sink.seal(None).await?;
            let tells = IntoWeaviate::tells_of_refusals(&refusals);
            let left = serde_json::to_value(&refusals)
                .map_err(|error| Error::internal("a record cannot be written as JSON").caused_by(error))?;
            lock(&filling.refused).add(refusals);
            Ok((left, tells))
        }
        .boxed()
    }

    fn abandon(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.sink.abandon().boxed()
    }
}
