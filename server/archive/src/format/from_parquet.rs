//! Parquet into rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::encryption::decrypt::FileDecryptionProperties;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaDataReader;

use super::columns::Columns;
use super::decode::Decode;
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
        let decryption = key.map(|key| {
            // What it is bound to is in the file, and nothing else is taken for it.
            let properties = FileDecryptionProperties::builder(key.bytes().to_vec());
            properties.with_aad_prefix(key.path().as_bytes().to_vec()).build()
        });
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
    ) -> Result<Vec<RecordBatch>, String> {
        let rows = usize::try_from(group.rows).map_err(|error| error.to_string())?;
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(pieces, self.metadata.clone());
        if let Some(columns) = select.columns() {
            let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
            builder = builder.with_projection(mask);
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
        wanted: Option<&BTreeSet<String>>,
    ) -> Result<Vec<Rows>, String> {
        let is_wanted = |tenant: &str| wanted.is_none_or(|wanted| wanted.contains(tenant));
        let mut decoded = Vec::new();
        for record in self.records(index, group, pieces, select)? {
            decoded.extend(rows::by_tenant(&self.columns, record, select, is_wanted)?);
        }
        Ok(decoded)
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
