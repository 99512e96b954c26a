//! JSON Lines into rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::columns::Columns;
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
    pub fn new(columns: Arc<Columns>, compressed: bool) -> Self {
        Self { columns, compressed }
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
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |error: String| format!("its line {}: {error}", number + 1);
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
