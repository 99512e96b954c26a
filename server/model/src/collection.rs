//! A collection's schema, as far as reading and writing its objects needs it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Kind, Result};

/// A collection: the parts of its schema that matter here, and the schema as Weaviate returned it.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    pub name: String,
    pub properties: Vec<Property>,
    /// Where its objects can have vectors: the legacy space first, the named ones sorted by name.
    pub vector_spaces: Vec<VectorSpace>,
    pub multi_tenant: bool,
    pub replication_factor: u64,
    /// Shards that Weaviate made for it. 0 with multi-tenancy, where each tenant is a shard.
    pub shards: u64,
    /// The whole schema.
    pub schema: Value,
}

/// A property, or a nested property of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    pub name: String,
    pub kind: ValueKind,
    /// True for `text[]` and the like.
    pub list: bool,
    /// The properties of an object; empty for other kinds.
    pub nested: Vec<Property>,
    /// The collections that a reference may point to; empty for other kinds.
    pub targets: Vec<String>,
}

impl Property {
    pub fn new(name: &str, kind: ValueKind, list: bool) -> Self {
        Self { name: name.to_owned(), kind, list, nested: Vec::new(), targets: Vec::new() }
    }

    /// Whether anything nested in it, at any depth, is like that.
    pub fn any_nested(&self, like: &impl Fn(&Self) -> bool) -> bool {
        self.nested.iter().any(|nested| like(nested) || nested.any_nested(like))
    }

    /// Whether anything nested in it has a name that begins with a capital.
    pub fn has_capital_parts(&self) -> bool {
        self.any_nested(&|nested| nested.name.starts_with(char::is_uppercase))
    }

    pub fn is_blob(&self) -> bool {
        matches!(self.kind, ValueKind::Blob | ValueKind::BlobHash)
    }
}

/// What a property's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    Text,
    Int,
    Number,
    Boolean,
    Date,
    Uuid,
    GeoCoordinates,
    PhoneNumber,
    Blob,
    /// Only the hash of a blob is kept by Weaviate.
    BlobHash,
    Object,
    /// Cross-references to objects of other collections.
    Reference,
}

/// A place for vectors: the legacy one, or one with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VectorSpace {
    /// None for the legacy, unnamed vector.
    pub name: Option<String>,
    /// True if an object has any number of vectors here.
    pub multi: bool,
    /// What makes vectors for objects that come without one; "none" if nothing does.
    pub vectorizer: String,
    pub index_type: String,
}

impl VectorSpace {
    /// How people call it.
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => format!("vector \"{name}\""),
            None => "the vector".to_owned(),
        }
    }
}

/// The index type of a vector whose index was dropped.
const DROPPED: &str = "none";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireClass {
    class: String,
    #[serde(default)]
    properties: Option<Vec<WireProperty>>,
    #[serde(default)]
    multi_tenancy_config: WireEnabled,
    #[serde(default)]
    replication_config: Option<WireReplication>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireProperty {
    name: String,
    data_type: Vec<String>,
    #[serde(default)]
    nested_properties: Option<Vec<WireProperty>>,
}

#[derive(Deserialize, Default)]
struct WireEnabled {
    #[serde(default)]
    enabled: bool,
}

#[derive(Deserialize)]
struct WireReplication {
    #[serde(default)]
    factor: u64,
}

impl Collection {
    /// Reads a class as `GET /v1/schema/{class}` returns it.
    pub fn from_schema(schema: Value) -> Result<Self> {
        let wire: WireClass = Deserialize::deserialize(&schema).map_err(|error| {
            Error::new(Kind::WeaviateUnintelligible, "a collection's schema has an unexpected form")
                .caused_by(error)
        })?;
        let properties = wire.properties.unwrap_or_default();
        let multi_tenant = wire.multi_tenancy_config.enabled;
        let shards =
            if multi_tenant { 0 } else { schema["shardingConfig"]["actualCount"].as_u64().unwrap_or(1) };
        Ok(Self {
            properties: parse_properties(&wire.class, properties)?,
            name: wire.class,
            vector_spaces: vector_spaces(&schema),
            multi_tenant,
            replication_factor: wire.replication_config.map_or(1, |config| config.factor.max(1)),
            shards,
            schema,
        })
    }

    /// The collection with the name it has in `names`, and with references to the names their targets have there.
    pub fn renamed(&self, names: &BTreeMap<String, String>) -> Result<Self> {
        let mut schema = self.schema.clone();
        let rename = |value: &mut Value| {
            if let Some(new) = value.as_str().and_then(|old| names.get(old)) {
                *value = Value::String(new.clone());
            }
        };
        rename(&mut schema["class"]);
        for property in schema["properties"].as_array_mut().into_iter().flatten() {
            // The names of data types begin with a small letter, so they cannot be taken for collections.
            property["dataType"].as_array_mut().into_iter().flatten().for_each(rename);
        }
        Self::from_schema(schema)
    }

    /// The collection without its reference properties.
    pub fn without_references(&self) -> Result<Self> {
        let mut schema = self.schema.clone();
        let references: BTreeSet<_> = self.references().map(|property| property.name.as_str()).collect();
        if let Some(properties) = schema["properties"].as_array_mut() {
            properties
                .retain(|property| property["name"].as_str().is_none_or(|name| !references.contains(name)));
        }
        Self::from_schema(schema)
    }

    pub fn references(&self) -> impl Iterator<Item = &Property> {
        self.properties.iter().filter(|property| property.kind == ValueKind::Reference)
    }

    /// What decides whether an object fits the collection. The order of properties does not: some versions of Weaviate sort
    /// them whenever anything is changed.
    pub fn shape(&self) -> impl PartialEq + use<> {
        let spaces =
            self.vector_spaces.iter().map(|space| (space.name.clone(), space.multi)).collect::<Vec<_>>();
        (by_name(&self.properties), spaces, self.multi_tenant)
    }

    /// Whether reading a tenant that is not active activates it.
    pub fn activates_tenants(&self) -> bool {
        self.multi_tenant && self.schema["multiTenancyConfig"]["autoTenantActivation"] == true
    }

    pub fn has_references(&self) -> bool {
        self.references().next().is_some()
    }

    /// The names of vectors whose index was dropped. Weaviate still shows what it has not cleaned away of them.
    pub fn dropped_vectors(&self) -> Vec<&str> {
        let named = self.schema["vectorConfig"].as_object().into_iter().flatten();
        named
            .filter(|(_, config)| config["vectorIndexType"] == DROPPED)
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// Whether objects expire, and searches leave out those that have.
    pub fn hides_expired_objects(&self) -> bool {
        let config = &self.schema["objectTtlConfig"];
        config["enabled"] == true && config["filterExpiredObjects"] == true
    }

    pub fn has(&self, kind: ValueKind) -> bool {
        let like = |property: &Property| property.kind == kind;
        self.properties.iter().any(|property| like(property) || property.any_nested(&like))
    }
}

fn by_name(properties: &[Property]) -> Vec<Property> {
    let mut sorted = properties.to_vec();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    for property in &mut sorted {
        property.nested = by_name(&property.nested);
    }
    sorted
}

fn parse_properties(class: &str, wire: Vec<WireProperty>) -> Result<Vec<Property>> {
    wire.into_iter().map(|property| parse_property(class, property)).collect()
}

fn parse_property(class: &str, wire: WireProperty) -> Result<Property> {
    let unknown = |data_type: &str| {
        Error::new(
            Kind::CollectionUnsupported,
            format!("property \"{}\" of collection \"{class}\" has the data type \"{data_type}\", which this version does not know", wire.name),
        )
        .hint("leave the collection out, or use a newer version of Selvedge")
    };
    let [data_type] = wire.data_type.as_slice() else {
        // Only a reference can have several types: the collections it may point to.
        let reference = Property::new(&wire.name, ValueKind::Reference, true);
        return Ok(Property { targets: wire.data_type, ..reference });
    };
    let list = data_type.ends_with("[]");
    let kind = match data_type.strip_suffix("[]").unwrap_or(data_type) {
        "text" | "string" => ValueKind::Text,
        "int" => ValueKind::Int,
        "number" => ValueKind::Number,
        "boolean" => ValueKind::Boolean,
        "date" => ValueKind::Date,
        "uuid" => ValueKind::Uuid,
        "geoCoordinates" => ValueKind::GeoCoordinates,
        "phoneNumber" => ValueKind::PhoneNumber,
        "blob" => ValueKind::Blob,
        "blobHash" => ValueKind::BlobHash,
        "object" => ValueKind::Object,
        // Names of collections start with a capital, names of data types do not.
        other if other.starts_with(char::is_uppercase) => ValueKind::Reference,
        other => return Err(unknown(other)),
    };
    let nested = parse_properties(class, wire.nested_properties.unwrap_or_default())?;
    let is_reference = kind == ValueKind::Reference;
    let targets = if is_reference { wire.data_type } else { Vec::new() };
    Ok(Property { name: wire.name, kind, list: list || is_reference, nested, targets })
}

fn vector_spaces(schema: &Value) -> Vec<VectorSpace> {
    let mut spaces = Vec::new();
    // A class without any legacy index has no `vectorIndexType` at its top level.
    let index_type = schema["vectorIndexType"].as_str().unwrap_or_default();
    if !index_type.is_empty() {
        spaces.push(VectorSpace {
            name: None,
            multi: is_multi(&schema["vectorIndexConfig"]),
            vectorizer: schema["vectorizer"].as_str().unwrap_or("none").to_owned(),
            index_type: index_type.to_owned(),
        });
    }
    let named = schema["vectorConfig"].as_object().into_iter().flatten();
    // What is left of a vector whose index was dropped is no place for vectors any more.
    let named = named.filter(|(_, config)| config["vectorIndexType"] != DROPPED);
    let mut named: Vec<_> = named
        .map(|(name, config)| VectorSpace {
            name: Some(name.clone()),
            multi: is_multi(&config["vectorIndexConfig"]),
            vectorizer: named_vectorizer(&config["vectorizer"]),
            index_type: config["vectorIndexType"].as_str().unwrap_or_default().to_owned(),
        })
        .collect();
    named.sort_by(|a, b| a.name.cmp(&b.name));
    spaces.append(&mut named);
    spaces
}

fn is_multi(index_config: &Value) -> bool {
    index_config["multivector"]["enabled"].as_bool().unwrap_or(false)
}

/// `{"text2vec-x": {…}}` with one key.
fn named_vectorizer(config: &Value) -> String {
    config.as_object().and_then(|config| config.keys().next()).map_or("none", String::as_str).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_and_vectors_are_understood() {
        let collection = Collection::from_schema(json!({
            "class": "Article",
            "properties": [
                {"name": "title", "dataType": ["text"]},
                {"name": "tags", "dataType": ["string[]"]},
                {"name": "author", "dataType": ["Author"]},
                {"name": "meta", "dataType": ["object"], "nestedProperties": [{"name": "n", "dataType": ["int[]"]}]},
            ],
            "vectorConfig": {
                "b": {"vectorIndexType": "flat", "vectorizer": {"none": {}}, "vectorIndexConfig": {}},
                "a": {"vectorIndexType": "hnsw", "vectorizer": {"text2vec-x": {}},
                      "vectorIndexConfig": {"multivector": {"enabled": true}}},
            },
            "shardingConfig": {"actualCount": 3},
        }))
        .unwrap();
        assert_eq!(collection.shards, 3);
        assert!(collection.has_references());
        assert!(collection.properties[1].list);
        assert_eq!(collection.properties[3].nested[0].kind, ValueKind::Int);
        let spaces: Vec<_> =
            collection.vector_spaces.iter().map(|s| (s.name.as_deref(), s.multi, &*s.vectorizer)).collect();
        assert_eq!(spaces, [(Some("a"), true, "text2vec-x"), (Some("b"), false, "none")]);
    }

    #[test]
    fn the_order_of_properties_is_no_part_of_the_shape() {
        let of = |properties: Value| {
            Collection::from_schema(json!({"class": "A", "properties": properties})).unwrap()
        };
        let (a, b) = (json!({"name": "a", "dataType": ["text"]}), json!({"name": "b", "dataType": ["int"]}));
        let [ab, ba, only_a] = [json!([a, b]), json!([b, a]), json!([a])].map(of);
        assert!(ab.shape() == ba.shape() && ab.shape() != only_a.shape());
    }

    #[test]
    fn an_unknown_data_type_is_refused_by_name() {
        let schema = json!({"class": "C", "properties": [{"name": "p", "dataType": ["quaternion"]}]});
        let error = Collection::from_schema(schema).unwrap_err();
        assert_eq!(error.kind(), Kind::CollectionUnsupported);
        assert!(error.to_string().contains("\"p\"") && error.to_string().contains("quaternion"));
    }
}
