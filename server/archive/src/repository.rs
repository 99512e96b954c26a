use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use serde::{Deserialize, Serialize};

use crate::catalog::Memory;
use crate::checksum::Checksum;
use crate::data_file::TenantRecord;
use crate::format::Columns;
use crate::keep::being_removed;
use crate::location::Location;
use crate::manifest::Parsed;
use crate::marker::NO_REPOSITORY_HINT;
use crate::read::{CollectionReader, Stored};
use crate::sealing::{Keys, Opened, Seal};
use crate::store::{Bucket, Created, Folder, Store};
use crate::threads::off_the_async_threads;
use crate::write::Limits;
use crate::{BackupId, BackupReader, BackupWriter, Manifest, RepositoryConfig, layout};
use selvedge_model::error::{Error, Kind, Result, counted};
use selvedge_model::{Collection, nearest};

/// A place for backups. Clones share it.
#[derive(Debug, Clone)]
pub struct Repository {
    store: Arc<Store>,
    limits: Limits,
    patience: Duration,
    memory: Arc<Mutex<Memory>>,
}

/// Of a file that is written in parts into a folder.
const PART_IN_FOLDER: usize = 1 << 20;

/// Rights of the folders of a repository: what is in the collections is nobody else's business.
#[cfg(unix)]
const PRIVATE: u32 = 0o700;

/// `claim.json`: whose an id is before there is a backup.
#[derive(Debug, Serialize, Deserialize)]
struct Claim {
    job_id: String,
    time: DateTime<Utc>,
}

impl Repository {
    /// Whether there is a repository is for [`Repository::check`] to say.
    pub fn open(config: &RepositoryConfig) -> Result<Self> {
        let location = Location::parse(config)?;
        location.check(config)?;
        let RepositoryConfig { name, url, exclusive, .. } = config;
        let keys = config.keys()?;
        match location {
            Location::Memory => {
                Ok(Self::on(Store::new(name, url, Arc::new(InMemory::new())).with_keys(keys)))
            }
            Location::Folder(path) if !path.is_dir() => Err(Error::new(
                Kind::RepositoryNotFound,
                format!(
                    "there is no repository \"{name}\" at {url}: there is no such folder; is it mounted?"
                ),
            )
            .hint(NO_REPOSITORY_HINT)),
            Location::Folder(path) => Self::in_folder(name, url, path, keys),
            Location::Bucket { provider, bucket, prefix } => {
                let bucket = Bucket::open(config, provider, &bucket, &prefix)?;
                let store = Store::in_bucket(name, url, bucket, *exclusive).with_keys(keys);
                Ok(Self { patience: config.retry_budget, ..Self::on(store) })
            }
        }
    }

    /// As [`Repository::open`], with the folder made if it is missing. For a place that is to be a repository.
    pub fn create(config: &RepositoryConfig) -> Result<Self> {
        if let Location::Folder(path) = Location::parse(config)? {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, PRIVATE);
            builder.create(&path).map_err(|error| unusable(&config.name, &path, error.into()))?;
        }
        Self::open(config)
    }

    /// Whether there is nothing at all at this place, so that a repository can be made of it without a word.
    pub fn is_vacant(config: &RepositoryConfig) -> Result<bool> {
        match Location::parse(config)? {
            Location::Memory => Ok(true),
            // Somebody has made the bucket, and may have made it for something else.
            Location::Bucket { .. } => Ok(false),
            Location::Folder(path) => match std::fs::read_dir(&path) {
                Ok(mut entries) => Ok(entries.next().is_none()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
                Err(error) => Err(unusable(&config.name, &path, error.into())),
            },
        }
    }

    fn in_folder(name: &str, url: &str, path: PathBuf, keys: Keys) -> Result<Self> {
        // Cleaning up removes the folders of a backup with the last of its files.
        let open = || LocalFileSystem::new_with_prefix(&path).map(|store| store.with_automatic_cleanup(true));
        let (hasty, store) = (open(), open());
        let (hasty, store) = hasty
            .and_then(|hasty| Ok((hasty.with_fsync(false), store?.with_fsync(true))))
            .map_err(|error| unusable(name, &path, error.into()))?;
        let folder = Folder::new(path, Arc::new(hasty));
        let mut repository = Self::on(Store::in_folder(name, url, folder, Arc::new(store)).with_keys(keys));
        // There is no least size for parts here, and the smaller they are the less is held in memory.
        repository.limits.part_bytes = PART_IN_FOLDER;
        Ok(repository)
    }

    pub fn with_store(name: &str, url: &str, store: Arc<dyn ObjectStore>) -> Self {
        Self::on(Store::new(name, url, store))
    }

    fn on(store: Store) -> Self {
        let (limits, patience) = (Limits::default(), RepositoryConfig::RETRY_BUDGET);
        Self { store: Arc::new(store), limits, patience, memory: Arc::default() }
    }

    /// For how long it may be away.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// A collection as it would be read from a backup of keys that is not written yet: there is nothing of it but its lists.
    pub fn draft(
        &self,
        id: &BackupId,
        collection: &Collection,
        aliases: &[String],
        tenants: Option<Vec<TenantRecord>>,
    ) -> Result<CollectionReader> {
        Ok(CollectionReader::new(Stored {
            store: Arc::clone(&self.store),
            id: id.clone(),
            dir: layout::collection_dir(id, &collection.name, &None),
            seal: None,
            aliases: aliases.to_vec(),
            files: Vec::new(),
            inherited: BTreeMap::new(),
            buckets: None,
            mixed_dimensions: Vec::new(),
            dimensions: None,
            tenants,
            absent: None,
            columns: Arc::new(Columns::new(collection, &collection.vector_spaces, true)?),
            edited: BTreeSet::new(),
            collection: collection.clone(),
        }))
    }

    /// How many bytes each data file that is written here keeps in memory even when it is flushed.
    pub fn keeps(&self) -> usize {
        self.limits.kept(&self.store)
    }

    /// What is known of its backups. Not to be held for long.
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the place a repository, unless it is one. What is in it stays.
    pub async fn init(&self) -> Result<()> {
        self.store.mark().await
    }

    /// Fails unless the repository is there, and is the one that was there before. To be called before each job: a file
    /// system that is not mounted looks like an empty folder.
    pub async fn check(&self) -> Result<()> {
        self.store.check().await
    }

    #[cfg(test)]
    pub(crate) fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    pub fn name(&self) -> &str {
        &self.store.name
    }

    /// Whether what is written there from now on is sealed.
    pub fn is_encrypted(&self) -> bool {
        self.store.keys.are_wanted()
    }

    /// Fails if what is written there is to be encrypted, and this server is not configured for that.
    pub async fn refuse_in_the_open(&self) -> Result<()> {
        self.store.refuse_in_the_open().await
    }

    /// Opens the identity that a passphrase is for, if there is one yet. Fails if the passphrase is wrong.
    pub async fn unlock(&self) -> Result<()> {
        self.store.unlock().await
    }

    pub fn url(&self) -> &str {
        &self.store.url
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Whether there is a backup, in whatever shape.
    pub(crate) async fn is_committed(&self, id: &BackupId) -> Result<bool> {
        Ok(self.store.head(&layout::manifest(id)).await?.is_some())
    }

    /// Fails unless there is a backup, in whatever shape.
    pub async fn find(&self, id: &BackupId) -> Result<()> {
        if self.is_committed(id).await? { Ok(()) } else { Err(self.not_found(id).await) }
    }

    /// What a committed backup says of itself.
    pub async fn manifest(&self, id: &BackupId) -> Result<Manifest> {
        Ok(self.read_manifest(id).await?.0)
    }

    async fn read_manifest(&self, id: &BackupId) -> Result<(Manifest, Seal)> {
        match self.store.get(&layout::manifest(id)).await? {
            Some(bytes) => self.open_manifest(id, bytes).await,
            None => Err(self.not_found(id).await),
        }
    }

    /// What is in a `backup.json`, and what the backup is sealed with.
    async fn open_manifest(&self, id: &BackupId, bytes: Bytes) -> Result<(Manifest, Seal)> {
        let sealed = match self.parse_manifest(id, bytes).await? {
            Parsed::Open(manifest) => return Ok((manifest, None)),
            Parsed::Sealed(sealed) => sealed,
        };
        let dir = layout::backup_dir(id);
        let key = self.store.key(&dir).await?;
        let (sealed, opening) = (Arc::new(sealed), key.clone());
        let opened = {
            let sealed = sealed.clone();
            off_the_async_threads(move || sealed.open(&opening)).await
        };
        match opened {
            Ok(manifest) => Ok((manifest, Some(key))),
            // Another server may have removed the backup that the key is known of, and made one of the same id.
            Err(_) => {
                self.store.keys.forget(&dir);
                let key = self.store.key(&dir).await?;
                sealed.open(&key).map(|manifest| (manifest, Some(key)))
            }
        }
    }

    /// There may be very many collections in it.
    async fn parse_manifest(&self, id: &BackupId, bytes: Bytes) -> Result<Parsed> {
        let id = id.clone();
        off_the_async_threads(move || Manifest::parse(&id, &bytes)).await
    }

    /// As much of a `backup.json` as this server may read.
    pub(crate) async fn look_at_manifest(&self, id: &BackupId, bytes: Bytes) -> Result<Opened<Manifest>> {
        match self.open_manifest(id, bytes.clone()).await {
            Err(error) if error.kind() == Kind::KeyMissing => match self.parse_manifest(id, bytes).await? {
                Parsed::Open(manifest) => Ok(Opened::Whole(manifest)),
                Parsed::Sealed(sealed) => Ok(Opened::Cover(sealed.cover)),
            },
            opened => opened.map(|(manifest, _)| Opened::Whole(manifest)),
        }
    }

    /// What everybody may read of a backup.
    pub async fn look_at(&self, id: &BackupId) -> Result<Opened<Manifest>> {
        match self.store.get(&layout::manifest(id)).await? {
            Some(bytes) => self.look_at_manifest(id, bytes).await,
            None => Err(self.not_found(id).await),
        }
    }

    pub async fn open_backup(&self, id: &BackupId) -> Result<BackupReader> {
        // First: a removal that has begun may have ended before the manifest is read.
        if self.is_doomed(id).await? {
            return Err(being_removed(id));
        }
        self.read_backup(id).await
    }

    /// As [`Repository::open_backup`], whether or not it is being removed.
    pub(crate) async fn read_backup(&self, id: &BackupId) -> Result<BackupReader> {
        let (manifest, seal) = self.read_manifest(id).await?;
        Ok(BackupReader::new(self.store.clone(), manifest, seal))
    }

    /// Takes the id for the job. Fails with `BackupExists` if it is taken by another one, or if there is a backup.
    pub async fn create_backup(&self, id: &BackupId, job_id: &str) -> Result<BackupWriter> {
        self.refuse_existing(id).await?;
        self.refuse_deleted(id).await?;
        self.refuse_in_the_open().await?;
        let claim = Claim { job_id: job_id.to_owned(), time: Utc::now() };
        let json = serde_json::to_vec_pretty(&claim)
            .map_err(|error| Error::internal("a claim cannot be written as JSON").caused_by(error))?;
        let mut checksum = Checksum::of(&json);
        let haste = self.store.hasten().await?;
        if let Created::Taken(found) = self.store.create(&layout::claim(id), json.into()).await? {
            let holder = serde_json::from_slice::<Claim>(&found).ok();
            if holder.as_ref().is_none_or(|holder| holder.job_id != job_id) {
                return Err(self.taken(id, holder.as_ref()));
            }
            checksum = Checksum::of(&found);
        }
        let seal = self.store.make_key(&layout::backup_dir(id)).await?;
        let (store, id, job_id) = (self.store.clone(), id.clone(), job_id.to_owned());
        Ok(BackupWriter::new(store, haste, id, job_id, checksum, self.limits, seal))
    }

    /// Whether `create_backup` would succeed, as far as that can be told without changing anything.
    pub async fn check_writable(&self, id: &BackupId, job_id: &str) -> Result<()> {
        self.refuse_existing(id).await?;
        self.refuse_deleted(id).await?;
        self.refuse_in_the_open().await?;
        let Some(found) = self.store.get(&layout::claim(id)).await? else { return Ok(()) };
        match serde_json::from_slice::<Claim>(&found).ok() {
            Some(claim) if claim.job_id == job_id => Ok(()),
            holder => Err(self.taken(id, holder.as_ref())),
        }
    }

    /// The backup of this id, if the job has made it.
    pub async fn made_by(&self, id: &BackupId, job_id: &str) -> Result<Option<Manifest>> {
        let Some(bytes) = self.store.get(&layout::manifest(id)).await? else { return Ok(None) };
        let (manifest, _) = self.open_manifest(id, bytes).await?;
        Ok(Some(manifest).filter(|manifest| manifest.job_id == job_id))
    }

    /// The job that has taken an id, and when. None if nobody has, or if it cannot be told.
    pub(crate) async fn claim(&self, id: &BackupId) -> Result<Option<(String, DateTime<Utc>)>> {
        let claim = self.store.get(&layout::claim(id)).await?;
        let claim = claim.and_then(|bytes| serde_json::from_slice::<Claim>(&bytes).ok());
        Ok(claim.map(|claim| (claim.job_id, claim.time)))
    }

    async fn refuse_existing(&self, id: &BackupId) -> Result<()> {
        match self.store.get(&layout::manifest(id)).await? {
            Some(bytes) => Err(self.exists(id, &bytes)),
            None => Ok(()),
        }
    }

    async fn refuse_deleted(&self, id: &BackupId) -> Result<()> {
        if !self.is_deleted(id).await? {
            return Ok(());
        }
        let text =
            format!("backup {id} was deleted, and other backups in {} need files of it", self.store.place());
        Err(Error::new(Kind::BackupExists, text).hint("choose another id"))
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
            None => {
                let error = Error::new(Kind::BackupNotFound, format!("there is no backup {id} in {place}"));
                // That they cannot be listed is no better reason.
                if let Ok(catalog) = self.catalog().await
                    && let Some(near) = nearest(id.as_str(), catalog.committed().map(BackupId::as_str))
                {
                    return error.hint(format!("did you mean \"{near}\"?"));
                }
                error
            }
        };
        error.hint("list the backups of the repository")
    }

    /// What is there is never to be deleted for the sake of its id.
    fn exists(&self, id: &BackupId, manifest: &[u8]) -> Error {
        let of = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M:%S UTC");
        let what = match Manifest::parse(id, manifest) {
            Ok(Parsed::Open(manifest)) => {
                let collections = counted(manifest.collections.len() as u64, "collection");
                format!(" (of {}, {collections})", of(manifest.end_time))
            }
            Ok(Parsed::Sealed(sealed)) => format!(" (of {}, encrypted)", of(sealed.cover.end_time)),
            Err(_) => String::new(),
        };
        let text = format!("backup {id} exists already in {}{what}", self.store.place());
        Error::new(Kind::BackupExists, text)
            .hint("choose another id, or leave it out to have one made from the time")
    }

    fn taken(&self, id: &BackupId, holder: Option<&Claim>) -> Error {
        let holder = holder.map_or("another job".to_owned(), |claim| {
            format!("job {} since {}", claim.job_id, claim.time.format("%Y-%m-%d %H:%M:%S UTC"))
        });
        let place = self.store.place();
        let text = format!("the backup id {id} in {place} is taken by {holder}, which has committed nothing");
        Error::new(Kind::BackupExists, text).hint(format!(
            "choose another id, or leave it out to have one made from the time; if no server is making it any more, resume the \
             job, or cancel it and prune the repository to free the id {id}"
        ))
    }
}

fn unusable(name: &str, path: &FilePath, error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::new(
        Kind::RepositoryUnavailable,
        format!("repository \"{name}\": cannot use the folder {}", path.display()),
    )
    .hint("check that the path is right and that the user that the server runs as may write there")
    .caused_by(error)
}
