//! Folders of small JSON files: what is to be known of jobs after their server's end, and what they hold.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::path::Path;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::layout;
use crate::store::{Created, Store};
use crate::{BackupId, Repository};
use selvedge_model::error::{Error, Result};

/// A folder of a repository with JSON files in it. Clones share it.
#[derive(Debug, Clone)]
pub struct JsonFolder {
    store: Arc<Store>,
    path: Path,
}

/// A file in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// Below the folder, with the folders in between.
    pub name: String,
    /// By the clock of the store.
    pub modified: DateTime<Utc>,
    pub bytes: u64,
}

impl Repository {
    /// `jobs/<job-id>`.
    pub fn job(&self, job_id: &str) -> JsonFolder {
        self.json_folder(layout::jobs_dir().join(job_id))
    }

    /// `locks/<cluster>`: what jobs hold of a cluster, by its address.
    pub fn locks(&self, cluster: &str) -> JsonFolder {
        self.json_folder(layout::locks_dir().join(cluster))
    }

    /// What is there of a backup, committed or not.
    pub(crate) async fn backup_files(&self, id: &BackupId) -> Result<Vec<FileInfo>> {
        self.json_folder(layout::backup_dir(id)).list("").await
    }

    /// What jobs hold of all clusters: the file of each hold, below the folder of its cluster.
    pub fn all_locks(&self) -> JsonFolder {
        self.json_folder(layout::locks_dir())
    }

    /// The ids of all jobs that have left anything, newest last.
    pub async fn job_ids(&self) -> Result<Vec<String>> {
        let mut ids = self.store().folder_names(&layout::jobs_dir()).await?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// What time it is for the store, whose clock need not be ours.
    pub async fn now(&self) -> Result<DateTime<Utc>> {
        const CLOCK: &str = "clock.json";
        let folder = self.json_folder(layout::locks_dir());
        folder.jot(CLOCK, &()).await?;
        Ok(folder.modified(CLOCK).await?.unwrap_or_else(Utc::now))
    }

    fn json_folder(&self, path: Path) -> JsonFolder {
        JsonFolder { store: Arc::clone(self.store()), path }
    }
}

impl JsonFolder {
    /// Writes a file that must not be there yet; durable when it returns. False if there is another one of this name.
    pub async fn create(&self, name: &str, value: &(impl Serialize + Sync)) -> Result<bool> {
        let created = self.store.create(&self.file(name), self.json(name, value)?).await?;
        Ok(matches!(created, Created::Done))
    }

    /// Writes or replaces a file; durable when it returns.
    pub async fn put(&self, name: &str, value: &(impl Serialize + Sync)) -> Result<()> {
        self.store.put(&self.file(name), self.json(name, value)?.into()).await
    }

    /// Writes or replaces a file that outlives the process, but not always the machine.
    pub async fn jot(&self, name: &str, value: &(impl Serialize + Sync)) -> Result<()> {
        self.store.jot(&self.file(name), self.json(name, value)?.into()).await
    }

    /// None if there is no such file.
    pub async fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let Some(bytes) = self.store.get(&self.file(name)).await? else { return Ok(None) };
        let read = serde_json::from_slice(&bytes);
        read.map(Some).map_err(|error| {
            Error::internal(format!("{} cannot be understood", self.place(name))).caused_by(error)
        })
    }

    /// As [`JsonFolder::read`], of what a crash may have cut off: then it is as if it was not there.
    pub async fn read_whole<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let bytes = self.store.get(&self.file(name)).await?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// When a file was written last, by the clock of the store. None if there is no such file.
    pub async fn modified(&self, name: &str) -> Result<Option<DateTime<Utc>>> {
        let meta = self.store.head(&self.file(name)).await?;
        Ok(meta.map(|meta| meta.last_modified))
    }

    /// All files whose name begins with `below`, a folder in this one; empty for all.
    pub async fn list(&self, below: &str) -> Result<Vec<FileInfo>> {
        let listed = self.store.list_with_sizes(&self.file(below)).await?;
        let info = |meta: object_store::ObjectMeta| {
            let name: Vec<_> =
                meta.location.prefix_match(&self.path)?.map(|part| part.as_ref().to_owned()).collect();
            Some(FileInfo { name: name.join("/"), modified: meta.last_modified, bytes: meta.size })
        };
        Ok(listed.into_iter().filter_map(info).collect())
    }

    /// What is gone already is no failure.
    pub async fn delete(&self, names: &[impl AsRef<str>]) -> Result<()> {
        self.store.delete(names.iter().map(|name| self.file(name.as_ref())).collect()).await.map(drop)
    }

    /// How messages call a file of it.
    pub fn place(&self, name: &str) -> String {
        self.file(name).to_string()
    }

    fn file(&self, name: &str) -> Path {
        name.split('/').filter(|part| !part.is_empty()).fold(self.path.clone(), |path, part| path.join(part))
    }

    fn json(&self, name: &str, value: &impl Serialize) -> Result<Bytes> {
        serde_json::to_vec(value).map(Bytes::from).map_err(|error| {
            Error::internal(format!("{} cannot be written as JSON", self.place(name))).caused_by(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RepositoryConfig;

    #[tokio::test]
    async fn files_are_made_once_and_found_by_their_folder() {
        let repository = Repository::open(&RepositoryConfig::new("m", "memory://")).unwrap();
        let job = repository.job("job-1");
        assert!(job.create("attempts/1.json", &1).await.unwrap());
        assert!(job.create("attempts/1.json", &1).await.unwrap(), "an answer may have been lost");
        assert!(!job.create("attempts/1.json", &2).await.unwrap());
        job.jot("records/A/1.json", &"a").await.unwrap();
        job.put("records/A/1.json", &"b").await.unwrap();
        assert_eq!(job.read::<String>("records/A/1.json").await.unwrap().as_deref(), Some("b"));
        let names = |files: Vec<FileInfo>| files.into_iter().map(|file| file.name).collect::<Vec<_>>();
        assert_eq!(names(job.list("attempts").await.unwrap()), ["attempts/1.json"]);
        assert_eq!(names(job.list("").await.unwrap()), ["attempts/1.json", "records/A/1.json"]);
        assert_eq!(repository.job_ids().await.unwrap(), ["job-1"]);
        job.delete(&["attempts/1.json", "no-such"]).await.unwrap();
        assert_eq!(job.read::<u32>("attempts/1.json").await.unwrap(), None);
        assert!(job.read::<u32>("records/A/1.json").await.is_err());
        assert_eq!(job.read_whole::<u32>("records/A/1.json").await.unwrap(), None);
    }
}
