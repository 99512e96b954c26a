//! How much of what was written is not in the vector indexes yet.

use super::Cluster;
use selvedge_model::error::{Kind, Result};

impl Cluster {
    /// How many vectors of a collection wait to be indexed. None if that cannot be known: the key may not read the nodes. Counts
    /// 1 for a shard that is busy although nothing waits, and for a node that does not say.
    ///
    /// Weaviate indexes in the background with `ASYNC_INDEXING`, and tells of it in `GET /v1/nodes/{collection}`
    /// (`entities/models/node_shard_status.go`, 1.39).
    pub async fn vectors_to_index(&self, collection: &str) -> Result<Option<u64>> {
        let path = format!("/v1/nodes/{collection}");
        let read = self.retrying(|| self.rest.get("read the nodes", &path, &[("output", "verbose")])).await;
        let nodes = match read {
            Ok(nodes) => nodes.unwrap_or_default(),
            Err(error) if error.kind() == Kind::WeaviatePermissionDenied => return Ok(None),
            Err(error) => return Err(error),
        };
        let nodes = nodes["nodes"].as_array().map_or(&[][..], Vec::as_slice);
        let silent = nodes.iter().filter(|node| node["status"] != "HEALTHY").count() as u64;
        let shards = nodes.iter().filter_map(|node| node["shards"].as_array());
        let mut shards = shards.flatten().filter(|shard| shard["class"] == collection).peekable();
        if shards.peek().is_none() && silent == 0 {
            return Ok(None);
        }
        let waiting = shards.map(|shard| match shard["vectorQueueLength"].as_u64().unwrap_or(0) {
            0 if shard["vectorIndexingStatus"] == "INDEXING" => 1,
            waiting => waiting,
        });
        Ok(Some(waiting.sum::<u64>() + silent))
    }
}
