use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use serde::de::DeserializeOwned;

use super::columns::Columns;
use super::data_file::{FilesJson, SchemaJson, TenantsJson, WrittenSpace};
use super::store::Store;
use super::store_error::corrupt;
use super::{BackupId, Checksum, CollectionManifest, DataFile, DataReader, Manifest, TenantRecord, layout};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Buckets, Collection, Digester, DimensionCount, VectorSpace};

/// A committed backup.
#[derive(Debug, Clone)]
pub struct BackupReader {
    store: Arc<Store>,
    manifest: Arc<Manifest>,
}

impl BackupReader {
    pub(super) fn new(store: Arc<Store>, manifest: Manifest) -> Self {
        Self { store, manifest: Arc::new(manifest) }
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Reads a collection's schema and lists, and checks them against the manifest.
    pub async fn collection(&self, name: &str) -> Result<CollectionReader> {
        let id = &self.manifest.id;
        let Some(summary) = self.manifest.collections.iter().find(|collection| collection.name == name)
        else {
            return Err(Error::new(
                Kind::CollectionNotFound,
                format!("backup {id} has no collection \"{name}\""),
            )
            .hint(format!("see what it has with `selvedge show {id}`")));
        };
        let schema: SchemaJson = self.read_json(summary, layout::SCHEMA).await?;
        let files: FilesJson = self.read_json(summary, layout::FILES).await?;
        let tenants = match summary.multi_tenant {
            true => Some(self.read_json::<TenantsJson>(summary, layout::TENANTS).await?.tenants),
            false => None,
        };
        let collection = Collection::from_schema(schema.class)
            .map_err(|error| error.context(format_args!("backup {id}")))?;
        let spaces = written_spaces(id, &collection, &files.vectors)?;
        let columns = Arc::new(Columns::new(&collection, &spaces)?);
        Ok(CollectionReader {
            store: self.store.clone(),
            id: id.clone(),
            collection,
            aliases: schema.aliases,
            files: files.files,
            buckets: files.buckets.filter(Buckets::is_whole),
            mixed_dimensions: files.mixed_dimensions,
            tenants,
            columns,
        })
    }

    async fn read_json<T: DeserializeOwned>(&self, collection: &CollectionManifest, name: &str) -> Result<T> {
        let id = &self.manifest.id;
        let path = layout::collection_file(id, &collection.name, name);
        let bytes =
            self.store.get(&path).await?.ok_or_else(|| corrupt(id, format_args!("{path} is missing")))?;
        let expected = collection.blake3.get(name);
        let expected =
            expected.ok_or_else(|| corrupt(id, format_args!("backup.json has no checksum of {path}")))?;
        if Checksum::of(&bytes) != *expected {
            return Err(corrupt(
                id,
                format_args!("{path} was altered: its checksum is not the one in backup.json"),
            ));
        }
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

/// A collection of a backup.
#[derive(Debug, Clone)]
pub struct CollectionReader {
    store: Arc<Store>,
    id: BackupId,
    collection: Collection,
    aliases: Vec<String>,
    files: Vec<DataFile>,
    buckets: Option<Buckets>,
    mixed_dimensions: Vec<DimensionCount>,
    tenants: Option<Vec<TenantRecord>>,
    columns: Arc<Columns>,
}

/// Requests in flight while checking files.
const CONCURRENCY: usize = 16;
/// Data files read at once to be checked.
const READS: usize = 2;

impl CollectionReader {
    pub fn collection(&self) -> &Collection {
        &self.collection
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn path(&self, file: &DataFile) -> Path {
        layout::data_file(&self.id, &self.collection.name, &file.name)
    }

    pub fn aliases(&self) -> &[String] {
        &self.aliases
    }

    pub fn files(&self) -> &[DataFile] {
        &self.files
    }

    /// The digests of its objects; None if it was made before there were digests.
    pub fn buckets(&self) -> Option<&Buckets> {
        self.buckets.as_ref()
    }

    /// Vectors of a dimension that is not the only one in their space.
    pub fn mixed_dimensions(&self) -> &[DimensionCount] {
        &self.mixed_dimensions
    }

    /// Computes the digests of its batches.
    pub fn digester(&self) -> &Digester {
        &self.columns.digester
    }

    /// All tenants that the collection had; None without multi-tenancy.
    pub fn tenants(&self) -> Option<&[TenantRecord]> {
        self.tenants.as_deref()
    }

    /// The vector spaces that each batch has a column for, in this order. None in a backup without vectors.
    pub fn spaces(&self) -> &[VectorSpace] {
        &self.columns.spaces
    }

    /// How many objects have no vector, by the name of the vector space ("" for the legacy one). Without zeros.
    pub fn rows_without_vector(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for (space, rows) in self.files.iter().flat_map(|file| &file.without_vector) {
            *counts.entry(space.clone()).or_default() += rows;
        }
        counts
    }

    /// Whether every data file is there and as long as it was. Does not read them.
    pub async fn check_files(&self) -> Result<()> {
        let expected: Vec<_> = self.files.iter().map(|file| (self.path(file), file.bytes)).collect();
        let checks = stream::iter(expected).map(async |(path, bytes)| match self.store.head(&path).await? {
            Some(meta) if meta.size == bytes => Ok(()),
            found => Err(misfit(&self.id, &path, bytes, found.map(|meta| meta.size))),
        });
        checks.buffer_unordered(CONCURRENCY).try_collect().await
    }

    /// Whether every data file still has the bytes that were written. Reads them all.
    pub async fn check_data(&self) -> Result<()> {
        let checks = self.files.iter().map(|file| self.clone().check_file(file.clone())).collect::<Vec<_>>();
        stream::iter(checks).buffer_unordered(READS).try_collect().await
    }

    async fn check_file(self, file: DataFile) -> Result<()> {
        let path = self.path(&file);
        match self.store.checksum(&path).await? {
            Some(checksum) if checksum == file.blake3 => Ok(()),
            Some(_) => Err(corrupt(
                &self.id,
                format_args!("{path} was altered: its checksum is not the one in files.json"),
            )),
            None => Err(corrupt(&self.id, format_args!("{path} is missing"))),
        }
    }

    /// Opens one of `files`. With `tenants`, only their objects are given, and row groups without any are not
    /// fetched.
    pub async fn open(&self, file: &DataFile, tenants: Option<Arc<BTreeSet<String>>>) -> Result<DataReader> {
        let path = self.path(file);
        DataReader::open(
            self.store.clone(),
            self.id.clone(),
            path,
            file.clone(),
            self.columns.clone(),
            tenants,
        )
        .await
    }
}

/// A data file that is not as long as it was. `found` is its size now, None if it is gone.
pub(super) fn misfit(
    id: &BackupId,
    path: &object_store::path::Path,
    bytes: u64,
    found: Option<u64>,
) -> Error {
    match found {
        None => corrupt(id, format_args!("{path} is missing")),
        Some(found) if found < bytes => {
            corrupt(id, format_args!("{path} is truncated: {found} of {bytes} bytes are left"))
        }
        Some(found) => corrupt(id, format_args!("{path} was altered: it has {found} bytes, and had {bytes}")),
    }
}
