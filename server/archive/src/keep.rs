//! Backups that stay, and backups that go.
//!
//! Who removes a backup and who uses it each write down first that they do, and look for the other after: at least one of two
//! that come at once sees the other. A removal writes `doomed/<uuid>.json` beside the manifest, of its own, so that another removal
//! that finds the backup needed takes nothing of it back; a job is written down before it opens a backup.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use object_store::ObjectMeta;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::Created;
use crate::{BackupId, Removed, Repository, layout};
use selvedge_model::error::{Error, Kind, Result};

/// `holds/<backup-id>.json`: why a backup must stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupHold {
    pub reason: String,
    /// Who wants it. None if nobody has to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    pub time: DateTime<Utc>,
}

/// A backup that is being removed: nobody begins to use it any more.
#[derive(Debug)]
pub struct Doomed {
    path: Path,
    since: Instant,
}

/// What is left of a removal that broke off does not count for longer, by the store's clock.
const DOOMED_FOR: TimeDelta = TimeDelta::hours(1);
/// A removal that has taken longer to make sure is given up: others may have begun to use the backup again.
const SURE_WITHIN: Duration = Duration::from_secs(30 * 60);

impl Repository {
    /// Holds a backup, unless it is held already; then its hold stays as it is.
    pub async fn hold(&self, id: &BackupId, hold: &BackupHold) -> Result<BackupHold> {
        self.find(id).await?;
        let json = to_json(hold)?;
        if let Created::Taken(found) = self.store().create(&layout::hold(id), json.into()).await? {
            // A removal sees that one, if not this.
            return Ok(read(&found).unwrap_or_else(|| hold.clone()));
        }
        // A removal that came first may not have seen the hold; one that has ended has left nothing to hold.
        if self.is_doomed(id).await? || !self.is_committed(id).await? {
            self.store().delete(vec![layout::hold(id)]).await?;
            return Err(being_removed(id));
        }
        Ok(hold.clone())
    }

    /// What is not held is none the worse for it. Says whether it was.
    pub async fn release(&self, id: &BackupId) -> Result<bool> {
        self.find(id).await?;
        Ok(self.store().delete(vec![layout::hold(id)]).await? > 0)
    }

    pub async fn held(&self, id: &BackupId) -> Result<Option<BackupHold>> {
        let found = self.store().get(&layout::hold(id)).await?;
        // One that cannot be read is still one.
        let unreadable = || BackupHold { reason: String::new(), caller: None, time: DateTime::UNIX_EPOCH };
        Ok(found.map(|bytes| read(&bytes).unwrap_or_else(unreadable)))
    }

    /// All that are held.
    pub async fn all_held(&self) -> Result<BTreeSet<BackupId>> {
        let holds = self.store().list(&layout::holds_dir()).await?;
        let id = |path: &Path| path.filename()?.strip_suffix(".json")?.parse().ok();
        Ok(holds.iter().filter_map(id).collect())
    }

    pub async fn is_doomed(&self, id: &BackupId) -> Result<bool> {
        let dooms = self.store().list_with_sizes(&layout::dooms_dir(id)).await?;
        let Some(newest) = dooms.iter().map(|meta| meta.last_modified).max() else { return Ok(false) };
        Ok(self.now().await? - newest < DOOMED_FOR)
    }

    /// From now on, nobody begins to use it.
    pub async fn doom(&self, id: &BackupId) -> Result<Doomed> {
        let doomed = Doomed { path: layout::doom(id, Uuid::new_v4()), since: Instant::now() };
        self.put_note(&doomed.path).await?;
        Ok(doomed)
    }

    /// It stays after all, as far as this removal goes.
    pub async fn spare(&self, doomed: Doomed) -> Result<()> {
        self.store().delete(vec![doomed.path]).await.map(drop)
    }

    /// Deletes a backup of which it is known that nobody needs it: the manifest first, so that it is none from then on, and the
    /// id last. What other backups need of it stays.
    pub async fn delete_doomed(&self, id: &BackupId, doomed: Doomed) -> Result<Removed> {
        if doomed.since.elapsed() > SURE_WITHIN {
            self.spare(doomed).await?;
            let text =
                format!("backup {id} was not deleted: it took too long to find out whether a job needs it");
            return Err(Error::new(Kind::RepositoryUnavailable, text).hint("try again"));
        }
        let prepared = async {
            let files = self.mark_removal(id).await?;
            Ok((files, self.bequeath(id).await?))
        };
        let (files, needed) = match prepared.await {
            Ok(prepared) => prepared,
            // Nothing is gone: it stays a backup that can be used.
            Err(error) => {
                return Err(match self.spare(doomed).await {
                    Ok(()) => error,
                    Err(left) => error.also(format!(
                        "until the mark of its removal lapses, no job begins to use it: {left}"
                    )),
                });
            }
        };
        let inherits = self.look_at(id).await.map(|found| found.inherits()).unwrap_or_default();
        self.store().delete(vec![layout::manifest(id)]).await?;
        // The last of it frees the id, and whatever comes there then is another backup's.
        let mut removed = self.remove_files(id, files, &needed).await?;
        self.store().keys.forget(&layout::backup_dir(id));
        removed.add(self.settle_remains(&inherits).await?);
        Ok(removed)
    }
}

impl Repository {
    /// From then on nobody believes an index that has it. Tells what there is of it.
    async fn mark_removal(&self, id: &BackupId) -> Result<Vec<ObjectMeta>> {
        let files = self.store().list_with_sizes(&layout::backup_dir(id)).await?;
        self.put_note(&layout::removal(id, Uuid::new_v4())).await?;
        Ok(files)
    }

    /// What is written before anything is removed.
    async fn put_note(&self, path: &Path) -> Result<()> {
        let note = to_json(&Utc::now())?;
        self.write_though_full(|| self.store().put(path, note.clone().into())).await
    }

    /// Writes something small, without which a full disk cannot be emptied: in the room of what the next list makes anew.
    pub(crate) async fn write_though_full<F>(&self, write: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        match write().await {
            Err(error) if error.kind() == Kind::RepositoryFull => {
                self.store().delete(vec![layout::index()]).await?;
                write().await
            }
            written => written,
        }
    }
}

pub fn being_removed(id: &BackupId) -> Error {
    Error::new(Kind::BackupNotFound, format!("backup {id} is being removed")).hint("use another backup")
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value)
        .map_err(|error| Error::internal("a note on a backup cannot be written as JSON").caused_by(error))
}

fn read(bytes: &[u8]) -> Option<BackupHold> {
    serde_json::from_slice(bytes).ok()
}
