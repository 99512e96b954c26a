//! Arrow's view of a batch.

use std::sync::Arc;

use arrow_array::types::TimestampMillisecondType;
use arrow_array::{
    ArrayRef, FixedSizeBinaryArray, Float32Array, ListArray, PrimitiveArray, RecordBatch, StringArray,
    StructArray, TimestampMillisecondArray,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use uuid::Uuid;

use super::columns::{Columns, HASHES_WIDTH, float_element, named_fields, vector_element};
use selvedge_model::error::{Error, Result};
use selvedge_model::{Batch, MultiVectorColumn, TextColumn, VectorColumn, Vectors};

/// The batch's buffers become Arrow's, without a copy. `hashes` are those of its objects, one after the other.
pub fn to_record(
    columns: &Columns,
    tenant: Option<&str>,
    batch: Batch,
    hashes: Vec<u8>,
) -> Result<RecordBatch> {
    let rows = batch.len();
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(id_array(&batch.ids))];
    if let Some(tenant) = tenant {
        arrays.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(tenant, rows))));
    }
    arrays.push(Arc::new(time_array(batch.creation_times)));
    arrays.push(Arc::new(time_array(batch.update_times)));
    let hashes = FixedSizeBinaryArray::try_new(HASHES_WIDTH, Buffer::from_vec(hashes), None);
    arrays.push(Arc::new(hashes.map_err(cannot_encode)?));
    if !columns.keys_only {
        arrays.push(Arc::new(text_array(batch.properties, None)?));
    }
    if columns.references {
        let references = batch.references.ok_or_else(|| Error::internal("a batch without its references"))?;
        let present = references.iter().map(|text| !text.is_empty()).collect();
        arrays.push(Arc::new(text_array(references, nulls(present))?));
    }
    let mut named: Vec<ArrayRef> = Vec::new();
    let in_files = if columns.keys_only { &[] } else { columns.spaces.as_slice() };
    for (space, vectors) in in_files.iter().zip(batch.vectors) {
        let array = Arc::new(vector_array(vectors)?);
        if space.name.is_some() { named.push(array) } else { arrays.push(array) }
    }
    if !named.is_empty() {
        let fields = named_fields(in_files);
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

pub fn cannot_encode(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal("objects cannot be written as Parquet").caused_by(error)
}
