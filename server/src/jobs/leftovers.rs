//! What jobs have left whose servers died: what they were in the middle of is finished, and the jobs go on if that is wanted.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use selvedge_archive::Repository;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::{Access, Leftover, leftovers};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::journal::Written;
use super::liveness::{Liveness, SILENCE};
use super::locks::{Holder, Taken};
use super::prune::Pruned;
use super::{Registry, State};

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
    /// Looks at all jobs that are written down, and forgets those that ended long ago. To be run beside everything else: nothing waits for it.
    pub async fn look_back(self: Arc<Self>, resume: bool) {
        let mut looks = JoinSet::new();
        for repository in self.places.repositories() {
            match repository.job_ids().await {
                Ok(ids) => {
                    for id in ids {
                        // One may wait long for its collection, or for Weaviate.
                        looks.spawn(Arc::clone(&self).look_until_done(repository.clone(), id, resume));
                    }
                }
                Err(error) => tracing::error!(
                    repository = repository.name(), %error,
                    "cannot find out whether a server that died left tenants active or collections missing"
                ),
            }
        }
        for repository in self.places.repositories() {
            if let Err(error) = self.prune_journals(repository, false, &mut Pruned::default()).await {
                tracing::warn!(repository = repository.name(), %error, "old jobs cannot be removed");
            }
        }
        looks.join_all().await;
    }

    async fn look_until_done(self: Arc<Self>, repository: Repository, id: String, resume: bool) {
        loop {
            let look = {
                let _turn = self.looking.acquire().await;
                self.look_at(&repository, &id, resume).await
            };
            match look {
                Ok(Look::Done) => return,
                Ok(Look::Again) => {}
                Err(error) => {
                    tracing::error!(id, %error, next = error.hint_text(), "a job may be half done");
                    if !error.is_transient() && error.kind() != Kind::TooManyJobs {
                        return;
                    }
                }
            }
            tokio::time::sleep(SILENCE).await;
        }
    }

    async fn look_at(self: &Arc<Self>, repository: &Repository, id: &str, resume: bool) -> Result<Look> {
        if Uuid::try_parse(id).is_ok_and(|id| self.book().get(id).is_some()) {
            return Ok(Look::Done);
        }
        // Older versions wrote down only what they were in the middle of.
        let written = Written::read(repository, id).await?;
        if let Some(written) = &written
            && self.liveness(repository, written).await? == Liveness::Alive
        {
            return Ok(Look::Again);
        }
        self.finish_all(repository, id).await;
        let Some(written) = written.filter(|written| resume && written.whole().is_ok()) else {
            return Ok(Look::Done);
        };
        let snapshot = self.told(repository, &written).await?;
        let is_ours = self.places.clusters().any(|cluster| {
            cluster.name() == written.job.cluster && cluster.rest_url() == written.job.address
        });
        if snapshot.resumable && snapshot.lifecycle.state == State::Interrupted && is_ours {
            let places = Arc::clone(&self.places);
            let work = |context, request| async move { selvedge_ops::run(&context, &places, &request).await };
            self.resume(id, work).await?;
        }
        Ok(Look::Done)
    }

    /// Finishes what a job was in the middle of. An attempt at it waits until then.
    async fn finish_all(&self, repository: &Repository, id: &str) {
        match leftovers(repository, id).await {
            Ok(found) => {
                let _finishing = (!found.is_empty()).then(|| Finishing::begin(self, id));
                for leftover in found {
                    match leftover {
                        Ok(leftover) => self.finish(repository, &leftover).await,
                        Err(error) => tracing::error!(id, %error, "a job may be half done"),
                    }
                }
            }
            Err(error) => tracing::error!(id, %error, "a job may be half done"),
        }
    }

    /// On its cluster, as soon as that can be reached.
    async fn finish(&self, repository: &Repository, leftover: &Leftover) {
        let job_id = &leftover.job_id;
        for cluster in self.places.clusters().filter(|cluster| leftover.is_on(cluster)) {
            let table = self.lock_table(cluster.name());
            let summary = leftover.summary().to_owned();
            let holder = Holder { job_id: format!("{job_id} before"), summary, brief: true };
            let _alone = loop {
                match table.take(&holder, &[leftover.collection().to_owned()], Access::Exclusive) {
                    Ok(guard) => break guard,
                    Err(Taken { .. }) => tokio::time::sleep(LOCK_AGAIN).await,
                }
            };
            // Another server may have gone on with the job while this one waited.
            if let Ok(Some(written)) = Written::read(repository, job_id).await
                && let Ok(Liveness::Alive) = self.liveness(repository, &written).await
            {
                return;
            }
            tell(cluster.name(), job_id, leftover.finish(&cluster.patient()).await);
        }
    }
}

/// While there is it, attempts at the job wait.
struct Finishing<'r> {
    registry: &'r Registry,
    id: String,
}

impl<'r> Finishing<'r> {
    fn begin(registry: &'r Registry, id: &str) -> Self {
        registry.finishing.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
        Self { registry, id: id.to_owned() }
    }
}

impl Drop for Finishing<'_> {
    fn drop(&mut self) {
        self.registry.finishing.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
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
