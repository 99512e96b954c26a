//! Rows into JSON Lines: objects in the shape of Weaviate's REST API, with their tenant.
//!
//! ```text
//! {"class":"Article","id":"…","tenant":"…","creationTimeUnix":1,"lastUpdateTimeUnix":1,
//!  "properties":{…,"by":[{"beacon":"weaviate://localhost/Author/…"}]},"vector":[…],"vectors":{"name":[…]}}
//! ```
//!
//! without the line break. What an object does not have is not there.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::columns::Columns;
use super::encode::{Encode, Filled};
use crate::checksum::Checksum;
use crate::data_file::RowGroup;
use crate::sealing::FileKey;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, Vectors, parse_references};

const ZSTD_LEVEL: i32 = 3;

pub struct IntoLines {
    columns: Arc<Columns>,
    compressed: bool,
    key: Option<FileKey>,
    /// Row groups that have ended.
    groups: usize,
    open: Option<(Option<String>, Batch)>,
    lines: Vec<u8>,
}

impl IntoLines {
    pub fn new(columns: Arc<Columns>, compressed: bool, key: Option<FileKey>) -> Self {
        Self { columns, compressed, key, groups: 0, open: None, lines: Vec::new() }
    }
}

impl Encode for IntoLines {
    fn open(&mut self, tenant: Option<&str>, batch: Batch, _hashes: Vec<u8>) -> Result<()> {
        self.open = Some((tenant.map(str::to_owned), batch));
        Ok(())
    }

    fn close(&mut self) {
        self.open = None;
    }

    /// As text, a float takes about three times as many bytes.
    fn group_bytes(&self, asked: usize) -> usize {
        asked / 3
    }

    fn fill(&mut self, rows: Range<usize>) -> Result<usize> {
        let Some((tenant, batch)) = &self.open else { return Ok(0) };
        let mut with_references = 0;
        for row in rows {
            write_line(&mut self.lines, &self.columns, tenant.as_deref(), batch, row)?;
            let references = batch.references.as_ref().map_or("", |column| column.get(row));
            with_references += usize::from(!references.is_empty());
        }
        Ok(with_references)
    }

    fn end_group(&mut self, filled: &Filled) -> Result<(Bytes, RowGroup)> {
        let lines = std::mem::take(&mut self.lines);
        let unpacked = lines.len() as u64;
        let bytes = if self.compressed {
            // Frames that follow each other are what any tool takes for one stream.
            let compressed = zstd::bulk::compress(&lines, ZSTD_LEVEL);
            compressed.map_err(|error| Error::internal("lines cannot be compressed").caused_by(error))?
        } else {
            lines
        };
        let bytes = match &self.key {
            Some(key) => key.seal_part(self.groups, bytes)?,
            None => Bytes::from(bytes),
        };
        self.groups += 1;
        let group = RowGroup {
            offset: filled.offset,
            bytes: bytes.len() as u64,
            unpacked,
            rows: filled.rows as u64,
            references: filled.with_references as u64,
            blake3: Some(Checksum::of(&bytes)),
            sections: Vec::new(),
        };
        Ok((bytes, group))
    }

    fn finish(&mut self) -> Result<Bytes> {
        Ok(Bytes::new())
    }
}

/// Appends an object and the end of its line.
pub fn write_line(
    lines: &mut Vec<u8>,
    columns: &Columns,
    tenant: Option<&str>,
    batch: &Batch,
    row: usize,
) -> Result<()> {
    let id = batch.ids[row];
    lines.extend_from_slice(b"{\"class\":");
    write_json(lines, &columns.collection)?;
    lines.extend_from_slice(format!(",\"id\":\"{id}\"").as_bytes());
    if let Some(tenant) = tenant {
        lines.extend_from_slice(b",\"tenant\":");
        write_json(lines, tenant)?;
    }
    let (created, updated) = (batch.creation_times[row], batch.update_times[row]);
    let times = format!(",\"creationTimeUnix\":{created},\"lastUpdateTimeUnix\":{updated},\"properties\":");
    lines.extend_from_slice(times.as_bytes());
    write_properties(lines, batch, row)?;
    let spaces = || columns.spaces.iter().zip(&batch.vectors);
    if let Some((_, vectors)) = spaces().find(|(space, _)| space.name.is_none())
        && has(vectors, row)
    {
        lines.extend_from_slice(b",\"vector\":");
        write_vector(lines, vectors, row).map_err(|error| error.context(format_args!("object {id}")))?;
    }
    let mut before: &[u8] = b",\"vectors\":{";
    for (space, vectors) in spaces().filter(|(_, vectors)| has(vectors, row)) {
        let Some(name) = &space.name else { continue };
        lines.extend_from_slice(before);
        write_json(lines, name)?;
        lines.push(b':');
        write_vector(lines, vectors, row).map_err(|error| error.context(format_args!("object {id}")))?;
        before = b",";
    }
    if before == b"," {
        lines.push(b'}');
    }
    lines.extend_from_slice(b"}\n");
    Ok(())
}

/// With the references among them, as the REST API has them.
fn write_properties(lines: &mut Vec<u8>, batch: &Batch, row: usize) -> Result<()> {
    #[derive(Serialize)]
    struct Reference<'a> {
        beacon: &'a str,
    }
    let text = batch.properties.get(row);
    let references = batch.references.as_ref().map_or("", |column| column.get(row));
    let references = parse_references(references).map_err(Error::internal)?;
    let Some(open) = text.strip_suffix('}').filter(|_| !references.is_empty()) else {
        lines.extend_from_slice(text.as_bytes());
        return Ok(());
    };
    lines.extend_from_slice(open.as_bytes());
    let mut is_first = open.trim_end().ends_with('{');
    for (name, beacons) in &references {
        if !std::mem::take(&mut is_first) {
            lines.push(b',');
        }
        write_json(lines, name)?;
        lines.push(b':');
        write_json(lines, &beacons.iter().map(|beacon| Reference { beacon }).collect::<Vec<_>>())?;
    }
    lines.push(b'}');
    Ok(())
}

fn has(vectors: &Vectors, row: usize) -> bool {
    match vectors {
        Vectors::Single(column) => column.get(row).is_some(),
        Vectors::Multi(column) => column.get(row).is_some(),
    }
}

fn write_vector(lines: &mut Vec<u8>, vectors: &Vectors, row: usize) -> Result<()> {
    match vectors {
        Vectors::Single(column) => column.get(row).map_or(Ok(()), |vector| write_floats(lines, vector)),
        Vectors::Multi(column) => {
            lines.push(b'[');
            for (number, vector) in column.get(row).into_iter().flatten().enumerate() {
                if number > 0 {
                    lines.push(b',');
                }
                write_floats(lines, vector)?;
            }
            lines.push(b']');
            Ok(())
        }
    }
}

/// The shortest text of each that is read as the same float.
fn write_floats(lines: &mut Vec<u8>, floats: &[f32]) -> Result<()> {
    if floats.iter().any(|float| !float.is_finite()) {
        let text = "JSON has no word for a float of its vectors that is infinite or no number";
        return Err(Error::new(Kind::CollectionUnsupported, text).hint("only Parquet can hold it"));
    }
    write_json(lines, floats)
}

fn write_json(lines: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<()> {
    serde_json::to_writer(lines, value)
        .map_err(|error| Error::internal("an object cannot be written as JSON").caused_by(error))
}
