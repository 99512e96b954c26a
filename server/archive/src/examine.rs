//! Trying out everything that jobs need of a repository.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Repository, layout};
use selvedge_model::error::{Error, Result};

/// What became of each try. What needs another one that failed was not tried.
#[derive(Debug)]
pub struct Examination {
    pub is_there: Result<()>,
    pub write: Option<Result<()>>,
    pub read: Option<Result<()>>,
    pub list: Option<Result<()>>,
    /// Whether an object is created only where there is none. None inside if only this server writes there.
    pub create: Option<Result<Option<()>>>,
    pub delete: Option<Result<()>>,
    /// What time it was for the store when it was so late here.
    pub clock: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Of the disk that a folder is on: bytes that are free, and all.
    pub space: Option<(u64, u64)>,
}

impl Repository {
    /// Writes a few bytes, and leaves nothing behind.
    pub async fn examine(&self) -> Examination {
        let mut found = Examination {
            is_there: self.check().await,
            write: None,
            read: None,
            list: None,
            create: None,
            delete: None,
            clock: None,
            space: self.space(),
        };
        if found.is_there.is_err() {
            return found;
        }
        let (store, path) = (self.store(), layout::probe(Uuid::new_v4()));
        let sent = path.to_string();
        let written = store.put_promptly(&path, sent.clone().into()).await;
        let is_written = written.is_ok();
        found.write = Some(written);
        if !is_written {
            return found;
        }
        let wrong = |what: &str| Error::internal(format!("{} {what} {path}", store.place()));
        found.read = Some(match store.get_promptly(&path).await {
            Ok(Some(bytes)) if bytes == sent.as_bytes() => Ok(()),
            Ok(Some(_)) => Err(wrong("gives other bytes than were written to")),
            Ok(None) => Err(wrong("does not find")),
            Err(error) => Err(error),
        });
        let now = Utc::now();
        found.list = Some(match store.list_with_sizes(&layout::probes_dir()).await {
            Ok(listed) => match listed.iter().find(|meta| meta.location == path) {
                Some(meta) => {
                    found.clock = Some((meta.last_modified, now));
                    Ok(())
                }
                None => Err(wrong("does not list")),
            },
            Err(error) => Err(error),
        });
        found.create = Some(match store.is_exclusive() {
            true => Ok(None),
            false => store.show_creation().await.map(Some),
        });
        found.delete = Some(store.delete(vec![path.clone()]).await.map(drop));
        found
    }
}
