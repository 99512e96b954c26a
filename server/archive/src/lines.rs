//! Objects as lines of JSON, for those that are no data files: what somebody else has written down, and what is handed out.

use std::sync::Arc;

use bytes::Bytes;

use crate::format::{Columns, DataFormat, FromLines, Rows, Writer, write_line};
use crate::read::CollectionReader;
use crate::threads::off_the_async_threads;
use selvedge_model::error::Result;
use selvedge_model::{Collection, is_tenant_name};

/// Reads lines of objects of one collection.
#[derive(Debug)]
pub struct LineReader(FromLines);

impl LineReader {
    pub fn new(collection: &Collection) -> Result<Self> {
        let columns = Columns::new(collection, &collection.vector_spaces, false)?;
        Ok(Self(FromLines::new(Arc::new(columns), DataFormat::JsonLines, Writer::Others)))
    }

    /// One object, whatever collection the line says it is of. The error says what is wrong with it.
    pub fn read(&self, line: &str) -> std::result::Result<Rows, String> {
        self.0.foreign(line, None)
    }

    /// Whether an object that was read fits the schema, and can be where it says it is.
    pub fn check(&self, rows: &Rows) -> std::result::Result<(), String> {
        let tenant = rows.tenant.as_deref();
        if let Some(tenant) = tenant.filter(|tenant| !is_tenant_name(tenant)) {
            return Err(format!("\"{tenant}\" cannot be the name of a tenant"));
        }
        let digester = &self.0.columns().digester;
        digester.each(tenant, &rows.batch, |_, _, _| {}).map_err(|unfit| unfit.0)
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
