//! What came and went on the cluster while a backup was made, which can take hours.

use std::collections::BTreeSet;

use super::copying::Copied;
use super::subject::{Selected, unless_gone};
use super::{BackupRequest, warn};
use crate::Context;
use crate::probe::is_probe;
use selvedge_model::error::Result;
use selvedge_model::{Names, Reason, Remark};
use selvedge_weaviate::Cluster;

/// Lists collections, aliases and tenants again, and compares them with what was copied. What is to be said of a collection
/// is added to its manifest; the rest is returned.
pub async fn look(
    job: &Context,
    cluster: &Cluster,
    request: &BackupRequest,
    selected: &Selected,
    copies: &mut [Copied],
) -> Result<Vec<Remark>> {
    let mut remarks = Vec::new();
    let now: BTreeSet<_> = cluster.schemas().await?.into_keys().collect();
    let aliases = cluster.aliases().await?;
    let created = now.iter().filter(|name| !selected.there.contains(name) && !is_probe(name));
    let place = format!("on cluster \"{}\"", cluster.name());
    let is_meant = |name: &&String| request.collections.apply([name.as_str()].into_iter(), &place).is_ok();
    let created: Vec<_> = created.filter(is_meant).map(String::as_str).collect();
    if !created.is_empty() {
        remarks.push(Remark::note(Reason::CollectionsCreated { collections: Names::of(&created) }));
    }
    for copied in copies {
        let name = copied.collection.name.clone();
        let mut found = Vec::new();
        if !now.contains(&name) {
            found.push(Reason::DroppedLater);
        } else {
            let there = aliases.of(&name);
            if there != copied.aliases {
                found.push(Reason::AliasesChanged { now: there });
            }
            if copied.collection.multi_tenant {
                found.extend(look_at_tenants(cluster, copied).await?);
            }
        }
        let found: Vec<_> = found.into_iter().map(Remark::note).collect();
        warn(job, &found, &name);
        copied.manifest.remarks.extend(found);
    }
    Ok(remarks)
}

async fn look_at_tenants(cluster: &Cluster, copied: &Copied) -> Result<Vec<Reason>> {
    let Some(now) = unless_gone(cluster.tenants(&copied.collection.name).await)? else {
        return Ok(Vec::new());
    };
    let now: BTreeSet<_> = now.into_iter().map(|tenant| tenant.name).collect();
    let created: Vec<_> = now.difference(&copied.tenants).collect();
    let deleted: Vec<_> = copied.tenants.difference(&now).collect();
    let created = (!created.is_empty()).then(|| Reason::TenantsCreated { tenants: Names::of(&created) });
    let deleted = (!deleted.is_empty()).then(|| Reason::TenantsDeletedLater { tenants: Names::of(&deleted) });
    Ok(created.into_iter().chain(deleted).collect())
}

/// A collection that is gone could not be read. One that was asked for by its name is missing.
pub fn gone(request: &BackupRequest, name: &str) -> Remark {
    let reason = Reason::CollectionDropped { collection: name.to_owned() };
    if request.collections.names(name) { Remark::gap(reason) } else { Remark::note(reason) }
}
