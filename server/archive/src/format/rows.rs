//! Arrow's columns into batches.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef, Float32Array, ListArray, RecordBatch, StringArray};
use uuid::Uuid;

use super::columns::{self, Columns};
use crate::data_file::SectionKind;
use selvedge_model::{Batch, Digest, MultiVectorColumn, TextColumn, VectorColumn, Vectors};

/// Which columns are fetched and decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Select {
    All,
    /// All but the vectors.
    Texts,
    /// Ids, tenants and references.
    References,
    /// Ids, tenants, times and content hashes. Files of format 1 have no hashes: everything is fetched, and they are computed.
    Hashes,
}

const TEXTS: &[&str] = &[
    columns::ID,
    columns::TENANT,
    columns::CREATION_TIME,
    columns::UPDATE_TIME,
    columns::PROPERTIES,
    columns::REFERENCES,
];

const KEYS: &[&str] =
    &[columns::ID, columns::TENANT, columns::CREATION_TIME, columns::UPDATE_TIME, columns::HASHES];

impl Select {
    /// None for all.
    pub(super) fn columns(self) -> Option<&'static [&'static str]> {
        match self {
            Self::All => None,
            Self::Texts => Some(TEXTS),
            Self::References => Some(&[columns::ID, columns::TENANT, columns::REFERENCES]),
            Self::Hashes => Some(KEYS),
        }
    }

    /// Whether there is something to be read in these sections.
    pub(crate) fn takes(self, kind: SectionKind) -> bool {
        match self {
            Self::All => true,
            Self::Texts => {
                matches!(kind, SectionKind::Keys | SectionKind::Properties | SectionKind::References)
            }
            Self::References => matches!(kind, SectionKind::Keys | SectionKind::References),
            Self::Hashes => kind == SectionKind::Keys,
        }
    }
}

/// Consecutive rows of one tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// None without multi-tenancy.
    pub tenant: Option<String>,
    /// Columns that were not selected are of no use: empty, but in JSON Lines.
    pub batch: Batch,
    /// One for each object, as the file has them: with [`Select::Hashes`], which leaves nothing but the ids and the times in the batch,
    /// and with [`Select::All`], where they can be compared with what the batch hashes to. Empty otherwise, and with
    /// [`Select::All`] of JSON Lines and of format 1, which have none.
    pub digests: Vec<Digest>,
}

/// Why the content of a row group makes no sense, although its bytes are as they were written.
type Result<T, E = String> = std::result::Result<T, E>;

/// Cuts a row group by tenant; those that are not `wanted` are left out.
pub fn by_tenant(
    columns: &Columns,
    record: RecordBatch,
    select: Select,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Rows>> {
    if !columns.multi_tenant {
        return Ok(vec![to_rows(columns, None, record, select)?]);
    }
    let mut all = Vec::new();
    for (tenant, run) in runs(string_column(&record, columns::TENANT)?) {
        if wanted(&tenant) {
            all.push(to_rows(columns, Some(tenant), record.slice(run.start, run.len()), select)?);
        }
    }
    Ok(all)
}

fn to_rows(columns: &Columns, tenant: Option<String>, record: RecordBatch, select: Select) -> Result<Rows> {
    let digests = match select {
        Select::Hashes => digests(&record)?,
        Select::All if record.column_by_name(columns::HASHES).is_some() => digests(&record)?,
        Select::All | Select::Texts | Select::References => Vec::new(),
    };
    Ok(Rows { tenant, batch: to_batch(columns, record, select)?, digests })
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

fn to_batch(columns: &Columns, record: RecordBatch, select: Select) -> Result<Batch> {
    let mut batch = Batch::new(&[], false);
    batch.ids = ids(string_column(&record, columns::ID)?)?;
    if columns.references && select != Select::Hashes {
        batch.references = Some(texts(&record, columns::REFERENCES, "")?);
    }
    if select != Select::References {
        batch.creation_times = times(&record, columns::CREATION_TIME)?;
        batch.update_times = times(&record, columns::UPDATE_TIME)?;
    }
    if matches!(select, Select::All | Select::Texts) {
        batch.properties = texts(&record, columns::PROPERTIES, "{}")?;
    }
    if select == Select::All {
        batch.vectors = vectors(columns, record)?;
    }
    Ok(batch)
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

fn texts(record: &RecordBatch, name: &str, absent: &str) -> Result<TextColumn> {
    let mut texts = TextColumn::default();
    string_column(record, name)?.iter().for_each(|text| texts.push(text.unwrap_or(absent)));
    Ok(texts)
}

fn digests(record: &RecordBatch) -> Result<Vec<Digest>> {
    let wrong = || mistyped(columns::HASHES);
    let array = column(record, columns::HASHES)?.as_fixed_size_binary_opt().ok_or_else(wrong)?;
    let digest = |row: usize| {
        let hashes = <[u8; Digest::HASHES]>::try_from(array.value(row));
        hashes.map(Digest::from_hashes).map_err(|_| wrong())
    };
    (0..array.len()).map(digest).collect()
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
