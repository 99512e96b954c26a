//! `hidden.parquet`: which rows of inherited files are no objects of the backup any more.
//!
//! ```text
//! file             string    where the data file is in the repository, as `files.json` has it
//! file_row_number  int64     the place of the row in the file, from 0: as DuckDB counts
//! ```
//!
//! In the order of files and rows. Both columns are named as DuckDB names them, so that `view.sql` can join them away.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use roaring::RoaringBitmap;

use crate::sealing::FileKey;

const FILE: &str = "file";
const PLACE: &str = "file_row_number";
/// Rows that are encoded at once.
const BATCH: usize = 64 << 10;

/// By the place of the file in the repository.
pub type Hidden = BTreeMap<String, RoaringBitmap>;

/// With a key, it comes out encrypted.
pub fn to_parquet(hidden: &Hidden, key: Option<&FileKey>) -> Result<Bytes> {
    let fields = [Field::new(FILE, DataType::Utf8, false), Field::new(PLACE, DataType::Int64, false)];
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_column_dictionary_enabled(ColumnPath::from(PLACE), false)
        .set_column_encoding(ColumnPath::from(PLACE), Encoding::DELTA_BINARY_PACKED);
    if let Some(key) = key {
        properties = properties.with_file_encryption_properties(key.encryption()?);
    }
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties.build()))?;
    for (file, rows) in hidden {
        let rows: Vec<_> = rows.iter().map(i64::from).collect();
        for rows in rows.chunks(BATCH) {
            let mut files = StringBuilder::new();
            rows.iter().for_each(|_| files.append_value(file));
            let columns: Vec<ArrayRef> =
                vec![Arc::new(files.finish()), Arc::new(Int64Array::from(rows.to_vec()))];
            writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns)?)?;
        }
    }
    writer.into_inner().map(Bytes::from)
}

pub fn from_parquet(bytes: Bytes, key: Option<&FileKey>) -> Result<Hidden> {
    let mut options = ArrowReaderOptions::new();
    if let Some(key) = key {
        options = options.with_file_decryption_properties(key.decryption()?);
    }
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options)?;
    let mut hidden = Hidden::new();
    for record in builder.with_batch_size(BATCH).build()? {
        let record = record?;
        let column = |name: &str| record.column_by_name(name);
        let files = column(FILE).and_then(|column| column.as_string_opt::<i32>());
        let places = column(PLACE).and_then(|column| column.as_primitive_opt::<Int64Type>());
        let (Some(files), Some(places)) = (files, places) else {
            return Err(ParquetError::General("it has other columns".to_owned()));
        };
        for (file, place) in files.iter().zip(places) {
            let place = place.and_then(|place| u32::try_from(place).ok());
            let (Some(file), Some(place)) = (file, place) else {
                return Err(ParquetError::General("it has a row that is none of a file".to_owned()));
            };
            match hidden.get_mut(file) {
                Some(rows) => drop(rows.insert(place)),
                None => drop(hidden.insert(file.to_owned(), RoaringBitmap::from([place]))),
            }
        }
    }
    Ok(hidden)
}

#[cfg(test)]
mod tests {
    use object_store::path::Path;

    use super::*;
    use crate::sealing::Key;

    #[test]
    fn it_comes_back_in_the_open_and_encrypted() {
        let rows = |every: usize| (0..200_000).step_by(every).collect::<RoaringBitmap>();
        let hidden = Hidden::from([
            ("backups/a/x.parquet".to_owned(), rows(3)),
            ("backups/b".to_owned(), rows(70_000)),
        ]);
        let open = to_parquet(&hidden, None).unwrap();
        assert_eq!(from_parquet(open, None).unwrap(), hidden);
        let key = Key::random().unwrap().file(&Path::from("here"));
        let sealed = to_parquet(&hidden, Some(&key)).unwrap();
        assert_eq!(from_parquet(sealed.clone(), Some(&key)).unwrap(), hidden);
        let other = Key::random().unwrap().file(&Path::from("here"));
        assert!(from_parquet(sealed.clone(), Some(&other)).is_err());
        assert!(from_parquet(sealed, None).is_err());
        assert_eq!(from_parquet(to_parquet(&Hidden::new(), None).unwrap(), None).unwrap(), Hidden::new());
    }
}
