//! After reading: is what was read all there was?

use std::collections::BTreeSet;

use super::BackupRequest;
use super::reading::Tally;
use super::source::{Part, Source};
use crate::archive::TenantRecord;
use crate::error::{Error, Kind, Result};
use crate::model::Tenant;
use crate::weaviate::{Cluster, compare_schemas};

/// Compares what was read with what is there. Writes under the backup are no failure, but they are told; a difference that
/// no write explains means that Weaviate did not show everything.
pub async fn check(cluster: &Cluster, source: &Source, tally: &Tally) -> Result<Vec<String>> {
    cluster.await_shards(&source.collection).await?;
    let mut notes = Vec::new();
    let mut changed = 0;
    for part in &source.parts {
        let read = tally.rows.get(&part.tenant).copied().unwrap_or(0);
        if read == part.objects {
            continue;
        }
        let now = cluster.count(&source.collection.name, part.tenant.as_deref()).await?;
        if now == part.objects && tally.young == 0 {
            return Err(incomplete(source, part, read));
        }
        changed += 1;
        if notes.is_empty() {
            notes.push(format!(
                "objects were written or deleted while it was read ({} before, {read} read, {now} after): \
                 the backup is not a point-in-time image",
                part.objects
            ));
        }
    }
    if changed == 0 && tally.young > 0 {
        notes.push(format!(
            "{} objects were written while it was read: the backup is not a point-in-time image",
            tally.young
        ));
    }
    Ok(notes)
}

/// A change of the schema under the backup would leave objects that do not fit it.
pub async fn check_unchanged(cluster: &Cluster, source: &Source) -> Result<()> {
    let name = &source.collection.name;
    let hint = "start the backup again when the schema has settled";
    let Some(now) = cluster.collection(name).await? else {
        return Err(Error::new(
            Kind::SchemaChanged,
            format!("collection \"{name}\" was dropped while it was read"),
        )
        .hint(hint));
    };
    match compare_schemas(&source.collection.schema, &now.schema).into_iter().next() {
        None => Ok(()),
        Some(difference) => Err(Error::new(
            Kind::SchemaChanged,
            format!("the schema of collection \"{name}\" changed while it was read: {difference}"),
        )
        .hint(hint)),
    }
}

/// The tenants as the backup records them: all of the collection's, and which of them it holds.
pub fn tenant_records(source: &Source, request: &BackupRequest, tally: &Tally) -> Option<Vec<TenantRecord>> {
    if !source.collection.multi_tenant {
        return None;
    }
    let covered: BTreeSet<_> = source.parts.iter().filter_map(|part| part.tenant.as_deref()).collect();
    let record = |tenant: &Tenant| {
        let chosen = request.tenants.is_empty() || request.tenants.contains(&tenant.name);
        let rows = || tally.rows.get(&Some(tenant.name.clone())).copied().unwrap_or(0);
        TenantRecord {
            name: tenant.name.clone(),
            status: tenant.status,
            rows: covered.contains(tenant.name.as_str()).then(rows),
            left_out: (!chosen).then(|| "not chosen".to_owned()),
        }
    };
    Some(source.tenants.iter().map(record).collect())
}

fn incomplete(source: &Source, part: &Part, read: u64) -> Error {
    let tenant = part.tenant.as_ref().map_or(String::new(), |tenant| format!(" of tenant \"{tenant}\""));
    Error::new(
        Kind::CountMismatch,
        format!(
            "Weaviate counts {} objects{tenant} in collection \"{}\" but showed {read}",
            part.objects, source.collection.name
        ),
    )
    .hint("check that all nodes are up and replicas agree, then start the backup again")
}
