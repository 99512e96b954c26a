//! Objects as lines of JSON, for those that are no data files: what somebody else has written down, and what is handed out.

use std::sync::Arc;

use crate::format::{Columns, FromLines, Rows, write_line};
use crate::read::CollectionReader;
use selvedge_model::Collection;
use selvedge_model::error::Result;

/// Reads lines of objects of one collection.
#[derive(Debug)]
pub struct LineReader(FromLines);

impl LineReader {
    pub fn new(collection: &Collection) -> Result<Self> {
        let columns = Columns::new(collection, &collection.vector_spaces)?;
        Ok(Self(FromLines::new(Arc::new(columns), None)))
    }

    /// One object, whatever collection the line says it is of. The error says what is wrong with it.
    pub fn read(&self, line: &str) -> Result<Rows, String> {
        let rows = self.0.foreign(line, None)?;
        let fits = self.0.columns().digester.each(rows.tenant.as_deref(), &rows.batch, |_, _, _| {});
        fits.map_err(|unfit| unfit.0)?;
        Ok(rows)
    }
}

impl CollectionReader {
    /// Appends rows as lines, in the shape of Weaviate's REST API with their tenant.
    pub fn write_lines(&self, rows: &Rows, lines: &mut Vec<u8>) -> Result<()> {
        let Rows { tenant, batch, .. } = rows;
        (0..batch.len()).try_for_each(|row| write_line(lines, self.columns(), tenant.as_deref(), batch, row))
    }
}
