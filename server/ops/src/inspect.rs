//! What is in a cluster.

use futures_util::{StreamExt, TryStreamExt, stream};

use selvedge_model::error::Result;
use selvedge_model::{Collection, Selection};
use selvedge_weaviate::Cluster;

/// Collections that are looked at side by side.
const AT_ONCE: usize = 8;

/// A collection of a cluster, and how much is in it.
#[derive(Debug, Clone)]
pub struct CollectionSummary {
    pub collection: Collection,
    pub description: String,
    /// Objects of the active tenants, if there are tenants. None if they cannot be counted.
    pub objects: Option<u64>,
    pub tenants: u64,
    pub active_tenants: u64,
}

/// Weaviate's version, and its collections sorted by name.
pub async fn list_collections(
    cluster: &Cluster,
    selection: &Selection,
) -> Result<(String, Vec<CollectionSummary>)> {
    let version = cluster.connect().await?.version_text.clone();
    let mut schemas = cluster.schemas().await?;
    let names =
        selection.apply(schemas.keys().map(String::as_str), &format!("on cluster \"{}\"", cluster.name()))?;
    let names: Vec<_> = names.into_iter().map(str::to_owned).collect();
    let chosen = names.into_iter().filter_map(|name| schemas.remove(&name)).map(Collection::from_schema);
    let collections: Vec<_> = chosen.collect::<Result<_>>()?;
    // Owned, so that the calls need not borrow from each other's surroundings.
    let calls: Vec<_> =
        collections.into_iter().map(|collection| summarize(cluster.clone(), collection)).collect();
    Ok((version, stream::iter(calls).buffered(AT_ONCE).try_collect().await?))
}

async fn summarize(cluster: Cluster, collection: Collection) -> Result<CollectionSummary> {
    let name = collection.name.clone();
    let tenants = if collection.multi_tenant { cluster.tenants(&name).await? } else { Vec::new() };
    let active: Vec<_> = tenants
        .iter()
        .filter(|tenant| tenant.status.is_active())
        .map(|tenant| tenant.name.as_str())
        .collect();
    // A collection that cannot be counted, for want of a permission or of a node, is still worth listing.
    let objects = if collection.multi_tenant {
        cluster
            .count_tenants(&name, active.iter().copied())
            .await
            .ok()
            .map(|counts| counts.iter().flatten().sum())
    } else {
        count_whole(&cluster, &collection).await.ok()
    };
    let description = collection.schema["description"].as_str().unwrap_or_default().to_owned();
    Ok(CollectionSummary {
        objects,
        tenants: tenants.len() as u64,
        active_tenants: active.len() as u64,
        description,
        collection,
    })
}

/// With a node down Weaviate counts what is left, and such a count is worse than none.
async fn count_whole(cluster: &Cluster, collection: &Collection) -> Result<u64> {
    cluster.check_shards(collection).await?;
    cluster.count(&collection.name, None).await
}
