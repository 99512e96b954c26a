//! Single objects of a backup.

use selvedge_archive::{CollectionReader, Key, Rows, Select};
use selvedge_model::Batch;
use selvedge_model::error::{Error, Result};

/// Fetches objects by their keys. Those that come one after another in a row group are fetched once.
pub struct RowReader {
    reader: CollectionReader,
    at: Option<(usize, usize, Select)>,
    rows: Vec<Rows>,
}

impl RowReader {
    pub fn new(reader: &CollectionReader) -> Self {
        Self { reader: reader.clone(), at: None, rows: Vec::new() }
    }

    /// As a batch of its own.
    pub async fn read(&mut self, tenant: Option<&str>, key: &Key, select: Select) -> Result<Batch> {
        let lost = || Error::internal(format!("object {} is not where the backup has it", key.id));
        let file = self.reader.files().get(key.file).ok_or_else(lost)?;
        let mut behind = 0;
        let group = file.row_groups.iter().position(|group| {
            behind += group.rows;
            u64::from(key.row) < behind
        });
        let at = (key.file, group.ok_or_else(lost)?, select);
        if self.at != Some(at) {
            let open = self.reader.open(file, select).await?;
            self.rows = open.group(at.1, None).await?;
            self.at = Some(at);
        }
        let of_tenant = self.rows.iter().filter(|rows| rows.tenant.as_deref() == tenant);
        let found = of_tenant.filter_map(|rows| {
            let row = rows.batch.ids.iter().position(|id| *id == key.id)?;
            Some(rows.batch.row(row))
        });
        { found }.next().ok_or_else(lost)
    }
}
