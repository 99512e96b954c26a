//! What each replica of an object has.
//!
//! Only a read of a single object over REST can be sent to a replica of choice (`node_name`). One that is sent to a node without the
//! object's shard fails, after seconds (1.39: 7 to 10), and which shard an object belongs to is not told: so all nodes are asked at
//! once, until as many have answered as there are replicas.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;
use uuid::Uuid;

use super::Cluster;
use super::failure::Failed;
use super::texts;
use selvedge_model::Collection;
use selvedge_model::error::{Error, Kind, Result};

const ALL_NODES: &str = "bring all of Weaviate's nodes up, then try again";

/// Where the replicas of a collection are.
#[derive(Debug, Clone)]
pub struct Replicas {
    /// The nodes of each shard; of a multi-tenant collection, a shard is a tenant.
    shards: BTreeMap<String, BTreeSet<String>>,
    /// Of each shard.
    factor: usize,
}

impl Replicas {
    /// All nodes that have any.
    pub fn nodes(&self) -> BTreeSet<&str> {
        self.shards.values().flatten().map(String::as_str).collect()
    }

    /// Those that may have an object.
    fn of(&self, tenant: Option<&str>) -> BTreeSet<&str> {
        match tenant {
            Some(tenant) => self.shards.get(tenant).into_iter().flatten().map(String::as_str).collect(),
            None => self.nodes(),
        }
    }
}

/// When an object was created and changed, as a replica has it, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaTimes {
    pub created: i64,
    pub updated: i64,
}

/// What each node has of an object: `None` where it has a replica without it.
pub type OnNodes = BTreeMap<String, Option<ReplicaTimes>>;

impl Cluster {
    /// Fails with `ShardsUnavailable` unless all of them are there.
    pub async fn replicas(&self, collection: &Collection) -> Result<Replicas> {
        self.retrying(|| self.replicas_now(collection)).await
    }

    async fn replicas_now(&self, collection: &Collection) -> Result<Replicas> {
        let name = &collection.name;
        let mut shards = BTreeMap::<String, BTreeSet<String>>::new();
        let found = self.verbose_nodes(name).await?;
        for node in found["nodes"].as_array().into_iter().flatten() {
            let Some(host) = node["name"].as_str() else { continue };
            let of_collection = node["shards"].as_array().into_iter().flatten();
            for shard in of_collection.filter(|shard| shard["class"] == name.as_str()) {
                let shard = shard["name"].as_str().unwrap_or_default().to_owned();
                shards.entry(shard).or_default().insert(host.to_owned());
            }
        }
        if shards.is_empty() && !collection.multi_tenant {
            let text = format!("cannot see on which nodes collection \"{name}\" is");
            let hint = "the key needs Weaviate's permission read_nodes, with the verbosity verbose";
            return Err(Error::new(Kind::WeaviatePermissionDenied, text).hint(hint));
        }
        let factor = usize::try_from(collection.replication_factor).unwrap_or(usize::MAX);
        if let Some((shard, nodes)) = shards.iter().find(|(_, nodes)| nodes.len() < factor) {
            let text = format!(
                "not all replicas of collection \"{name}\" can be read: of {factor} of shard {shard}, {} can",
                nodes.len()
            );
            return Err(Error::new(Kind::ShardsUnavailable, text).hint(ALL_NODES));
        }
        Ok(Replicas { shards, factor })
    }

    /// What each replica has of an object.
    pub async fn object_on_replicas(
        &self,
        replicas: &Replicas,
        collection: &str,
        tenant: Option<&str>,
        id: Uuid,
    ) -> Result<OnNodes> {
        let asked = replicas.of(tenant).into_iter().map(|node| async move {
            let ask = || self.object_on(collection, tenant, id, node);
            self.retrying(ask).await.map(|found| (node, found))
        });
        let mut asked: FuturesUnordered<_> = asked.collect();
        let mut found = OnNodes::new();
        while found.len() < replicas.factor
            && let Some(answer) = asked.next().await
        {
            if let (node, OnNode::Asked(times)) = answer? {
                found.insert(node.to_owned(), times);
            }
        }
        if found.len() < replicas.factor {
            let text = format!(
                "not all replicas of object {id} of collection \"{collection}\" can be read: of {}, {} can",
                replicas.factor,
                found.len()
            );
            return Err(Error::new(Kind::ShardsUnavailable, text).hint(ALL_NODES));
        }
        Ok(found)
    }

    async fn object_on(
        &self,
        collection: &str,
        tenant: Option<&str>,
        id: Uuid,
        node: &str,
    ) -> Result<OnNode> {
        let action = format!("read object {id} of collection \"{collection}\" on node {node}");
        let mut query = vec![("node_name", node)];
        query.extend(tenant.map(|tenant| ("tenant", tenant)));
        let path = format!("/v1/objects/{collection}/{id}");
        let text = match self.rest.get_text(&action, &path, &query, usize::MAX).await {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(OnNode::Asked(None)),
            Err(Failed { words, .. }) if texts::is_elsewhere(&words) => return Ok(OnNode::Elsewhere),
            Err(failed) => return Err(failed.into()),
        };
        let object: Option<Value> = serde_json::from_str(&text).ok();
        let time = |name: &str| object.as_ref()?[name].as_i64();
        match (time("creationTimeUnix"), time("lastUpdateTimeUnix")) {
            (Some(created), Some(updated)) => Ok(OnNode::Asked(Some(ReplicaTimes { created, updated }))),
            _ => Err(Error::new(Kind::WeaviateRefused, format!("cannot {action}: it comes without times"))),
        }
    }
}

enum OnNode {
    /// It has a replica of the object's shard; this is the object in it.
    Asked(Option<ReplicaTimes>),
    /// The object's shard is on other nodes.
    Elsewhere,
}
