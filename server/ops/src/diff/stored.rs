//! Two backups: their keys are merged.

use selvedge_archive::{CollectionReader, Key, Select};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, Digest, UuidRange, rename_references};
use uuid::Uuid;

use super::row::RowReader;
use super::{Change, Pair, Teller};
use crate::compare::{Part, Sides};

/// A tenant of both, or a collection without tenants.
pub async fn compare(
    pair: &Pair,
    now: &CollectionReader,
    tenant: Option<&str>,
    teller: &mut Teller,
) -> Result<()> {
    let [before, after] = [&pair.was, now].map(|reader| digest(reader, tenant));
    if let (Some(before), true) = (before, before == after && pair.names.is_empty()) {
        teller.counts.same += before.objects;
        return Ok(());
    }
    let (mut was, mut is) = (pair.was.keys(tenant, UuidRange::ALL), now.keys(tenant, UuidRange::ALL));
    let mut rows = (RowReader::new(&pair.was), RowReader::new(now));
    let mut next = (was.next_up_to(Uuid::max()).await?, is.next_up_to(Uuid::max()).await?);
    loop {
        let change = match &next {
            (None, None) => return Ok(()),
            (Some(before), Some(after)) if before.id == after.id => Change::Changed,
            (Some(before), after) if after.as_ref().is_none_or(|after| before.id < after.id) => {
                Change::Removed
            }
            _ => Change::Added,
        };
        let mut current = (None, None);
        if change != Change::Added {
            current.0 = next.0.take();
            next.0 = was.next_up_to(Uuid::max()).await?;
        }
        if change != Change::Removed {
            current.1 = next.1.take();
            next.1 = is.next_up_to(Uuid::max()).await?;
        }
        match current {
            (Some(before), Some(after)) => {
                both(pair, now, tenant, (&before, &after), &mut rows, teller).await?;
            }
            (Some(key), None) | (None, Some(key)) => {
                teller.object(tenant, key.id, change, Vec::new()).await?;
            }
            (None, None) => {}
        }
    }
}

/// An object that both have.
async fn both(
    pair: &Pair,
    now: &CollectionReader,
    tenant: Option<&str>,
    (before, after): (&Key, &Key),
    rows: &mut (RowReader, RowReader),
    teller: &mut Teller,
) -> Result<()> {
    if before.digest == after.digest {
        teller.counts.same += 1;
        return Ok(());
    }
    // References are hashed with the names of what they point to.
    let is_renamed =
        !pair.names.is_empty() && before.digest.without_references() == after.digest.without_references();
    if !is_renamed && !teller.wants_more() {
        return teller.object(tenant, before.id, Change::Changed, Vec::new()).await;
    }
    let differs_in_vectors = before.digest.vectors != after.digest.vectors;
    let select = if differs_in_vectors { Select::All } else { Select::Texts };
    let was = rows.0.read(tenant, before, select).await?;
    let is = as_before(pair, rows.1.read(tenant, after, select).await?)?;
    let parts = parts(pair, now, &was, &is);
    if is_renamed && parts.is_empty() {
        teller.counts.same += 1;
        return Ok(());
    }
    teller.object(tenant, before.id, Change::Changed, parts).await
}

fn parts(pair: &Pair, now: &CollectionReader, was: &Batch, is: &Batch) -> Vec<Part> {
    let sides =
        Sides { digester: pair.was.digester(), spaces_before: pair.was.spaces(), spaces_after: now.spaces() };
    sides.parts(was, is)
}

/// With references to the names that their targets have in the first backup.
fn as_before(pair: &Pair, mut is: Batch) -> Result<Batch> {
    if let (Some(references), false) = (&is.references, pair.names.is_empty()) {
        let renamed = rename_references(references, &pair.names);
        is.references = Some(renamed.map_err(|text| Error::new(Kind::BackupCorrupt, text))?);
    }
    Ok(is)
}

/// Of a part, if it is known.
fn digest(reader: &CollectionReader, tenant: Option<&str>) -> Option<Digest> {
    match tenant {
        None => reader.buckets().map(|buckets| buckets.total()),
        Some(tenant) => {
            let records = reader.tenants().unwrap_or_default();
            records.iter().find(|record| record.name == tenant)?.digest
        }
    }
}
