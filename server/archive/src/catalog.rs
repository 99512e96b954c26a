//! Which ids are backups, without asking for each of them.
//!
//! `backup.json` alone makes a backup, and there may be thousands. So what they say is written once more, into one object,
//! `catalog/index.jsonl`. It remembers, and proves nothing: what it lacks is read, and if it is gone or damaged, all of it is. Whoever
//! finds that it lags behind writes it anew; of two who do so at once one wins, and the next list reads what that one lacked. Nobody
//! who makes a backup has to know of it.
//!
//! Only of a backup that is gone, while there is something of its id still or again, would it say what is not so. A removal
//! therefore writes `catalog/removed/<backup-id>/<uuid>.json` before it deletes anything: as long as that is there, nobody takes
//! the word of an index, or of a process's memory, for this id. It goes when an index has been written so much later that nobody
//! can be about to write what was known before the removal.
//!
//! What is done by hand, or by a version that knows of no catalog, nobody tells. So each list looks again at a few.

mod index;
mod listed;
mod memory;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use object_store::ObjectMeta;
use object_store::path::Path;

use self::index::{Entries, Entry};
use self::listed::Listed;
pub use self::memory::Memory;
use crate::threads::off_the_async_threads;
use crate::{BackupId, Repository, layout};
use selvedge_model::error::{Error, Result};

/// Requests in flight while listing.
pub const CONCURRENCY: usize = 16;
/// What a list has found out is not written down after this time. Far shorter than a removal stays marked.
const SURE_FOR: Duration = Duration::from_secs(60 * 60);
/// A list is right without an index, and somebody waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which backups there are.
#[derive(Debug)]
pub struct Catalog {
    /// All ids that are taken, by backups and by what is none.
    pub taken: BTreeSet<BackupId>,
    pub sound: Entries,
    pub broken: BTreeMap<BackupId, Broken>,
    /// What is said of these was just read; of the others it may be remembered.
    pub asked: BTreeSet<BackupId>,
}

impl Catalog {
    /// Whatever can be read of them.
    pub fn committed(&self) -> impl Iterator<Item = &BackupId> {
        self.sound.keys().chain(self.broken.keys())
    }
}

/// A committed backup whose manifest cannot be read.
#[derive(Debug)]
pub struct Broken {
    /// When its file was written: it cannot say itself when it was made.
    pub made: DateTime<Utc>,
    pub why: String,
}

/// What is there of an id.
enum Look {
    Nothing,
    Sound(Entry),
    Broken(Broken),
}

impl Repository {
    /// Which backups there are now. Reads those of which nothing is known, or nothing sure.
    pub(crate) async fn catalog(&self) -> Result<Catalog> {
        let (began, folder) = (Instant::now(), layout::catalog_dir());
        let (taken, listed) = tokio::try_join!(self.taken_ids(), self.store().list_with_sizes(&folder))?;
        let listed = Listed::of(listed);
        let known = self.known(listed.index.as_ref()).await;
        let mut sound = known.clone();
        sound.retain(|id, _| taken.contains(id));
        let asked = self.to_be_asked(&taken, &sound, &listed);
        let broken = self.ask(&asked, &mut sound).await?;
        index::shorten(&mut sound, index::MOST);
        let is_written = sound != known
            && began.elapsed() < SURE_FOR
            && self.write_index(sound.clone(), listed.spent()).await;
        // What was written is read from there, since others may have written, too.
        let (index, entries) = if is_written { Default::default() } else { (listed.index, sound.clone()) };
        self.memory().keep(index, entries);
        Ok(Catalog { taken, sound, broken, asked })
    }

    /// All ids that something is there of. Those without a `backup.json` are no backups.
    pub(crate) async fn taken_ids(&self) -> Result<BTreeSet<BackupId>> {
        let names = self.store().folder_names(&layout::backups_dir()).await?;
        Ok(names.into_iter().filter_map(|name| BackupId::try_from(name).ok()).collect())
    }

    async fn known(&self, index: Option<&ObjectMeta>) -> Entries {
        let remembered = self.memory().of(index);
        match remembered {
            Some(entries) => entries,
            None if index.is_none() => Entries::new(),
            None => self.read_index().await.unwrap_or_else(|error| {
                tracing::debug!(repository = self.name(), %error, "the index of backups is made anew");
                Entries::new()
            }),
        }
    }

    async fn read_index(&self) -> Result<Entries> {
        let path = layout::index();
        let Some(text) = self.store().get(&path).await? else { return Ok(Entries::new()) };
        let damaged = move || Error::internal(format!("{path} is damaged, or of another version"));
        off_the_async_threads(move || index::from_text(&text).ok_or_else(damaged)).await
    }

    fn to_be_asked(
        &self,
        taken: &BTreeSet<BackupId>,
        known: &Entries,
        listed: &Listed,
    ) -> BTreeSet<BackupId> {
        let unknown = taken.iter().filter(|id| !known.contains_key(*id));
        let removed = listed.removals.iter().map(|(id, _)| id).filter(|id| taken.contains(*id));
        let mut asked: BTreeSet<_> = unknown.chain(removed).cloned().collect();
        asked.extend(self.memory().next_few(known));
        asked
    }

    /// Reads them into what is known. Says which of them cannot be read.
    async fn ask(
        &self,
        asked: &BTreeSet<BackupId>,
        known: &mut Entries,
    ) -> Result<BTreeMap<BackupId, Broken>> {
        let (mut broken, mut grown) = (BTreeMap::new(), 0);
        // Ids that are made from the time are in its order: the newest are known first.
        let newest_first: Vec<BackupId> = asked.iter().rev().cloned().collect();
        let looks = stream::iter(newest_first).map(async |id: BackupId| (self.look(&id).await, id));
        let mut looks = looks.buffer_unordered(CONCURRENCY);
        while let Some((look, id)) = looks.next().await {
            let before = known.remove(&id);
            match look? {
                Look::Nothing => {}
                // There was no room for its text, and is none now.
                Look::Sound(entry)
                    if before.as_ref().is_some_and(|before| before.is_without_text_of(&entry)) =>
                {
                    known.extend(before.map(|before| (id, before)));
                }
                Look::Sound(entry) => {
                    grown += entry.length();
                    known.insert(id, Arc::new(entry));
                }
                Look::Broken(one) => {
                    broken.insert(id, one);
                }
            }
            if grown > index::MOST {
                index::shorten(known, index::MOST);
                grown = 0;
            }
        }
        Ok(broken)
    }

    async fn look(&self, id: &BackupId) -> Result<Look> {
        let path = layout::manifest(id);
        let Some(text) = self.store().get(&path).await? else { return Ok(Look::Nothing) };
        let of = id.clone();
        match off_the_async_threads(move || Entry::read(&of, &text)).await {
            Ok(entry) => Ok(Look::Sound(entry)),
            Err(error) => {
                let why = error.to_string();
                Ok(match self.store().head(&path).await? {
                    Some(meta) => Look::Broken(Broken { made: meta.last_modified, why }),
                    None => Look::Nothing,
                })
            }
        }
    }

    /// Says whether it could be done, which makes a difference for the time of the next list only.
    async fn write_index(&self, entries: Entries, spent: Vec<Path>) -> bool {
        let written = async {
            let text = off_the_async_threads(move || index::to_text(&entries)).await?;
            self.store().put(&layout::index(), text.into()).await?;
            self.store().delete(spent).await
        };
        match tokio::time::timeout(PATIENCE, written).await {
            Ok(Ok(_)) => return true,
            Ok(Err(error)) => {
                tracing::debug!(repository = self.name(), %error, "the index of backups cannot be written");
            }
            Err(_) => {
                tracing::debug!(repository = self.name(), "writing the index of backups takes too long");
            }
        }
        false
    }
}
