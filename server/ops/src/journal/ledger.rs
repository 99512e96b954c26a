//! The records of some work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use selvedge_archive::JsonFolder;
use selvedge_model::error::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Progress;

/// The folder of all records of a job.
pub const RECORDS: &str = "records";
/// How the name of a record ends that tells of what Weaviate refused.
pub const REFUSED: &str = ".refused.json";

/// Where the records of one kind of work with one collection are. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Option<Arc<Book>>);

#[derive(Debug)]
struct Book {
    folder: JsonFolder,
    attempt: u32,
    below: String,
    next: AtomicU64,
    broken: AtomicBool,
}

impl Ledger {
    pub(super) fn new(folder: JsonFolder, attempt: u32, below: String) -> Self {
        let (next, broken) = (AtomicU64::new(1), AtomicBool::new(false));
        Self(Some(Arc::new(Book { folder, attempt, below, next, broken })))
    }

    /// Writes down that something is done. What cannot be written down is done again by the next attempt, which is no reason
    /// for this one to fail; the job's warnings tell of it.
    pub async fn keep(&self, record: &(impl Serialize + Sync), tells_of_refusals: bool, progress: &Progress) {
        let Some(book) = &self.0 else { return };
        if book.broken.load(Relaxed) {
            return;
        }
        let number = book.next.fetch_add(1, Relaxed);
        let suffix = if tells_of_refusals { REFUSED } else { ".json" };
        let name = format!("{}/{}-{number}{suffix}", book.below, book.attempt);
        if let Err(error) = book.folder.jot(&name, record).await
            && !book.broken.swap(true, Relaxed)
        {
            let text = format!("what is done cannot be written down, so it could not be resumed: {error}");
            progress.warn("not_recorded", text, "");
        }
    }

    /// As [`Ledger::keep`], of what must not be done again: it is durable when this returns, or the job fails.
    pub async fn keep_surely(&self, record: &(impl Serialize + Sync)) -> Result<()> {
        let Some(book) = &self.0 else { return Ok(()) };
        let number = book.next.fetch_add(1, Relaxed);
        book.folder.put(&format!("{}/{}-{number}.json", book.below, book.attempt), record).await
    }

    /// The names of the records of earlier attempts.
    pub async fn earlier(&self) -> Result<Vec<String>> {
        let Some(book) = self.0.as_ref().filter(|book| book.attempt > 1) else { return Ok(Vec::new()) };
        let mut names: Vec<_> =
            book.folder.list(&book.below).await?.into_iter().map(|file| file.name).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// None for one that a crash has cut off.
    pub async fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        match &self.0 {
            Some(book) => book.folder.read_whole(name).await,
            None => Ok(None),
        }
    }

    /// Nothing of it holds any more.
    pub async fn strike_all(&self) -> Result<()> {
        let Some(book) = &self.0 else { return Ok(()) };
        let files = book.folder.list(&book.below).await?;
        let names: Vec<_> = files.into_iter().map(|file| file.name).collect();
        book.folder.delete(&names).await
    }

    /// A record that does not hold any more.
    pub async fn strike(&self, name: &str) -> Result<()> {
        match &self.0 {
            Some(book) => book.folder.delete(&[name]).await,
            None => Ok(()),
        }
    }
}
