//! The bytes of a data file into rows.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use uuid::Uuid;

use super::columns::Columns;
use super::data_format::DataFormat;
use super::from_lines::{FromLines, Writer};
use super::from_parquet::FromParquet;
use super::pieces::Pieces;
use super::rows::{Rows, Select};
use crate::data_file::RowGroup;
use crate::sealing::FileKey;
use selvedge_model::{Batch, Digester};

/// Which rows of a row group are wanted.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// None for those of all tenants.
    pub tenants: Option<&'a BTreeSet<String>>,
    /// Those that are not hidden, counted from the first of the row group. None if none is; of Parquet only.
    pub shown: Option<Vec<Range<usize>>>,
}

impl Wanted<'_> {
    pub fn takes(&self, tenant: &str) -> bool {
        self.tenants.is_none_or(|tenants| tenants.contains(tenant))
    }
}

/// How bytes become rows.
pub trait Decode: fmt::Debug + Send + Sync {
    /// How many row groups the file has by its own account; None if it gives none.
    fn groups(&self) -> Option<usize>;

    /// What is selected of the rows of the row group at `index`, by tenant; those that are not `wanted` are left out. `pieces` are
    /// all of its bytes that are selected. The error says why they make no sense, although they are as they were written.
    fn decode(
        &self,
        index: usize,
        group: &RowGroup,
        pieces: Pieces,
        select: Select,
        wanted: &Wanted<'_>,
    ) -> Result<Vec<Rows>, String>;

    /// The first and the last id of the row group at `index`, if the file tells.
    fn ids(&self, index: usize) -> Option<(Uuid, Uuid)> {
        let _ = index;
        None
    }

    /// About how many bytes of memory it takes to read what is selected of the row group at `index`.
    fn weight(&self, index: usize, group: &RowGroup, select: Select) -> u64;
}

/// Decodes the row groups of one data file.
#[derive(Debug, Clone)]
pub struct Decoder {
    columns: Arc<Columns>,
    select: Select,
    form: Arc<dyn Decode>,
}

impl Decoder {
    /// `writer` is of lines; `footer` is what comes after the last row group; `key` is that of an encrypted file. The error says
    /// why it makes no sense.
    pub fn new(
        columns: Arc<Columns>,
        format: DataFormat,
        writer: Writer,
        select: Select,
        footer: &Pieces,
        key: Option<FileKey>,
    ) -> Result<Self, String> {
        let form: Arc<dyn Decode> = match format {
            DataFormat::Parquet => {
                let form = FromParquet::new(Arc::clone(&columns), footer, key.as_ref());
                Arc::new(form.map_err(|error| format!("is no Parquet file: {error}"))?)
            }
            DataFormat::JsonLines | DataFormat::JsonLinesZstd => {
                Arc::new(FromLines::new(Arc::clone(&columns), format, writer).with_key(key))
            }
        };
        Ok(Self { columns, select, form })
    }

    pub fn select(&self) -> Select {
        self.select
    }

    /// As [`Decode::groups`].
    pub fn groups(&self) -> Option<usize> {
        self.form.groups()
    }

    /// As [`Decode::decode`].
    pub fn decode(
        &self,
        index: usize,
        group: &RowGroup,
        pieces: Pieces,
        wanted: &Wanted<'_>,
    ) -> Result<Vec<Rows>, String> {
        let select = self.needed(group);
        let mut decoded = self.form.decode(index, group, pieces, select, wanted)?;
        if select != self.select {
            for rows in &mut decoded {
                compute_digests(&self.columns.digester, rows)?;
            }
        }
        Ok(decoded)
    }

    /// Without a column of hashes, they are computed from everything.
    fn needed(&self, group: &RowGroup) -> Select {
        let is_computed = self.select == Select::Hashes && !group.is_divided();
        if is_computed { Select::All } else { self.select }
    }

    /// As [`Decode::ids`].
    pub fn ids(&self, index: usize) -> Option<(Uuid, Uuid)> {
        self.form.ids(index)
    }

    /// As [`Decode::weight`].
    pub fn weight(&self, index: usize, group: &RowGroup) -> u64 {
        self.form.weight(index, group, self.needed(group))
    }
}

/// Leaves only the ids, the times and the digests, as if these had been read.
fn compute_digests(digester: &Digester, rows: &mut Rows) -> Result<(), String> {
    let mut digests = Vec::with_capacity(rows.batch.len());
    digester
        .each(rows.tenant.as_deref(), &rows.batch, |_, _, digest| digests.push(digest))
        .map_err(|unfit| format!("it does not fit the schema: {}", unfit.0))?;
    let Batch { ids, creation_times, update_times, .. } =
        std::mem::replace(&mut rows.batch, Batch::new(&[], false));
    rows.batch = Batch { ids, creation_times, update_times, ..Batch::new(&[], false) };
    rows.digests = digests;
    Ok(())
}
