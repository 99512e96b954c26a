//! Objects as lines of JSON, for those that are no data files: what somebody else has written down, and what is handed out.

use std::sync::Arc;

use bytes::Bytes;

use crate::format::{Columns, FromLines, Rows, write_line};
use crate::read::CollectionReader;
use crate::threads::off_the_async_threads;
use selvedge_model::error::Result;
use selvedge_model::{Collection, is_tenant_name};

/// Reads lines of objects of one collection.
#[derive(Debug)]
pub struct LineReader(FromLines);

impl LineReader {
    pub fn new(collection: &Collection) -> Result<Self> {
        let columns = Columns::new(collection, &collection.vector_spaces)?;
        Ok(Self(FromLines::new(Arc::new(columns), None)))
    }

    /// One object, whatever collection the line says it is of. The error says what is wrong with it.
    pub fn read(&self, line: &str) -> std::result::Result<Rows, String> {
        let rows = self.0.foreign(line, None)?;
        if let Some(tenant) = rows.tenant.as_deref().filter(|tenant| !is_tenant_name(tenant)) {
            return Err(format!("\"{tenant}\" cannot be the name of a tenant"));
        }
        let fits = self.0.columns().digester.each(rows.tenant.as_deref(), &rows.batch, |_, _, _| {});
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
