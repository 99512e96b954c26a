//! The bytes of a row group into batches.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef, Float32Array, ListArray, RecordBatch, StringArray};
use uuid::Uuid;

use super::columns::{self, Columns};
use selvedge_model::{Batch, MultiVectorColumn, TextColumn, VectorColumn, Vectors};

/// Why the content of a row group makes no sense, although its bytes are as they were written.
pub type Result<T, E = String> = std::result::Result<T, E>;

/// Cuts a row group into the batches of its tenants; those that are not `wanted` are left out.
pub fn tenant_batches(
    columns: &Columns,
    record: RecordBatch,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(Option<String>, Batch)>> {
    if !columns.multi_tenant {
        return Ok(vec![(None, to_batch(columns, record)?)]);
    }
    let runs = runs(string_column(&record, columns::TENANT)?);
    let mut batches = Vec::new();
    for (tenant, rows) in runs {
        if wanted(&tenant) {
            batches.push((Some(tenant), to_batch(columns, record.slice(rows.start, rows.len()))?));
        }
    }
    Ok(batches)
}

/// Consecutive rows with the same tenant.
fn runs(tenants: &StringArray) -> Vec<(String, Range<usize>)> {
    let mut runs: Vec<(String, Range<usize>)> = Vec::new();
    for row in 0..tenants.len() {
        match runs.last_mut() {
            Some((tenant, rows)) if tenant == tenants.value(row) => rows.end = row + 1,
            _ => runs.push((tenants.value(row).to_owned(), row..row + 1)),
        }
    }
    runs
}

fn to_batch(columns: &Columns, record: RecordBatch) -> Result<Batch> {
    let mut properties = TextColumn::default();
    string_column(&record, columns::PROPERTIES)?
        .iter()
        .for_each(|text| properties.push(text.unwrap_or("{}")));
    let mut references = columns.references.then(TextColumn::default);
    if let Some(references) = &mut references {
        string_column(&record, columns::REFERENCES)?
            .iter()
            .for_each(|text| references.push(text.unwrap_or_default()));
    }
    Ok(Batch {
        ids: ids(string_column(&record, columns::ID)?)?,
        creation_times: times(&record, columns::CREATION_TIME)?,
        update_times: times(&record, columns::UPDATE_TIME)?,
        properties,
        references,
        vectors: vectors(columns, record)?,
    })
}

fn column<'a>(record: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    record.column_by_name(name).ok_or_else(|| format!("it has no column \"{name}\""))
}

fn mistyped(name: &str) -> String {
    format!("its column \"{name}\" has an unexpected type")
}

fn string_column<'a>(record: &'a RecordBatch, name: &str) -> Result<&'a StringArray> {
    column(record, name)?.as_string_opt().ok_or_else(|| mistyped(name))
}

fn ids(array: &StringArray) -> Result<Vec<Uuid>> {
    let parse = |text: Option<&str>| {
        let text = text.unwrap_or_default();
        Uuid::try_parse(text).map_err(|_| format!("\"{text}\" is not an id"))
    };
    array.iter().map(parse).collect()
}

fn times(record: &RecordBatch, name: &str) -> Result<Vec<i64>> {
    let times =
        column(record, name)?.as_primitive_opt::<TimestampMillisecondType>().ok_or_else(|| mistyped(name))?;
    Ok(times.values().to_vec())
}

fn vectors(columns: &Columns, record: RecordBatch) -> Result<Vec<Vectors>> {
    let mut lists = Vec::with_capacity(columns.spaces.len());
    for space in &columns.spaces {
        let name = space.name.as_deref().unwrap_or(columns::VECTOR);
        let array = match &space.name {
            None => column(&record, columns::VECTOR)?,
            Some(name) => {
                let all = column(&record, columns::VECTORS)?
                    .as_struct_opt()
                    .ok_or_else(|| mistyped(columns::VECTORS))?;
                all.column_by_name(name).ok_or_else(|| format!("it has no vectors \"{name}\""))?
            }
        };
        lists.push((space.multi, array.as_list_opt::<i32>().ok_or_else(|| mistyped(name))?.clone()));
    }
    // Without another owner, floats move instead of being copied.
    drop(record);
    let wrong = || mistyped(columns::VECTORS);
    let to_vectors = |(multi, list): (bool, ListArray)| {
        Some(if multi { Vectors::Multi(multi_column(list)?) } else { Vectors::Single(single_column(list)?) })
    };
    lists.into_iter().map(|list| to_vectors(list).ok_or_else(wrong)).collect()
}

fn single_column(list: ListArray) -> Option<VectorColumn> {
    let (present, offsets, elements, values) = unwrap_list(list);
    Some(VectorColumn { values: floats(values, elements)?, offsets, present })
}

fn multi_column(list: ListArray) -> Option<MultiVectorColumn> {
    let (present, offsets, elements, vectors) = unwrap_list(list);
    let vectors = vectors.as_list_opt::<i32>()?.slice(elements.start, elements.len());
    let (_, vector_offsets, elements, values) = unwrap_list(vectors);
    Some(MultiVectorColumn { values: floats(values, elements)?, vector_offsets, offsets, present })
}

/// Which entries are there, where each ends counted from the first, and which of the elements they cover.
fn unwrap_list(list: ListArray) -> (Vec<bool>, Vec<i32>, Range<usize>, ArrayRef) {
    let rows = list.len();
    let (_, offsets, elements, nulls) = list.into_parts();
    let present = nulls.map_or_else(|| vec![true; rows], |nulls| nulls.iter().collect());
    let (first, last) = (offsets[0], offsets[rows]);
    // Always copied: the reader gives these buffers room for an offset for each float.
    let offsets = offsets.iter().map(|offset| offset - first).collect();
    (present, offsets, first as usize..last as usize, elements)
}

fn floats(array: ArrayRef, range: Range<usize>) -> Option<Vec<f32>> {
    let floats: &Float32Array = array.as_primitive_opt::<Float32Type>()?;
    if range != (0..floats.len()) {
        return Some(floats.values()[range].to_vec());
    }
    let values = floats.values().clone();
    drop(array);
    Some(values.into_inner().into_vec::<f32>().unwrap_or_else(|shared| shared.typed_data().to_vec()))
}
