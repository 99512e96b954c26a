//! Backup: plan, read, check, commit.
//!
//! `source` decides what is read, and what of it is known not to be whole; `reading` moves the objects, `settle` makes sure
//! afterwards that they are all there, `meanwhile` finds out what came and went. The backup exists from the moment its
//! manifest is created, which is the last write.

mod coverage;
mod meanwhile;
mod reading;
mod remarks;
mod settle;
mod source;
mod tenants;
mod waking;

use chrono::Utc;

use super::{Access, BackupRequest, Context, Failure, InactiveTenants, Outcome, Phase, Plan, Report};
use reading::Copying;
use selvedge_archive::{
    BackupId, BackupKind, BackupOptions, BackupWriter, ClusterIdentity, CollectionManifest, CommitSummary,
    Completeness, Manifest, Repository,
};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::Cluster;
use source::{Selected, Source};
pub use waking::Woken;

impl BackupRequest {
    fn kind(&self, complete: bool, tenants_left_out: bool) -> BackupKind {
        if !complete {
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
            tenants: self.tenants.clone(),
        }
    }
}

/// Copies collections of `cluster` into a new backup in `repository`.
pub async fn run(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    request: &BackupRequest,
) -> Result<Outcome, Failure> {
    let id = request.backup_id.clone().unwrap_or_else(BackupId::generate);
    let report = Report { backup_id: Some(id.clone()), ..Report::default() };
    job.or_stop(repository.check_writable(&id)).await?;
    let selected = job.or_stop(source::select(cluster, request)).await?;
    let _lock = job.lock(&selected.names(), Access::Shared)?;
    let (sources, gone) = job.or_stop(source::plan(cluster, request, &selected)).await?;
    if request.dry_run {
        let collections = sources.iter().map(|source| source.planned(request)).collect();
        return Ok(Outcome::Planned(Plan { collections, confirmation: Vec::new() }));
    }
    // Another job would take the tenants that are awake for a while for active ones.
    let wakes = |source: &&Source| !source.contents.asleep.is_empty();
    let waking: Vec<_> = sources.iter().filter(wakes).map(|source| source.collection.name.clone()).collect();
    let _alone = job.lock(&waking, Access::Exclusive)?;
    // Not to be dropped in the middle: the id could be taken by a job that has ended.
    let writer = repository.create_backup(&id, &job.job_id).await?;
    let committed = async {
        let permissions = &selected.permissions;
        let copying = Copying { job, cluster, repository, writer: &writer, request, permissions };
        let (summary, collections) = copy(&copying, &selected, sources, gone).await?;
        job.progress.set_phase(Phase::Committing);
        writer.commit(summary, collections).await
    };
    match committed.await {
        Ok(manifest) if manifest.kind == BackupKind::Partial => {
            Ok(Outcome::Partial(report, partial(&manifest)))
        }
        Ok(_) => Ok(Outcome::Complete(report)),
        Err(error) => Err(discard(writer, error).await.into()),
    }
}

type Commit = (CommitSummary, Vec<CollectionManifest>);

async fn copy(
    copying: &Copying<'_>,
    selected: &Selected,
    sources: Vec<Source>,
    mut gone: Vec<String>,
) -> Result<Commit> {
    let Copying { job, cluster, request, .. } = copying;
    let start_time = Utc::now();
    job.progress.set_phase(Phase::Reading);
    let mut copies = Vec::with_capacity(sources.len());
    let counted = sources.into_iter().map(|source| {
        let counters = job.progress.add_collection(&source.collection.name, "");
        source.expect(&counters);
        (source, counters)
    });
    for (source, counters) in counted.collect::<Vec<_>>() {
        job.check_stop()?;
        let name = source.collection.name.clone();
        match copying.copy(source, counters).await? {
            Some(copied) => copies.push(copied),
            None => gone.push(name),
        }
    }
    let mut remarks = job.or_stop(meanwhile::look(job, cluster, request, selected, &mut copies)).await?;
    for name in &gone {
        meanwhile::tell_gone(request, name, &mut remarks);
    }
    selected.gaps.iter().for_each(|gap| remarks.gap("collections_unseen", gap.clone()));
    selected.notes.iter().for_each(|note| remarks.note("selection", note.clone()));
    remarks.warn(job, cluster.name());
    let Completeness { gaps, notes } = remarks.into_completeness();
    let collections: Vec<_> = copies.into_iter().map(|copied| copied.manifest).collect();
    let complete = gaps.is_empty() && collections.iter().all(|collection| collection.complete);
    let tenants_left_out = collections.iter().any(|of| of.tenants_covered < of.tenants_total);
    let summary = CommitSummary {
        kind: request.kind(complete, tenants_left_out),
        gaps,
        notes,
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

fn partial(manifest: &Manifest) -> Error {
    let short: Vec<_> = manifest.collections.iter().filter(|collection| !collection.complete).collect();
    let names: Vec<_> = short.iter().take(5).map(|collection| collection.name.as_str()).collect();
    let text = match names.as_slice() {
        [] => format!("backup {} may lack collections: {}", manifest.id, manifest.gaps.join("; ")),
        names => format!("backup {} does not hold all of {}", manifest.id, names.join(", ")),
    };
    Error::new(Kind::BackupIncomplete, text).hint(format!(
        "the warnings say what is missing; `selvedge show {}` shows what is there",
        manifest.id
    ))
}

/// Takes away what a backup that failed has written. That this can fail too must not hide why the backup failed.
async fn discard(writer: BackupWriter, error: selvedge_model::error::Error) -> selvedge_model::error::Error {
    let id = writer.id().clone();
    match writer.discard().await {
        Ok(_) => error,
        Err(left) => {
            error.also(format!("also, what the job wrote under backups/{id} could not be removed: {left}"))
        }
    }
}
