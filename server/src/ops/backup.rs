//! Backup: plan, read, check, commit.
//!
//! `source` decides what is read and refuses what cannot be read whole, `reading` moves the objects, `settle` makes sure
//! afterwards that they are all there. The backup exists from the moment its manifest is created, which is the last write.

mod reading;
mod settle;
mod source;

use chrono::Utc;

use super::{Access, JobContext, Outcome, Phase, Plan};
use crate::archive::{
    BackupId, BackupKind, BackupOptions, BackupWriter, ClusterIdentity, CommitSummary, Repository,
};
use crate::error::Result;
use crate::model::Selection;
use crate::weaviate::Cluster;
use source::Source;

/// What to back up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupRequest {
    pub collections: Selection,
    /// Empty for all.
    pub tenants: Vec<String>,
    /// None for one made from the time.
    pub backup_id: Option<BackupId>,
    pub schema_only: bool,
    pub without_vectors: bool,
    pub dry_run: bool,
}

impl BackupRequest {
    fn kind(&self) -> BackupKind {
        if self.schema_only {
            BackupKind::Schema
        } else if self.without_vectors || !self.tenants.is_empty() {
            BackupKind::Subset
        } else {
            BackupKind::Full
        }
    }

    fn options(&self) -> BackupOptions {
        BackupOptions {
            schema_only: self.schema_only,
            without_vectors: self.without_vectors,
            tenants: self.tenants.clone(),
        }
    }
}

/// Copies collections of `cluster` into a new backup in `repository`.
pub async fn backup(
    job: &JobContext,
    cluster: &Cluster,
    repository: &Repository,
    request: &BackupRequest,
) -> Result<Outcome> {
    let id = request.backup_id.clone().unwrap_or_else(BackupId::generate);
    job.progress.set_backup_id(id.as_str());
    let cluster = job.cluster(cluster);
    job.or_stop(repository.check_writable(&id)).await?;
    let names = job.or_stop(source::select(&cluster, request)).await?;
    let _lock = job.lock(&names, Access::Shared)?;
    let sources = job.or_stop(source::plan(job, &cluster, request, &names)).await?;
    if request.dry_run {
        let collections = sources.iter().map(|source| source.planned(request)).collect();
        job.progress.set_plan(Plan { collections, confirmation: Vec::new() });
        return Ok(Outcome::Complete);
    }
    // Not to be dropped in the middle: the id could be taken by a job that has ended.
    let writer = repository.create_backup(&id, &job.job_id).await?;
    let committed = async {
        let (summary, collections) = copy(job, &cluster, &writer, request, sources).await?;
        job.progress.set_phase(Phase::Committing);
        writer.commit(summary, collections).await
    };
    match committed.await {
        Ok(_) => Ok(Outcome::Complete),
        Err(error) => Err(discard(writer, error).await),
    }
}

type Copied = (CommitSummary, Vec<crate::archive::CollectionManifest>);

async fn copy(
    job: &JobContext,
    cluster: &Cluster,
    writer: &BackupWriter,
    request: &BackupRequest,
    sources: Vec<Source>,
) -> Result<Copied> {
    let start_time = Utc::now();
    job.progress.set_phase(Phase::Reading);
    let mut collections = Vec::with_capacity(sources.len());
    for source in sources {
        job.check_stop()?;
        collections.push(reading::copy_collection(job, cluster, writer, request, source).await?);
    }
    let summary = CommitSummary {
        kind: request.kind(),
        weaviate_version: job.or_stop(cluster.connect()).await?.version_text.clone(),
        cluster: ClusterIdentity { name: cluster.name().to_owned(), address: cluster.rest_url().to_owned() },
        start_time,
        end_time: Utc::now(),
        options: request.options(),
    };
    // The last moment to turn back: what follows makes the backup visible.
    job.check_stop()?;
    Ok((summary, collections))
}

/// Takes away what a backup that failed has written. That this can fail too must not hide why the backup failed.
async fn discard(writer: BackupWriter, error: crate::error::Error) -> crate::error::Error {
    let id = writer.id().clone();
    match writer.discard().await {
        Ok(_) => error,
        Err(left) => {
            error.also(format!("also, what the job wrote under backups/{id} could not be removed: {left}"))
        }
    }
}
