use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::path::Path;
use serde::Serialize;

use super::columns::Columns;
use super::data_file::{FilesJson, SchemaJson, TenantsJson};
use super::store::Store;
use super::write_data::Limits;
use super::{BackupId, Checksum, CollectionManifest, DataWriter, TenantRecord, Written, layout};
use selvedge_model::error::{Error, Result};
use selvedge_model::{Collection, VectorSpace};

/// A collection of a backup that is being made. Clones share it, so that each lane can have one.
#[derive(Debug, Clone)]
pub struct CollectionWriter {
    target: Arc<Target>,
    schema: Checksum,
}

/// Where the data files of one collection go, and what they look like.
#[derive(Debug)]
pub struct Target {
    pub store: Arc<Store>,
    pub limits: Limits,
    pub columns: Arc<Columns>,
    pub collection: String,
    backup: BackupId,
}

impl Target {
    pub fn path(&self, file: &str) -> Path {
        layout::data_file(&self.backup, &self.collection, file)
    }
}

impl CollectionWriter {
    pub(super) async fn create(
        store: Arc<Store>,
        backup: BackupId,
        collection: &Collection,
        aliases: &[String],
        spaces: &[VectorSpace],
        limits: Limits,
    ) -> Result<Self> {
        let columns = Arc::new(Columns::new(collection, spaces)?);
        let target = Arc::new(Target { store, limits, columns, collection: collection.name.clone(), backup });
        let json = SchemaJson { class: collection.schema.clone(), aliases: aliases.to_vec() };
        let schema = target.put_json(layout::SCHEMA, &json).await?;
        Ok(Self { target, schema })
    }

    /// One for each lane.
    pub fn data_writer(&self) -> DataWriter {
        DataWriter::new(self.target.clone())
    }

    /// Deletes what the data writers have written: it is to be read again, or not to be in the backup after all.
    pub async fn discard(self, written: Written) -> Result<()> {
        let Target { store, .. } = &*self.target;
        let mut paths: Vec<_> = written.files.iter().map(|file| self.target.path(&file.name)).collect();
        paths.push(layout::collection_file(&self.target.backup, &self.target.collection, layout::SCHEMA));
        store.delete(paths).await.map(drop)
    }

    /// Writes down what the data writers have written. `tenants` are all that the collection has, their digests not yet
    /// filled in; None without multi-tenancy.
    pub async fn finish(
        self,
        written: Written,
        tenants: Option<Vec<TenantRecord>>,
        completeness: Completeness,
    ) -> Result<CollectionManifest> {
        let target = &self.target;
        let Written { mut files, content } = written;
        if tenants.is_some() != target.columns.multi_tenant {
            return Err(Error::internal(format!("tenants do not fit collection \"{}\"", target.collection)));
        }
        // Rows of tenants that went while they were read, and that the backup does not claim to hold.
        let is_left_out = |tenant: &&TenantRecord| tenant.rows.is_none();
        let left_out = tenants.iter().flatten().filter(is_left_out);
        let strays: u64 =
            left_out.filter_map(|tenant| content.tenants.get(&tenant.name)).map(|rows| rows.objects).sum();
        // Names begin with the time they were given.
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let mut manifest = CollectionManifest {
            name: target.collection.clone(),
            objects: files.iter().map(|file| file.rows).sum::<u64>() - strays,
            bytes: files.iter().map(|file| file.bytes).sum(),
            files: files.len() as u64,
            multi_tenant: target.columns.multi_tenant,
            tenants_covered: 0,
            tenants_total: 0,
            complete: completeness.gaps.is_empty(),
            gaps: completeness.gaps,
            notes: completeness.notes,
            digest: Some(content.total()),
            blake3: BTreeMap::from([(layout::SCHEMA.to_owned(), self.schema)]),
        };
        let files = FilesJson {
            vectors: target.columns.spaces.iter().map(Into::into).collect(),
            files,
            mixed_dimensions: content.dimensions.mixed(),
            buckets: Some(content.buckets),
        };
        let checksum = target.put_json(layout::FILES, &files).await?;
        manifest.blake3.insert(layout::FILES.to_owned(), checksum);
        if let Some(mut tenants) = tenants {
            for tenant in tenants.iter_mut().filter(|tenant| tenant.rows.is_some()) {
                tenant.digest = Some(content.tenants.get(&tenant.name).copied().unwrap_or_default());
            }
            manifest.tenants_covered = tenants.iter().filter(|tenant| tenant.rows.is_some()).count() as u64;
            manifest.tenants_total = tenants.len() as u64;
            let checksum = target.put_json(layout::TENANTS, &TenantsJson { tenants }).await?;
            manifest.blake3.insert(layout::TENANTS.to_owned(), checksum);
        }
        Ok(manifest)
    }
}

/// How whole what was read of a collection is, a sentence for each thing to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completeness {
    /// What was asked for and is missing.
    pub gaps: Vec<String>,
    /// What else a person should know.
    pub notes: Vec<String>,
}

impl Target {
    async fn put_json(&self, name: &str, value: &(impl Serialize + Sync)) -> Result<Checksum> {
        let bytes = serde_json::to_vec(value)
            .map_err(|error| Error::internal(format!("{name} cannot be written as JSON")).caused_by(error))?;
        let checksum = Checksum::of(&bytes);
        self.store.put(&layout::collection_file(&self.backup, &self.collection, name), bytes.into()).await?;
        Ok(checksum)
    }
}
