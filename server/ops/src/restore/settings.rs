//! Settings that restored collections get instead of their own.

use serde_json::{Map, Value, json};

use selvedge_model::Collection;
use selvedge_model::error::{Error, Result, listed};

use crate::Settings;
use crate::reshape::forget_modules;

/// The type of what is left of an index that was dropped.
const DROPPED: &str = "none";

impl Settings {
    /// `old` is the collection's name in the backup.
    pub fn apply(&self, old: &str, collection: &Collection) -> Result<Collection> {
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
        self.change_indexes(&collection.name, &mut schema)?;
        let flags = [
            ("autoTenantCreation", self.auto_tenant_creation),
            ("autoTenantActivation", self.auto_tenant_activation),
        ];
        for (flag, value) in flags.into_iter().filter(|_| collection.multi_tenant) {
            if let Some(value) = value {
                schema["multiTenancyConfig"][flag] = json!(value);
            }
        }
        if let Some(patch) = self.patches.get(old) {
            json_patch::merge(&mut schema, patch);
        }
        let patched = Collection::from_schema(schema).map_err(|error| {
            Error::invalid("patches", format!("the patch of collection \"{old}\" makes no schema of it"))
                .caused_by(error)
        })?;
        if patched.name != collection.name {
            let text = format!("the patch of collection \"{old}\" gives it another name");
            return Err(Error::invalid("patches", text).hint("rename it instead"));
        }
        Ok(patched)
    }

    fn change_indexes(&self, collection: &str, schema: &mut Value) -> Result<()> {
        if schema["vectorIndexType"].as_str().is_some_and(|kind| !kind.is_empty() && kind != DROPPED) {
            self.change_index(collection, schema)?;
        }
        let named = schema["vectorConfig"].as_object_mut().into_iter().flat_map(Map::values_mut);
        let mut left = named.filter(|config| config["vectorIndexType"] != DROPPED);
        left.try_for_each(|config| self.change_index(collection, config))
    }

    /// Of the vector whose `vectorIndexType` and `vectorIndexConfig` these are.
    fn change_index(&self, collection: &str, owner: &mut Value) -> Result<()> {
        let other = self.vector_index_type.as_ref().filter(|kind| owner["vectorIndexType"] != kind.as_str());
        if let Some(kind) = other {
            owner["vectorIndexType"] = json!(kind);
            // The settings of one type are not those of another; what a vector is stays the same.
            let old = owner["vectorIndexConfig"].take();
            let kept =
                ["distance", "multivector"].into_iter().filter_map(|name| Some((name, old.get(name)?)));
            owner["vectorIndexConfig"] = kept.map(|(name, value)| (name.to_owned(), value.clone())).collect();
        }
        for (path, value) in &self.vector_index {
            let mut place = &mut owner["vectorIndexConfig"];
            for name in path.split('.') {
                // Weaviate would drop silently what it does not know. What another type knows is not in the backup.
                if other.is_none() && place.get(name).is_none() {
                    let known: Vec<_> = place.as_object().into_iter().flat_map(Map::keys).collect();
                    let text =
                        format!("the vector index of collection \"{collection}\" has no setting \"{path}\"");
                    return Err(Error::invalid("settings", text)
                        .hint(format!("in the place of \"{name}\" there are: {}", listed(&known))));
                }
                if !place.is_object() {
                    *place = json!({});
                }
                place = &mut place[name];
            }
            *place = value.clone();
        }
        Ok(())
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
    if let Some(class) = schema.as_object_mut() {
        forget_modules(class, &modules);
    }
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
        let settings = Settings {
            no_vectorizer: true,
            replication_factor: Some(3),
            shards: Some(2),
            ..Settings::default()
        };
        let changed = settings.apply("A", &collection).unwrap();
        assert_eq!((changed.schema["vectorizer"].as_str(), changed.shards), (Some("none"), 2));
        assert_eq!(changed.replication_factor, 3);
        let text = changed.schema.to_string();
        assert!(!text.contains("text2vec-x"), "{text}");
        assert_eq!(Settings::default().apply("A", &collection).unwrap(), collection);
    }

    #[test]
    fn index_settings_are_those_of_every_vector_that_is_left() {
        let index = |kind: &str, config: Value| json!({"vectorIndexType": kind, "vectorIndexConfig": config});
        let collection = Collection::from_schema(json!({
            "class": "A",
            "vectorConfig": {
                "a": index("hnsw", json!({"ef": 1, "distance": "dot", "pq": {"enabled": false}})),
                "gone": index("none", json!({})),
            },
        }))
        .unwrap();
        let config = |settings: Settings| {
            let changed = settings.apply("A", &collection);
            changed.map(|changed| changed.schema["vectorConfig"]["a"]["vectorIndexConfig"].clone())
        };
        let set = |path: &str, value: Value| Settings {
            vector_index: [(path.to_owned(), value)].into(),
            ..Settings::default()
        };
        let known = config(set("pq.enabled", json!(true))).unwrap();
        assert_eq!(known, json!({"ef": 1, "distance": "dot", "pq": {"enabled": true}}));
        let unknown = config(set("eff", json!(2))).unwrap_err();
        assert!(unknown.to_string().contains("has no setting \"eff\""), "{unknown}");
        let flat = Settings { vector_index_type: Some("flat".to_owned()), ..set("bq.enabled", json!(true)) };
        assert_eq!(config(flat.clone()).unwrap(), json!({"distance": "dot", "bq": {"enabled": true}}));
        let gone = flat.apply("A", &collection).unwrap();
        assert_eq!(gone.schema["vectorConfig"]["gone"]["vectorIndexType"], "none");
    }

    #[test]
    fn a_patch_is_merged_into_the_schema() {
        let collection =
            Collection::from_schema(json!({"class": "A", "description": "old", "properties": []})).unwrap();
        let patched = |patch: Value| {
            let patches = [("Old".to_owned(), patch)].into();
            Settings { patches, ..Settings::default() }.apply("Old", &collection)
        };
        let changed =
            patched(json!({"description": null, "invertedIndexConfig": {"bm25": {"b": 0.5}}})).unwrap();
        assert_eq!(changed.schema["description"], Value::Null);
        assert_eq!(changed.schema["invertedIndexConfig"]["bm25"]["b"], 0.5);
        for wrong in [json!({"class": "B"}), json!(3), json!({"properties": [{"dataType": ["text"]}]})] {
            assert_eq!(patched(wrong).unwrap_err().field(), Some("patches"));
        }
    }
}
