//! Whether vectors of a backup have the dimensions that the indexes of a collection on the cluster have, by a sample of both.

use std::sync::Arc;

use selvedge_archive::{Rows, Select};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, UuidRange, VectorSpace};
use selvedge_weaviate::{Cluster, Fetched, ObjectReader};

use super::requirements::is_indexed;
use super::target::Target;
use crate::engine::may_hold;

/// Tenants that are looked into: each has indexes of its own, and there can be very many.
const TENANTS: usize = 8;

/// Weaviate would refuse all such objects, one by one.
pub async fn refuse_others(cluster: &Cluster, target: &Target) -> Result<()> {
    let live = &target.collection;
    if !target.is_merged() || target.spaces().is_empty() {
        return Ok(());
    }
    let sample = first_rows(target).await?;
    if sample.is_empty() {
        return Ok(());
    }
    let reader = Arc::new(ObjectReader::open(cluster, live, true).await?);
    let is_new = |tenant: &String| target.tenants.iter().any(|new| new.name == *tenant);
    for Rows { tenant, batch, .. } in sample.iter().take(TENANTS) {
        if tenant.as_ref().is_some_and(is_new) {
            continue;
        }
        let Fetched::Page(there) = reader.range(tenant.as_deref(), UuidRange::ALL).next(usize::MAX).await?
        else {
            continue;
        };
        compare(target, batch, reader.spaces(), &there.batch)?;
    }
    Ok(())
}

/// `spaces` are those that the batch of what is `there` has columns for.
fn compare(target: &Target, of_backup: &Batch, spaces: &[VectorSpace], there: &Batch) -> Result<()> {
    let live = &target.collection;
    for (space, vectors) in target.spaces().iter().zip(&of_backup.vectors) {
        let name = space.name.as_deref().unwrap_or_default();
        let mut found = spaces.iter().zip(&there.vectors);
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

/// In the shape that they get, by tenant.
async fn first_rows(target: &Target) -> Result<Vec<Rows>> {
    let chosen = target.chosen.as_deref();
    let files = target.source.files().iter();
    for file in files.filter(|file| file.objects() > 0 && may_hold(file, chosen)) {
        let reader = target.source.open(file, Select::All).await?;
        for group in (0..file.row_groups.len()).filter(|group| reader.is_wanted(*group, chosen)) {
            let rows = reader.group(group, chosen).await?;
            // Those of a tenant may all be hidden.
            if rows.is_empty() {
                continue;
            }
            let Some(shape) = &target.shape else { return Ok(rows) };
            let mut shaped = Vec::new();
            for rows in rows.into_iter().take(TENANTS) {
                shaped.extend(shape.apply(rows)?);
            }
            return Ok(shaped);
        }
    }
    Ok(Vec::new())
}
