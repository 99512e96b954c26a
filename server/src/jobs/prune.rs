//! What is left of jobs and needed by nobody.

use std::sync::PoisonError;
use std::time::Duration;

use chrono::{DateTime, Utc};
use selvedge_archive::{BackupId, FileInfo, Removed, Repository, Uncommitted};
use selvedge_model::error::{Kind, Result, counted, listed};
use selvedge_ops::{leftovers, spent_leftovers};
use uuid::Uuid;

use super::Registry;
use super::attempt::spent_records;
use super::holds::Hold;
use super::journal::{JOB, Written};
use super::liveness::Liveness;

/// What nobody can be asked about may be of a job of another repository or version, as long as it is young.
const YOUNG: Duration = Duration::from_secs(24 * 60 * 60);

/// What was written for a backup that is none.
#[derive(Debug)]
pub struct Incomplete {
    pub id: BackupId,
    /// Empty if it cannot be told.
    pub job_id: String,
    pub claimed: Option<DateTime<Utc>>,
    pub files: u64,
    pub bytes: u64,
    pub state: IncompleteState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncompleteState {
    /// A job makes it.
    Running,
    /// Its job can be gone on with.
    Resumable,
    /// Nobody knows its job, but something was written lately.
    Young,
    Garbage,
}

/// What was removed, or would be.
#[derive(Debug, Default)]
pub struct Pruned {
    pub leftovers: Vec<PrunedLeftover>,
    /// What is kept of jobs that have not ended, a sentence each.
    pub kept: Vec<String>,
}

#[derive(Debug)]
pub struct PrunedLeftover {
    pub path: String,
    pub why: String,
    pub files: u64,
    pub bytes: u64,
}

/// How a job stands to what it has left.
enum Owner {
    Runs,
    Resumable,
    Gone,
    Unknown,
    Unreadable,
}

impl Registry {
    async fn owner(&self, repository: &Repository, job_id: &str) -> Result<Owner> {
        if Uuid::try_parse(job_id).is_err() {
            return Ok(Owner::Unknown);
        }
        if self.is_settled(repository, job_id) {
            return Ok(Owner::Gone);
        }
        let written = match Written::read(repository, job_id).await {
            Ok(Some(written)) => written,
            Ok(None) => return Ok(Owner::Unknown),
            // Of a newer version, perhaps.
            Err(error) if error.kind() == Kind::Internal => return Ok(Owner::Unreadable),
            Err(error) => return Err(error),
        };
        let liveness = self.liveness(repository, &written).await?;
        if liveness == Liveness::Alive {
            return Ok(Owner::Runs);
        }
        Ok(if written.can_go_on(liveness) {
            Owner::Resumable
        } else {
            self.settle(repository, &written);
            Owner::Gone
        })
    }

    pub(super) fn is_settled(&self, repository: &Repository, job_id: &str) -> bool {
        let settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        settled.contains(&(repository.name().to_owned(), job_id.to_owned()))
    }

    /// Remembers of a job that it has ended for good. One that was given up may still end in a way that it can be resumed from.
    pub(super) fn settle(&self, repository: &Repository, written: &Written) {
        if written.end.as_ref().is_some_and(|end| !end.cover().resumable) {
            let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
            settled.insert((repository.name().to_owned(), written.job.id.to_string()));
        }
    }

    /// Ids that are taken, and no backups.
    pub async fn incomplete(&self, repository: &Repository) -> Result<Vec<Incomplete>> {
        let uncommitted = repository.uncommitted().await?;
        self.incomplete_of(repository, uncommitted).await
    }

    async fn incomplete_of(
        &self,
        repository: &Repository,
        uncommitted: Vec<Uncommitted>,
    ) -> Result<Vec<Incomplete>> {
        let mut found = Vec::new();
        for Uncommitted { id, claim, files, .. } in uncommitted.into_iter().filter(|one| !one.is_deleted) {
            let (job_id, claimed) = claim.map_or((String::new(), None), |(job, time)| (job, Some(time)));
            let state = match self.owner(repository, &job_id).await? {
                Owner::Runs | Owner::Unreadable => IncompleteState::Running,
                Owner::Resumable => IncompleteState::Resumable,
                Owner::Gone => IncompleteState::Garbage,
                Owner::Unknown => match is_young(repository, &files).await? {
                    true => IncompleteState::Young,
                    false => IncompleteState::Garbage,
                },
            };
            found.push(Incomplete {
                id,
                job_id,
                claimed,
                files: files.len() as u64,
                bytes: bytes(&files),
                state,
            });
        }
        Ok(found)
    }

    /// Removes what nobody needs; with `dry_run`, only says what that is.
    pub async fn prune(&self, repository: &Repository, dry_run: bool) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        let uncommitted = repository.uncommitted().await?;
        let (deleted, unfinished) = uncommitted.into_iter().partition(|one| one.is_deleted);
        let unfinished = self.incomplete_of(repository, unfinished).await?;
        self.prune_backups(repository, unfinished, dry_run, &mut pruned).await?;
        self.prune_deleted(repository, deleted, dry_run, &mut pruned).await?;
        self.prune_records(repository, dry_run, &mut pruned).await?;
        self.prune_holds(repository, dry_run, &mut pruned).await?;
        self.prune_journals(repository, dry_run, &mut pruned).await?;
        Ok(pruned)
    }

    async fn prune_backups(
        &self,
        repository: &Repository,
        unfinished: Vec<Incomplete>,
        dry_run: bool,
        pruned: &mut Pruned,
    ) -> Result<()> {
        for Incomplete { id, job_id, files, bytes, state, .. } in unfinished {
            let why = match state {
                IncompleteState::Running => format!("backup {id} is being made by job {job_id}"),
                IncompleteState::Resumable => {
                    format!("backup {id} can be gone on with: resume job {job_id}, or cancel it")
                }
                IncompleteState::Young => {
                    format!(
                        "what is left of backup {id} is less than a day old, and its job is not known here"
                    )
                }
                IncompleteState::Garbage => {
                    if !dry_run {
                        match repository.remove_remains(&id).await {
                            // Its job was about to commit it when it was looked at.
                            Err(error) if error.kind() == Kind::BackupExists => continue,
                            removed => drop(removed?),
                        }
                    }
                    let why = format!("of a backup that job {job_id} has not made and will not");
                    pruned.leftovers.push(PrunedLeftover {
                        path: format!("backups/{id}"),
                        why,
                        files,
                        bytes,
                    });
                    continue;
                }
            };
            pruned.kept.push(why);
        }
        Ok(())
    }

    /// What is left of deleted backups and nobody needs any more: usually it went with the last backup that did.
    async fn prune_deleted(
        &self,
        repository: &Repository,
        deleted: Vec<Uncommitted>,
        dry_run: bool,
        pruned: &mut Pruned,
    ) -> Result<()> {
        for Uncommitted { id, .. } in deleted {
            let removed = match dry_run {
                true => repository.look_at_remains(&id).await?,
                false => repository.remove_remains(&id).await?,
            };
            let Removed { files, bytes, kept_files, needed_by, .. } = removed;
            if kept_files > 0 {
                let heirs: Vec<_> = needed_by.iter().map(BackupId::as_str).collect();
                pruned.kept.push(format!(
                    "{} of backup {id}, which was deleted, are needed by {}",
                    counted(kept_files, "data file"),
                    listed(&heirs)
                ));
            } else {
                let why = "of a backup that was deleted, and needed by none any more".to_owned();
                pruned.leftovers.push(PrunedLeftover { path: format!("backups/{id}"), why, files, bytes });
            }
        }
        Ok(())
    }

    /// Records tell an attempt what is done. Of a job that has ended for good, only those that tell of failures are of use.
    async fn prune_records(&self, repository: &Repository, dry_run: bool, pruned: &mut Pruned) -> Result<()> {
        for id in repository.job_ids().await? {
            if !matches!(self.owner(repository, &id).await?, Owner::Gone) {
                continue;
            }
            let folder = repository.job(&id);
            let mut spent = spent_records(&folder).await?;
            spent.extend(spent_leftovers(&folder).await?);
            if spent.is_empty() {
                continue;
            }
            let files: Vec<_> =
                folder.list("").await?.into_iter().filter(|file| spent.contains(&file.name)).collect();
            if !dry_run {
                folder.delete(&spent).await?;
            }
            let (path, why) =
                (folder.place(selvedge_ops::RECORDS), "records of a job that has ended".to_owned());
            pruned.leftovers.push(PrunedLeftover {
                path,
                why,
                files: files.len() as u64,
                bytes: bytes(&files),
            });
        }
        Ok(())
    }

    async fn prune_holds(&self, repository: &Repository, dry_run: bool, pruned: &mut Pruned) -> Result<()> {
        let folder = repository.all_locks();
        for file in folder.list("").await? {
            let Some(hold) = folder.read_whole::<Hold>(&file.name).await? else { continue };
            if matches!(
                self.owner(repository, &hold.job_id.to_string()).await?,
                Owner::Runs | Owner::Unreadable
            ) {
                continue;
            }
            if !dry_run {
                folder.delete(&[&file.name]).await?;
            }
            let (path, why) = (folder.place(&file.name), "held by a job that nobody is at".to_owned());
            pruned.leftovers.push(PrunedLeftover { path, why, files: 1, bytes: file.bytes });
        }
        Ok(())
    }

    /// Jobs that ended long ago are forgotten. Nothing is removed by which others would have to be finished.
    pub(super) async fn prune_journals(
        &self,
        repository: &Repository,
        dry_run: bool,
        pruned: &mut Pruned,
    ) -> Result<()> {
        let ids = repository.job_ids().await?;
        let old = ids.len().saturating_sub(self.limits.history);
        for id in &ids[..old] {
            let folder = repository.job(id);
            let files = folder.list("").await?;
            let is_over = match self.owner(repository, id).await? {
                Owner::Gone => true,
                // Its removal was cut off.
                Owner::Unknown => !is_young(repository, &files).await?,
                Owner::Runs | Owner::Resumable | Owner::Unreadable => false,
            };
            if !is_over || !leftovers(repository, id).await?.is_empty() {
                continue;
            }
            if !dry_run {
                // What is left without it is no job that could be gone on with.
                folder.delete(&[JOB]).await?;
                folder.delete(&files.iter().map(|file| &file.name).collect::<Vec<_>>()).await?;
            }
            let why = format!("of a job that is not among the newest {}", self.limits.history);
            pruned.leftovers.push(PrunedLeftover {
                path: folder.place(""),
                why,
                files: files.len() as u64,
                bytes: bytes(&files),
            });
        }
        Ok(())
    }
}

fn bytes(files: &[FileInfo]) -> u64 {
    files.iter().map(|file| file.bytes).sum()
}

async fn is_young(repository: &Repository, files: &[FileInfo]) -> Result<bool> {
    let now = repository.now().await?;
    let newest = files.iter().map(|file| file.modified).max();
    Ok(newest.is_some_and(|newest| (now - newest).to_std().unwrap_or_default() < YOUNG))
}
