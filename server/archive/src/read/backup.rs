use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use serde::de::DeserializeOwned;

use super::collection::CollectionReader;
use super::damage::Damage;
use super::modified::Modified;
use super::stored::Stored;
use crate::backup_id::BackupId;
use crate::checksum::Checksum;
use crate::data_file::{FilesJson, SchemaJson, TenantsJson, WrittenSpace};
use crate::format::Columns;
use crate::layout;
use crate::manifest::{AccessManifest, BackupKind, CollectionManifest, Manifest};
use crate::sealing::{self, Seal};
use crate::store::Store;
use crate::store_error::corrupt;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Access, Buckets, Collection, VectorSpace, nearest_or};

/// A committed backup.
#[derive(Debug, Clone)]
pub struct BackupReader {
    store: Arc<Store>,
    manifest: Arc<Manifest>,
    seal: Seal,
}

impl BackupReader {
    pub(crate) fn new(store: Arc<Store>, manifest: Manifest, seal: Seal) -> Self {
        Self { store, manifest: Arc::new(manifest), seal }
    }

    pub fn is_sealed(&self) -> bool {
        self.seal.is_some()
    }

    pub(super) fn seal(&self) -> &Seal {
        &self.seal
    }

    /// The folder of one of its collections.
    pub(super) fn dir(&self, collection: &str) -> Path {
        layout::collection_dir(&self.manifest.id, collection, &self.seal)
    }

    /// Fails if the backup has no more of objects than what tells them.
    pub fn require_objects(&self) -> Result<()> {
        match self.manifest.kind {
            BackupKind::Keys => {
                let text =
                    format!("backup {} holds no objects, but only what a copy has moved", self.manifest.id);
                Err(Error::invalid("backup_id", text).hint("name a backup that was made by `backup`"))
            }
            _ => Ok(()),
        }
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// What is said of a damage where it is a failure.
    pub fn corrupt(&self, damage: &Damage) -> Error {
        damage.error(&self.manifest.id)
    }

    /// The collection, with the lists as they would be for its data files as they are now, if they are JSON Lines that somebody has
    /// edited; and those files.
    pub async fn collection_as_it_is(&self, name: &str) -> Result<(CollectionReader, Vec<Modified>)> {
        self.collection(name).await?.as_it_is_now().await
    }

    /// Reads a collection's schema and lists, and checks them against the manifest.
    pub async fn collection(&self, name: &str) -> Result<CollectionReader> {
        let id = &self.manifest.id;
        let Some(summary) = self.manifest.collections.iter().find(|collection| collection.name == name)
        else {
            let names = self.manifest.collections.iter().map(|collection| &collection.name);
            return Err(Error::new(
                Kind::CollectionNotFound,
                format!("backup {id} has no collection \"{name}\""),
            )
            .hint(nearest_or(name, names, "its manifest lists what it has")));
        };
        let schema: SchemaJson = self.read_json(summary, layout::SCHEMA).await?;
        let files: FilesJson = self.read_json(summary, layout::FILES).await?;
        let (shared, inherited) = self.inherited(summary, files.inherited).await?;
        let tenants = match summary.multi_tenant {
            true => Some(self.read_json::<TenantsJson>(summary, layout::TENANTS).await?.tenants),
            false => None,
        };
        let absent = match summary.blake3.contains_key(layout::ABSENT) {
            true => Some(self.read_json(summary, layout::ABSENT).await?),
            false => None,
        };
        let collection = Collection::from_schema(schema.class)
            .map_err(|error| error.context(format_args!("backup {id}")))?;
        let spaces = written_spaces(id, &collection, &files.vectors)?;
        let keys_only = self.manifest.kind == BackupKind::Keys;
        let columns = Arc::new(Columns::new(&collection, &spaces, keys_only)?);
        Ok(CollectionReader::new(Stored {
            store: self.store.clone(),
            id: id.clone(),
            dir: self.dir(name),
            seal: self.seal.clone(),
            collection,
            aliases: schema.aliases,
            files: [files.files, shared].concat(),
            inherited,
            dimensions: files.dimensions,
            buckets: files.buckets.filter(Buckets::is_whole),
            mixed_dimensions: files.mixed_dimensions,
            tenants,
            absent,
            columns,
            edited: BTreeSet::new(),
        }))
    }

    /// Where the data files are that it has in common with backups before it, of whatever collection.
    pub(crate) async fn inherited_paths(&self) -> Result<Vec<Path>> {
        let mut paths = Vec::new();
        for summary in self.manifest.collections.iter().filter(|summary| summary.inheritance.is_some()) {
            let files: FilesJson = self.read_json(summary, layout::FILES).await?;
            paths.extend(files.inherited.into_iter().map(|file| Path::from(file.path)));
        }
        Ok(paths)
    }

    /// Who might do what on the cluster; None if the backup does not have it.
    pub async fn access(&self) -> Result<Option<Access>> {
        let Manifest { id, access, .. } = self.manifest();
        match access {
            Some(AccessManifest { blake3, .. }) => {
                self.read_as_written(&layout::access(id), *blake3).await.map(Some)
            }
            None => Ok(None),
        }
    }

    async fn read_json<T: DeserializeOwned>(&self, collection: &CollectionManifest, name: &str) -> Result<T> {
        let path = layout::collection_file(&self.dir(&collection.name), name);
        let bytes = self.fetch_listed(collection, name, &path).await?;
        self.parse(&path, bytes)
    }

    /// Fetches a list of a collection, whose checksum the manifest has.
    pub(super) async fn fetch_listed(
        &self,
        collection: &CollectionManifest,
        name: &str,
        path: &Path,
    ) -> Result<Bytes> {
        let expected = collection.blake3.get(name).ok_or_else(|| {
            corrupt(&self.manifest.id, format_args!("backup.json has no checksum of {path}"))
        })?;
        self.fetch_as_written(path, *expected).await
    }

    /// Reads a file of which the manifest has the checksum.
    async fn read_as_written<T: DeserializeOwned>(&self, path: &Path, expected: Checksum) -> Result<T> {
        let bytes = self.fetch_as_written(path, expected).await?;
        self.parse(path, bytes)
    }

    async fn fetch_as_written(&self, path: &Path, expected: Checksum) -> Result<Bytes> {
        let bytes = self.store.get(path).await?.ok_or_else(|| self.corrupt(&Damage::missing(path)))?;
        match Checksum::of(&bytes) == expected {
            true => Ok(bytes),
            false => Err(self.corrupt(&Damage::altered(path, "backup.json"))),
        }
    }

    fn parse<T: DeserializeOwned>(&self, path: &Path, bytes: Bytes) -> Result<T> {
        let id = &self.manifest.id;
        let bytes = sealing::opened(&self.seal, path, bytes)
            .ok_or_else(|| corrupt(id, format_args!("{path} is not sealed with the key of the backup")))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| corrupt(id, format_args!("{path} is not valid")).caused_by(error))
    }
}

/// The collection's vector spaces that the data files have columns for.
fn written_spaces(
    id: &BackupId,
    collection: &Collection,
    written: &[WrittenSpace],
) -> Result<Vec<VectorSpace>> {
    let find = |space: &WrittenSpace| {
        collection
            .vector_spaces
            .iter()
            .find(|known| WrittenSpace::from(*known) == *space)
            .cloned()
            .ok_or_else(|| {
                let name = space.name.as_deref().unwrap_or("(legacy)");
                corrupt(
                    id,
                    format_args!("the schema of \"{}\" does not have its vectors {name}", collection.name),
                )
            })
    };
    written.iter().map(find).collect()
}
