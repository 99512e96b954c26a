//! Export: the objects of a backup's collection as lines of JSON, for whoever asks for them.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use selvedge_archive::{BackupId, CollectionReader, FileReader, Repository, Select};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::nearest_or;

use crate::Budget;

/// What is left to be handed out.
struct Export {
    reader: CollectionReader,
    tenants: Option<BTreeSet<String>>,
    budget: Budget,
    /// The next file.
    file: usize,
    /// The one that is being read, and its next row group.
    open: Option<(FileReader, usize)>,
}

/// The objects of a collection, a row group after another; of these tenants, or of all if there are none.
pub async fn export(
    repository: &Repository,
    budget: &Budget,
    backup: &BackupId,
    collection: &str,
    tenants: &[String],
) -> Result<impl Stream<Item = Result<Bytes>> + Send + use<>> {
    let held = repository.open_backup(backup).await?;
    held.require_objects()?;
    let reader = held.collection(collection).await?;
    // Of those that went or fell asleep while they were read, some rows may be there.
    let held = reader.tenants().map(|records| {
        let held = records.iter().filter(|record| record.left_out.is_none());
        held.map(|record| record.name.clone()).collect::<BTreeSet<_>>()
    });
    let is_held = |tenant: &String| held.as_ref().is_some_and(|held| held.contains(tenant));
    if let Some(stray) = tenants.iter().find(|tenant| !is_held(tenant)) {
        let text =
            format!("backup {backup} does not hold a tenant \"{stray}\" of collection \"{collection}\"");
        let near = nearest_or(stray, held.iter().flatten(), "tenants' names are case-sensitive");
        return Err(Error::new(Kind::TenantNotFound, text).hint(near));
    }
    let tenants = if tenants.is_empty() { held } else { Some(tenants.iter().cloned().collect()) };
    let export = Export { reader, tenants, budget: budget.clone(), file: 0, open: None };
    Ok(stream::try_unfold(export, |mut export| async move {
        let lines = export.next().await?;
        Ok(lines.map(|lines| (lines, export)))
    }))
}

impl Export {
    /// None at the end.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let Some((file, group)) = &mut self.open else {
                let Some(next) = self.reader.files().get(self.file) else { return Ok(None) };
                self.file += 1;
                self.open = Some((self.reader.open(next, Select::All).await?, 0));
                continue;
            };
            let index = *group;
            if index >= self.reader.files()[self.file - 1].row_groups.len() {
                self.open = None;
                continue;
            }
            *group += 1;
            let tenants = self.tenants.as_ref();
            if !file.is_wanted(index, tenants) {
                continue;
            }
            let weight = usize::try_from(file.weight(index)).unwrap_or(usize::MAX);
            let _share = self.budget.take_for(weight, 0).await?;
            let rows = file.group(index, tenants).await?;
            return self.reader.lines(rows).await.map(Some);
        }
    }
}
