//! Trying out everything that jobs need of a repository.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::threads::off_the_async_threads;
use crate::{BackupFilter, Page, Repository, layout};
use selvedge_model::error::{Error, Result};

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// Whether there is a repository.
    Find,
    Write,
    Read,
    List,
    /// Whether an object is created only where there is none.
    Create,
    Delete,
    /// Whether the newest backup can be opened. Only where what is written is encrypted.
    Open,
}

/// What became of each try. What needs another one that failed was not tried.
#[derive(Debug, Default)]
pub struct Examination {
    pub trials: Vec<(Trial, Result<()>)>,
    /// What time it was for the store when it was so late here.
    pub clock: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Of the disk that a folder is on: bytes that are free, and all.
    pub space: Option<Result<(u64, u64)>>,
    /// What is written is encrypted, and this server has no identity to read it by.
    pub only_writes: bool,
}

impl Examination {
    /// Whether it went well.
    fn note(&mut self, trial: Trial, result: Result<()>) -> bool {
        let is_well = result.is_ok();
        self.trials.push((trial, result));
        is_well
    }
}

impl Repository {
    /// Of the disk that it is on, if it is on one: bytes that are free, and all.
    pub async fn space(&self) -> Option<Result<(u64, u64)>> {
        let store = self.store().clone();
        off_the_async_threads(move || store.space().transpose()).await.transpose()
    }

    /// Writes a few bytes, and leaves nothing behind.
    pub async fn examine(&self) -> Examination {
        let mut found = Examination { space: self.space().await, ..Examination::default() };
        let (store, path) = (self.store(), layout::probe(Uuid::new_v4()));
        let sent = path.to_string();
        if !found.note(Trial::Find, self.check().await)
            || !found.note(Trial::Write, store.put_promptly(&path, sent.clone().into()).await)
        {
            return found;
        }
        let wrong = |what: &str| Error::internal(format!("{} {what} {path}", store.place()));
        let read = match store.get_promptly(&path).await {
            Ok(Some(bytes)) if bytes == sent.as_bytes() => Ok(()),
            Ok(Some(_)) => Err(wrong("gives other bytes than were written to")),
            Ok(None) => Err(wrong("does not find")),
            Err(error) => Err(error),
        };
        found.note(Trial::Read, read);
        let now = Utc::now();
        let list = store.list_with_sizes(&layout::probes_dir()).await;
        let listed = list.and_then(|listed| {
            let listed = listed.into_iter().find(|meta| meta.location == path);
            listed.ok_or_else(|| wrong("does not list"))
        });
        found.clock = listed.as_ref().ok().map(|meta| (meta.last_modified, now));
        found.note(Trial::List, listed.map(drop));
        if !self.is_exclusive() {
            found.note(Trial::Create, store.show_creation().await);
        }
        found.note(Trial::Delete, store.delete(vec![path.clone()]).await.map(drop));
        found.only_writes = store.keys.are_wanted() && !store.keys.can_open();
        if store.keys.can_open() {
            found.note(Trial::Open, self.open_newest().await);
        }
        found
    }

    /// By an identity, and not by what is known of it already.
    async fn open_newest(&self) -> Result<()> {
        let page = Page { size: 1, token: None };
        self.store().unlock().await?;
        let found = self.list_backups(page, &BackupFilter::default()).await?;
        let ids = found.backups.first().map(|newest| newest.id().clone());
        let unreadable = found.unreadable.keys().find_map(|id| id.parse().ok());
        match ids.or(unreadable) {
            None => Ok(()),
            Some(id) => {
                self.store().keys.forget(&layout::backup_dir(&id));
                self.open_backup(&id).await.map(drop)
            }
        }
    }

    /// Whether only this server is said to write there, and nothing else keeps two from creating the same.
    pub fn is_exclusive(&self) -> bool {
        self.store().is_exclusive()
    }
}
