//! How a collection comes into being: Weaviate does not take every schema at once.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// What Weaviate reads of a `shardingConfig`; the rest of what it returns is computed.
const SHARDING_INPUTS: [&str; 5] = ["virtualPerPhysical", "desiredCount", "key", "strategy", "function"];
/// Quantizers that have to learn from vectors, and do so only when the collection is updated.
const LEARNING_QUANTIZERS: [&str; 2] = ["pq", "sq"];

/// The steps to a collection with a certain schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Creation {
    pub(super) name: String,
    /// What Weaviate should show before the last step.
    pub initial: Value,
    /// What it should show in the end.
    pub wanted: Value,
    /// Collections that are referred to, have to be there for the POST, and are made anew afterwards.
    pub(super) stubs: Vec<String>,
    /// For `POST /v1/schema`.
    pub(super) post: Value,
    /// Properties to add afterwards, in this order: a reference to a collection that comes later, and what follows it.
    pub(super) properties: Vec<Value>,
    /// Settings for a PUT, when all properties are there: an unnamed vector and named ones cannot be created together.
    pub(super) then: Option<Map<String, Value>>,
    /// Settings for a PUT, when all objects are there. None at all are a reason for one too: it makes quantizers learn.
    pub last: Option<Map<String, Value>>,
}

impl Creation {
    /// `schema` is one as Weaviate returns it. `exists` tells which other collections will be there; those that are not yet
    /// are waited for.
    pub fn new(schema: &Value, exists: impl Fn(&str) -> bool) -> Self {
        let name = schema["class"].as_str().unwrap_or_default().to_owned();
        let mut class = schema.as_object().cloned().unwrap_or_default();
        clean(&mut class);
        let wanted = Value::Object(class.clone());
        let last = postpone_expiry(&mut class).or_else(|| learns(&class).then(Map::new));
        let initial = Value::Object(class.clone());
        let exists = |target: &str| target == name || exists(target);
        let stubs = if needs_all_at_once(&class, &exists) { missing(&class, &exists) } else { Vec::new() };
        let properties =
            split_properties(&mut class, &|target| exists(target) || stubs.iter().any(|stub| stub == target));
        let then = split_vectors(&mut class);
        Self { name, initial, wanted, stubs, post: Value::Object(class), properties, then, last }
    }
}

/// Takes out what Weaviate computes or keeps for itself.
fn clean(class: &mut Map<String, Value>) {
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
}

fn strip_internal(property: &mut Map<String, Value>) {
    property.remove("searchableBlockmax");
    property.remove("bucketGeneration");
    if property.contains_key("indexFilterable") {
        // The flag it replaced; both together are refused.
        property.remove("indexInverted");
    }
}

/// Takes out what would delete objects while they are being written. None if they do not expire.
fn postpone_expiry(class: &mut Map<String, Value>) -> Option<Map<String, Value>> {
    const EXPIRY: &str = "objectTtlConfig";
    if class.get(EXPIRY).is_none_or(|config| config["enabled"] != true) {
        return None;
    }
    class.remove(EXPIRY).map(|config| Map::from_iter([(EXPIRY.to_owned(), config)]))
}

/// Whether one of the indexes has a quantizer that learns.
fn learns(class: &Map<String, Value>) -> bool {
    let named = class.get("vectorConfig").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let indexes =
        class.get("vectorIndexConfig").into_iter().chain(named.map(|config| &config["vectorIndexConfig"]));
    indexes.into_iter().any(|index| LEARNING_QUANTIZERS.iter().any(|name| index[*name]["enabled"] == true))
}

/// Whether the class would be refused without some of the properties that would come later: a vectorizer wants to see one that
/// it can read.
fn needs_all_at_once(class: &Map<String, Value>, exists: &dyn Fn(&str) -> bool) -> bool {
    let properties = class.get("properties").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut late = properties.iter().skip_while(|property| is_early(property, exists));
    has_vectorizer(class) && late.any(|property| targets(property).next().is_none())
}

fn has_vectorizer(class: &Map<String, Value>) -> bool {
    let legacy = class.get("vectorizer").and_then(Value::as_str).filter(|name| !name.is_empty());
    let named = class.get("vectorConfig").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let named = named.filter_map(|config| config["vectorizer"].as_object()).flat_map(Map::keys);
    legacy.into_iter().chain(named.map(String::as_str)).any(|name| name != "none")
}

/// The collections that are referred to and not there.
fn missing(class: &Map<String, Value>, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let properties = class.get("properties").and_then(Value::as_array).into_iter().flatten();
    let missing: BTreeSet<_> = properties.flat_map(targets).filter(|target| !exists(target)).collect();
    missing.into_iter().map(str::to_owned).collect()
}

/// The collections that a property refers to.
fn targets(property: &Value) -> impl Iterator<Item = &str> {
    let types = property["dataType"].as_array().into_iter().flatten().filter_map(Value::as_str);
    types.filter(|name| name.starts_with(char::is_uppercase))
}

fn is_early(property: &Value, exists: &dyn Fn(&str) -> bool) -> bool {
    targets(property).all(exists)
}

/// Leaves the properties up to the first whose targets are not all there, and returns the rest: added in this order, they
/// end up in the order they had.
fn split_properties(class: &mut Map<String, Value>, exists: &dyn Fn(&str) -> bool) -> Vec<Value> {
    let Some(Value::Array(properties)) = class.get_mut("properties") else { return Vec::new() };
    let early = properties.iter().take_while(|property| is_early(property, exists)).count();
    properties.split_off(early)
}

/// Takes out named vectors where there is an unnamed one too.
fn split_vectors(class: &mut Map<String, Value>) -> Option<Map<String, Value>> {
    const NAMED: &str = "vectorConfig";
    let has_legacy =
        class.get("vectorIndexType").and_then(Value::as_str).is_some_and(|index| !index.is_empty());
    let has_named = class.get(NAMED).and_then(Value::as_object).is_some_and(|named| !named.is_empty());
    if !has_legacy || !has_named {
        return None;
    }
    class.remove(NAMED).map(|config| Map::from_iter([(NAMED.to_owned(), config)]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn creation(schema: &Value) -> Creation {
        Creation::new(schema, |name| name == "There")
    }

    #[test]
    fn computed_settings_are_not_sent() {
        let steps = creation(&json!({
            "class": "A",
            "shardingConfig": {"desiredCount": 3, "actualCount": 3, "virtualPerPhysical": 128, "actualVirtualCount": 384},
        }));
        assert_eq!(steps.post["shardingConfig"], json!({"desiredCount": 3, "virtualPerPhysical": 128}));
        assert_eq!((steps.then, steps.last), (None, None));
        let steps = creation(
            &json!({"multiTenancyConfig": {"enabled": true}, "shardingConfig": {"desiredCount": 0}}),
        );
        assert_eq!(steps.post.get("shardingConfig"), None);
    }

    #[test]
    fn unnamed_and_named_vectors_take_two_steps() {
        let both = json!({"class": "A", "vectorIndexType": "hnsw", "vectorConfig": {"a": {"vectorIndexType": "hnsw"}}});
        let steps = creation(&both);
        assert_eq!(steps.post, json!({"class": "A", "vectorIndexType": "hnsw"}));
        assert_eq!(steps.then.unwrap()["vectorConfig"], both["vectorConfig"]);
    }

    #[test]
    fn properties_from_the_first_missing_target_on_come_later() {
        let property = |name: &str, kind: &str| json!({"name": name, "dataType": [kind]});
        let properties = [property("t", "text"), property("self", "A"), property("there", "There")];
        let later = [property("b", "B"), property("n", "int")];
        let all = [&properties[..], &later].concat();
        let steps = creation(&json!({"class": "A", "properties": all}));
        assert_eq!(steps.post["properties"], json!(properties));
        assert_eq!(steps.properties, later);
    }

    /// Its only text comes after what refers to a collection that is not there yet.
    #[test]
    fn a_vectorizer_sees_all_properties_at_once() {
        let property = |name: &str, kind: &str| json!({"name": name, "dataType": [kind]});
        let properties = json!([property("b", "B"), property("t", "text"), property("there", "There")]);
        let plain = json!({"class": "A", "vectorizer": "none", "properties": properties});
        assert_eq!(creation(&plain).stubs, [""; 0]);
        let named = json!({"v": {"vectorizer": {"text2vec-openai": {}}}});
        for vectors in [json!({"vectorizer": "text2vec-openai"}), json!({"vectorConfig": named})] {
            let mut schema = plain.clone();
            schema.as_object_mut().unwrap().extend(vectors.as_object().unwrap().clone());
            let steps = creation(&schema);
            assert_eq!((steps.stubs, steps.properties), (vec!["B".to_owned()], Vec::new()));
            assert_eq!(steps.post["properties"], properties);
        }
    }

    #[test]
    fn what_would_delete_objects_or_learns_from_them_comes_last() {
        let schema = json!({"class": "A", "objectTtlConfig": {"enabled": true, "defaultTtl": 60}});
        let steps = creation(&schema);
        assert_eq!((steps.post.get("objectTtlConfig"), steps.initial.get("objectTtlConfig")), (None, None));
        assert_eq!(steps.last.unwrap()["objectTtlConfig"], schema["objectTtlConfig"]);
        assert_eq!(steps.wanted, schema);
        let index = |quantizer: &str| json!({"v": {"vectorIndexConfig": {quantizer: {"enabled": true}}}});
        assert_eq!(creation(&json!({"class": "A", "vectorConfig": index("pq")})).last, Some(Map::new()));
        assert_eq!(creation(&json!({"class": "A", "vectorConfig": index("bq")})).last, None);
    }

    #[test]
    fn a_dropped_index_is_not_made_again() {
        let named = json!({"gone": {"vectorIndexType": "none"}, "v": {"vectorIndexType": "flat"}});
        let steps = creation(&json!({"class": "A", "vectorConfig": named}));
        assert_eq!(steps.post["vectorConfig"], json!({"v": {"vectorIndexType": "flat"}}));
    }
}
