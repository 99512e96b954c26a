//! Whether the schema that Weaviate made is the one that was asked for.

use std::fmt;

use serde_json::{Map, Value};

use crate::version::{is_internal, is_off};

/// Weaviate computes these, or keeps them for itself.
const COMPUTED: [&str; 5] =
    ["actualCount", "actualVirtualCount", "desiredVirtualCount", "searchableBlockmax", "bucketGeneration"];

/// One setting in which two schemas differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Such as `vectorIndexConfig.rq.enabled`.
    pub path: String,
    /// `None` if it was not sent.
    pub wanted: Option<Value>,
    /// `None` if Weaviate does not know it.
    pub got: Option<Value>,
    /// True if the collection would not be the same with it.
    pub matters: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
        write!(f, "{} is {} instead of {}", self.path, show(&self.got), show(&self.wanted))
    }
}

/// Compares a schema that was sent with the one that came of it. Defaults that a newer version adds are no difference.
pub fn compare_schemas(wanted: &Value, got: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare("", Some(&normal(wanted)), Some(&normal(got)), &mut differences);
    differences
}

/// The schema without what is computed and what is empty, and with its properties by name: their order has no meaning.
fn normal(schema: &Value) -> Value {
    let mut schema = strip(schema).unwrap_or_default();
    if let Value::Object(class) = &mut schema {
        if class.get("multiTenancyConfig").is_some_and(|config| config["enabled"] == true) {
            class.remove("shardingConfig");
        }
        if let Some(Value::Object(named)) = class.get_mut("vectorConfig") {
            named.retain(|_, config| config["vectorIndexType"] != "none");
        }
    }
    schema
}

fn strip(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) if items.iter().all(|item| item["name"].is_string()) => {
            Some(Value::Object(by_name(items)))
        }
        Value::Array(items) => Some(Value::Array(items.iter().filter_map(strip).collect())),
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !COMPUTED.contains(&name.as_str()));
            Some(Value::Object(
                kept.filter_map(|(name, value)| Some((name.clone(), strip(value)?))).collect(),
            ))
        }
        other => Some(other.clone()),
    }
}

fn by_name(items: &[Value]) -> Map<String, Value> {
    items.iter().filter_map(|item| Some((item["name"].as_str()?.to_owned(), strip(item)?))).collect()
}

fn compare(path: &str, wanted: Option<&Value>, got: Option<&Value>, differences: &mut Vec<Difference>) {
    match (wanted, got) {
        (Some(Value::Object(wanted)), Some(Value::Object(got))) => {
            for (name, value) in wanted {
                compare(&join(path, name), Some(value), got.get(name), differences);
            }
            for (name, value) in got.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
                compare(&join(path, name), None, Some(value), differences);
            }
        }
        (Some(wanted), Some(got)) if same(wanted, got) => {}
        (wanted, got) => differences.push(Difference {
            path: path.to_owned(),
            matters: matters(path, wanted, got),
            wanted: wanted.cloned(),
            got: got.cloned(),
        }),
    }
}

/// Servers differ in whether they print 1 or 1.0.
fn same(a: &Value, b: &Value) -> bool {
    a == b || matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a == b)
}

fn matters(path: &str, wanted: Option<&Value>, got: Option<&Value>) -> bool {
    // An older or newer version may ignore or force them, which is worth a word.
    if is_internal(path) {
        return false;
    }
    match (wanted, got) {
        // A default that was not asked for matters only if it adds a part to the collection.
        (None, Some(added)) => {
            !is_off(added)
                && (path.starts_with("vectorConfig.") || path.starts_with("properties."))
                && path.split('.').count() == 2
        }
        // A setting that the server does not know matters if it was on.
        (Some(dropped), None) => !is_off(dropped),
        _ => true,
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths_that_matter(wanted: Value, got: Value) -> Vec<String> {
        compare_schemas(&wanted, &got).into_iter().filter(|d| d.matters).map(|d| d.path).collect()
    }

    #[test]
    fn order_computed_values_and_new_defaults_do_not_matter() {
        let wanted = json!({"class": "A", "properties": [{"name": "a"}, {"name": "b", "description": ""}],
            "shardingConfig": {"desiredCount": 1, "actualVirtualCount": 128}});
        let got = json!({"class": "A", "properties": [{"name": "b"}, {"name": "a"}], "newSetting": {"x": 1},
            "shardingConfig": {"desiredCount": 1, "actualVirtualCount": 64}});
        assert_eq!(paths_that_matter(wanted, got), Vec::<String>::new());
    }

    #[test]
    fn a_setting_that_is_on_and_unknown_to_the_server_matters() {
        let wanted = json!({"vectorIndexConfig": {"rq": {"enabled": true, "bits": 8}, "sq": {"enabled": false, "n": 1}}});
        assert_eq!(paths_that_matter(wanted, json!({"vectorIndexConfig": {}})), ["vectorIndexConfig.rq"]);
    }

    #[test]
    fn a_missing_property_and_an_invented_one_matter() {
        let wanted = json!({"properties": [{"name": "a", "dataType": ["int"]}]});
        let got = json!({"properties": [{"name": "b", "dataType": ["int"]}]});
        assert_eq!(paths_that_matter(wanted, got), ["properties.a", "properties.b"]);
    }
}
