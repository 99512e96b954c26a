//! After reading: is what was read all there was?

use std::collections::{BTreeMap, BTreeSet};

use super::BackupRequest;
use super::reading::Tally;
use super::source::{Part, Source};
use crate::archive::TenantRecord;
use crate::error::{Error, Kind, Result};
use crate::model::Tenant;
use crate::weaviate::{Cluster, compare_schemas};

/// Compares what was read with what is there. Writes under the backup are no failure, but they are told. Fewer objects than
/// there were both before and after are one: Weaviate did not show everything, or so much was written that nobody can tell.
pub async fn check(cluster: &Cluster, source: &Source, tally: &Tally) -> Result<Vec<String>> {
    // At once, and not as soon as all shards are back: while one was away, what it has was not shown.
    cluster.check_shards_now(&source.collection).await?;
    let mut notes = Vec::new();
    let now = recount(cluster, source, tally).await?;
    for (part, now) in source.parts.iter().zip(now) {
        let read = tally.parts.get(&part.tenant).copied().unwrap_or_default();
        if read.rows < part.objects.min(now) {
            return Err(incomplete(source, part, read.rows, now));
        }
        if notes.is_empty() && (read.rows != part.objects || read.rows != now || read.young > 0) {
            notes.push(format!(
                "objects were written or deleted while {} was read ({} before, {} read, {now} after, {} of them written \
                 meanwhile): the backup is not a point-in-time image",
                part.tenant.as_ref().map_or("it".to_owned(), |tenant| format!("tenant \"{tenant}\"")),
                part.objects,
                read.rows,
                read.young,
            ));
        }
    }
    if source.collection.multi_tenant {
        let tenants = cluster.tenants(&source.collection.name).await?;
        let known: BTreeSet<_> = source.tenants.iter().map(|tenant| &tenant.name).collect();
        let new = tenants.iter().filter(|tenant| !known.contains(&tenant.name)).count();
        if new > 0 {
            notes.push(format!("{new} tenants were created while it was read, and are not in the backup"));
        }
    }
    Ok(notes)
}

/// Counts again what was not read because it was empty, and what is not as it was; the rest has just been counted by
/// reading it.
async fn recount(cluster: &Cluster, source: &Source, tally: &Tally) -> Result<Vec<u64>> {
    let name = &source.collection.name;
    if !source.collection.multi_tenant {
        return Ok(vec![cluster.count(name, None).await?]);
    }
    let rows = |part: &Part| tally.parts.get(&part.tenant).map_or(0, |read| read.rows);
    let doubtful = |part: &&Part| part.objects == 0 || rows(part) != part.objects;
    let doubtful: Vec<_> =
        source.parts.iter().filter(doubtful).filter_map(|part| part.tenant.as_deref()).collect();
    let counts = cluster.count_tenants(name, doubtful.iter().copied()).await?;
    let counted: BTreeMap<_, _> = doubtful.into_iter().zip(counts).collect();
    let now = |part: &Part| {
        part.tenant.as_deref().and_then(|tenant| counted.get(tenant).copied()).unwrap_or(part.objects)
    };
    Ok(source.parts.iter().map(now).collect())
}

/// A change of the schema's shape under the backup would leave objects that do not fit it. Other changes are noted.
pub async fn check_unchanged(cluster: &Cluster, source: &Source) -> Result<Vec<String>> {
    let name = &source.collection.name;
    let hint = "start the backup again when the schema has settled";
    let Some(now) = cluster.collection(name).await? else {
        return Err(Error::new(
            Kind::SchemaChanged,
            format!("collection \"{name}\" was dropped while it was read"),
        )
        .hint(hint));
    };
    let differences = compare_schemas(&source.collection.schema, &now.schema);
    let Some(difference) = differences.first() else { return Ok(Vec::new()) };
    if now.shape() == source.collection.shape() {
        return Ok(vec![format!("the schema changed while it was read, but not its shape: {difference}")]);
    }
    Err(Error::new(
        Kind::SchemaChanged,
        format!("the schema of collection \"{name}\" changed while it was read: {difference}"),
    )
    .hint(hint))
}

/// The tenants as the backup records them: all of the collection's, and which of them it holds.
pub fn tenant_records(source: &Source, request: &BackupRequest, tally: &Tally) -> Option<Vec<TenantRecord>> {
    if !source.collection.multi_tenant {
        return None;
    }
    let covered: BTreeSet<_> = source.parts.iter().filter_map(|part| part.tenant.as_deref()).collect();
    let record = |tenant: &Tenant| {
        let chosen = request.tenants.is_empty() || request.tenants.contains(&tenant.name);
        let rows = || tally.parts.get(&Some(tenant.name.clone())).map_or(0, |read| read.rows);
        TenantRecord {
            name: tenant.name.clone(),
            status: tenant.status,
            rows: covered.contains(tenant.name.as_str()).then(rows),
            left_out: (!chosen).then(|| "not chosen".to_owned()),
        }
    };
    Some(source.tenants.iter().map(record).collect())
}

fn incomplete(source: &Source, part: &Part, read: u64, now: u64) -> Error {
    let tenant = part.tenant.as_ref().map_or(String::new(), |tenant| format!(" of tenant \"{tenant}\""));
    Error::new(
        Kind::CountMismatch,
        format!(
            "Weaviate showed {read} objects{tenant} of collection \"{}\", but counted {} before and {now} after",
            source.collection.name, part.objects
        ),
    )
    .hint("check that all nodes are up and replicas agree; if it is written to a lot, pause the writers; then start again")
}
