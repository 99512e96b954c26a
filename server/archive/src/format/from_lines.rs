//! JSON Lines into rows.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use super::columns::Columns;
use super::data_format::DataFormat;
use super::decode::{Decode, Wanted};
use super::foreign;
use super::pieces::Pieces;
use super::rows::{Rows, Select};
use crate::data_file::RowGroup;
use crate::sealing::FileKey;
use selvedge_model::{Batch, RestObject};

/// Who has written lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    Ourselves,
    /// They are looked at closely, and spelled as Weaviate spells them.
    Others,
}

#[derive(Debug)]
pub struct FromLines {
    columns: Arc<Columns>,
    compressed: bool,
    writer: Writer,
    key: Option<FileKey>,
}

impl FromLines {
    pub fn new(columns: Arc<Columns>, format: DataFormat, writer: Writer) -> Self {
        Self { columns, compressed: format == DataFormat::JsonLinesZstd, writer, key: None }
    }

    /// Of lines that are sealed.
    pub fn with_key(self, key: Option<FileKey>) -> Self {
        Self { key, ..self }
    }

    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    pub fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// The text of lines that were not written by us, so that nobody knows how long it is: no more than `most`.
    pub fn unpack_all(&self, bytes: &[u8], most: u64) -> Result<String, String> {
        let mut text = Vec::new();
        if self.compressed {
            let unpacked = zstd::stream::read::Decoder::new(bytes).and_then(|decoder| {
                let mut limited = decoder.take(most + 1);
                limited.read_to_end(&mut text)
            });
            unpacked.map_err(|error| format!("it cannot be decompressed: {error}"))?;
        } else {
            text.extend_from_slice(bytes);
        }
        if text.len() as u64 > most {
            return Err("it is too large to be read at once; import its lines instead".to_owned());
        }
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
        let Columns { properties, spaces, dropped, .. } = &*self.columns;
        let dropped: Vec<_> = dropped.iter().map(String::as_str).collect();
        let object = foreign::object(line, class)?;
        if spaces.is_empty() && object.has_vectors(&dropped) {
            return Err("it has a vector, and there is no place for one".to_owned());
        }
        let mut rows = self.rows_of(&object, Select::All)?;
        let of = |name: &str| properties.iter().find(|property| property.name == name);
        object.push(&mut rows.batch, properties, |name, value, text| {
            foreign::write_value(of(name), value, text)
        })?;
        object.push_vectors(&mut rows.batch, spaces, &dropped, true)?;
        Ok(rows)
    }

    fn unpack<'b>(&self, group: &RowGroup, bytes: &'b [u8]) -> Result<Cow<'b, [u8]>, String> {
        if !self.compressed {
            return Ok(bytes.into());
        }
        let capacity = usize::try_from(group.unpacked).map_err(|error| error.to_string())?;
        let unpacked = zstd::bulk::decompress(bytes, capacity);
        unpacked.map(Cow::from).map_err(|error| format!("it cannot be decompressed: {error}"))
    }
}

impl Decode for FromLines {
    fn groups(&self) -> Option<usize> {
        None
    }

    fn decode(
        &self,
        index: usize,
        group: &RowGroup,
        pieces: Pieces,
        select: Select,
        wanted: &Wanted<'_>,
    ) -> Result<Vec<Rows>, String> {
        let Wanted { tenants: wanted, shown: None } = *wanted else {
            return Err("rows of lines are never hidden".to_owned());
        };
        let mut bytes = pieces.get(group.offset, group.bytes).ok_or("it is not there")?;
        if let Some(key) = &self.key {
            let opened = key.open_part(index, &bytes).ok_or("it is not what was sealed")?;
            bytes = opened.into();
        }
        let text = self.unpack(group, &bytes)?;
        let text = str::from_utf8(&text).map_err(|error| error.to_string())?;
        let (mut all, mut rows): (Vec<Rows>, u64) = (Vec::new(), 0);
        for (number, line) in numbered(text) {
            let wrong = |error: String| format!("its line {number}: {error}");
            rows += 1;
            if self.writer == Writer::Others {
                self.push_foreign(&mut all, line, select, wanted).map_err(wrong)?;
                continue;
            }
            let object: RestObject<'_> =
                serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            self.push(&mut all, &object, select, wanted).map_err(wrong)?;
        }
        if rows != group.rows {
            return Err(format!("it has {rows} rows, and files.json says {}", group.rows));
        }
        Ok(all)
    }

    /// The lines: how often an object is in memory is counted by whoever asks.
    fn weight(&self, _index: usize, group: &RowGroup, _select: Select) -> u64 {
        group.bytes.max(group.unpacked)
    }
}

/// Lines that are not empty, counted from 1.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(number, line)| (number + 1, line));
    numbered.filter(|(_, line)| !line.trim().is_empty())
}

impl FromLines {
    /// For the object and those that follow it, still empty.
    fn rows_of(&self, object: &RestObject<'_>, select: Select) -> Result<Rows, String> {
        let Columns { multi_tenant, references, spaces, .. } = &*self.columns;
        let tenant = object.tenant.as_deref().map(str::to_owned);
        if tenant.is_some() != *multi_tenant {
            let has =
                if *multi_tenant { "lacks a tenant" } else { "has a tenant, and its collection has none" };
            return Err(format!("object {} {has}", object.id));
        }
        let spaces = if select == Select::All { &spaces[..] } else { &[] };
        Ok(Rows { tenant, batch: Batch::new(spaces, *references), digests: Vec::new() })
    }

    fn push_foreign(
        &self,
        all: &mut Vec<Rows>,
        line: &str,
        select: Select,
        wanted: Option<&BTreeSet<String>>,
    ) -> Result<(), String> {
        let mut rows = self.foreign(line, Some(&self.columns.collection))?;
        if rows.tenant.as_ref().is_some_and(|tenant| wanted.is_some_and(|wanted| !wanted.contains(tenant))) {
            return Ok(());
        }
        if select != Select::All {
            rows.batch.vectors.clear();
        }
        match all.last_mut() {
            Some(last) if last.tenant == rows.tenant => last.batch.append(&rows.batch),
            _ => all.push(rows),
        }
        Ok(())
    }

    fn push(
        &self,
        all: &mut Vec<Rows>,
        object: &RestObject<'_>,
        select: Select,
        wanted: Option<&BTreeSet<String>>,
    ) -> Result<(), String> {
        let tenant = object.tenant.as_deref();
        if tenant.is_some_and(|tenant| wanted.is_some_and(|wanted| !wanted.contains(tenant))) {
            return Ok(());
        }
        if all.last().is_none_or(|rows| rows.tenant.as_deref() != tenant) {
            all.push(self.rows_of(object, select)?);
        }
        let Some(Rows { batch, .. }) = all.last_mut() else { return Ok(()) };
        object.push(batch, &self.columns.properties, |_, value, text| {
            text.push_str(value.get());
            Ok(())
        })?;
        if select == Select::All {
            object.push_vectors(batch, &self.columns.spaces, &[], false)?;
        }
        Ok(())
    }
}
