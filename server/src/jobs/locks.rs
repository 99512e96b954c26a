//! Keeps jobs out of each other's collections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::{Access, CollectionLocks, LockGuard};

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
}

/// The table as one job uses it.
struct JobLocks {
    table: LockTable,
    summary: String,
}

/// Releases its collections when dropped.
struct Guard {
    table: LockTable,
    job_id: String,
    collections: Vec<String>,
    access: Access,
}

impl LockTable {
    /// `summary` says what the job does, for those that find its collections taken.
    pub fn for_job(&self, summary: &str) -> Arc<dyn CollectionLocks> {
        Arc::new(JobLocks { table: self.clone(), summary: summary.to_owned() })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Vec<Hold>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CollectionLocks for JobLocks {
    /// A job never stands in its own way: it may take a collection again, or for more.
    fn acquire(&self, job_id: &str, collections: &[String], access: Access) -> Result<LockGuard> {
        let mut held = self.table.held();
        for collection in collections {
            if let Some(hold) = held.get(collection).and_then(|holds| obstacle(holds, job_id, access)) {
                return Err(busy(collection, hold));
            }
        }
        for collection in collections {
            let hold = Hold { job_id: job_id.to_owned(), summary: self.summary.clone(), access };
            held.entry(collection.clone()).or_default().push(hold);
        }
        let collections = collections.to_vec();
        Ok(Box::new(Guard { table: self.table.clone(), job_id: job_id.to_owned(), collections, access }))
    }
}

fn obstacle<'a>(holds: &'a [Hold], job_id: &str, access: Access) -> Option<&'a Hold> {
    let exclusive = |hold: &Hold| access == Access::Exclusive || hold.access == Access::Exclusive;
    holds.iter().find(|hold| hold.job_id != job_id && exclusive(hold))
}

fn busy(collection: &str, hold: &Hold) -> Error {
    let Hold { job_id, summary, access: _ } = hold;
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
        let (reader, writer) = (table.for_job("back up Article"), table.for_job("clear Article"));
        let a = reader.acquire("r1", &names(&["Article", "Author"]), Access::Shared).unwrap();
        let b = reader.acquire("r2", &names(&["Article"]), Access::Shared).unwrap();
        let error = writer.acquire("w", &names(&["Tag", "Article"]), Access::Exclusive).err().unwrap();
        assert_eq!(error.kind(), Kind::CollectionBusy);
        assert_eq!(error.to_string(), "collection \"Article\" is in use by job r1 (back up Article)");

        // A refused job holds nothing, not even what was free.
        let tag = reader.acquire("r3", &names(&["Tag"]), Access::Exclusive).unwrap();
        drop((a, b, tag));
        let guard = writer.acquire("w", &names(&["Tag", "Article"]), Access::Exclusive).unwrap();
        assert!(reader.acquire("r1", &names(&["Article"]), Access::Shared).is_err());
        assert!(
            writer.acquire("w", &names(&["Article"]), Access::Shared).is_ok(),
            "its own lock is no obstacle"
        );
        drop(guard);
        assert!(table.held().is_empty());
    }
}
