//! Single objects of a backup.

use std::collections::VecDeque;

use selvedge_archive::{CollectionReader, Key, Rows, Select};
use selvedge_model::Batch;
use selvedge_model::error::{Error, Result};

/// Row groups that are kept: what differs may be in an incremental backup's own files and in inherited ones by turns.
const KEPT: usize = 4;

/// Fetches objects by their keys. Those that come soon after another of their row group need not be fetched again.
pub struct RowReader {
    reader: CollectionReader,
    groups: VecDeque<Group>,
}

struct Group {
    /// The place of its file, its own in that, and what was selected.
    at: (usize, usize, Select),
    rows: Vec<Rows>,
}

impl RowReader {
    pub fn new(reader: &CollectionReader) -> Self {
        Self { reader: reader.clone(), groups: VecDeque::new() }
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
        if !self.groups.iter().any(|group| group.at == at) {
            // Before the next one is there: so many are in memory at once.
            self.groups.truncate(KEPT - 1);
            let rows = self.reader.open(file, select).await?.group(at.1, None).await?;
            self.groups.push_front(Group { at, rows });
        }
        let rows = self.groups.iter().filter(|group| group.at == at).flat_map(|group| &group.rows);
        let of_tenant = rows.filter(|rows| rows.tenant.as_deref() == tenant);
        let mut found = of_tenant.filter_map(|rows| {
            let row = rows.batch.ids.iter().position(|id| *id == key.id)?;
            Some(rows.batch.row(row))
        });
        found.next().ok_or_else(lost)
    }
}
