use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use super::destination::Destination;
use super::file::FileWriter;
use super::inheriting::Inheriting;
use crate::backup_id::BackupId;
use crate::checksum::Checksum;
use crate::data_file::{Absent, DataFile, FilesJson, SchemaJson, TenantRecord, TenantsJson};
use crate::layout;
use crate::manifest::CollectionManifest;
use crate::read::{CollectionReader, Stored};
use selvedge_model::error::{Error, Result};
use selvedge_model::{Collection, Content, Remark, gaps};

/// A collection of a backup that is being made. Clones share it, so that each lane can have one.
#[derive(Debug, Clone)]
pub struct CollectionWriter {
    pub(super) destination: Arc<Destination>,
    schema: Checksum,
}

impl CollectionWriter {
    pub(super) async fn create(
        destination: Destination,
        collection: &Collection,
        aliases: &[String],
    ) -> Result<Self> {
        let json = SchemaJson { class: collection.schema.clone(), aliases: aliases.to_vec() };
        let schema = destination.put_list(layout::SCHEMA, &json).await?;
        Ok(Self { destination: Arc::new(destination), schema })
    }

    /// A data file that takes objects. `group_bytes` are the raw bytes of a row group: what is buffered and encoded at once,
    /// and later fetched and decoded. There is a limit to what can be asked for.
    pub fn data_file(&self, group_bytes: usize) -> FileWriter {
        let limit = self.destination.limits.row_group_bytes;
        FileWriter::new(self.destination.clone(), group_bytes.min(limit).max(1))
    }

    /// How many bytes each of its data files keeps in memory even when it is flushed.
    pub fn keeps(&self) -> usize {
        self.destination.limits.kept(&self.destination.store)
    }

    /// Whether a file that was written before still has its bytes.
    pub async fn holds(&self, file: &DataFile) -> Result<bool> {
        let destination = &self.destination;
        destination.store.holds(&destination.data_file(&file.name), file.bytes, file.blake3).await
    }

    /// Deletes data files that are not among these: what an attempt that died was writing. No file writer may be at work.
    pub async fn sweep(&self, names: impl Iterator<Item = &str>) -> Result<()> {
        let Destination { store, dir, .. } = &*self.destination;
        let listed: BTreeSet<_> = names.map(|name| self.destination.data_file(name)).collect();
        let dir = layout::data_dir(dir);
        let mut there = store.list(&dir).await?;
        there.retain(|path| !listed.contains(path));
        store.delete(there).await?;
        // What was never finished is in no list.
        store.remove_unfinished(&dir).await
    }

    /// What was written so far, to be read before it is a backup.
    pub fn so_far(
        &self,
        id: &BackupId,
        collection: &Collection,
        files: &[DataFile],
        inheriting: Option<&Inheriting>,
        content: &Content,
    ) -> Result<CollectionReader> {
        let Destination { store, columns, dir, seal, .. } = &*self.destination;
        let (shared, inherited) = inheriting.map(Inheriting::as_read).transpose()?.unwrap_or_default();
        Ok(CollectionReader::new(Stored {
            store: Arc::clone(store),
            id: id.clone(),
            dir: dir.clone(),
            seal: seal.clone(),
            collection: collection.clone(),
            aliases: Vec::new(),
            files: [files, &shared].concat(),
            inherited,
            buckets: Some(content.buckets.clone()),
            mixed_dimensions: Vec::new(),
            dimensions: None,
            tenants: None,
            absent: None,
            columns: Arc::clone(columns),
            edited: BTreeSet::new(),
        }))
    }

    /// Deletes these files and the schema: the collection is to be read again, or not to be in the backup after all.
    pub async fn discard(self, files: &[DataFile]) -> Result<()> {
        let destination = &self.destination;
        let mut paths: Vec<_> = files.iter().map(|file| destination.data_file(file.name.as_str())).collect();
        paths.push(destination.list(layout::SCHEMA));
        destination.store.delete(paths).await.map(drop)
    }

    /// Writes down what was written: `files` are in any order, `content` is that of all of them and of what is inherited. `tenants`
    /// are all that the collection has, their digests not yet filled in; None without multi-tenancy.
    pub async fn finish(
        self,
        mut files: Vec<DataFile>,
        inheriting: Option<Inheriting>,
        content: Content,
        tenants: Option<Vec<TenantRecord>>,
        remarks: Vec<Remark>,
    ) -> Result<CollectionManifest> {
        let destination = &self.destination;
        if tenants.is_some() != destination.columns.multi_tenant {
            let text = format!("tenants do not fit collection \"{}\"", destination.collection);
            return Err(Error::internal(text));
        }
        files.sort_by(|a, b| place(a).cmp(&place(b)));
        let inheriting = inheriting.filter(|inheriting| !inheriting.is_empty());
        let mut manifest = self.manifest(&files, inheriting.as_ref(), &content, tenants.as_deref(), remarks);
        if let Some(mut tenants) = tenants {
            for tenant in tenants.iter_mut().filter(|tenant| tenant.rows.is_some()) {
                tenant.digest = Some(content.tenants.get(&tenant.name).copied().unwrap_or_default());
            }
            let checksum = destination.put_list(layout::TENANTS, &TenantsJson { tenants }).await?;
            manifest.blake3.insert(layout::TENANTS.to_owned(), checksum);
        }
        if let Some(inheriting) = &inheriting {
            manifest.blake3.extend(self.put_inheritance(inheriting, &files).await?);
        }
        let files = FilesJson {
            vectors: destination.columns.spaces.iter().map(Into::into).collect(),
            files,
            inherited: inheriting.map(Inheriting::into_list).unwrap_or_default(),
            mixed_dimensions: content.dimensions.mixed(),
            dimensions: Some(content.dimensions.of_spaces(&destination.columns.spaces)),
            buckets: Some(content.buckets),
        };
        let checksum = destination.put_list(layout::FILES, &files).await?;
        manifest.blake3.insert(layout::FILES.to_owned(), checksum);
        Ok(manifest)
    }

    /// As [`CollectionWriter::finish`], for a backup of what a job is about to change: with what there is not yet.
    pub async fn finish_undo(
        self,
        files: Vec<DataFile>,
        content: Content,
        tenants: Option<Vec<TenantRecord>>,
        absent: &Absent,
    ) -> Result<CollectionManifest> {
        let checksum = self.destination.put_list(layout::ABSENT, absent).await?;
        let mut manifest = self.finish(files, None, content, tenants, Vec::new()).await?;
        manifest.blake3.insert(layout::ABSENT.to_owned(), checksum);
        Ok(manifest)
    }

    /// What the manifest says of it before its lists are written.
    fn manifest(
        &self,
        files: &[DataFile],
        inheriting: Option<&Inheriting>,
        content: &Content,
        tenants: Option<&[TenantRecord]>,
        remarks: Vec<Remark>,
    ) -> CollectionManifest {
        let Destination { columns, collection, .. } = &*self.destination;
        let complete = gaps(&remarks).next().is_none();
        let held = tenants.into_iter().flatten().filter(|tenant| tenant.rows.is_some());
        let shared = inheriting.into_iter().flat_map(Inheriting::files);
        let all: Vec<_> = files.iter().chain(shared).collect();
        CollectionManifest {
            name: collection.clone(),
            objects: all.iter().map(|file| file.objects()).sum::<u64>() - strays(content, tenants),
            bytes: all.iter().map(|file| file.bytes).sum(),
            files: all.len() as u64,
            inheritance: inheriting.and_then(|inheriting| inheriting.summary(&self.destination.dir)),
            multi_tenant: columns.multi_tenant,
            tenants_covered: held.count() as u64,
            tenants_total: tenants.map_or(0, |tenants| tenants.len() as u64),
            complete,
            remarks,
            digest: Some(content.total()),
            blake3: BTreeMap::from([(layout::SCHEMA.to_owned(), self.schema)]),
        }
    }
}

/// Its first tenant, and its first id if it is of a part of that tenant.
fn place(file: &DataFile) -> (Option<&str>, Option<Uuid>, &str) {
    let tenant = file.tenants.first().map(|span| span.tenant.as_str());
    (tenant, file.covers.map(|range| range.first), file.name.as_str())
}

/// Rows of tenants that the backup does not claim to hold: they went or fell asleep while they were read, and those that
/// went are not even among its `tenants`.
fn strays(content: &Content, tenants: Option<&[TenantRecord]>) -> u64 {
    let Some(tenants) = tenants else { return 0 };
    let held = tenants.iter().filter(|tenant| tenant.rows.is_some());
    let held: BTreeSet<&str> = held.map(|tenant| tenant.name.as_str()).collect();
    let read = content.tenants.iter();
    read.filter(|(name, _)| !held.contains(name.as_str())).map(|(_, rows)| rows.objects).sum()
}
