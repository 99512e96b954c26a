//! What the lists say of the rows of a data file.

use std::collections::BTreeMap;

use super::columns::Columns;
use crate::data_file::TenantSpan;
use selvedge_model::{Batch, Content, Digest, Unfit};

#[derive(Debug, Default)]
pub struct Account {
    pub rows: u64,
    pub tenants: Vec<TenantSpan>,
    pub without_vector: BTreeMap<String, u64>,
    pub content: Content,
}

impl Account {
    /// Counts a batch of rows that follow, and gives the hashes of its objects.
    pub fn note(&mut self, columns: &Columns, tenant: Option<&str>, batch: &Batch) -> Result<Vec<u8>, Unfit> {
        let mut hashes = Vec::with_capacity(batch.len() * Digest::HASHES);
        let found = |digest: Digest| hashes.extend_from_slice(&digest.to_hashes());
        self.content.add_each(&columns.digester, tenant, batch, found)?;
        let rows = batch.len() as u64;
        if let Some(tenant) = tenant {
            match self.tenants.last_mut() {
                Some(span) if span.tenant == tenant => span.rows += rows,
                _ => self.tenants.push(TenantSpan { tenant: tenant.to_owned(), first_row: self.rows, rows }),
            }
        }
        for (space, vectors) in columns.spaces.iter().zip(&batch.vectors) {
            let absent = vectors.absent() as u64;
            if absent > 0 {
                *self.without_vector.entry(space.name.clone().unwrap_or_default()).or_default() += absent;
            }
        }
        self.rows += rows;
        Ok(hashes)
    }
}
