//! Copy: from one cluster to another, or to another name, without a backup in between.
//!
//! It is a backup of keys, whose objects go to the other cluster while they are read: what it leaves in the repository are ids, times
//! and hashes. By these the copy is compared, goes on after an interruption, and is repeated: what has changed since is found as for
//! an incremental backup, and what is gone is deleted.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use selvedge_archive::{BackupId, CollectionReader, Repository};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::Cluster;
use tokio::sync::Mutex;

use crate::backup::{self, Companion, Places};
use crate::restore::Onto;
use crate::{Access, Context, CopyRequest, Failure, LockGuard, Outcome, Plan, Report, RestoreRequest};

/// Copies collections of `from` to `to`.
pub async fn run(
    job: &Context,
    (from, to): (&Cluster, &Cluster),
    repository: &Repository,
    request: &CopyRequest,
) -> Result<Outcome, Failure> {
    let keys = request.keys.clone().unwrap_or_else(BackupId::generate);
    let reading = CopyRequest { keys: Some(keys.clone()), ..request.clone() }.reading();
    let copy = Copy {
        job: job.clone(),
        from: from.clone(),
        to: to.clone(),
        repository: repository.clone(),
        request: request.clone(),
        writing: request.writing(&keys),
        onto: Mutex::default(),
        alone: Mutex::default(),
    };
    let read = backup::run_beside(job, from, repository, &reading, Some(&copy)).await?;
    let (report, incomplete) = match read {
        Outcome::Planned(plan) => return Ok(Outcome::Planned(plan)),
        Outcome::Complete(report) => (report, None),
        Outcome::Partial(report, error) => (report, Some(error)),
    };
    let resumable = |error: Error| Failure::resumable(error, report.clone());
    let written = job.or_stop(repository.open_backup(&keys)).await.map_err(resumable)?;
    // Where all was read already, nothing was locked.
    let names: Vec<_> =
        written.manifest().collections.iter().map(|one| request.new_name(&one.name)).collect();
    let _alone = job.lock_on(to, &names, Access::Exclusive).await.map_err(resumable)?;
    let planned = copy.onto.lock().await.take();
    let onto = match planned {
        Some(onto) => onto,
        None => {
            let mut readers = Vec::new();
            for one in &written.manifest().collections {
                readers.push(job.or_stop(written.collection(&one.name)).await.map_err(resumable)?);
            }
            let version = &written.manifest().weaviate_version;
            let known = BTreeMap::new();
            Onto::plan(job, (from, to), repository, &copy.writing, &readers, version, &known).await?
        }
    };
    match (onto.complete(&written, report).await?, incomplete) {
        (Outcome::Complete(report), Some(error)) => Ok(Outcome::Partial(report, error)),
        (outcome, _) => Ok(outcome),
    }
}

/// The other half of a copy, as the reading half sees it.
struct Copy {
    job: Context,
    from: Cluster,
    to: Cluster,
    repository: Repository,
    request: CopyRequest,
    writing: RestoreRequest,
    onto: Mutex<Option<Onto>>,
    /// What it has for itself on the cluster that is written to, until it ends.
    alone: Mutex<Option<LockGuard>>,
}

impl Companion for Copy {
    fn lock(&self, names: Vec<String>) -> BoxFuture<'_, Result<LockGuard>> {
        async move {
            let is_same = self.from.rest_url() == self.to.rest_url();
            if let Some(name) = names.iter().find(|name| is_same && self.request.new_name(name) == **name) {
                let text = format!("collection \"{name}\" would be copied onto itself");
                return Err(
                    Error::invalid("rename", text).hint("give the copy another name, or another cluster")
                );
            }
            if let Some(stray) = self.request.rename.keys().find(|old| !names.contains(old)) {
                let text = format!("\"{stray}\" is to have another name, and is not copied");
                return Err(Error::new(Kind::CollectionNotFound, text));
            }
            let names: Vec<_> = names.iter().map(|name| self.request.new_name(name)).collect();
            let alone = self.job.lock_on(&self.to, &names, Access::Exclusive).await?;
            *self.alone.lock().await = Some(alone);
            Ok(Box::new(()) as LockGuard)
        }
        .boxed()
    }

    fn plan<'a>(
        &'a self,
        drafts: Vec<(CollectionReader, u64, bool)>,
        version: &'a str,
    ) -> BoxFuture<'a, Result<Plan, Failure>> {
        async move {
            let objects: BTreeMap<_, _> = drafts
                .iter()
                .map(|(draft, objects, exact)| (draft.collection().name.clone(), (*objects, *exact)))
                .collect();
            let readers: Vec<_> = drafts.into_iter().map(|(draft, ..)| draft).collect();
            let onto = Onto::plan(
                &self.job,
                (&self.from, &self.to),
                &self.repository,
                &self.writing,
                &readers,
                version,
                &objects,
            )
            .await?;
            let plan = self.job.or_stop(onto.shown(&self.repository, &objects)).await?;
            *self.onto.lock().await = Some(onto);
            Ok(plan)
        }
        .boxed()
    }

    fn begin(&self) -> BoxFuture<'_, Result<Places, Failure>> {
        async move {
            let mut onto = self.onto.lock().await;
            let onto = onto.as_mut().ok_or_else(|| Error::internal("a copy was not planned"))?;
            onto.begin().await.map_err(|error| Failure::resumable(error, Report::default()))
        }
        .boxed()
    }
}
