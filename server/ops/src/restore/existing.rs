//! Collections that are there already under the names of a restore: which of them are merged into, and which replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, Tenant, nearest_or};
use selvedge_weaviate::{Cluster, compare_schemas};
use serde_json::Value;

use super::begun::Begun;
use super::target::Target;
use crate::{Context, IfExists, OnConflict, RestoreRequest};

/// Written before anything is changed.
const MERGING: &str = "merging.json";
const REPLACING: &str = "replacing.json";

/// Written before a collection is dropped, with its schema, and when it is: whatever is there under its name from then on is not
/// what was confirmed.
fn dropping_file(collection: &str) -> String {
    format!("dropped/{collection}/schema.json")
}

fn dropped_file(collection: &str) -> String {
    format!("dropped/{collection}/done.json")
}

/// By their names on the cluster, with the tenants that the job creates in them; None as long as that is not decided.
type Merged = BTreeMap<String, Option<Vec<Tenant>>>;

/// What becomes of collections that are there already.
#[derive(Debug, Default)]
pub struct Existing {
    pub merged: Merged,
    pub on_conflict: OnConflict,
    /// Those that are dropped, and created from the backup.
    pub replaced: BTreeSet<String>,
    /// Those of them that an earlier attempt has dropped.
    pub dropped: BTreeSet<String>,
}

impl Existing {
    /// Which collections are there already. Refuses those that must not be, and with `data_only` those that are not.
    pub async fn find(
        job: &Context,
        cluster: &Cluster,
        names: &BTreeMap<String, String>,
        request: &RestoreRequest,
        begun: Begun,
    ) -> Result<Self> {
        let mut existing = Self { on_conflict: request.on_conflict, ..Self::default() };
        if begun != Begun::Nothing {
            // By now, the others are there too.
            existing.merged = job.journal().read(MERGING).await?.unwrap_or_default();
            existing.replaced = job.journal().read(REPLACING).await?.unwrap_or_default();
            for name in &existing.replaced {
                if was_dropped(job, cluster, name).await? {
                    existing.dropped.insert(name.clone());
                }
            }
            return Ok(existing);
        }
        cluster.connect().await?;
        let there = cluster.schemas().await?;
        let aliases = cluster.aliases().await?;
        let merges = request.data_only || request.if_exists == IfExists::Merge;
        let mut clashes = Vec::new();
        for new in names.values() {
            if let Some(behind) = aliases.get(new) {
                let text = format!(
                    "\"{new}\" is an alias of collection \"{behind}\" on cluster \"{}\"",
                    cluster.name()
                );
                return Err(Error::new(Kind::CollectionExists, text)
                    .hint("restore under another name, or behind the alias"));
            }
            // Weaviate takes names that differ only in case for the same.
            match there.keys().find(|name| name.eq_ignore_ascii_case(new)) {
                Some(name) if name == new && merges => drop(existing.merged.insert(new.clone(), None)),
                Some(name) if name == new && request.if_exists == IfExists::Replace => {
                    existing.replaced.insert(new.clone());
                }
                Some(name) => clashes.push(name.as_str()),
                None if request.data_only => {
                    return Err(Error::new(
                        Kind::CollectionNotFound,
                        format!("there is no collection \"{new}\" on cluster \"{}\"", cluster.name()),
                    )
                    .hint(nearest_or(
                        new,
                        there.keys(),
                        "restore it with its schema, or name the collection that its data is to go into",
                    )));
                }
                None => {}
            }
        }
        if clashes.is_empty() {
            return Ok(existing);
        }
        let text = format!("on cluster \"{}\" there is already: {}", cluster.name(), clashes.join(", "));
        Err(Error::new(Kind::CollectionExists, text)
            .hint("restore under another name, merge into the collection, or delete it first"))
    }
}

/// Writes down which collections are merged into, and which are replaced.
pub async fn decide(job: &Context, targets: &[Arc<Target>]) -> Result<()> {
    let merged = targets.iter().filter(|target| target.is_merged());
    let merged: Merged =
        merged.map(|target| (target.collection.name.clone(), Some(target.tenants.clone()))).collect();
    if !merged.is_empty() {
        job.journal().write(MERGING, &merged).await?;
    }
    let replaced = targets.iter().filter(|target| target.in_place);
    let replaced: BTreeSet<_> = replaced.map(|target| target.collection.name.clone()).collect();
    if replaced.is_empty() { Ok(()) } else { job.journal().write(REPLACING, &replaced).await }
}

/// Whether an earlier attempt has dropped a collection. If it died before it was told so, another schema tells that what is there
/// is another collection.
async fn was_dropped(job: &Context, cluster: &Cluster, name: &str) -> Result<bool> {
    if job.journal().read::<()>(&dropped_file(name)).await?.is_some() {
        return Ok(true);
    }
    let Some(schema) = job.journal().read::<Value>(&dropping_file(name)).await? else { return Ok(false) };
    let there = cluster.collection(name).await?;
    Ok(there.is_none_or(|there| !compare_schemas(&schema, &there.schema).is_empty()))
}

/// Drops a collection that is replaced, and writes that down.
pub async fn drop_noted(job: &Context, cluster: &Cluster, there: &Collection) -> Result<()> {
    job.journal().write(&dropping_file(&there.name), &there.schema).await?;
    cluster.drop_collection(&there.name).await?;
    job.journal().write(&dropped_file(&there.name), &()).await
}
