//! Objects as lines of JSON, for those that are no data files: what somebody else has written down, and what is handed out.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::format::{Columns, FromLines, Rows, write_line};
use crate::read::CollectionReader;
use crate::threads::off_the_async_threads;
use selvedge_model::error::Result;
use selvedge_model::{Collection, is_tenant_name, rename_references};

/// Reads lines of objects of one collection.
#[derive(Debug)]
pub struct LineReader {
    lines: FromLines,
    /// What the schema called the collection.
    was: String,
}

impl LineReader {
    pub fn new(collection: &Collection, was: String) -> Result<Self> {
        let columns = Columns::new(collection, &collection.vector_spaces)?;
        Ok(Self { lines: FromLines::new(Arc::new(columns), None), was })
    }

    /// What refers to the collection itself, by the name in its schema or by the `class` that lines say they are of, refers to it
    /// by its new name.
    pub fn with_own_references(
        &self,
        mut rows: Rows,
        class: Option<&str>,
    ) -> std::result::Result<Rows, String> {
        let new = &self.lines.columns().collection;
        let old = [Some(self.was.as_str()), class].into_iter().flatten().filter(|old| old != new);
        let names: BTreeMap<_, _> = old.map(|old| (old.to_owned(), new.clone())).collect();
        if let Some(column) = rows.batch.references.as_mut().filter(|_| !names.is_empty()) {
            *column = rename_references(column, &names)?;
        }
        Ok(rows)
    }

    /// One object, whatever collection the line says it is of. The error says what is wrong with it.
    pub fn read(&self, line: &str) -> std::result::Result<Rows, String> {
        let rows = self.lines.foreign(line, None)?;
        if let Some(tenant) = rows.tenant.as_deref().filter(|tenant| !is_tenant_name(tenant)) {
            return Err(format!("\"{tenant}\" cannot be the name of a tenant"));
        }
        let fits = self.lines.columns().digester.each(rows.tenant.as_deref(), &rows.batch, |_, _, _| {});
        fits.map_err(|unfit| unfit.0)?;
        Ok(rows)
    }
}

impl CollectionReader {
    /// Rows as lines, in the shape of Weaviate's REST API with their tenant.
    pub async fn lines(&self, all: Vec<Rows>) -> Result<Bytes> {
        let reader = self.clone();
        off_the_async_threads(move || {
            let mut lines = Vec::new();
            for Rows { tenant, batch, .. } in all {
                for row in 0..batch.len() {
                    write_line(&mut lines, reader.columns(), tenant.as_deref(), &batch, row)?;
                }
            }
            Ok(lines.into())
        })
        .await
    }
}
