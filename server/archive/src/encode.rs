//! Batches into the bytes of a Parquet file, one row group at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::types::TimestampMillisecondType;
use arrow_array::{
    ArrayRef, Float32Array, ListArray, PrimitiveArray, RecordBatch, StringArray, StructArray,
    TimestampMillisecondArray,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use uuid::Uuid;

use super::columns::{Columns, float_element, named_fields, vector_element};
use super::{Checksum, Footer, RowGroup, TenantSpan};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, Content, MultiVectorColumn, TextColumn, VectorColumn, Vectors};

/// The bytes of one file as they come into being, and what `files.json` says of them.
pub struct Encoder {
    columns: Arc<Columns>,
    writer: ArrowWriter<Vec<u8>>,
    whole: blake3::Hasher,
    pub bytes: u64,
    pub rows: u64,
    pub row_groups: Vec<RowGroup>,
    pub tenants: Vec<TenantSpan>,
    pub without_vector: BTreeMap<String, u64>,
    pub content: Content,
}

/// What is handed to the Parquet writer at once. It makes lists several times as long as what it is given, which this
/// keeps small enough for the processor's cache.
const SLICE_BYTES: usize = 256 << 10;

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
            bytes: 0,
            rows: 0,
            row_groups: Vec::new(),
            tenants: Vec::new(),
            without_vector: BTreeMap::new(),
            content: Content::default(),
        })
    }

    /// Encodes one row group, and gives the bytes that the file grows by. CPU work of some milliseconds.
    pub fn encode_row_group(&mut self, batches: Vec<TenantBatch>) -> Result<Bytes> {
        let raw: usize = batches.iter().map(|(_, batch)| batch.byte_len()).sum();
        let first_row = self.rows;
        for (tenant, batch) in batches {
            self.note(tenant.as_deref(), &batch)?;
            let slice_rows = (batch.len() * SLICE_BYTES / batch.byte_len().max(1)).max(1);
            let record = to_record(&self.columns, tenant.as_deref(), batch)?;
            for first in (0..record.num_rows()).step_by(slice_rows) {
                let slice = record.slice(first, slice_rows.min(record.num_rows() - first));
                self.writer.write(&slice).map_err(cannot_encode)?;
            }
        }
        self.writer.inner_mut().reserve(raw + raw / 16);
        self.writer.flush().map_err(cannot_encode)?;
        let offset = self.bytes;
        let bytes = self.take_bytes()?;
        self.row_groups.push(RowGroup {
            offset,
            bytes: bytes.len() as u64,
            rows: self.rows - first_row,
            blake3: Checksum::of(&bytes),
        });
        Ok(bytes)
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

    /// Counts a batch that is about to be encoded.
    fn note(&mut self, tenant: Option<&str>, batch: &Batch) -> Result<()> {
        self.content.add(&self.columns.digester, tenant, batch).map_err(|unfit| {
            Error::new(
                Kind::WeaviateUnintelligible,
                format!("what Weaviate shows does not fit its schema: {}", unfit.0),
            )
            .hint("change the object, or leave its collection out with --exclude")
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
        Ok(())
    }
}

/// Arrow's view of a batch. The batch's buffers become Arrow's, without a copy.
fn to_record(columns: &Columns, tenant: Option<&str>, batch: Batch) -> Result<RecordBatch> {
    let rows = batch.len();
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(id_array(&batch.ids))];
    if let Some(tenant) = tenant {
        arrays.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(tenant, rows))));
    }
    arrays.push(Arc::new(time_array(batch.creation_times)));
    arrays.push(Arc::new(time_array(batch.update_times)));
    arrays.push(Arc::new(text_array(batch.properties, None)?));
    if columns.references {
        let references = batch.references.ok_or_else(|| Error::internal("a batch without its references"))?;
        let present = references.iter().map(|text| !text.is_empty()).collect();
        arrays.push(Arc::new(text_array(references, nulls(present))?));
    }
    let mut named: Vec<ArrayRef> = Vec::new();
    for (space, vectors) in columns.spaces.iter().zip(batch.vectors) {
        let array = Arc::new(vector_array(vectors)?);
        if space.name.is_some() { named.push(array) } else { arrays.push(array) }
    }
    if !named.is_empty() {
        let fields = named_fields(&columns.spaces);
        arrays.push(Arc::new(StructArray::try_new(fields, named, None).map_err(cannot_encode)?));
    }
    RecordBatch::try_new(columns.schema.clone(), arrays).map_err(cannot_encode)
}

fn id_array(ids: &[Uuid]) -> StringArray {
    let mut buffer = Uuid::encode_buffer();
    let mut builder = arrow_array::builder::StringBuilder::with_capacity(ids.len(), ids.len() * buffer.len());
    for id in ids {
        builder.append_value(id.hyphenated().encode_lower(&mut buffer));
    }
    builder.finish()
}

fn time_array(millis: Vec<i64>) -> PrimitiveArray<TimestampMillisecondType> {
    TimestampMillisecondArray::new(millis.into(), None).with_timezone("UTC")
}

fn text_array(column: TextColumn, nulls: Option<NullBuffer>) -> Result<StringArray> {
    let (text, ends) = column.into_parts();
    StringArray::try_new(offsets(ends)?, Buffer::from_vec(text.into_bytes()), nulls).map_err(cannot_encode)
}

fn vector_array(vectors: Vectors) -> Result<ListArray> {
    match vectors {
        Vectors::Single(VectorColumn { values, offsets: ends, present }) => {
            ListArray::try_new(float_element(), offsets(ends)?, floats(values), nulls(present))
                .map_err(cannot_encode)
        }
        Vectors::Multi(MultiVectorColumn { values, vector_offsets, offsets: ends, present }) => {
            let vectors = ListArray::try_new(float_element(), offsets(vector_offsets)?, floats(values), None);
            let vectors = Arc::new(vectors.map_err(cannot_encode)?);
            ListArray::try_new(vector_element(), offsets(ends)?, vectors, nulls(present))
                .map_err(cannot_encode)
        }
    }
}

fn floats(values: Vec<f32>) -> ArrayRef {
    Arc::new(Float32Array::new(ScalarBuffer::from(values), None))
}

fn nulls(present: Vec<bool>) -> Option<NullBuffer> {
    present.contains(&false).then(|| NullBuffer::from(present))
}

/// Arrow panics at offsets that go back.
fn offsets(ends: Vec<i32>) -> Result<OffsetBuffer<i32>> {
    if ends.first().is_some_and(|first| *first == 0) && ends.is_sorted() {
        Ok(OffsetBuffer::new(ScalarBuffer::from(ends)))
    } else {
        Err(Error::internal("the offsets of a batch's column are out of order"))
    }
}

fn cannot_encode(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal("objects cannot be written as Parquet").caused_by(error)
}
