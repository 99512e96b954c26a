//! The bytes of a data file into rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaDataReader;

use super::columns::Columns;
use super::pieces::Pieces;
use super::rows::{self, Rows, Select};
use crate::data_file::RowGroup;
use selvedge_model::{Batch, Digester};

/// Decodes the row groups of one data file.
#[derive(Debug, Clone)]
pub struct Decoder {
    columns: Arc<Columns>,
    select: Select,
    metadata: ArrowReaderMetadata,
}

impl Decoder {
    pub fn new(columns: Arc<Columns>, select: Select, footer: &Pieces) -> Result<Self, ParquetError> {
        let metadata = ParquetMetaDataReader::new().parse_and_finish(footer)?;
        let metadata = ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new())?;
        Ok(Self { columns, select, metadata })
    }

    pub fn select(&self) -> Select {
        self.select
    }

    /// How many row groups the file has by its own account.
    pub fn groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// The rows of the row group at `index`, by tenant; those that are not `wanted` are left out. `pieces` are all of its
    /// bytes that are selected. The error says why they make no sense, although they are as they were written.
    pub fn decode(
        &self,
        index: usize,
        group: &RowGroup,
        pieces: Pieces,
        wanted: Option<&BTreeSet<String>>,
    ) -> Result<Vec<Rows>, String> {
        let select = self.needed(group);
        let computed = select != self.select;
        let is_wanted = |tenant: &str| wanted.is_none_or(|wanted| wanted.contains(tenant));
        let mut decoded = Vec::new();
        for record in self.records(index, group, pieces, select)? {
            decoded.extend(rows::by_tenant(&self.columns, record, select, is_wanted)?);
        }
        if computed {
            for rows in &mut decoded {
                compute_digests(&self.columns.digester, rows)?;
            }
        }
        Ok(decoded)
    }

    /// Without a column of hashes, they are computed from everything.
    fn needed(&self, group: &RowGroup) -> Select {
        let is_computed = self.select == Select::Hashes && !group.is_divided();
        if is_computed { Select::All } else { self.select }
    }

    /// About how many bytes of memory it takes to read the row group at `index`: those of the columns that are needed, as
    /// they are in the file or as they are decoded, whichever are more.
    pub fn weight(&self, index: usize, group: &RowGroup) -> u64 {
        let needed = self.needed(group).columns();
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

/// Leaves only the ids and the digests, as if these had been read.
fn compute_digests(digester: &Digester, rows: &mut Rows) -> Result<(), String> {
    let mut digests = Vec::with_capacity(rows.batch.len());
    digester
        .each(rows.tenant.as_deref(), &rows.batch, |_, _, digest| digests.push(digest))
        .map_err(|unfit| format!("it does not fit the schema: {}", unfit.0))?;
    let ids = std::mem::take(&mut rows.batch.ids);
    rows.batch = Batch { ids, ..Batch::new(&[], false) };
    rows.digests = digests;
    Ok(())
}
