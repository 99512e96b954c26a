//! Rows into Parquet.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;

use super::arrays::{cannot_encode, to_record};
use super::columns::{Columns, REFERENCES, section_of};
use super::encode::{Encode, Filled};
use crate::checksum::Checksum;
use crate::data_file::{RowGroup, Section, SectionKind};
use crate::sealing::FileKey;
use selvedge_model::Batch;
use selvedge_model::error::{Error, Result};

/// The magic number in front of the first row group.
const MAGIC_BYTES: u64 = 4;

pub struct IntoParquet {
    columns: Arc<Columns>,
    writer: ArrowWriter<Vec<u8>>,
    open: Option<RecordBatch>,
}

impl IntoParquet {
    pub fn new(columns: Arc<Columns>, key: Option<&FileKey>) -> Result<Self> {
        let mut properties = columns.parquet.clone();
        if let Some(key) = key {
            let encryption = key.encryption().map_err(cannot_encode)?;
            properties = properties.into_builder().with_file_encryption_properties(encryption).build();
        }
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            // Everything is said by Parquet's own types.
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), columns.schema.clone(), options)
            .map_err(cannot_encode)?;
        Ok(Self { columns, writer, open: None })
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

    fn take_bytes(&mut self) -> Result<Bytes> {
        // The writer has a buffer of its own in front of ours.
        self.writer.sync().map_err(cannot_encode)?;
        Ok(Bytes::from(std::mem::take(self.writer.inner_mut())))
    }
}

impl Encode for IntoParquet {
    fn open(&mut self, tenant: Option<&str>, batch: Batch, hashes: Vec<u8>) -> Result<()> {
        self.open = Some(to_record(&self.columns, tenant, batch, hashes)?);
        Ok(())
    }

    fn close(&mut self) {
        self.open = None;
    }

    fn fill(&mut self, rows: Range<usize>) -> Result<usize> {
        let Some(open) = &self.open else { return Ok(0) };
        let slice = open.slice(rows.start, rows.len());
        self.writer.write(&slice).map_err(cannot_encode)?;
        let references = slice.column_by_name(REFERENCES);
        Ok(references.map_or(0, |column| rows.len() - column.null_count()))
    }

    fn end_group(&mut self, filled: &Filled) -> Result<(Bytes, RowGroup)> {
        let Filled { offset, rows, with_references, raw_bytes } = *filled;
        self.writer.inner_mut().reserve(raw_bytes + raw_bytes / 16);
        self.writer.flush().map_err(cannot_encode)?;
        let bytes = self.take_bytes()?;
        let sections = self.sections(offset, &bytes)?;
        let group = RowGroup {
            offset,
            bytes: bytes.len() as u64,
            unpacked: 0,
            rows: rows as u64,
            references: with_references as u64,
            blake3: None,
            sections,
        };
        Ok((bytes, group))
    }

    fn finish(&mut self) -> Result<Bytes> {
        self.writer.finish().map_err(cannot_encode)?;
        self.take_bytes()
    }
}
