//! Classes: what the server makes of a class that it is sent, and what it refuses.

mod complete;
mod create;
mod dropped;
mod index;
mod kind;
mod property;
mod ttl;
mod update;

use serde_json::{Map, Value};

pub(crate) use create::{add_property, create};
pub(crate) use dropped::{drop_vector, finish_drop};
pub(crate) use kind::Kind;
pub(crate) use ttl::has_expired;
pub(crate) use update::update;

pub(crate) type Fields = Map<String, Value>;

/// The name a class is stored under, and a property too with its first letter small.
pub(crate) fn class_name(name: &str) -> String {
    with_first(name, char::to_ascii_uppercase)
}

pub(crate) fn property_name(name: &str) -> String {
    with_first(name, char::to_ascii_lowercase)
}

fn with_first(name: &str, change: impl Fn(&char) -> char) -> String {
    let mut chars = name.chars();
    chars.next().iter().map(change).chain(chars).collect()
}

/// A property as values are checked by.
#[derive(Clone, Debug)]
pub(crate) struct Property {
    pub name: String,
    pub kind: Kind,
    /// The target classes of a reference; otherwise the one data type.
    pub data_type: Vec<String>,
    pub nested: Vec<Property>,
    /// References that are added are dropped if they are there already.
    pub is_unique: bool,
}

impl Property {
    /// `None` for what `create` would have refused.
    fn read(config: &Value) -> Option<Self> {
        let data_type: Vec<String> =
            config["dataType"].as_array()?.iter().filter_map(Value::as_str).map(String::from).collect();
        let nested = config["nestedProperties"].as_array().map(Vec::as_slice).unwrap_or_default();
        Some(Self {
            name: config["name"].as_str()?.into(),
            kind: Kind::of(&data_type)?,
            data_type,
            nested: nested.iter().filter_map(Self::read).collect(),
            is_unique: config["disableDuplicatedReferences"] == Value::Bool(true),
        })
    }

    pub fn all(config: &Fields) -> Vec<Self> {
        let properties = config.get("properties").and_then(Value::as_array);
        properties.into_iter().flatten().filter_map(Self::read).collect()
    }
}

/// One entry of `vectorConfig`, or the class-level index.
pub(crate) struct VectorSettings<'a> {
    pub is_multi: bool,
    /// Its index is gone, and with it the right to write it.
    pub is_dropped: bool,
    pub vectorizer: &'a str,
}

pub(crate) fn has_class_index(config: &Fields) -> bool {
    config.contains_key("vectorIndexType")
}

pub(crate) fn vector_names(config: &Fields) -> Vec<String> {
    config
        .get("vectorConfig")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|all| all.keys().cloned())
        .collect()
}

pub(crate) fn vector_settings<'a>(config: &'a Fields, name: &str) -> Option<VectorSettings<'a>> {
    let entry = config.get("vectorConfig")?.get(name)?;
    let vectorizer = entry["vectorizer"].as_object().and_then(|all| all.keys().next());
    Some(VectorSettings {
        is_multi: entry.pointer("/vectorIndexConfig/multivector/enabled") == Some(&Value::Bool(true)),
        is_dropped: dropped::is_dropped(entry),
        vectorizer: vectorizer.map_or("none", String::as_str),
    })
}

pub(crate) fn tenancy(config: &Fields, setting: &str) -> bool {
    config.get("multiTenancyConfig").and_then(|tenancy| tenancy.get(setting)) == Some(&Value::Bool(true))
}
