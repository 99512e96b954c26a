//! What came and went on the cluster while a backup was made, which can take hours.

use std::collections::BTreeSet;

use super::reading::Copied;
use super::remarks::Remarks;
use super::source::{Selected, unless_gone};
use super::{BackupRequest, settle::CHANGED};
use crate::{Context, is_probe};
use selvedge_model::error::{Result, counted, listed};
use selvedge_weaviate::Cluster;

/// Lists collections, aliases and tenants again, and compares them with what was copied. What is to be said of a collection
/// is added to its manifest; the rest is returned.
pub async fn look(
    job: &Context,
    cluster: &Cluster,
    request: &BackupRequest,
    selected: &Selected,
    copies: &mut [Copied],
) -> Result<Remarks> {
    let mut remarks = Remarks::default();
    let now: BTreeSet<_> = cluster.schemas().await?.into_keys().collect();
    let aliases = cluster.aliases().await?;
    let created = now.iter().filter(|name| !selected.there.contains(name) && !is_probe(name));
    let place = format!("on cluster \"{}\"", cluster.name());
    let is_meant = |name: &&String| request.collections.apply([name.as_str()].into_iter(), &place).is_ok();
    let created: Vec<_> = created.filter(is_meant).map(String::as_str).collect();
    if !created.is_empty() {
        let text = format!(
            "{} created while the backup was made, and not in it: {}",
            counted(created.len() as u64, "collection"),
            listed(&created)
        );
        remarks.note("collections_created", text);
    }
    for copied in copies {
        let name = copied.collection.name.clone();
        let mut of_collection = Remarks::default();
        if !now.contains(&name) {
            of_collection.note(CHANGED, "it was dropped after it was read".to_owned());
        } else {
            let there = aliases.of(&name);
            if there != copied.aliases {
                let text = format!("its aliases changed while the backup was made: {}", there.join(", "));
                of_collection.note(CHANGED, text);
            }
            if copied.collection.multi_tenant {
                look_at_tenants(cluster, copied, &mut of_collection).await?;
            }
        }
        of_collection.warn(job, &name);
        copied.manifest.notes.extend(of_collection.into_completeness().notes);
    }
    Ok(remarks)
}

async fn look_at_tenants(cluster: &Cluster, copied: &Copied, remarks: &mut Remarks) -> Result<()> {
    let Some(now) = unless_gone(cluster.tenants(&copied.collection.name).await)? else { return Ok(()) };
    let now: BTreeSet<_> = now.into_iter().map(|tenant| tenant.name).collect();
    let created: Vec<_> = now.difference(&copied.tenants).collect();
    let deleted: Vec<_> = copied.tenants.difference(&now).collect();
    let tenants = |names: &[&String]| counted(names.len() as u64, "tenant");
    if !created.is_empty() {
        let text = format!(
            "{} created while the backup was made, and not in it: {}",
            tenants(&created),
            listed(&created)
        );
        remarks.note(CHANGED, text);
    }
    if !deleted.is_empty() {
        remarks.note(
            CHANGED,
            format!("{} deleted after they were read: {}", tenants(&deleted), listed(&deleted)),
        );
    }
    Ok(())
}

/// A collection that is gone could not be read. One that was asked for by its name is missing.
pub fn tell_gone(request: &BackupRequest, name: &str, remarks: &mut Remarks) {
    let text = format!("collection \"{name}\" was dropped while the backup was made, and is not in it");
    if request.collections.names(name) {
        remarks.gap("collection_dropped", text);
    } else {
        remarks.note("collection_dropped", text);
    }
}
