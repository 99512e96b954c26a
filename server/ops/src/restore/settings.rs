//! Settings that restored collections get instead of their own.

use serde_json::{Map, Value, json};

use selvedge_model::Collection;

use crate::Settings;
use selvedge_model::error::Result;

impl Settings {
    pub fn apply(&self, collection: &Collection) -> Result<Collection> {
        if *self == Self::default() {
            return Ok(collection.clone());
        }
        let mut schema = collection.schema.clone();
        if self.no_vectorizer {
            remove_vectorizers(&mut schema);
        }
        if let Some(factor) = self.replication_factor {
            schema["replicationConfig"]["factor"] = json!(factor);
        }
        if let Some(shards) = self.shards.filter(|_| !collection.multi_tenant) {
            let sharding = &mut schema["shardingConfig"];
            sharding["desiredCount"] = json!(shards);
            sharding["actualCount"] = json!(shards);
        }
        Collection::from_schema(schema)
    }
}

/// Also their settings, which Weaviate refuses without them.
fn remove_vectorizers(schema: &mut Value) {
    let mut modules = Vec::new();
    if let Some(legacy) = schema["vectorizer"].as_str().filter(|legacy| *legacy != "none") {
        modules.push(legacy.to_owned());
        schema["vectorizer"] = json!("none");
    }
    for config in schema["vectorConfig"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        modules.extend(config["vectorizer"].as_object().into_iter().flat_map(Map::keys).cloned());
        config["vectorizer"] = json!({"none": {}});
    }
    let forget = |value: &mut Value| {
        let Some(owner) = value.as_object_mut() else { return };
        let Some(config) = owner.get_mut("moduleConfig").and_then(Value::as_object_mut) else { return };
        config.retain(|module, _| !modules.contains(module));
        if config.is_empty() {
            owner.remove("moduleConfig");
        }
    };
    forget(schema);
    schema["properties"].as_array_mut().into_iter().flatten().for_each(forget);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vectorizer_goes_with_its_settings() {
        let module = json!({"text2vec-x": {"skip": true}});
        let collection = Collection::from_schema(json!({
            "class": "A", "vectorizer": "text2vec-x", "vectorIndexType": "hnsw", "moduleConfig": module,
            "properties": [{"name": "t", "dataType": ["text"], "moduleConfig": module}],
            "replicationConfig": {"factor": 1}, "shardingConfig": {"desiredCount": 1, "actualCount": 1},
        }))
        .unwrap();
        let settings = Settings { no_vectorizer: true, replication_factor: Some(3), shards: Some(2) };
        let changed = settings.apply(&collection).unwrap();
        assert_eq!((changed.schema["vectorizer"].as_str(), changed.shards), (Some("none"), 2));
        assert_eq!(changed.replication_factor, 3);
        let text = changed.schema.to_string();
        assert!(!text.contains("text2vec-x"), "{text}");
        assert_eq!(Settings::default().apply(&collection).unwrap(), collection);
    }
}
