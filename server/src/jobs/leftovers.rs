//! What jobs have left whose servers died: what they were in the middle of is finished, and the jobs go on if that is wanted.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use selvedge_archive::Repository;
use selvedge_model::error::{Error, Result};
use selvedge_ops::{Access, Leftover, leftovers};
use uuid::Uuid;

use super::journal::Written;
use super::liveness::{Liveness, SILENCE};
use super::locks::{Holder, Taken};
use super::{Registry, Snapshot, State};

/// A collection that a job uses is looked at again after this.
const LOCK_AGAIN: Duration = Duration::from_secs(1);

/// Whether a job has to be looked at once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Done,
    /// Its server may have died, which only time tells.
    Again,
}

impl Registry {
    /// Looks at all jobs that are written down. To be run beside everything else: nothing waits for it.
    pub async fn look_back(self: Arc<Self>, resume: bool) {
        let mut jobs = Vec::new();
        for repository in self.places.repositories() {
            match repository.job_ids().await {
                Ok(ids) => jobs.extend(ids.into_iter().map(|id| (repository.clone(), id))),
                Err(error) => tracing::error!(
                    repository = repository.name(), %error,
                    "cannot find out whether a server that died left tenants active or collections missing"
                ),
            }
        }
        while !jobs.is_empty() {
            let mut again = Vec::new();
            for (repository, id) in jobs {
                match self.look_at(&repository, &id, resume).await {
                    Ok(Look::Done) => {}
                    Ok(Look::Again) => again.push((repository, id)),
                    Err(error) => {
                        tracing::error!(id, %error, next = error.hint_text(), "a job may be half done");
                    }
                }
            }
            jobs = again;
            if !jobs.is_empty() {
                tokio::time::sleep(SILENCE).await;
            }
        }
    }

    async fn look_at(self: &Arc<Self>, repository: &Repository, id: &str, resume: bool) -> Result<Look> {
        if Uuid::try_parse(id).is_ok_and(|id| self.book().get(id).is_some()) {
            return Ok(Look::Done);
        }
        // Older versions wrote down only what they were in the middle of.
        let written = Written::read(repository, id).await?;
        if let Some(written) = &written
            && written.liveness(repository).await? == Liveness::Alive
        {
            return Ok(Look::Again);
        }
        self.finish_all(repository, id).await;
        let Some(written) = written.filter(|_| resume) else { return Ok(Look::Done) };
        let snapshot = Snapshot::written(repository, &written).await?;
        if snapshot.resumable && snapshot.lifecycle.state == State::Interrupted {
            let places = Arc::clone(&self.places);
            let work = |context, request| async move { selvedge_ops::run(&context, &places, &request).await };
            self.resume(id, work).await?;
        }
        Ok(Look::Done)
    }

    /// Finishes what a job was in the middle of. An attempt at it waits until then.
    async fn finish_all(&self, repository: &Repository, id: &str) {
        let finishing = || self.finishing.lock().unwrap_or_else(PoisonError::into_inner);
        finishing().insert(id.to_owned());
        match leftovers(repository, id).await {
            Ok(found) => {
                for leftover in found {
                    match leftover {
                        Ok(leftover) => self.finish(&leftover).await,
                        Err(error) => tracing::error!(id, %error, "a job may be half done"),
                    }
                }
            }
            Err(error) => tracing::error!(id, %error, "a job may be half done"),
        }
        finishing().remove(id);
    }

    /// On its cluster, as soon as that can be reached.
    async fn finish(&self, leftover: &Leftover) {
        for cluster in self.places.clusters().filter(|cluster| leftover.is_on(cluster)) {
            let table = self.lock_table(cluster.name());
            let summary = leftover.summary().to_owned();
            let holder = Holder { job_id: format!("{} before", leftover.job_id), summary, brief: true };
            let _alone = loop {
                match table.take(&holder, &[leftover.collection().to_owned()], Access::Exclusive) {
                    Ok(guard) => break guard,
                    Err(Taken { .. }) => tokio::time::sleep(LOCK_AGAIN).await,
                }
            };
            tell(cluster.name(), &leftover.job_id, leftover.finish(&cluster.patient()).await);
        }
    }
}

fn tell(cluster: &str, job: &str, finished: Result<Option<String>, Error>) {
    match finished {
        Ok(None) => {}
        Ok(Some(done)) => {
            tracing::warn!(cluster, job, done, "finished what a server that died had begun");
        }
        Err(error) => tracing::error!(
            cluster, job, %error, next = error.hint_text(),
            "cannot finish what a server that died had begun"
        ),
    }
}
