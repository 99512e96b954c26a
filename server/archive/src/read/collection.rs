use std::fmt;
use std::sync::Arc;

use object_store::path::Path;

use super::damage::{Damage, DamageKind};
use super::file::FileReader;
use super::stored::Stored;
use crate::data_file::{DataFile, TenantRecord};
use crate::format::{Columns, Select};
use selvedge_model::error::{Error, Result};
use selvedge_model::{Buckets, Collection, Digester, DimensionCount, VectorSpace};

/// A collection of a backup. Clones share it.
#[derive(Debug, Clone)]
pub struct CollectionReader {
    pub(super) stored: Arc<Stored>,
}

impl CollectionReader {
    pub(super) fn new(stored: Stored) -> Self {
        Self { stored: Arc::new(stored) }
    }

    pub fn collection(&self) -> &Collection {
        &self.stored.collection
    }

    pub fn aliases(&self) -> &[String] {
        &self.stored.aliases
    }

    pub fn files(&self) -> &[DataFile] {
        &self.stored.files
    }

    /// The digests of its objects; None if it was made before there were digests.
    pub fn buckets(&self) -> Option<&Buckets> {
        self.stored.buckets.as_ref()
    }

    /// Vectors of a dimension that is not the only one in their space.
    pub fn mixed_dimensions(&self) -> &[DimensionCount] {
        &self.stored.mixed_dimensions
    }

    /// Computes the digests of its batches.
    pub fn digester(&self) -> &Digester {
        &self.stored.columns.digester
    }

    pub(crate) fn columns(&self) -> &Columns {
        &self.stored.columns
    }

    /// All tenants that the collection had; None without multi-tenancy.
    pub fn tenants(&self) -> Option<&[TenantRecord]> {
        self.stored.tenants.as_deref()
    }

    /// The vector spaces that each batch has a column for, in this order. None in a backup without vectors.
    pub fn spaces(&self) -> &[VectorSpace] {
        &self.stored.columns.spaces
    }

    /// Whether a data file has the bytes that were written. Reads all of it, a piece at a time; `read` hears how many bytes
    /// each piece had.
    pub async fn check(&self, file: &DataFile, read: impl FnMut(u64)) -> Result<Option<Damage>> {
        let path = self.stored.path(file);
        let size = self.stored.store.head(&path).await?.map(|meta| meta.size);
        if size != Some(file.bytes) {
            return Ok(Some(Damage::misfit(&path, file.bytes, size)));
        }
        Ok(match self.stored.store.checksum(&path, file.bytes, read).await? {
            Some(checksum) if checksum == file.blake3 => None,
            Some(_) => Some(Damage::altered(&path, "files.json")),
            None => Some(Damage::missing(&path)),
        })
    }

    /// Of its data files, where each is in the repository and what it is encrypted with, in hex. Empty if they are not.
    pub fn file_keys(&self) -> Vec<(&DataFile, String, String)> {
        let Some(seal) = &self.stored.seal else { return Vec::new() };
        let key = |file| {
            let path = self.stored.path(file);
            let hex = seal.file(&path).bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            (file, path.to_string(), hex)
        };
        self.files().iter().map(key).collect()
    }

    /// Opens one of its files to read what is selected: reads and checks the footer.
    pub async fn open(&self, file: &DataFile, select: Select) -> Result<FileReader> {
        let index = self.files().iter().position(|known| known.name == file.name).ok_or_else(|| {
            Error::internal(format!("{} is no data file of this collection", self.stored.path(file)))
        })?;
        FileReader::open(self.stored.clone(), index, select).await
    }

    /// A data file whose rows are not what they should be, although its bytes are as they were written.
    pub fn unsound(&self, file: &DataFile, what: impl fmt::Display) -> Damage {
        Damage::new(DamageKind::Unsound, &self.stored.path(file), what)
    }

    /// What is said of a damage where it is a failure.
    pub fn corrupt(&self, damage: &Damage) -> Error {
        damage.error(&self.stored.id)
    }

    /// Where a data file is in the repository.
    pub fn place(&self, file: &DataFile) -> String {
        self.stored.path(file).to_string()
    }

    pub(crate) fn path(&self, file: &DataFile) -> Path {
        self.stored.path(file)
    }
}
