use std::collections::BTreeSet;
use std::sync::Arc;

use super::collection::CollectionWriter;
use super::destination::{Destination, Limits};
use crate::backup_id::BackupId;
use crate::checksum::Checksum;
use crate::format::{Columns, DataFormat};
use crate::layout;
use crate::manifest::{AccessManifest, CollectionManifest, CommitSummary, Manifest};
use crate::sealing::{self, Seal};
use crate::store::{Created, Haste, Store};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Access, Collection, VectorSpace};

/// A backup that is being made. Nobody sees it before `commit`.
#[derive(Debug)]
pub struct BackupWriter {
    store: Arc<Store>,
    haste: Haste,
    id: BackupId,
    job_id: String,
    /// Of `claim.json`.
    claim: Checksum,
    limits: Limits,
    format: DataFormat,
    keys_only: bool,
    seal: Seal,
}

impl BackupWriter {
    pub(crate) fn new(
        store: Arc<Store>,
        haste: Haste,
        id: BackupId,
        job_id: String,
        claim: Checksum,
        limits: Limits,
        seal: Seal,
    ) -> Self {
        let format = DataFormat::default();
        Self { store, haste, id, job_id, claim, limits, format, keys_only: false, seal }
    }

    /// In which format objects are written from now on.
    pub fn in_format(self, format: DataFormat) -> Self {
        Self { format, ..self }
    }

    /// Objects are written without their properties and vectors from now on: what is left is what tells an object, and its
    /// references.
    pub fn of_keys(self) -> Self {
        Self { keys_only: true, ..self }
    }

    pub fn id(&self) -> &BackupId {
        &self.id
    }

    /// Writes the schema, and takes data from now on. `spaces` are the vector spaces that every batch will have a
    /// column for, in this order: the collection's, or none for a backup without vectors.
    pub async fn add_collection(
        &self,
        collection: &Collection,
        aliases: &[String],
        spaces: &[VectorSpace],
    ) -> Result<CollectionWriter> {
        let destination = Destination {
            store: self.store.clone(),
            haste: self.haste.clone(),
            limits: self.limits,
            columns: Arc::new(Columns::new(collection, spaces, self.keys_only)?),
            format: self.format,
            collection: collection.name.clone(),
            dir: layout::collection_dir(&self.id, &collection.name, &self.seal),
            seal: self.seal.clone(),
        };
        CollectionWriter::create(destination, collection, aliases).await
    }

    /// Makes it a backup. Everything that `collections` tell of is made durable before. If it fails, the backup can be
    /// discarded. `at_last` is asked when nothing is left to be done but to say that it is one, and can still refuse.
    pub async fn commit(
        &self,
        summary: CommitSummary,
        collections: Vec<CollectionManifest>,
        at_last: impl Future<Output = Result<()>>,
    ) -> Result<Manifest> {
        let names: BTreeSet<_> = collections.iter().map(|collection| &collection.name).collect();
        if names.len() != collections.len() {
            return Err(Error::internal(format!("a collection is twice in backup {}", self.id)));
        }
        let access = match &summary.access {
            Some(access) => Some(self.put_access(access).await?),
            None => None,
        };
        let (id, job_id) = (self.id.clone(), self.job_id.clone());
        let manifest = Manifest::new(id, job_id, self.claim, summary, collections, &self.seal);
        let manifest = Manifest { access, ..manifest };
        // What came off while the job ran would take the manifest onto the disk below.
        self.store.check_again().await?;
        self.store.settle(&self.haste).await?;
        at_last.await?;
        match self.store.create(&layout::manifest(&self.id), manifest.to_json(&self.seal)?).await? {
            Created::Done => Ok(manifest),
            Created::Taken(_) => {
                let place = self.store.place();
                Err(Error::new(
                    Kind::BackupExists,
                    format!("another job has made backup {} in {place} meanwhile", self.id),
                )
                .hint("its backup is whole; start this job again with another id"))
            }
        }
    }

    async fn put_access(&self, access: &Access) -> Result<AccessManifest> {
        let json = serde_json::to_vec_pretty(access)
            .map_err(|error| Error::internal("access.json cannot be written as JSON").caused_by(error))?;
        let (roles, holders) = (access.roles.len() as u64, access.assignments.len() as u64);
        let path = layout::access(&self.id);
        let bytes = sealing::sealed(&self.seal, &path, json)?;
        let blake3 = Checksum::of(&bytes);
        self.store.put_hastily(&self.haste, &path, bytes.into()).await?;
        Ok(AccessManifest { roles, holders, blake3 })
    }

    /// Deletes what an earlier attempt wrote of collections that are not among these, and of who may do what: that is written
    /// with the commit.
    pub async fn sweep(&self, collections: &[CollectionManifest]) -> Result<()> {
        self.refuse_committed().await?;
        let folder =
            |collection: &CollectionManifest| layout::collection_dir(&self.id, &collection.name, &self.seal);
        let folders: BTreeSet<_> = collections.iter().map(folder).collect();
        let mut there = self.store.list(&layout::collections_dir(&self.id)).await?;
        there.retain(|path| !folders.iter().any(|folder| path.prefix_matches(folder)));
        there.push(layout::access(&self.id));
        self.store.delete(there).await.map(drop)
    }

    /// Deletes what a job that failed has written, and says how many objects that were. Deletes nothing and fails if
    /// the backup is committed. File writers must have ended before.
    pub async fn discard(&self) -> Result<u64> {
        self.refuse_committed().await?;
        let claim = layout::claim(&self.id);
        let mut paths = self.store.list(&layout::backup_dir(&self.id)).await?;
        paths.retain(|path| *path != claim);
        // The claim goes last: as long as there is something, the id is taken.
        let data = self.store.delete(paths).await?;
        self.store.remove_remains(&layout::collections_dir(&self.id)).await?;
        Ok(data + self.store.delete(vec![claim]).await?)
    }

    async fn refuse_committed(&self) -> Result<()> {
        match self.store.head(&layout::manifest(&self.id)).await? {
            None => Ok(()),
            Some(_) => {
                let text = format!("backup {} is committed: nothing of it may be removed", self.id);
                Err(Error::new(Kind::BackupExists, text).hint("the backup is whole, and can be used"))
            }
        }
    }
}
