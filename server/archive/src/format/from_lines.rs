//! JSON Lines into rows.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::IgnoredAny;

use super::columns::Columns;
use super::data_format::DataFormat;
use super::decode::Decode;
use super::pieces::Pieces;
use super::rows::{Rows, Select};
use crate::data_file::RowGroup;
use selvedge_model::{Batch, RestObject};

#[derive(Debug)]
pub struct FromLines {
    columns: Arc<Columns>,
    compressed: bool,
}

impl FromLines {
    pub fn new(columns: Arc<Columns>, format: Option<DataFormat>) -> Self {
        Self { columns, compressed: format == Some(DataFormat::JsonLinesZstd) }
    }

    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    pub fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// The text of lines that were not written by us, so that nobody knows how long it is.
    pub fn unpack_all(&self, bytes: &[u8]) -> Result<String, String> {
        let text = match self.compressed {
            true => zstd::stream::decode_all(bytes)
                .map_err(|error| format!("it cannot be decompressed: {error}"))?,
            false => bytes.to_vec(),
        };
        String::from_utf8(text).map_err(|error| format!("it is no text: {error}"))
    }

    /// Hands over each object of a text that was not written by us; `before` are the lines before the text. What is wrong, there
    /// too, is told with the number of its line.
    pub fn each(
        &self,
        text: &str,
        before: usize,
        mut take: impl FnMut(Rows) -> Result<(), String>,
    ) -> Result<(), String> {
        let class = Some(self.columns.collection.as_str());
        numbered(text).try_for_each(|(number, line)| {
            let taken = self.foreign(line, class).and_then(&mut take);
            taken.map_err(|why| format!("line {}: {why}", before + number))
        })
    }

    /// An object that was not written by us. None as `class` for one of any collection.
    pub fn foreign(&self, line: &str, class: Option<&str>) -> Result<Rows, String> {
        let object = foreign(line, class)?;
        let mut rows = Vec::new();
        self.push(&mut rows, &object, Select::All, None)?;
        rows.pop().ok_or_else(|| "it is no object".to_owned())
    }

    fn unpack(&self, group: &RowGroup, pieces: &Pieces) -> Result<Vec<u8>, String> {
        let bytes = pieces.get(group.offset, group.bytes).ok_or("it is not there")?;
        if !self.compressed {
            return Ok(bytes.to_vec());
        }
        let capacity = usize::try_from(group.unpacked).map_err(|error| error.to_string())?;
        zstd::bulk::decompress(&bytes, capacity)
            .map_err(|error| format!("it cannot be decompressed: {error}"))
    }
}

impl Decode for FromLines {
    fn groups(&self) -> Option<usize> {
        None
    }

    fn decode(
        &self,
        _index: usize,
        group: &RowGroup,
        pieces: Pieces,
        select: Select,
        wanted: Option<&BTreeSet<String>>,
    ) -> Result<Vec<Rows>, String> {
        let text = self.unpack(group, &pieces)?;
        drop(pieces);
        let text = str::from_utf8(&text).map_err(|error| error.to_string())?;
        let (mut all, mut rows): (Vec<Rows>, u64) = (Vec::new(), 0);
        for (number, line) in numbered(text) {
            let wrong = |error: String| format!("its line {number}: {error}");
            let object: RestObject<'_> =
                serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            rows += 1;
            self.push(&mut all, &object, select, wanted).map_err(wrong)?;
        }
        if rows != group.rows {
            return Err(format!("it has {rows} rows, and files.json says {}", group.rows));
        }
        Ok(all)
    }

    /// The lines, and what they become: together never more than twice what the lines are.
    fn weight(&self, _index: usize, group: &RowGroup, _select: Select) -> u64 {
        group.bytes + group.unpacked * 2
    }
}

/// Lines that are not empty, counted from 1.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(number, line)| (number + 1, line));
    numbered.filter(|(_, line)| !line.trim().is_empty())
}

/// What an object has in Weaviate's REST API.
const FIELDS: [&str; 10] = [
    "class",
    "id",
    "tenant",
    "creationTimeUnix",
    "lastUpdateTimeUnix",
    "properties",
    "vector",
    "vectors",
    "vectorWeights",
    "additional",
];

/// An object that somebody else has written down: what it has and we do not know would be lost without a word.
fn foreign<'a>(line: &'a str, class: Option<&str>) -> Result<RestObject<'a>, String> {
    let text = |error: serde_json::Error| error.to_string();
    let fields: BTreeMap<Cow<'_, str>, IgnoredAny> = serde_json::from_str(line).map_err(text)?;
    if let Some(stray) = fields.keys().find(|name| !FIELDS.contains(&name.as_ref())) {
        return Err(format!("\"{stray}\" is no part of an object"));
    }
    let object: RestObject<'a> = serde_json::from_str(line).map_err(text)?;
    match (object.class.as_deref(), class) {
        (Some(of), Some(class)) if of != class => {
            Err(format!("it is of collection \"{of}\", not of \"{class}\""))
        }
        _ => Ok(object),
    }
}

impl FromLines {
    fn push(
        &self,
        all: &mut Vec<Rows>,
        object: &RestObject<'_>,
        select: Select,
        wanted: Option<&BTreeSet<String>>,
    ) -> Result<(), String> {
        let Columns { multi_tenant, references, spaces, properties: kinds, .. } = &*self.columns;
        let tenant = object.tenant.as_deref();
        if tenant.is_some() != *multi_tenant {
            let has =
                if *multi_tenant { "lacks a tenant" } else { "has a tenant, and its collection has none" };
            return Err(format!("object {} {has}", object.id));
        }
        if tenant.is_some_and(|tenant| wanted.is_some_and(|wanted| !wanted.contains(tenant))) {
            return Ok(());
        }
        if all.last().is_none_or(|rows| rows.tenant.as_deref() != tenant) {
            let spaces = if select == Select::All { &spaces[..] } else { &[] };
            let batch = Batch::new(spaces, *references);
            all.push(Rows { tenant: tenant.map(str::to_owned), batch, digests: Vec::new() });
        }
        let Some(Rows { batch, .. }) = all.last_mut() else { return Ok(()) };
        object.push(batch, kinds, |_, value, text| text.push_str(value.get()))?;
        if select == Select::All {
            object.push_vectors(batch, spaces, &[])?;
        }
        Ok(())
    }
}
