//! Folders of small JSON files: what is to be known of jobs after their server's end, and what they hold.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::path::Path;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::layout;
use crate::sealing::{self, Covered, Opened, Seal, UnderCover};
use crate::store::{Created, Store};
use crate::{BackupId, Repository};
use selvedge_model::error::{Error, Kind, Result};

/// A folder of a repository with JSON files in it. Clones share it.
#[derive(Debug, Clone)]
pub struct JsonFolder {
    store: Arc<Store>,
    path: Path,
    /// What stays in the open where the rest is sealed: names of files or folders. None if everything does.
    open: Option<&'static [&'static str]>,
}

/// Of a job: what has no names in it, and what has to be finished by whichever server comes next.
const OPEN: &[&str] = &["attempts", "cancel.json", "first.json", "clearing.json", "cleared", "woken"];

/// What the name of a folder begins with that is not what it was called. No collection's does.
const HIDDEN: char = '_';

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
        JsonFolder { open: Some(OPEN), ..self.json_folder(layout::jobs_dir().join(job_id)) }
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
        // Who asks may be about to empty a full disk.
        self.write_though_full(|| folder.jot(CLOCK, &())).await?;
        Ok(folder.modified(CLOCK).await?.unwrap_or_else(Utc::now))
    }

    fn json_folder(&self, path: Path) -> JsonFolder {
        JsonFolder { store: Arc::clone(self.store()), path, open: None }
    }
}

impl JsonFolder {
    /// Writes a file that must not be there yet; durable when it returns. False if there is another one of this name.
    pub async fn create(&self, name: &str, value: &(impl Serialize + Sync)) -> Result<bool> {
        let (path, bytes) = self.sealed(name, value).await?;
        Ok(matches!(self.store.create(&path, bytes).await?, Created::Done))
    }

    /// As [`JsonFolder::create`], with the cover of the value in the open if the rest is sealed.
    pub async fn create_covered<T: Covered>(&self, name: &str, value: &T) -> Result<bool> {
        let (path, json) = (self.find(name).await?, self.json(name, value)?);
        let bytes = match self.seal(name).await? {
            None => json,
            Some(key) => {
                let sealed = STANDARD.encode(key.file(&path).seal(json)?);
                self.json(name, &UnderCover { cover: value.cover(), sealed })?
            }
        };
        Ok(matches!(self.store.create(&path, bytes.into()).await?, Created::Done))
    }

    /// From now on what is written here is sealed, if the repository is encrypted. To be called before there is anything: what
    /// has begun in the open goes on so.
    pub async fn begin(&self) -> Result<()> {
        self.store.make_key(&self.path).await.map(drop)
    }

    /// Writes or replaces a file; durable when it returns.
    pub async fn put(&self, name: &str, value: &(impl Serialize + Sync)) -> Result<()> {
        let (path, bytes) = self.sealed(name, value).await?;
        self.store.put(&path, bytes.into()).await
    }

    /// Writes or replaces a file that outlives the process, but not always the machine.
    pub async fn jot(&self, name: &str, value: &(impl Serialize + Sync)) -> Result<()> {
        let (path, bytes) = self.sealed(name, value).await?;
        self.store.jot(&path, bytes.into()).await
    }

    /// None if there is no such file.
    pub async fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let path = self.find(name).await?;
        let Some(bytes) = self.store.get(&path).await? else { return Ok(None) };
        let bytes = self.store.opened(&self.path, &path, bytes).await?;
        self.understood(name, &bytes).map(Some)
    }

    /// As [`JsonFolder::read`]; of what is sealed and cannot be opened, the cover.
    pub async fn read_covered<T: Covered>(&self, name: &str) -> Result<Option<Opened<T>>> {
        let path = self.file(name);
        let Some(bytes) = self.store.get(&path).await? else { return Ok(None) };
        let Ok(UnderCover::<T::Cover> { cover, sealed }) = serde_json::from_slice(&bytes) else {
            return self.understood(name, &bytes).map(Opened::Whole).map(Some);
        };
        let sealed = STANDARD.decode(sealed).map_err(|error| self.unclear(name, error))?;
        match self.store.opened(&self.path, &path, sealed.into()).await {
            Ok(bytes) => self.understood(name, &bytes).map(Opened::Whole).map(Some),
            Err(error) if error.kind() == Kind::KeyMissing => Ok(Some(Opened::Cover(cover))),
            Err(error) if error.kind() == Kind::BackupCorrupt => Err(self.unclear(name, error)),
            Err(error) => Err(error),
        }
    }

    fn understood<T: DeserializeOwned>(&self, name: &str, bytes: &[u8]) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|error| self.unclear(name, error))
    }

    fn unclear(&self, name: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::internal(format!("{} cannot be understood", self.place(name))).caused_by(cause)
    }

    /// As [`JsonFolder::read`], of what a crash may have cut off: then it is as if it was not there.
    pub async fn read_whole<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let path = self.find(name).await?;
        let Some(bytes) = self.store.get(&path).await? else { return Ok(None) };
        match self.store.opened(&self.path, &path, bytes).await {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == Kind::BackupCorrupt => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// When a file was written last, by the clock of the store. None if there is no such file.
    pub async fn modified(&self, name: &str) -> Result<Option<DateTime<Utc>>> {
        let meta = self.store.head(&self.find(name).await?).await?;
        Ok(meta.map(|meta| meta.last_modified))
    }

    /// All files whose name begins with `below`, a folder in this one; empty for all. In names of what is sealed, folders are not
    /// called as they are elsewhere; these names can be used all the same.
    pub async fn list(&self, below: &str) -> Result<Vec<FileInfo>> {
        let dir = self.find(&format!("{below}/")).await?;
        let listed = self.store.list_with_sizes(&dir).await?;
        let info = |meta: object_store::ObjectMeta| {
            let name: Vec<_> =
                meta.location.prefix_match(&self.path)?.map(|part| part.as_ref().to_owned()).collect();
            Some(FileInfo { name: name.join("/"), modified: meta.last_modified, bytes: meta.size })
        };
        Ok(listed.into_iter().filter_map(info).collect())
    }

    /// What is gone already is no failure.
    pub async fn delete(&self, names: &[impl AsRef<str>]) -> Result<()> {
        let mut paths = Vec::with_capacity(names.len());
        for name in names {
            paths.push(self.find(name.as_ref()).await?);
        }
        self.store.delete(paths).await.map(drop)
    }

    /// Whether what is in it is sealed, but for what is open.
    pub async fn is_sealed(&self) -> Result<bool> {
        Ok(self.open.is_some() && self.store.head(&layout::key(&self.path)).await?.is_some())
    }

    /// How messages call a file of it.
    pub fn place(&self, name: &str) -> String {
        self.file(name).to_string()
    }

    fn file(&self, name: &str) -> Path {
        name.split('/').filter(|part| !part.is_empty()).fold(self.path.clone(), |path, part| path.join(part))
    }

    /// What a file is sealed with, if it is.
    async fn seal(&self, name: &str) -> Result<Seal> {
        let starts = |open: &&str| {
            let rest = name.strip_prefix(*open);
            rest.is_some_and(|rest| !rest.starts_with(char::is_alphabetic))
        };
        match self.open {
            Some(open) if !open.iter().any(starts) => self.store.key_if_any(&self.path).await,
            _ => Ok(None),
        }
    }

    /// Where a file is. What is sealed is in folders whose names tell nothing, but for the first, which says what it is.
    async fn find(&self, name: &str) -> Result<Path> {
        let mut parts: Vec<_> = name.split('/').map(str::to_owned).collect();
        let last = parts.len() - 1;
        let named = parts.iter_mut().take(last).skip(1).filter(|part| !part.starts_with(HIDDEN));
        let mut named: Vec<_> = named.collect();
        if named.is_empty() {
            return Ok(self.file(name));
        }
        let Some(key) = self.seal(name).await? else { return Ok(self.file(name)) };
        for part in &mut named {
            **part = format!("{HIDDEN}{}", key.folder(part));
        }
        Ok(self.file(&parts.join("/")))
    }

    async fn sealed(&self, name: &str, value: &(impl Serialize + Sync)) -> Result<(Path, Bytes)> {
        let (path, json) = (self.find(name).await?, self.json(name, value)?);
        let bytes = sealing::sealed(&self.seal(name).await?, &path, json)?;
        Ok((path, bytes))
    }

    fn json(&self, name: &str, value: &impl Serialize) -> Result<Vec<u8>> {
        serde_json::to_vec(value).map_err(|error| {
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
