//! Batches into the bytes of a data file, some row groups at a time, and what the lists say of it.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::account::Account;
use super::columns::Columns;
use super::data_format::DataFormat;
use super::into_lines::IntoLines;
use super::into_parquet::IntoParquet;
use crate::checksum::Checksum;
use crate::data_file::{Footer, RowGroup};
use crate::sealing::FileKey;
use selvedge_model::Batch;
use selvedge_model::error::{Error, Kind, Result};

/// How rows become bytes. A row group is filled with some rows of an open batch after another, and then ended.
pub trait Encode: Send {
    /// Takes a batch and the hashes of its objects, end to end; the one before is done with.
    fn open(&mut self, tenant: Option<&str>, batch: Batch, hashes: Vec<u8>) -> Result<()>;

    /// Lets go of the open batch.
    fn close(&mut self);

    /// Puts rows of the open batch into the row group. Returns how many of them have references.
    fn fill(&mut self, rows: Range<usize>) -> Result<usize>;

    /// How many raw bytes make a row group where so many are asked for.
    fn group_bytes(&self, asked: usize) -> usize {
        asked
    }

    /// Ends the row group, which `filled` tells of. Returns its bytes, and how they are to be fetched and checked.
    fn end_group(&mut self, filled: &Filled) -> Result<(Bytes, RowGroup)>;

    /// What comes after the last row group.
    fn finish(&mut self) -> Result<Bytes>;
}

/// What is in a row group.
#[derive(Debug, Default)]
pub struct Filled {
    /// Where it begins in the file.
    pub offset: u64,
    pub rows: usize,
    pub with_references: usize,
    pub raw_bytes: usize,
}

/// The bytes of one file as they come into being, and what `files.json` says of them.
pub struct Encoder {
    columns: Arc<Columns>,
    form: Box<dyn Encode>,
    whole: blake3::Hasher,
    group: Filled,
    pub bytes: u64,
    pub row_groups: Vec<RowGroup>,
    pub account: Account,
}

/// What is encoded at once. Parquet's writer makes lists several times as long as what it is given, which this keeps small
/// enough for the processor's cache.
const SLICE_BYTES: usize = 256 << 10;

/// A batch and whose it is.
pub type TenantBatch = (Option<Arc<str>>, Batch);

impl Encoder {
    /// With a key, it comes out encrypted.
    pub fn new(columns: Arc<Columns>, format: DataFormat, key: Option<FileKey>) -> Result<Self> {
        let form: Box<dyn Encode> = match format {
            DataFormat::Parquet => Box::new(IntoParquet::new(Arc::clone(&columns), key.as_ref())?),
            DataFormat::JsonLines => Box::new(IntoLines::new(Arc::clone(&columns), false, key)),
            DataFormat::JsonLinesZstd => Box::new(IntoLines::new(Arc::clone(&columns), true, key)),
        };
        Ok(Self {
            columns,
            form,
            whole: blake3::Hasher::new(),
            group: Filled::default(),
            bytes: 0,
            row_groups: Vec::new(),
            account: Account::default(),
        })
    }

    /// Encodes batches as a row group, or as several of the same size if they are much more than `group_bytes`. Gives the
    /// bytes that the file grows by. CPU work of some milliseconds.
    pub fn encode(&mut self, batches: Vec<TenantBatch>, group_bytes: usize) -> Result<Vec<Bytes>> {
        let group_bytes = self.form.group_bytes(group_bytes).max(1);
        let raw: usize = batches.iter().map(|(_, batch)| batch.byte_len()).sum();
        let groups = raw.div_ceil(group_bytes + group_bytes / 4).max(1);
        let enough = raw.div_ceil(groups);
        let mut encoded = Vec::with_capacity(groups);
        for (tenant, batch) in batches {
            let rows = batch.len();
            let row_bytes = (batch.byte_len() / rows.max(1)).max(1);
            let slice_rows = (SLICE_BYTES.min(enough) / row_bytes).max(1);
            let hashes = self.note(tenant.as_deref(), &batch)?;
            self.form.open(tenant.as_deref(), batch, hashes)?;
            for first in (0..rows).step_by(slice_rows) {
                let slice = first..rows.min(first + slice_rows);
                self.group.rows += slice.len();
                self.group.raw_bytes += slice.len() * row_bytes;
                self.group.with_references += self.form.fill(slice)?;
                // The last one takes what rounding leaves.
                if self.group.raw_bytes >= enough && encoded.len() + 1 < groups {
                    encoded.push(self.end_row_group()?);
                }
            }
            self.form.close();
        }
        if self.group.rows > 0 {
            encoded.push(self.end_row_group()?);
        }
        Ok(encoded)
    }

    fn end_row_group(&mut self) -> Result<Bytes> {
        let filled = std::mem::take(&mut self.group);
        let (bytes, group) = self.form.end_group(&Filled { offset: self.bytes, ..filled })?;
        self.row_groups.push(group);
        self.pass(&bytes);
        Ok(bytes)
    }

    /// Ends the file: its last bytes, what they are, and the hash of the whole.
    pub fn finish(&mut self) -> Result<(Bytes, Footer, Checksum)> {
        let offset = self.bytes;
        let bytes = self.form.finish()?;
        self.pass(&bytes);
        let footer = Footer { offset, bytes: bytes.len() as u64, blake3: Checksum::of(&bytes) };
        Ok((bytes, footer, self.whole.finalize().into()))
    }

    fn pass(&mut self, bytes: &Bytes) {
        self.whole.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Counts a batch that is about to be encoded, and gives the hashes of its objects.
    fn note(&mut self, tenant: Option<&str>, batch: &Batch) -> Result<Vec<u8>> {
        self.account.note(&self.columns, tenant, batch).map_err(|unfit| {
            Error::new(
                Kind::WeaviateUnintelligible,
                format!("what Weaviate shows does not fit its schema: {}", unfit.0),
            )
            .hint("change the object, or leave its collection out")
        })
    }
}
