//! Keeps jobs out of each other's collections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::{Access, CollectionLocks, LockGuard, Progress};

use super::holds::{Held, Holds};

/// What is held for a moment only is waited for, and looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The collections of one cluster that jobs hold.
#[derive(Debug, Clone, Default)]
pub(super) struct LockTable {
    held: Arc<Mutex<HashMap<String, Vec<Hold>>>>,
}

#[derive(Debug)]
struct Hold {
    job_id: String,
    /// What the job does, in words.
    summary: String,
    access: Access,
    /// Whether others wait for it.
    brief: bool,
}

/// Who takes collections.
#[derive(Debug, Clone, Default)]
pub(super) struct Holder {
    pub job_id: String,
    /// What it does with them, for those that find them taken.
    pub summary: String,
    /// Whether it is at them for a moment only, so that others wait.
    pub brief: bool,
}

/// The table as one job uses it, and what it holds against other servers.
pub(super) struct JobLocks {
    table: LockTable,
    summary: String,
    progress: Arc<Progress>,
    holds: Option<Holds>,
}

/// Releases its collections when dropped.
struct Guard {
    table: LockTable,
    job_id: String,
    collections: Vec<String>,
    access: Access,
}

impl LockTable {
    /// `summary` says what the job does. Without `holds`, only this server knows of it.
    pub fn for_job(&self, summary: &str, progress: &Arc<Progress>, holds: Option<Holds>) -> Arc<JobLocks> {
        Arc::new(JobLocks {
            table: self.clone(),
            summary: summary.to_owned(),
            progress: Arc::clone(progress),
            holds,
        })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Vec<Hold>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job never stands in its own way: it may take a collection again, or for more.
    pub fn take(&self, holder: &Holder, collections: &[String], access: Access) -> Result<LockGuard, Taken> {
        let Holder { job_id, summary, brief } = holder;
        let mut held = self.held();
        for collection in collections {
            if let Some(hold) = held.get(collection).and_then(|holds| obstacle(holds, job_id, access)) {
                return Err(Taken {
                    error: busy(collection, &hold.job_id, &hold.summary),
                    brief: hold.brief,
                });
            }
        }
        for collection in collections {
            let hold = Hold { job_id: job_id.clone(), summary: summary.clone(), access, brief: *brief };
            held.entry(collection.clone()).or_default().push(hold);
        }
        let collections = collections.to_vec();
        Ok(Box::new(Guard { table: self.clone(), job_id: job_id.clone(), collections, access }))
    }
}

/// Why a collection cannot be had.
#[derive(Debug)]
pub(super) struct Taken {
    pub error: Error,
    /// It is free in a moment.
    pub brief: bool,
}

impl JobLocks {
    async fn take(&self, job_id: &str, collections: &[String], access: Access) -> Result<LockGuard> {
        let holder = Holder { job_id: job_id.to_owned(), summary: self.summary.clone(), brief: false };
        let here = loop {
            match self.table.take(&holder, collections, access) {
                Ok(guard) => break guard,
                Err(Taken { error, brief: true }) => {
                    self.progress.wait_for(error.to_string(), None);
                    tokio::time::sleep(LOOK_AGAIN).await;
                    self.progress.end_wait();
                }
                Err(Taken { error, brief: false }) => return Err(error),
            }
        };
        if let Some(holds) = self.holds.as_ref().filter(|_| !collections.is_empty())
            && let Err(Held { collection, by, owner }) =
                holds.take(&self.summary, collections, access, &self.progress).await?
        {
            let error = busy(&collection, &by.job_id.to_string(), &by.summary);
            return Err(error.also(format!("it runs on another server ({owner})")));
        }
        Ok(here)
    }
}

/// The tables of all clusters that a job is about.
pub(super) struct ClusterLocks {
    /// Of the cluster that the job's request names.
    pub own: Arc<JobLocks>,
    /// Of others, by their names.
    pub others: HashMap<String, Arc<JobLocks>>,
}

impl CollectionLocks for ClusterLocks {
    fn acquire<'a>(
        &'a self,
        job_id: &'a str,
        cluster: Option<&'a str>,
        collections: &'a [String],
        access: Access,
    ) -> BoxFuture<'a, Result<LockGuard>> {
        let locks = cluster.and_then(|name| self.others.get(name)).unwrap_or(&self.own);
        Box::pin(locks.take(job_id, collections, access))
    }
}

fn obstacle<'a>(holds: &'a [Hold], job_id: &str, access: Access) -> Option<&'a Hold> {
    let exclusive = |hold: &Hold| access == Access::Exclusive || hold.access == Access::Exclusive;
    holds.iter().find(|hold| hold.job_id != job_id && exclusive(hold))
}

fn busy(collection: &str, job_id: &str, summary: &str) -> Error {
    let text = format!("collection \"{collection}\" is in use by job {job_id} ({summary})");
    Error::new(Kind::CollectionBusy, text).hint("try again when that job has ended, or cancel it")
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut held = self.table.held();
        for collection in &self.collections {
            let Some(holds) = held.get_mut(collection) else { continue };
            let own = |hold: &Hold| hold.job_id == self.job_id && hold.access == self.access;
            if let Some(index) = holds.iter().position(own) {
                holds.swap_remove(index);
            }
            if holds.is_empty() {
                held.remove(collection);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn readers_share_and_writers_are_alone() {
        let table = LockTable::default();
        let holder = |job: &str, summary: &str| Holder {
            job_id: job.to_owned(),
            summary: summary.to_owned(),
            ..Holder::default()
        };
        let take = |job: &str, collections: &[&str], access| {
            table.take(&holder(job, "back up Article"), &names(collections), access)
        };
        let a = take("r1", &["Article", "Author"], Access::Shared).unwrap();
        let b = take("r2", &["Article"], Access::Shared).unwrap();
        let error = take("w", &["Tag", "Article"], Access::Exclusive).err().unwrap().error;
        assert_eq!(error.kind(), Kind::CollectionBusy);
        assert_eq!(error.to_string(), "collection \"Article\" is in use by job r1 (back up Article)");

        // A refused job holds nothing, not even what was free.
        let tag = take("r3", &["Tag"], Access::Exclusive).unwrap();
        drop((a, b, tag));
        let guard = take("w", &["Tag", "Article"], Access::Exclusive).unwrap();
        assert!(take("r1", &["Article"], Access::Shared).is_err());
        assert!(take("w", &["Article"], Access::Shared).is_ok(), "its own lock is no obstacle");
        drop(guard);
        assert!(table.held().is_empty());
    }
}
