//! Whether all shards of a collection can be read.
//!
//! When a node of a cluster is down, Weaviate answers reads and counts with the objects of the other nodes and no error.
//! What tells is asking for the status of each shard, which fails, and the number of shards that the nodes report.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Cluster;
use super::tenants::gone;
use selvedge_model::Collection;
use selvedge_model::error::{Error, Kind, Result};

/// What is known of the shards of a collection that nothing was found missing of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardCoverage {
    /// Every one of them has a live replica.
    Proven,
    /// The key may neither read the shards' statuses nor the nodes.
    Unknown,
}

impl Cluster {
    /// [`Cluster::check_shards`], repeated only while Weaviate does not answer.
    pub async fn check_shards_now(&self, collection: &Collection) -> Result<ShardCoverage> {
        let check = async || match self.check_shards(collection).await {
            // While a shard was away, what it has was not shown, even if it is back by now.
            Err(error) if error.kind() == Kind::ShardsUnavailable => Ok(Err(error)),
            other => other.map(Ok),
        };
        self.retrying(check).await?
    }

    /// Waits, as long as a call may be repeated, until every shard can be read.
    pub async fn await_shards(&self, collection: &Collection) -> Result<ShardCoverage> {
        self.retrying(|| self.check_shards(collection)).await
    }

    /// Fails with `ShardsUnavailable` unless every shard of the collection has a live replica.
    ///
    /// A multi-tenant collection always passes: reading a tenant whose node is gone fails by itself. So does any on a cluster
    /// that never had more than one node.
    pub async fn check_shards(&self, collection: &Collection) -> Result<ShardCoverage> {
        if collection.multi_tenant || self.is_single_node().await {
            return Ok(ShardCoverage::Proven);
        }
        let name = &collection.name;
        let missing = |text: String| {
            Error::new(
                Kind::ShardsUnavailable,
                format!("not all shards of collection \"{name}\" can be read: {text}"),
            )
            .hint("bring all of Weaviate's nodes up, then try again")
        };
        let action = format!("read the shards of collection \"{name}\"");
        let statuses = self.rest.get(&action, &format!("/v1/schema/{name}/shards"), &[]).await;
        let may_read = match statuses {
            Ok(statuses) => {
                let statuses = statuses.as_ref().and_then(|statuses| statuses.as_array());
                let live = statuses.map_or(0, Vec::len) as u64;
                if live == 0 {
                    return Err(self.no_shards(collection).await);
                }
                if live < collection.shards {
                    return Err(missing(format!("{live} of {} answer", collection.shards)));
                }
                true
            }
            Err(error) if error.kind() == Kind::WeaviatePermissionDenied => false,
            // Only one replica of each shard was asked. What counts is whether the nodes that are left have all shards.
            Err(error) if collection.replication_factor > 1 && error.kind() == Kind::ShardsUnavailable => {
                false
            }
            Err(error) => {
                return Err(match error.kind() {
                    Kind::ShardsUnavailable | Kind::WeaviateRefused => missing(error.to_string()),
                    _ => error,
                });
            }
        };
        let on_nodes = self.shards_on_nodes(name).await?;
        // Without the permission to read nodes, Weaviate answers with no shards at all, which proves nothing.
        if on_nodes > 0 && on_nodes < collection.shards {
            return Err(missing(format!("the nodes have {on_nodes} of {}", collection.shards)));
        }
        Ok(if may_read || on_nodes > 0 { ShardCoverage::Proven } else { ShardCoverage::Unknown })
    }

    /// Whether there is only one node, so that whoever answers has all there is. That a node is down does not make it so: what
    /// tells is who takes part in the log that the nodes share. False if that cannot be found out.
    pub async fn is_single_node(&self) -> bool {
        *self.single.get_or_init(|| self.ask_whether_single()).await
    }

    async fn ask_whether_single(&self) -> bool {
        let Ok(Some(found)) = self.statistics().await else { return false };
        let nodes = found["statistics"].as_array().map_or(&[][..], Vec::as_slice);
        let [node] = nodes else { return false };
        node["raft"]["latestConfiguration"].as_array().is_some_and(|members| members.len() == 1)
    }

    /// While it starts, Weaviate knows no shard of a collection, or not even the collection; nor does it of one that was
    /// dropped.
    async fn no_shards(&self, collection: &Collection) -> Error {
        match self.schema_of(&collection.name).await {
            Ok(None) => gone(&collection.name),
            Ok(Some(_)) => {
                let text = format!("Weaviate shows no shards of collection \"{}\"", collection.name);
                Error::new(Kind::WeaviateOverloaded, text)
            }
            Err(error) => error,
        }
    }

    /// How many different shards of a collection the live nodes report.
    async fn shards_on_nodes(&self, collection: &str) -> Result<u64> {
        let nodes = self.verbose_nodes(collection).await?;
        let shards =
            nodes["nodes"].as_array().into_iter().flatten().flat_map(|node| node["shards"].as_array());
        let names: BTreeSet<_> = shards
            .flatten()
            .filter(|shard| shard["class"] == collection)
            .filter_map(|shard| shard["name"].as_str())
            .collect();
        Ok(names.len() as u64)
    }

    /// The live nodes, and what each has of a collection; nothing if the key may not know.
    pub(super) async fn verbose_nodes(&self, collection: &str) -> Result<Value> {
        let path = format!("/v1/nodes/{collection}");
        match self.rest.get("read the nodes", &path, &[("output", "verbose")]).await {
            Ok(nodes) => Ok(nodes.unwrap_or_default()),
            Err(error) if error.kind() == Kind::WeaviatePermissionDenied => Ok(Value::Null),
            Err(error) => Err(error),
        }
    }
}
