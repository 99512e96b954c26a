//! What a job writes down, so that another attempt, perhaps of another process, goes on with what is left.
//!
//! A job is what was asked for; an attempt is one process's try at it. What an attempt has decided is in files that the next
//! one reads. What it has finished is in records, each written when the work it tells of is done and never before: whatever
//! has no record is done again.

mod ledger;

use std::sync::Arc;

use selvedge_archive::JsonFolder;
use selvedge_model::error::{Error, Kind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use ledger::{Ledger, RECORDS, REFUSED};

/// The journal of a job, as one attempt at it sees it. Without a folder nothing is written, and each attempt is the first.
#[derive(Debug, Clone, Default)]
pub struct Journal(Option<Arc<Attempt>>);

#[derive(Debug)]
struct Attempt {
    folder: JsonFolder,
    number: u32,
    /// What goes before the names of all files: with a slash, or empty.
    below: String,
}

impl Attempt {
    fn file(&self, name: &str) -> String {
        format!("{}{name}", self.below)
    }
}

impl Journal {
    /// Of attempt `number`, counted from 1.
    pub fn new(folder: JsonFolder, number: u32) -> Self {
        Self(Some(Arc::new(Attempt { folder, number, below: String::new() })))
    }

    /// Of a part of the job that is an operation by itself.
    pub(crate) fn part(&self, name: &str) -> Self {
        let part = |attempt: &Arc<Attempt>| {
            let Attempt { folder, number, below } = &**attempt;
            let below = format!("{below}{name}/");
            Arc::new(Attempt { folder: folder.clone(), number: *number, below })
        };
        Self(self.0.as_ref().map(part))
    }

    /// Whether what is written down can be gone on from.
    pub fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Whether there was an attempt before this one.
    pub fn is_resumed(&self) -> bool {
        self.attempt() > 1
    }

    pub fn attempt(&self) -> u32 {
        self.0.as_ref().map_or(1, |attempt| attempt.number)
    }

    /// What an earlier attempt wrote under this name.
    pub(crate) async fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        match &self.0 {
            Some(attempt) => attempt.folder.read(&attempt.file(name)).await,
            None => Ok(None),
        }
    }

    /// Durable when it returns.
    pub(crate) async fn write(&self, name: &str, value: &(impl Serialize + Sync)) -> Result<()> {
        match &self.0 {
            Some(attempt) => attempt.folder.put(&attempt.file(name), value).await,
            None => Ok(()),
        }
    }

    /// It does not hold any more.
    pub(crate) async fn remove(&self, name: &str) -> Result<()> {
        match &self.0 {
            Some(attempt) => attempt.folder.delete(&[attempt.file(name)]).await,
            None => Ok(()),
        }
    }

    /// The records of some work with a collection.
    pub(crate) fn ledger(&self, collection: &str, work: &str) -> Ledger {
        match &self.0 {
            Some(attempt) => {
                let below = format!("{RECORDS}/{}{collection}/{work}", attempt.below);
                Ledger::new(attempt.folder.clone(), attempt.number, below)
            }
            None => Ledger::default(),
        }
    }

    /// Fails if there is a later attempt: this one was taken for dead, and must not finish what the other one goes on with.
    pub async fn check_newest(&self) -> Result<()> {
        let Some(attempt) = &self.0 else { return Ok(()) };
        let newest = newest_attempt(&attempt.folder).await?;
        if newest <= attempt.number {
            return Ok(());
        }
        let text = format!("attempt {newest} at the job has begun, and goes on with it");
        Err(Error::new(Kind::JobSuperseded, text)
            .hint("nothing is lost; watch the job to see how it goes on"))
    }
}

/// The folder in which each attempt has its file.
pub const ATTEMPTS: &str = "attempts";

/// 0 if there was none.
pub async fn newest_attempt(folder: &JsonFolder) -> Result<u32> {
    let numbers = folder.list(ATTEMPTS).await?.into_iter().filter_map(|file| {
        let name = file.name.strip_prefix(ATTEMPTS)?.strip_prefix('/')?.strip_suffix(".json")?;
        name.parse().ok()
    });
    Ok(numbers.max().unwrap_or(0))
}
