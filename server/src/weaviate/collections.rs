//! Collections as such: their schemas, and creating and dropping them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde_json::{Map, Value};

use super::Cluster;
use crate::error::{Error, Kind, Result};
use crate::model::Collection;

/// What Weaviate reads of a `shardingConfig`; the rest of what it returns is computed.
const SHARDING_INPUTS: [&str; 5] = ["virtualPerPhysical", "desiredCount", "key", "strategy", "function"];

impl Cluster {
    /// The schemas of all collections that the key may see, by name.
    pub async fn schemas(&self) -> Result<BTreeMap<String, Value>> {
        let action = "read the schema";
        let schema = self.retrying(|| self.rest.get(action, "/v1/schema", &[])).await?.unwrap_or_default();
        let unexpected =
            || Error::new(Kind::WeaviateUnintelligible, format!("cannot {action}: unexpected answer"));
        let Value::Array(classes) =
            schema.get("classes").cloned().unwrap_or_else(|| Value::Array(Vec::new()))
        else {
            return Err(unexpected());
        };
        let named = |class: Value| Ok((class["class"].as_str().ok_or_else(unexpected)?.to_owned(), class));
        classes.into_iter().map(named).collect()
    }

    /// One collection by its name; `None` if there is none, or if the name is an alias.
    pub async fn collection(&self, name: &str) -> Result<Option<Collection>> {
        let action = format!("read the schema of collection \"{name}\"");
        let path = format!("/v1/schema/{name}");
        match self.retrying(|| self.rest.get(&action, &path, &[])).await? {
            // Asked for an alias, Weaviate answers with the collection behind it.
            Some(schema) if schema["class"] == name => Collection::from_schema(schema).map(Some),
            _ => Ok(None),
        }
    }

    /// While it starts, Weaviate's gRPC API does not know collections that REST shows. What it says then passes.
    pub(super) async fn unless_starting(&self, error: Error, collection: &str) -> Error {
        if error.kind() != Kind::CollectionNotFound {
            return error;
        }
        let path = format!("/v1/schema/{collection}");
        match self.rest.get("read the schema", &path, &[]).await {
            Ok(Some(_)) => Error::new(Kind::WeaviateOverloaded, "Weaviate is starting").caused_by(error),
            _ => error,
        }
    }

    /// The aliases that point at a collection. Empty where Weaviate has none.
    pub async fn aliases(&self, collection: &str) -> Result<Vec<String>> {
        if !self.connect().await?.version.has_aliases() {
            return Ok(Vec::new());
        }
        let action = format!("read the aliases of collection \"{collection}\"");
        let query = [("class", collection)];
        let found =
            self.retrying(|| self.rest.get(&action, "/v1/aliases", &query)).await?.unwrap_or_default();
        let aliases = found["aliases"].as_array().into_iter().flatten();
        let mut aliases: Vec<_> =
            aliases.filter_map(|alias| alias["alias"].as_str()).map(str::to_owned).collect();
        aliases.sort();
        Ok(aliases)
    }

    /// Creates a collection from a schema as Weaviate returns it, and reads it back.
    pub async fn create_collection(&self, schema: &Value) -> Result<Collection> {
        self.begin_collection(schema).await?;
        self.finish_collection(schema).await
    }

    /// The first step of creating a collection: once it has succeeded there is one, and it is ours.
    pub async fn begin_collection(&self, schema: &Value) -> Result<()> {
        let name = name_of(schema);
        let action = format!("create collection \"{name}\"");
        let (first, then) = creation_steps(schema);
        if then.is_some() && !self.connect().await?.version.can_add_named_vectors() {
            return Err(Error::new(
                Kind::CollectionUnsupported,
                format!("cannot {action}: this version of Weaviate cannot give it both an unnamed vector and named ones"),
            )
            .hint("restore to Weaviate 1.31 or later"));
        }
        self.post_collection(&action, name, &first).await
    }

    /// The rest: what Weaviate does not take at once. Returns what came of it.
    pub async fn finish_collection(&self, schema: &Value) -> Result<Collection> {
        let name = name_of(schema);
        let action = format!("create collection \"{name}\"");
        if let (_, Some(whole)) = creation_steps(schema) {
            let path = format!("/v1/schema/{name}");
            self.retrying(|| self.rest.put(&action, &path, &whole)).await?;
        }
        self.collection(name).await?.ok_or_else(|| {
            Error::new(
                Kind::SchemaMismatch,
                format!("collection \"{name}\" is not there although Weaviate created it"),
            )
        })
    }

    /// A repeated POST may find what the first one made although its answer was lost. It is taken for ours only if nothing
    /// is in it.
    async fn post_collection(&self, action: &str, name: &str, schema: &Value) -> Result<()> {
        let repeated = AtomicBool::new(false);
        let result = self
            .retrying(async || {
                let result = self.rest.post(action, "/v1/schema", schema).await;
                if result.as_ref().is_err_and(Error::is_transient) {
                    repeated.store(true, Relaxed);
                }
                result
            })
            .await;
        match result {
            Err(error) if repeated.load(Relaxed) && !error.is_transient() => {
                if self.is_empty(name).await? {
                    Ok(())
                } else {
                    Err(error)
                }
            }
            other => other.map(drop),
        }
    }

    /// Whether there is such a collection, with no objects and no tenants.
    async fn is_empty(&self, name: &str) -> Result<bool> {
        match self.collection(name).await? {
            None => Ok(false),
            Some(collection) if collection.multi_tenant => Ok(self.tenants(name).await?.is_empty()),
            Some(_) => Ok(self.count(name, None).await? == 0),
        }
    }

    /// Drops a collection with everything in it; one that does not exist is not missed.
    pub async fn drop_collection(&self, name: &str) -> Result<()> {
        let action = format!("drop collection \"{name}\"");
        let path = format!("/v1/schema/{name}");
        self.retrying(|| self.rest.delete(&action, &path, None)).await.map(drop)
    }
}

fn name_of(schema: &Value) -> &str {
    schema["class"].as_str().unwrap_or_default()
}

/// What to POST, and what to PUT afterwards if Weaviate does not take everything at once.
fn creation_steps(schema: &Value) -> (Value, Option<Value>) {
    let mut class = schema.as_object().cloned().unwrap_or_default();
    if class.get("multiTenancyConfig").is_some_and(|config| config["enabled"] == true) {
        // Weaviate returns a zeroed one, and refuses any.
        class.remove("shardingConfig");
    } else if let Some(Value::Object(sharding)) = class.get_mut("shardingConfig") {
        sharding.retain(|name, _| SHARDING_INPUTS.contains(&name.as_str()));
    }
    if let Some(Value::Array(properties)) = class.get_mut("properties") {
        properties.iter_mut().filter_map(Value::as_object_mut).for_each(strip_internal);
    }
    if let Some(Value::Object(named)) = class.get_mut("vectorConfig") {
        // What is left of a vector whose index was dropped cannot be created.
        named.retain(|_, config| config["vectorIndexType"] != "none");
    }
    let has_legacy =
        class.get("vectorIndexType").and_then(Value::as_str).is_some_and(|index| !index.is_empty());
    let has_named =
        class.get("vectorConfig").and_then(Value::as_object).is_some_and(|named| !named.is_empty());
    if !(has_legacy && has_named) {
        return (Value::Object(class), None);
    }
    let whole = Value::Object(class.clone());
    class.remove("vectorConfig");
    (Value::Object(class), Some(whole))
}

fn strip_internal(property: &mut Map<String, Value>) {
    property.remove("searchableBlockmax");
    property.remove("bucketGeneration");
    if property.contains_key("indexFilterable") {
        // The flag it replaced; both together are refused.
        property.remove("indexInverted");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn computed_settings_are_not_sent() {
        let (post, put) = creation_steps(&json!({
            "class": "A",
            "shardingConfig": {"desiredCount": 3, "actualCount": 3, "virtualPerPhysical": 128, "actualVirtualCount": 384},
        }));
        assert_eq!(post["shardingConfig"], json!({"desiredCount": 3, "virtualPerPhysical": 128}));
        assert_eq!(put, None);
        let (post, _) = creation_steps(
            &json!({"multiTenancyConfig": {"enabled": true}, "shardingConfig": {"desiredCount": 0}}),
        );
        assert_eq!(post.get("shardingConfig"), None);
    }

    #[test]
    fn unnamed_and_named_vectors_take_two_steps() {
        let both = json!({"class": "A", "vectorIndexType": "hnsw", "vectorConfig": {"a": {"vectorIndexType": "hnsw"}}});
        let (post, put) = creation_steps(&both);
        assert_eq!(post, json!({"class": "A", "vectorIndexType": "hnsw"}));
        assert_eq!(put, Some(both));
    }
}
