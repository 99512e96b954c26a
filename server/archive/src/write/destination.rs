use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use serde::Serialize;

use crate::checksum::Checksum;
use crate::format::{Columns, DataFormat};
use crate::layout;
use crate::sealing::{self, Seal};
use crate::store::{Haste, Store};
use selvedge_model::error::{Error, Result};

/// How large things get.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Raw bytes of a row group: what is buffered, encoded, fetched and decoded at once, so who reads it must have room
    /// for it. Fewer may be asked for.
    pub row_group_bytes: usize,
    pub row_group_rows: usize,
    /// A file that has reached this many bytes is full.
    pub file_bytes: u64,
    /// Of a multipart upload. S3 wants at least 5 MiB; a lane holds up to two of them.
    pub part_bytes: usize,
}

const MIB: usize = 1 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Measured: more are no faster to encode and to read, and take more memory.
            row_group_bytes: 2 * MIB,
            row_group_rows: 65_536,
            file_bytes: 64 * MIB as u64,
            part_bytes: 5 * MIB,
        }
    }
}

impl Limits {
    /// How many bytes a data file keeps in memory even when it is flushed, and beside row groups: a bucket takes no part that is not
    /// full, and has another one on its way.
    pub fn kept(&self, store: &Store) -> usize {
        if store.is_bucket() { 2 * self.part_bytes } else { 0 }
    }
}

/// Where the files of one collection go, and what its data files look like.
#[derive(Debug)]
pub struct Destination {
    pub store: Arc<Store>,
    pub haste: Haste,
    pub limits: Limits,
    pub columns: Arc<Columns>,
    pub format: DataFormat,
    pub collection: String,
    /// Its folder.
    pub dir: Path,
    pub seal: Seal,
}

impl Destination {
    pub fn data_file(&self, name: &str) -> Path {
        layout::data_file(&self.dir, name)
    }

    /// `name` is one of those in [`layout`].
    pub fn list(&self, name: &str) -> Path {
        layout::collection_file(&self.dir, name)
    }

    pub async fn put_list(&self, name: &str, value: &(impl Serialize + Sync)) -> Result<Checksum> {
        let bytes = serde_json::to_vec(value)
            .map_err(|error| Error::internal(format!("{name} cannot be written as JSON")).caused_by(error))?;
        let bytes = sealing::sealed(&self.seal, &self.list(name), bytes)?;
        self.put_bytes(name, bytes).await
    }

    /// As they are.
    pub async fn put_bytes(&self, name: &str, bytes: Bytes) -> Result<Checksum> {
        let checksum = Checksum::of(&bytes);
        self.store.put_hastily(&self.haste, &self.list(name), bytes.into()).await?;
        Ok(checksum)
    }
}
