//! Batches into the bytes of a Parquet file, some row groups at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;

use super::arrays::{cannot_encode, to_record};
use super::columns::{Columns, REFERENCES, section_of};
use crate::checksum::Checksum;
use crate::data_file::{Footer, RowGroup, Section, SectionKind, TenantSpan};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, Content, Digest};

/// The bytes of one file as they come into being, and what `files.json` says of them.
pub struct Encoder {
    columns: Arc<Columns>,
    writer: ArrowWriter<Vec<u8>>,
    whole: blake3::Hasher,
    group: Filling,
    pub bytes: u64,
    pub rows: u64,
    pub row_groups: Vec<RowGroup>,
    pub tenants: Vec<TenantSpan>,
    pub without_vector: BTreeMap<String, u64>,
    pub content: Content,
}

/// What is in the row group that the Parquet writer holds.
#[derive(Debug, Default)]
struct Filling {
    rows: usize,
    with_references: usize,
    raw_bytes: usize,
}

/// What is handed to the Parquet writer at once. It makes lists several times as long as what it is given, which this
/// keeps small enough for the processor's cache.
const SLICE_BYTES: usize = 256 << 10;

/// The magic number in front of the first row group.
const MAGIC_BYTES: u64 = 4;

/// A batch and whose it is.
pub type TenantBatch = (Option<Arc<str>>, Batch);

impl Encoder {
    pub fn new(columns: Arc<Columns>) -> Result<Self> {
        let options = ArrowWriterOptions::new()
            .with_properties(columns.properties.clone())
            // Everything is said by Parquet's own types.
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), columns.schema.clone(), options)
            .map_err(cannot_encode)?;
        Ok(Self {
            columns,
            writer,
            whole: blake3::Hasher::new(),
            group: Filling::default(),
            bytes: 0,
            rows: 0,
            row_groups: Vec::new(),
            tenants: Vec::new(),
            without_vector: BTreeMap::new(),
            content: Content::default(),
        })
    }

    /// Encodes batches as a row group, or as several of the same size if they are much more than `group_bytes`. Gives the
    /// bytes that the file grows by. CPU work of some milliseconds.
    pub fn encode(&mut self, batches: Vec<TenantBatch>, group_bytes: usize) -> Result<Vec<Bytes>> {
        let raw: usize = batches.iter().map(|(_, batch)| batch.byte_len()).sum();
        let groups = raw.div_ceil(group_bytes + group_bytes / 4).max(1);
        let enough = raw.div_ceil(groups);
        let mut encoded = Vec::with_capacity(groups);
        for (tenant, batch) in batches {
            let row_bytes = (batch.byte_len() / batch.len().max(1)).max(1);
            let slice_rows = (SLICE_BYTES.min(enough) / row_bytes).max(1);
            let hashes = self.note(tenant.as_deref(), &batch)?;
            let record = to_record(&self.columns, tenant.as_deref(), batch, hashes)?;
            for first in (0..record.num_rows()).step_by(slice_rows) {
                self.fill(&record.slice(first, slice_rows.min(record.num_rows() - first)), row_bytes)?;
                // The last one takes what rounding leaves.
                if self.group.raw_bytes >= enough && encoded.len() + 1 < groups {
                    encoded.push(self.end_row_group()?);
                }
            }
        }
        if self.group.rows > 0 {
            encoded.push(self.end_row_group()?);
        }
        Ok(encoded)
    }

    fn fill(&mut self, slice: &RecordBatch, row_bytes: usize) -> Result<()> {
        self.writer.write(slice).map_err(cannot_encode)?;
        let rows = slice.num_rows();
        self.group.rows += rows;
        self.group.raw_bytes += rows * row_bytes;
        let references = slice.column_by_name(REFERENCES);
        self.group.with_references += references.map_or(0, |column| rows - column.null_count());
        Ok(())
    }

    fn end_row_group(&mut self) -> Result<Bytes> {
        let Filling { rows, with_references, raw_bytes } = std::mem::take(&mut self.group);
        self.writer.inner_mut().reserve(raw_bytes + raw_bytes / 16);
        self.writer.flush().map_err(cannot_encode)?;
        let offset = self.bytes;
        let bytes = self.take_bytes()?;
        let sections = self.sections(offset, &bytes)?;
        self.row_groups.push(RowGroup {
            offset,
            bytes: bytes.len() as u64,
            rows: rows as u64,
            references: with_references as u64,
            blake3: None,
            sections,
        });
        Ok(bytes)
    }

    /// Cuts the bytes of the row group that was encoded last where the Parquet writer says that columns end.
    fn sections(&self, offset: u64, bytes: &[u8]) -> Result<Vec<Section>> {
        let gap = || Error::internal("the columns of a row group do not follow each other");
        let group = self.writer.flushed_row_groups().last().ok_or_else(gap)?;
        let mut ends: Vec<(SectionKind, u64)> = Vec::new();
        let mut end = if offset == 0 { MAGIC_BYTES } else { offset };
        for chunk in group.columns() {
            let (start, length) = chunk.byte_range();
            if start != end {
                return Err(gap());
            }
            end += length;
            let column = chunk.column_path().parts().first().map_or("", String::as_str);
            match ends.last_mut() {
                Some((kind, end_before)) if *kind == section_of(column) => *end_before = end,
                _ => ends.push((section_of(column), end)),
            }
        }
        if end != offset + bytes.len() as u64 {
            return Err(gap());
        }
        let mut start = offset;
        let section = |(kind, end): (SectionKind, u64)| {
            let part = &bytes[(start - offset) as usize..(end - offset) as usize];
            let section = Section { kind, offset: start, bytes: end - start, blake3: Checksum::of(part) };
            start = end;
            section
        };
        Ok(ends.into_iter().map(section).collect())
    }

    /// Ends the file: its last bytes, what they are, and the hash of the whole.
    pub fn finish(&mut self) -> Result<(Bytes, Footer, Checksum)> {
        self.writer.finish().map_err(cannot_encode)?;
        let offset = self.bytes;
        let bytes = self.take_bytes()?;
        let footer = Footer { offset, bytes: bytes.len() as u64, blake3: Checksum::of(&bytes) };
        Ok((bytes, footer, self.whole.finalize().into()))
    }

    fn take_bytes(&mut self) -> Result<Bytes> {
        // The writer has a buffer of its own in front of ours.
        self.writer.sync().map_err(cannot_encode)?;
        let bytes = Bytes::from(std::mem::take(self.writer.inner_mut()));
        self.whole.update(&bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes)
    }

    /// Counts a batch that is about to be encoded, and gives the hashes of its objects.
    fn note(&mut self, tenant: Option<&str>, batch: &Batch) -> Result<Vec<u8>> {
        let mut hashes = Vec::with_capacity(batch.len() * Digest::HASHES);
        let found = |digest: Digest| hashes.extend_from_slice(&digest.to_hashes());
        self.content.add_each(&self.columns.digester, tenant, batch, found).map_err(|unfit| {
            Error::new(
                Kind::WeaviateUnintelligible,
                format!("what Weaviate shows does not fit its schema: {}", unfit.0),
            )
            .hint("change the object, or leave its collection out")
        })?;
        let rows = batch.len() as u64;
        if let Some(tenant) = tenant {
            match self.tenants.last_mut() {
                Some(span) if span.tenant == tenant => span.rows += rows,
                _ => self.tenants.push(TenantSpan { tenant: tenant.to_owned(), first_row: self.rows, rows }),
            }
        }
        for (space, vectors) in self.columns.spaces.iter().zip(&batch.vectors) {
            let absent = vectors.absent() as u64;
            if absent > 0 {
                *self.without_vector.entry(space.name.clone().unwrap_or_default()).or_default() += absent;
            }
        }
        self.rows += rows;
        Ok(hashes)
    }
}
