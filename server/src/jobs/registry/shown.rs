//! Finding jobs: those of this server, and those that others have written down.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use selvedge_archive::Repository;
use selvedge_model::error::{Kind, Result};
use selvedge_ops::{FailurePage, Request, list_failures};
use uuid::Uuid;

use super::{READS, Registry};
use crate::jobs::journal::Written;
use crate::jobs::liveness::Liveness;
use crate::jobs::{Job, Snapshot, State};

/// A job that somebody asks for.
pub enum Shown {
    /// It is, or was, one of this server's.
    Here(Arc<Job>),
    /// It is told by what another process has written down.
    Written(Box<Snapshot>),
}

impl Shown {
    pub fn request(&self) -> &Request {
        match self {
            Self::Here(job) => &job.request,
            Self::Written(snapshot) => &snapshot.request,
        }
    }
}

impl Registry {
    /// How a job is that is written down. Of its own, this server knows better.
    pub async fn liveness(&self, repository: &Repository, written: &Written) -> Result<Liveness> {
        let liveness = written.liveness(repository).await?;
        let is_ours = *written.process() == self.process;
        let is_active = || self.book().get(written.job.id).is_some_and(|job| !job.state().is_terminal());
        // How it ended could not be written down.
        Ok(if liveness == Liveness::Alive && is_ours && !is_active() { Liveness::Dead } else { liveness })
    }

    pub async fn told(&self, repository: &Repository, written: &Written) -> Result<Snapshot> {
        Snapshot::written(written, self.liveness(repository, written).await?).await
    }

    /// What is written down of a job, in whichever repository.
    pub async fn written(&self, id: &str) -> Result<Option<(Repository, Written)>> {
        let Ok(id) = Uuid::try_parse(id) else { return Ok(None) };
        for repository in self.places.repositories() {
            if let Some(written) = Written::read(repository, &id.to_string()).await? {
                return Ok(Some((repository.clone(), written)));
            }
        }
        Ok(None)
    }

    pub async fn show(&self, id: &str) -> Result<Shown> {
        let here = Uuid::try_parse(id).ok().and_then(|id| self.book().get(id).cloned());
        if let Some(job) = &here
            && (!job.state().is_terminal() || !self.snapshot(job).resumable)
        {
            return Ok(Shown::Here(Arc::clone(job)));
        }
        // Another server may have gone on with what ended here.
        let written = match self.written(id).await {
            Ok(written) => written,
            Err(error) if here.is_none() => return Err(error),
            Err(_) => None,
        };
        match (here, written) {
            (Some(job), Some((_, written))) if written.number() <= job.attempt() && !written.is_given_up => {
                Ok(Shown::Here(job))
            }
            (_, Some((repository, written))) => {
                Ok(Shown::Written(Box::new(self.told(&repository, &written).await?)))
            }
            (Some(job), None) => Ok(Shown::Here(job)),
            (None, None) => Err(self.unknown(id).await),
        }
    }

    /// A job of this server as it is now.
    pub fn snapshot(&self, job: &Job) -> Snapshot {
        let ahead = self.book().ahead_of(job.id);
        job.snapshot(u32::try_from(ahead).unwrap_or(u32::MAX), self.process.to_string())
    }

    /// Jobs older than `before`, newest first, of this server and of others: at most `limit`, which may be fewer than there
    /// are. Those that were refused are none.
    pub async fn list(&self, active_only: bool, before: Option<Uuid>, limit: usize) -> Result<Vec<Snapshot>> {
        let here: Vec<_> = self.book().newest_first(before).cloned().collect();
        let mut all: Vec<_> = here.iter().map(|job| self.snapshot(job)).collect();
        // Another server may have gone on with what can be gone on with.
        all.retain(|job| !job.lifecycle.state.is_terminal() || !job.resumable);
        let known: BTreeSet<_> = all.iter().map(|job| job.id).collect();
        for repository in self.places.repositories() {
            let ids = match repository.job_ids().await {
                Ok(ids) => ids,
                Err(error) if here.is_empty() => return Err(error),
                // What this server does can be shown all the same.
                Err(error) => {
                    tracing::warn!(repository = repository.name(), %error, "its jobs cannot be listed");
                    continue;
                }
            };
            let is_asked = |id: &Uuid| !known.contains(id) && before.is_none_or(|before| *id < before);
            let ids: Vec<_> =
                ids.iter().rev().filter_map(|id| Uuid::try_parse(id).ok()).filter(is_asked).collect();
            let read = ids.into_iter().map(async |id| self.listed(repository, id).await);
            let mut read = stream::iter(read).buffered(READS);
            let mut found = 0;
            while found < limit
                && let Some(snapshot) = read.next().await
            {
                let wanted = |job: &Snapshot| !active_only || !job.lifecycle.state.is_terminal();
                if let Some(job) = snapshot?.filter(wanted) {
                    all.push(job);
                    found += 1;
                }
            }
        }
        all.retain(|job| job.lifecycle.state != State::Refused);
        all.retain(|job| !active_only || !job.lifecycle.state.is_terminal());
        all.sort_unstable_by_key(|job| std::cmp::Reverse(job.id));
        all.truncate(limit);
        Ok(all)
    }

    /// None if there is no such job any more, or none that can be understood; that must not hide the others.
    async fn listed(&self, repository: &Repository, id: Uuid) -> Result<Option<Snapshot>> {
        // Nothing can be told of what is sealed for others. Whoever asks for it by its id hears why.
        match Written::read_whole(repository, &id.to_string()).await {
            Ok(Some(written)) => self.told(repository, &written).await.map(Some),
            Ok(None) => Ok(None),
            Err(error) if error.kind() == Kind::Internal => {
                tracing::warn!(%id, %error, "a job cannot be listed");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What Weaviate refused of a job.
    pub async fn failures(&self, id: &str, size: usize, token: Option<&str>) -> Result<FailurePage> {
        if let Some((_, written)) = self.written(id).await? {
            return list_failures(&written.folder, size, token).await;
        }
        // It may be one that could not be written down.
        self.show(id).await.map(|_| FailurePage::default())
    }
}
