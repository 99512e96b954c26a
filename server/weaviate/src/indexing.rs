//! How much of what was written is not in the vector indexes yet.

use super::Cluster;
use selvedge_model::error::{Kind, Result};

impl Cluster {
    /// How many vectors of a collection wait to be indexed. None if that cannot be known: the key may not read the nodes. Counts
    /// 1 for a shard that is busy although nothing waits.
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
        let shards =
            nodes["nodes"].as_array().into_iter().flatten().flat_map(|node| node["shards"].as_array());
        let mut shards = shards.flatten().filter(|shard| shard["class"] == collection).peekable();
        if shards.peek().is_none() {
            return Ok(None);
        }
        let waiting = shards.map(|shard| match shard["vectorQueueLength"].as_u64().unwrap_or(0) {
            0 if shard["vectorIndexingStatus"] == "INDEXING" => 1,
            waiting => waiting,
        });
        Ok(Some(waiting.sum()))
    }
}
