use std::collections::BTreeSet;
use std::io::Cursor;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use object_store::path::Path;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::reader::{ChunkReader, Length};

use super::columns::Columns;
use super::decode::tenant_batches;
use super::read_backup::misfit;
use super::store::Store;
use super::store_error::corrupt;
use super::write_file::off_the_async_threads;
use super::{BackupId, Checksum, DataFile, RowGroup};
use selvedge_model::Batch;
use selvedge_model::error::{Error, Result};

/// A data file that is being read. Row groups can be read in any order and by several tasks at once.
#[derive(Debug, Clone)]
pub struct DataReader {
    store: Arc<Store>,
    id: BackupId,
    path: Path,
    file: Arc<DataFile>,
    columns: Arc<Columns>,
    wanted: Option<Arc<BTreeSet<String>>>,
    metadata: ArrowReaderMetadata,
    next: usize,
}

impl DataReader {
    /// Reads and checks the footer.
    pub(super) async fn open(
        store: Arc<Store>,
        id: BackupId,
        path: Path,
        file: DataFile,
        columns: Arc<Columns>,
        wanted: Option<Arc<BTreeSet<String>>>,
    ) -> Result<Self> {
        let range = file.footer.offset..file.footer.offset + file.footer.bytes;
        let bytes = fetch(&store, &id, &path, file.bytes, range, file.footer.blake3).await?;
        let window = Window { start: file.footer.offset, bytes };
        let metadata = ParquetMetaDataReader::new()
            .parse_and_finish(&window)
            .and_then(|metadata| ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new()))
            .map_err(|error| corrupt(&id, format_args!("{path} is no Parquet file")).caused_by(error))?;
        if metadata.metadata().num_row_groups() != file.row_groups.len() {
            return Err(corrupt(&id, format_args!("{path} has not the row groups that files.json lists")));
        }
        Ok(Self { store, id, path, file: Arc::new(file), columns, wanted, metadata, next: 0 })
    }

    pub fn file(&self) -> &DataFile {
        &self.file
    }

    /// The next row group with wanted objects, by tenant; None at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<(Option<String>, Batch)>>> {
        let Some(index) = (self.next..self.file.row_groups.len()).find(|index| self.is_wanted(*index)) else {
            return Ok(None);
        };
        let batches = self.read_row_group(index).await?;
        self.next = index + 1;
        Ok(Some(batches))
    }

    /// The row groups that have wanted objects, as indices into `file().row_groups`.
    pub fn wanted_row_groups(&self) -> impl Iterator<Item = usize> {
        (0..self.file.row_groups.len()).filter(|index| self.is_wanted(*index))
    }

    fn is_wanted(&self, index: usize) -> bool {
        let Some(wanted) = &self.wanted else { return true };
        let first: u64 = self.file.row_groups[..index].iter().map(|group| group.rows).sum();
        let end = first + self.file.row_groups[index].rows;
        let overlapping =
            |span: &&super::TenantSpan| span.first_row < end && first < span.first_row + span.rows;
        self.file.tenants.iter().filter(overlapping).any(|span| wanted.contains(&span.tenant))
    }

    /// Fetches a row group, checks its bytes, and only then decodes them. The wanted tenants' objects, in the order
    /// of the rows; a tenant may come more than once.
    pub async fn read_row_group(&self, index: usize) -> Result<Vec<(Option<String>, Batch)>> {
        let group = self.file.row_groups[index].clone();
        let range = group.offset..group.offset + group.bytes;
        let bytes = fetch(&self.store, &self.id, &self.path, self.file.bytes, range, group.blake3).await?;
        let reader = self.clone();
        off_the_async_threads(move || {
            let decoded = reader.decode(index, &group, bytes);
            decoded.map_err(|why| {
                let what = format_args!("row group {index} of {} cannot be read: {why}", reader.path);
                corrupt(&reader.id, what)
            })
        })
        .await
    }

    fn decode(
        &self,
        index: usize,
        group: &RowGroup,
        bytes: Bytes,
    ) -> Result<Vec<(Option<String>, Batch)>, String> {
        let window = Window { start: group.offset, bytes };
        let rows = usize::try_from(group.rows).map_err(|error| error.to_string())?;
        let records = ParquetRecordBatchReaderBuilder::new_with_metadata(window, self.metadata.clone())
            .with_row_groups(vec![index])
            .with_batch_size(rows.max(1))
            .build()
            .map_err(|error| error.to_string())?;
        let records: Vec<RecordBatch> =
            records.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let found: usize = records.iter().map(RecordBatch::num_rows).sum();
        if found != rows {
            return Err(format!("it has {found} rows, and files.json says {rows}"));
        }
        let wanted = |tenant: &str| self.wanted.as_ref().is_none_or(|wanted| wanted.contains(tenant));
        let mut batches = Vec::new();
        for record in records {
            batches.extend(tenant_batches(&self.columns, record, wanted)?);
        }
        Ok(batches)
    }
}

/// Fetches a range of a data file of `size` bytes, and checks it.
async fn fetch(
    store: &Store,
    id: &BackupId,
    path: &Path,
    size: u64,
    range: Range<u64>,
    checksum: Checksum,
) -> Result<Bytes> {
    let wanted = range.end - range.start;
    let fetched = store.get_range(path, range.clone()).await;
    let bytes = match fetched {
        Ok(Some(bytes)) if bytes.len() as u64 == wanted => bytes,
        Ok(None) => return Err(misfit(id, path, size, None)),
        failed => return Err(shortfall(store, id, path, size, failed.err()).await),
    };
    let (bytes, found) = off_the_async_threads(move || {
        let checksum = Checksum::of(&bytes);
        Ok((bytes, checksum))
    })
    .await?;
    if found == checksum {
        return Ok(bytes);
    }
    let Range { start, end } = range;
    Err(corrupt(
        id,
        format_args!("{path} was altered: the checksum of its bytes {start} to {end} does not hold"),
    ))
}

/// Why less came than was asked for: the file itself is shorter, or the store failed.
async fn shortfall(store: &Store, id: &BackupId, path: &Path, size: u64, error: Option<Error>) -> Error {
    match (store.head(path).await, error) {
        (Ok(Some(meta)), Some(error)) if meta.size == size => error,
        (Ok(found), _) => misfit(id, path, size, found.map(|meta| meta.size)),
        (Err(_), Some(error)) | (Err(error), None) => error,
    }
}

/// A part of a file that Parquet's reader takes for the whole.
struct Window {
    start: u64,
    bytes: Bytes,
}

impl Window {
    fn tail(&self, start: u64) -> Result<Bytes, ParquetError> {
        let skip = start.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        let skip = skip.filter(|skip| *skip <= self.bytes.len());
        skip.map(|skip| self.bytes.slice(skip..)).ok_or_else(outside)
    }
}

fn outside() -> ParquetError {
    ParquetError::EOF("it refers to bytes outside of itself".to_owned())
}

impl Length for Window {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for Window {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        self.tail(start).map(Cursor::new)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let mut tail = self.tail(start)?;
        if length > tail.len() {
            return Err(outside());
        }
        tail.truncate(length);
        Ok(tail)
    }
}
