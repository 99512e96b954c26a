//! Backup: plan, read, check, commit.
//!
//! `subject` decides what is read, and what of it is known not to be whole; `copying` copies a collection, which `reading` reads.
//! `parents` are backups that it is compared with, so that only what has changed is read, and `inheriting` takes over the rest.
//! `settle` makes sure afterwards that all of it is there, `catching_up` reads again what has changed meanwhile, `meanwhile` finds
//! out what came and went, `access` reads who may do what. The backup exists from the moment its manifest is created, which is the
//! last write.

mod access;
mod catching_up;
mod copying;
mod coverage;
mod decided;
mod inheriting;
mod meanwhile;
mod parents;
mod reading;
mod settle;
mod subject;
mod tenants;
mod waking;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use futures_util::future::BoxFuture;
use selvedge_archive::{
    BackupId, BackupKind, BackupOptions, BackupWriter, ClusterIdentity, CollectionManifest, CollectionReader,
    CommitSummary, Manifest, Repository,
};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Reason, Remark, RemarkKind, gaps};
use selvedge_weaviate::Cluster;

use super::engine::Beside;
use super::outcome::can_pass;
use super::{
    Access, BackupRequest, CollectionCounters, Context, Failure, InactiveTenants, LockGuard, Outcome, Phase,
    Plan, Report, engine::Lanes, estimate,
};
use copying::{Copied, Copying};
use decided::Decided;
use parents::Parents;
pub use parents::{PARENTS, ParentChoice};
use subject::{Selected, Subject};
pub use waking::{WAVE, Woken, while_awake};

/// Collections that were had sooner were not waited for.
const PROMPTLY: Duration = Duration::from_secs(1);

impl BackupRequest {
    fn kind(&self, complete: bool, tenants_left_out: bool) -> BackupKind {
        if self.keys_only {
            BackupKind::Keys
        } else if !complete {
            BackupKind::Partial
        } else if self.schema_only {
            BackupKind::Schema
        } else if self.without_vectors || !self.tenants.is_empty() || tenants_left_out {
            BackupKind::Subset
        } else {
            BackupKind::Full
        }
    }

    fn options(&self) -> BackupOptions {
        BackupOptions {
            schema_only: self.schema_only,
            without_vectors: self.without_vectors,
            format: self.format,
            tenants: self.tenants.clone(),
            tags: self.tags.clone(),
        }
    }
}

/// Another place that the objects of a backup go to.
pub trait Companion: Sync {
    /// Has for itself what the job needs there for collections of these names.
    fn lock(&self, names: Vec<String>) -> BoxFuture<'_, Result<LockGuard>>;

    /// Hears what is to be read before anything is written, with how many objects that is and whether it is known exactly; and fails if
    /// it cannot go there. Returns what a dry run shows. `version` is that of the Weaviate that is read.
    fn plan<'a>(
        &'a self,
        drafts: Vec<(CollectionReader, u64, bool)>,
        version: &'a str,
    ) -> BoxFuture<'a, Result<Plan, Failure>>;

    /// Makes ready for it. Returns where the objects of each collection go, and what counts them.
    fn begin(&self) -> BoxFuture<'_, Result<Places, Failure>>;
}

/// Where the objects of each collection go, and what counts them.
pub type Places = BTreeMap<String, (Arc<dyn Beside>, Arc<CollectionCounters>)>;

/// Copies collections of `cluster` into a new backup in `repository`.
pub async fn run(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    request: &BackupRequest,
) -> Result<Outcome, Failure> {
    run_beside(job, cluster, repository, request, None).await
}

/// As [`run`], and to another place.
pub async fn run_beside(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    request: &BackupRequest,
    companion: Option<&dyn Companion>,
) -> Result<Outcome, Failure> {
    let id = request.backup_id.clone().unwrap_or_else(BackupId::generate);
    let report = Report { backup_id: Some(id.clone()), ..Report::default() };
    if job.journal().is_resumed()
        && let Some(manifest) = job.or_stop(repository.made_by(&id, &job.job_id)).await?
    {
        // Only its end was not written down.
        return Ok(outcome(report, &manifest));
    }
    job.or_stop(repository.check_writable(&id, &job.job_id)).await?;
    let earlier = job.or_stop(Decided::earlier(job)).await?;
    let (selected, mut gone, _locks) = loop {
        let mut selected = job.or_stop(subject::select(cluster, request)).await?;
        let gone = earlier.as_ref().map(|earlier| earlier.confine(&mut selected)).unwrap_or_default();
        let since = Instant::now();
        let (alone, beside) = selected.names_alone_and_beside(request);
        // In this order by all who do so, so that no two wait for each other.
        let alone = job.lock(&alone, Access::Exclusive).await?;
        let locks = (alone, job.lock(&beside, Access::Shared).await?);
        let there = match companion {
            Some(companion) => Some(companion.lock(selected.schemas.keys().cloned().collect()).await?),
            None => None,
        };
        let locks = (locks, there);
        // After a wait, other collections may be there than before it.
        if since.elapsed() < PROMPTLY {
            break (selected, gone, locks);
        }
    };
    let names = selected.schemas.keys().map(String::as_str);
    let parents = job.or_stop(Parents::find(job, cluster, repository, request, names)).await?;
    let (subjects, dropped) = job.or_stop(subject::plan(cluster, request, &selected, &parents)).await?;
    gone.extend(dropped);
    if let Some(companion) = companion {
        let version = job.or_stop(cluster.connect()).await?.version_text.clone();
        let drafts = subjects.iter().map(|subject| subject.draft(repository, &id, request));
        let plan = companion.plan(drafts.collect::<Result<_>>()?, &version).await?;
        if request.dry_run {
            return Ok(Outcome::Planned(plan));
        }
    }
    if request.dry_run {
        let collections: Vec<_> = subjects.iter().map(|subject| subject.planned(request)).collect();
        let objects = if request.schema_only { 0 } else { collections.iter().map(|one| one.objects).sum() };
        return Ok(Outcome::Planned(Plan::of(collections).taking(estimate::of_reading(objects))));
    }
    let decided = match earlier {
        Some(earlier) => earlier,
        None => Decided::now(&selected, &subjects, job.or_stop(cluster.settled_before()).await?),
    };
    decided.refuse_changes(&subjects)?;
    decided.write(job).await?;
    // Not to be dropped in the middle: the id could be taken by a job that has ended.
    let writer = repository.create_backup(&id, &job.job_id).await?.in_format(request.format);
    let writer = if request.keys_only { writer.of_keys() } else { writer };
    job.end_planning();
    let places = match companion {
        Some(companion) => companion.begin().await.map_err(|failure| failure.with(&report))?,
        None => Places::new(),
    };
    let beside = places.iter().map(|(name, (beside, _))| (name.clone(), Arc::clone(beside))).collect();
    let counters = places.into_iter().map(|(name, (_, counters))| (name, counters)).collect();
    let copying = Arc::new(Copying {
        job: job.clone(),
        lanes: Lanes::of(job),
        cluster: cluster.clone(),
        repository: repository.clone(),
        writer,
        request: request.clone(),
        permissions: selected.permissions.clone(),
        parents,
        decided,
        beside,
        waking: tokio::sync::Mutex::default(),
    });
    let committed = async {
        let (summary, collections) = copy(&copying, &selected, subjects, gone, &counters).await?;
        job.progress.set_phase(Phase::Committing);
        job.journal().check_newest().await?;
        if job.journal().is_resumed() {
            copying.writer.sweep(&collections).await?;
        }
        copying.writer.commit(summary, collections, job.journal().check_newest()).await
    };
    match committed.await {
        Ok(manifest) => Ok(outcome(report, &manifest)),
        Err(error) if job.journal().is_kept() && goes_on(job.cause_of(&error), companion) => {
            Err(Failure::resumable(error, report))
        }
        Err(error) => match job.journal().check_newest().await {
            Ok(()) => Err(Failure::for_good(discard(&copying.writer, error).await, report)),
            // What is there is another attempt's by now.
            Err(superseded) => Err(Failure::resumable(superseded.caused_by(error), report)),
        },
    }
}

/// Whether another attempt can go on with what was read when this one failed. What went to another place is there already, whatever
/// has ended the attempt.
fn goes_on(cause: Kind, companion: Option<&dyn Companion>) -> bool {
    let is_another = matches!(cause, Kind::SchemaChanged | Kind::JobNotResumable);
    can_pass(cause) || (companion.is_some() && !is_another)
}

fn outcome(report: Report, manifest: &Manifest) -> Outcome {
    match manifest.kind {
        BackupKind::Partial => Outcome::Partial(report, partial(manifest)),
        BackupKind::Keys if !manifest.is_whole() => Outcome::Partial(report, partial(manifest)),
        BackupKind::Full | BackupKind::Schema | BackupKind::Subset | BackupKind::Undo | BackupKind::Keys => {
            Outcome::Complete(report)
        }
    }
}

type Commit = (CommitSummary, Vec<CollectionManifest>);

async fn copy(
    copying: &Arc<Copying>,
    selected: &Selected,
    subjects: Vec<Subject>,
    mut gone: Vec<String>,
    counters: &BTreeMap<String, Arc<CollectionCounters>>,
) -> Result<Commit> {
    let Copying { job, cluster, request, .. } = &**copying;
    job.progress.set_phase(if copying.beside.is_empty() { Phase::Reading } else { Phase::Writing });
    let copies = subjects.into_iter().map(|subject| {
        let name = &subject.collection.name;
        let counters = counters.get(name).cloned();
        let counters = counters.unwrap_or_else(|| job.progress.add_collection(name, ""));
        subject.expect(&counters);
        let copying = Arc::clone(copying);
        async move {
            let name = subject.collection.name.clone();
            copying.copy(subject, counters).await.map(|copied| copied.ok_or(name))
        }
    });
    let copies = copying.lanes.side_by_side(copies.collect::<Vec<_>>()).await?;
    let (copies, dropped): (Vec<_>, Vec<_>) = copies.into_iter().partition(|copied| copied.is_ok());
    let mut copies: Vec<Copied> = copies.into_iter().flatten().collect();
    gone.extend(dropped.into_iter().filter_map(std::result::Result::err));
    let mut remarks = job.or_stop(meanwhile::look(job, cluster, request, selected, &mut copies)).await?;
    remarks.extend(gone.iter().map(|name| meanwhile::gone(request, name)));
    remarks.extend(selected.remarks.iter().cloned());
    let (access, remark) = job.or_stop(access::read(cluster, request, &selected.permissions)).await?;
    remarks.extend(remark);
    if job.journal().is_resumed() {
        remarks.push(Remark::note(Reason::ReadInAttempts { attempts: job.journal().attempt() }));
    }
    warn(job, &remarks, cluster.name());
    let collections: Vec<_> = copies.into_iter().map(|copied| copied.manifest).collect();
    let of_collections = collections.iter().flat_map(|collection| gaps(&collection.remarks));
    let complete = gaps(&remarks).chain(of_collections).next().is_none();
    let tenants_left_out = collections.iter().any(|of| of.tenants_covered < of.tenants_total);
    let summary = CommitSummary {
        kind: request.kind(complete, tenants_left_out),
        remarks,
        weaviate_version: job.or_stop(cluster.connect()).await?.version_text.clone(),
        cluster: ClusterIdentity { name: cluster.name().to_owned(), address: cluster.rest_url().to_owned() },
        start_time: copying.decided.start_time,
        settled_before: copying.decided.settled_before,
        end_time: Utc::now(),
        options: request.options(),
        access,
    };
    // The last moment to turn back: what follows makes the backup visible.
    job.check_stop()?;
    Ok((summary, collections))
}

/// Among the job's warnings.
fn warn(job: &Context, remarks: &[Remark], subject: &str) {
    for Remark { kind, reason } in remarks {
        let subject = if let Reason::NothingExcluded { term } = reason { term } else { subject };
        match kind {
            RemarkKind::Gap => job.progress.warn_of_gap(reason.name(), reason.to_string(), subject),
            RemarkKind::Note => job.progress.warn(reason.name(), reason.to_string(), subject),
        }
    }
}

fn partial(manifest: &Manifest) -> Error {
    let short: Vec<_> = manifest.collections.iter().filter(|collection| !collection.complete).collect();
    let names: Vec<_> = short.iter().take(5).map(|collection| collection.name.as_str()).collect();
    let text = match names.as_slice() {
        [] => {
            let gaps: Vec<_> = gaps(&manifest.remarks).map(ToString::to_string).collect();
            format!("backup {} may lack collections: {}", manifest.id, gaps.join("; "))
        }
        names => format!("backup {} does not hold all of {}", manifest.id, names.join(", ")),
    };
    Error::new(Kind::BackupIncomplete, text).hint("the warnings say what is missing")
}

/// Takes away what a backup that failed has written. That this can fail too must not hide why the backup failed.
async fn discard(writer: &BackupWriter, error: Error) -> Error {
    match writer.discard().await {
        Ok(_) => error,
        Err(left) => {
            let id = writer.id();
            error.also(format!("also, what the job wrote under backups/{id} could not be removed: {left}"))
        }
    }
}
