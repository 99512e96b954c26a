//! Parquet into rows.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::statistics::Statistics;
use uuid::Uuid;

use super::columns::{self, Columns};
use super::decode::{Decode, Wanted};
use super::pieces::Pieces;
use super::rows::{self, Rows, Select};
use crate::data_file::RowGroup;
use crate::sealing::FileKey;

#[derive(Debug)]
pub struct FromParquet {
    columns: Arc<Columns>,
    metadata: ArrowReaderMetadata,
}

impl FromParquet {
    pub fn new(columns: Arc<Columns>, footer: &Pieces, key: Option<&FileKey>) -> Result<Self, ParquetError> {
        let decryption = key.map(FileKey::decryption);
        let metadata = ParquetMetaDataReader::new()
            .with_decryption_properties(decryption.transpose()?)
            .parse_and_finish(footer)?;
        let metadata = ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new())?;
        Ok(Self { columns, metadata })
    }

    fn records(
        &self,
        index: usize,
        group: &RowGroup,
        pieces: Pieces,
        select: Select,
        shown: Option<&Vec<Range<usize>>>,
    ) -> Result<Vec<RecordBatch>, String> {
        let all = usize::try_from(group.rows).map_err(|error| error.to_string())?;
        let rows = shown.map_or(all, |shown| shown.iter().map(Range::len).sum());
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(pieces, self.metadata.clone());
        if let Some(columns) = select.columns() {
            let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
            builder = builder.with_projection(mask);
        }
        if let Some(shown) = shown {
            let ranges = shown.iter().cloned();
            builder = builder.with_row_selection(RowSelection::from_consecutive_ranges(ranges, all));
        }
        let records = builder
            .with_row_groups(vec![index])
            .with_batch_size(rows.max(1))
            .build()
            .map_err(|error| error.to_string())?;
        let records: Vec<RecordBatch> =
            records.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let found: usize = records.iter().map(RecordBatch::num_rows).sum();
        if found == rows {
            Ok(records)
        } else {
            Err(format!("it has {found} rows, and files.json says {rows}"))
        }
    }
}

impl Decode for FromParquet {
    fn groups(&self) -> Option<usize> {
        Some(self.metadata.metadata().num_row_groups())
    }

    fn decode(
        &self,
        index: usize,
        group: &RowGroup,
        pieces: Pieces,
        select: Select,
        wanted: &Wanted<'_>,
    ) -> Result<Vec<Rows>, String> {
        let mut decoded = Vec::new();
        for record in self.records(index, group, pieces, select, wanted.shown.as_ref())? {
            let takes = |tenant: &str| wanted.takes(tenant);
            decoded.extend(rows::by_tenant(&self.columns, record, select, takes)?);
        }
        Ok(decoded)
    }

    /// By the statistics of its column.
    fn ids(&self, index: usize) -> Option<(Uuid, Uuid)> {
        let group = self.metadata.metadata().row_group(index);
        let column = group.columns().iter().find(|column| column.column_path().string() == columns::ID)?;
        let Statistics::ByteArray(ids) = column.statistics()? else { return None };
        let id = |text: &ByteArray| Uuid::try_parse_ascii(text.data()).ok();
        Some((id(ids.min_opt()?)?, id(ids.max_opt()?)?))
    }

    /// The bytes of the columns that are needed, as they are in the file or as they are decoded, whichever are more.
    fn weight(&self, index: usize, group: &RowGroup, select: Select) -> u64 {
        let needed = select.columns();
        let chunks = self.metadata.metadata().row_group(index).columns().iter();
        let chunks = chunks.filter(|chunk| {
            let column = chunk.column_path().parts().first().map_or("", String::as_str);
            needed.is_none_or(|needed| needed.contains(&column))
        });
        let larger = chunks.map(|chunk| chunk.uncompressed_size().max(chunk.compressed_size()));
        let weight: u64 = larger.map(|bytes| u64::try_from(bytes).unwrap_or_default()).sum();
        // What is not divided is fetched as a whole.
        if group.is_divided() { weight } else { group.bytes.max(weight) }
    }
}
