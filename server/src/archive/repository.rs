use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use serde::{Deserialize, Serialize};

use super::store::{Created, Store};
use super::write_data::Limits;
use super::{BackupId, BackupReader, BackupWriter, Checksum, Manifest, layout};
use crate::error::{Error, Kind, Result};

/// A place for backups. Clones share it.
#[derive(Debug, Clone)]
pub struct Repository {
    store: Arc<Store>,
    limits: Limits,
}

/// `claim.json`: whose an id is before there is a backup.
#[derive(Debug, Serialize, Deserialize)]
struct Claim {
    job_id: String,
    time: DateTime<Utc>,
}

impl Repository {
    /// `url` is `file:///absolute/path`, taken as it is and made if it is missing, or `memory://anything`, which is
    /// gone when the server is.
    pub fn open(name: &str, url: &str) -> Result<Self> {
        let store: Arc<dyn ObjectStore> = match url.split_once("://") {
            Some(("file", path)) if path.starts_with('/') => Arc::new(open_folder(name, path)?),
            Some(("memory", _)) => Arc::new(InMemory::new()),
            Some(("s3" | "gs" | "az", _)) => return Err(unsupported(name, url)),
            _ => return Err(malformed(name, url)),
        };
        Ok(Self::with_store(name, url, store))
    }

    pub fn with_store(name: &str, url: &str, store: Arc<dyn ObjectStore>) -> Self {
        Self { store: Arc::new(Store::new(name, url, store)), limits: Limits::default() }
    }

    #[cfg(test)]
    pub(super) fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    pub fn name(&self) -> &str {
        &self.store.name
    }

    pub fn url(&self) -> &str {
        &self.store.url
    }

    pub(super) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// What a committed backup says of itself.
    pub async fn manifest(&self, id: &BackupId) -> Result<Manifest> {
        match self.store.get(&layout::manifest(id)).await? {
            Some(bytes) => Manifest::from_json(id, &bytes),
            None => Err(self.not_found(id).await),
        }
    }

    pub async fn open_backup(&self, id: &BackupId) -> Result<BackupReader> {
        Ok(BackupReader::new(self.store.clone(), self.manifest(id).await?))
    }

    /// Takes the id for the job. Fails with `BackupExists` if it is taken by another one, or if there is a backup.
    pub async fn create_backup(&self, id: &BackupId, job_id: &str) -> Result<BackupWriter> {
        if self.store.head(&layout::manifest(id)).await?.is_some() {
            return Err(self.exists(id));
        }
        let claim = Claim { job_id: job_id.to_owned(), time: Utc::now() };
        let json = serde_json::to_vec_pretty(&claim)
            .map_err(|error| Error::internal("a claim cannot be written as JSON").caused_by(error))?;
        let mut checksum = Checksum::of(&json);
        if let Created::Taken(found) = self.store.create(&layout::claim(id), json.into()).await? {
            let holder = serde_json::from_slice::<Claim>(&found).ok();
            if holder.as_ref().is_none_or(|holder| holder.job_id != job_id) {
                return Err(self.taken(id, holder.as_ref()));
            }
            checksum = Checksum::of(&found);
        }
        Ok(BackupWriter::new(self.store.clone(), id.clone(), job_id.to_owned(), checksum, self.limits))
    }

    /// Whether `create_backup` would succeed, as far as that can be told without changing anything.
    pub async fn check_writable(&self, id: &BackupId) -> Result<()> {
        if self.store.head(&layout::manifest(id)).await?.is_some() {
            return Err(self.exists(id));
        }
        match self.store.get(&layout::claim(id)).await? {
            Some(found) => Err(self.taken(id, serde_json::from_slice(&found).ok().as_ref())),
            None => Ok(()),
        }
    }

    /// Writes or replaces a file of a job. Durable when it returns.
    pub async fn put_job_file(&self, job_id: &str, name: &str, bytes: Bytes) -> Result<()> {
        self.store.put(&layout::job_file(job_id, name), bytes.into()).await
    }

    /// The files of all jobs whose names begin like this: the job's id and the file's name.
    pub async fn job_files(&self, prefix: &str) -> Result<Vec<(String, String)>> {
        let paths = self.store.list(&layout::jobs_dir()).await?;
        let named = paths.iter().filter_map(layout::parse_job_file);
        Ok(named.filter(|(_, name)| name.starts_with(prefix)).collect())
    }

    /// None if there is no such file.
    pub async fn job_file(&self, job_id: &str, name: &str) -> Result<Option<Bytes>> {
        self.store.get(&layout::job_file(job_id, name)).await
    }

    pub async fn delete_job_file(&self, job_id: &str, name: &str) -> Result<()> {
        self.store.delete(vec![layout::job_file(job_id, name)]).await.map(drop)
    }

    async fn not_found(&self, id: &BackupId) -> Error {
        let place = self.store.place();
        let claim = self.store.get(&layout::claim(id)).await.ok().flatten();
        let error = match claim.and_then(|bytes| serde_json::from_slice::<Claim>(&bytes).ok()) {
            Some(Claim { job_id, .. }) => Error::new(
                Kind::BackupNotFound,
                format!(
                    "backup {id} in {place} is not finished: job {job_id} still makes it, or has failed to"
                ),
            ),
            None => Error::new(Kind::BackupNotFound, format!("there is no backup {id} in {place}")),
        };
        error.hint("list what there is with `selvedge list`")
    }

    fn exists(&self, id: &BackupId) -> Error {
        Error::new(Kind::BackupExists, format!("backup {id} exists already in {}", self.store.place()))
            .hint(format!(
                "choose another id, or leave it out to have one made from the time; if that job has ended without a \
                 backup, deleting the folder backups/{id} frees the id"
            ))
    }

    fn taken(&self, id: &BackupId, holder: Option<&Claim>) -> Error {
        let holder = holder.map_or("another job".to_owned(), |claim| format!("job {}", claim.job_id));
        let place = self.store.place();
        Error::new(Kind::BackupExists, format!("the backup id {id} in {place} is taken by {holder}"))
            .hint("choose another id, or leave it out to have one made from the time")
    }
}

fn open_folder(name: &str, path: &str) -> Result<LocalFileSystem> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(
            Kind::RepositoryUnavailable,
            format!("repository \"{name}\": cannot use the folder {path}"),
        )
        .hint("check that the path is right and that the user selvedge-server runs as may write there")
        .caused_by(error)
    };
    std::fs::create_dir_all(FilePath::new(path)).map_err(|error| failed(error.into()))?;
    let store = LocalFileSystem::new_with_prefix(path).map_err(|error| failed(error.into()))?;
    // Cleaning up removes the folders of a backup with the last of its files.
    Ok(store.with_fsync(true).with_automatic_cleanup(true))
}

fn unsupported(name: &str, url: &str) -> Error {
    Error::invalid("repository", format!("repository \"{name}\": {url} is not supported in this version"))
        .hint("this version keeps backups in a folder: file:///var/backups/weaviate")
}

fn malformed(name: &str, url: &str) -> Error {
    let error = Error::invalid(
        "repository",
        format!("repository \"{name}\": \"{url}\" is not the URL of a repository"),
    );
    let path = url.strip_prefix("file://").or(url.strip_prefix("file:")).unwrap_or(url);
    match std::path::absolute(path) {
        Ok(absolute) if !path.contains("://") => {
            error.hint(format!("write a folder with its whole path: file://{}", absolute.display()))
        }
        _ => error.hint("write a folder with its whole path: file:///var/backups/weaviate"),
    }
}
