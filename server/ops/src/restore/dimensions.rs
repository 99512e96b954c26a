//! Whether vectors of a backup have the dimensions that the indexes of a collection on the cluster have, by a sample of both.

use std::sync::Arc;

use selvedge_archive::{Rows, Select};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, UuidRange};
use selvedge_weaviate::{Cluster, Fetched, ObjectReader};

use super::requirements::is_indexed;
use super::target::Target;
use crate::engine::may_hold;

/// Weaviate would refuse all such objects, one by one. Tenants have indexes of their own, too many to look into.
pub async fn refuse_others(cluster: &Cluster, target: &Target) -> Result<()> {
    let live = &target.collection;
    if !target.is_merged() || live.multi_tenant || target.spaces().is_empty() {
        return Ok(());
    }
    let Some(of_backup) = first_rows(target).await? else { return Ok(()) };
    let reader = Arc::new(ObjectReader::open(cluster, live, true).await?);
    let Fetched::Page(there) = reader.range(None, UuidRange::ALL).next(usize::MAX).await? else {
        return Ok(());
    };
    for (space, vectors) in target.spaces().iter().zip(&of_backup.vectors) {
        let name = space.name.as_deref().unwrap_or_default();
        let mut found = reader.spaces().iter().zip(&there.batch.vectors);
        let found =
            found.find(|(other, _)| other.name == space.name).and_then(|(_, vectors)| vectors.dimension());
        if let (Some(wanted), Some(found)) = (vectors.dimension(), found)
            && wanted != found
            && is_indexed(live, name)
        {
            let text = format!(
                "{} has {wanted} dimensions in the backup and {found} in collection \"{}\": an index takes only one",
                space.label(),
                live.name
            );
            return Err(Error::new(Kind::SchemaMismatch, text)
                .hint("restore under another name, or leave the vector out"));
        }
    }
    Ok(())
}

/// In the shape that they get.
async fn first_rows(target: &Target) -> Result<Option<Batch>> {
    let (chosen, mut files) = (target.chosen.as_deref(), target.source.files().iter());
    let Some(file) = files.find(|file| file.rows > 0 && may_hold(file, chosen)) else { return Ok(None) };
    let reader = target.source.open(file, Select::All).await?;
    let mut groups = 0..file.row_groups.len();
    let Some(group) = groups.find(|group| reader.is_wanted(*group, chosen)) else { return Ok(None) };
    let rows = reader.group(group, chosen).await?;
    let Some(rows) = rows.into_iter().next() else { return Ok(None) };
    Ok(match &target.shape {
        None => Some(rows.batch),
        Some(shape) => shape.apply(rows)?.into_iter().next().map(|Rows { batch, .. }| batch),
    })
}
