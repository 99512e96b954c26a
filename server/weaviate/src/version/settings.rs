//! The settings of collections that not all versions have: an older Weaviate refuses some of them, and drops most without a word.

use std::fmt;

use serde_json::Value;

use super::{Feature, Span, Version, since};

/// What becomes of a setting on a version that does not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// It is dropped without a word, or the collection is refused: it could not be what it was.
    Lost,
    /// It is dropped, and concerns only how Weaviate works inside: what is stored and found stays the same.
    Internal,
}

/// Where in a schema a setting is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Collection,
    /// One nested in another too.
    Property,
    /// Settings of a vector's index; for an index that becomes another, of both.
    Index,
    /// Those of an index of this type.
    IndexOf(&'static str),
    /// What has a vector's index: the collection, or a named vector.
    Vector,
}

/// A row of the table.
struct Setting {
    place: Place,
    /// Below the place, with dots.
    path: &'static str,
    /// Only if it has this value, or holds it; empty for any that is not off.
    value: &'static str,
    versions: &'static [Span],
    without: Without,
    /// What is different without it.
    means: &'static str,
}

const fn lost(
    place: Place,
    path: &'static str,
    value: &'static str,
    versions: &'static [Span],
    means: &'static str,
) -> Setting {
    Setting { place, path, value, versions, without: Without::Lost, means }
}

const fn internal(place: Place, path: &'static str, versions: &'static [Span]) -> Setting {
    Setting { place, path, value: "", versions, without: Without::Internal, means: "" }
}

/// All of it is read from the sources of the stable releases from 1.24 to 1.39: the first that has the field in
/// `entities/models` or `entities/vectorindex`, or takes the value.
const SETTINGS: &[Setting] = {
    use Place::{Collection, Index, IndexOf, Property, Vector};
    &[
        // entities/vectorindex/hnsw/config.go and flat/config.go
        lost(Index, "sq", "", const { &[since(1, 26, 0)] }, "vectors would not be quantized"),
        lost(Index, "rq", "", const { &[since(1, 32, 0)] }, "vectors would not be quantized"),
        lost(IndexOf("flat"), "rq", "", const { &[since(1, 34, 0)] }, "vectors would not be quantized"),
        // entities/vectorindex/hnsw/rq_config.go
        lost(Index, "rq.bits", "1", const { &[since(1, 33, 0)] }, "one bit is not taken"),
        // entities/vectorindex/hnsw/multivector_config.go
        lost(Index, "multivector", "", const { &[since(1, 29, 0)] }, "it would hold one vector an object"),
        lost(Index, "multivector.muvera", "", const { &[since(1, 31, 0)] }, "vectors would not be encoded"),
        internal(Index, "filterStrategy", const { &[since(1, 27, 0)] }),
        internal(Index, "skipDefaultQuantization", const { &[since(1, 32, 5)] }),
        internal(Index, "trackDefaultQuantization", const { &[since(1, 32, 5)] }),
        // entities/vectorindex/config.go
        lost(Vector, "vectorIndexType", "hfresh", const { &[since(1, 35, 0)] }, "there is no such index"),
        // entities/models/class.go and what it holds
        lost(Collection, "objectTtlConfig", "", const { &[since(1, 35, 0)] }, "objects would never expire"),
        lost(
            Collection,
            "multiTenancyConfig.autoTenantActivation",
            "",
            const { &[since(1, 25, 2)] },
            "tenants would not be activated when they are used",
        ),
        lost(
            Collection,
            "invertedIndexConfig.stopwordPresets",
            "",
            const { &[since(1, 37, 0)] },
            "other words would be left out",
        ),
        lost(
            Collection,
            "invertedIndexConfig.tokenizerUserDict",
            "",
            const { &[since(1, 34, 1)] },
            "texts would be split into other words",
        ),
        internal(Collection, "invertedIndexConfig.usingBlockMaxWAND", const { &[since(1, 30, 0)] }),
        internal(Collection, "replicationConfig.asyncEnabled", const { &[since(1, 26, 0)] }),
        internal(Collection, "replicationConfig.asyncConfig", const { &[since(1, 34, 13)] }),
        internal(Collection, "replicationConfig.deletionStrategy", const { &[since(1, 25, 21)] }),
        // entities/models/property.go and nested_property.go
        lost(
            Property,
            "textAnalyzer",
            "",
            const { &[since(1, 37, 0)] },
            "texts would be split into other words",
        ),
        lost(
            Property,
            "disableDuplicatedReferences",
            "",
            const { &[since(1, 36, 0)] },
            "a reference could be there twice",
        ),
        lost(
            Property,
            "tokenization",
            "kagome_kr",
            const { &[since(1, 25, 7)] },
            "there is no such tokenization",
        ),
        lost(
            Property,
            "tokenization",
            "kagome_ja",
            const { &[since(1, 28, 0)] },
            "there is no such tokenization",
        ),
        lost(
            Property,
            "tokenization",
            "gse_ch",
            const { &[since(1, 30, 0)] },
            "there is no such tokenization",
        ),
        lost(
            Property,
            "indexRangeFilters",
            "",
            const { &[since(1, 26, 0)] },
            "it would be filtered more slowly, or not at all",
        ),
        // entities/schema/data_types.go
        lost(Property, "dataType", "blobHash", const { &[since(1, 37, 0)] }, "there is no such type"),
    ]
};

/// Whether what is stored and found stays the same, whatever becomes of the setting at this path of a schema.
pub fn is_internal(path: &str) -> bool {
    let mut before = "";
    path.split('.').any(|name| {
        // Names that users give are no settings.
        let is_given = ["properties", "nestedProperties", "vectorConfig"].contains(&before);
        before = name;
        let is_it = |setting: &&Setting| setting.path.rsplit('.').next() == Some(name);
        !is_given && SETTINGS.iter().filter(is_it).any(|setting| setting.without == Without::Internal)
    })
}

/// `false`, or a group of settings that is not enabled.
pub fn is_off(value: &Value) -> bool {
    match value {
        Value::Bool(on) => !on,
        Value::Object(group) => match group.get("enabled") {
            Some(enabled) => enabled == false,
            None => group.values().all(is_off),
        },
        _ => false,
    }
}

/// A setting that a version does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Such as `vectorConfig.title.vectorIndexConfig.rq`.
    pub path: String,
    pub without: Without,
    /// The first version that has it, of those after the one that does not.
    pub needs: Option<Version>,
    /// What is different without it.
    means: &'static str,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(needs) = self.needs {
            write!(f, " needs {needs} or later")?;
        }
        if self.means.is_empty() { Ok(()) } else { write!(f, ": {}", self.means) }
    }
}

/// What of a schema a version does not have, as far as it is known.
pub fn misfits(schema: &Value, version: Version) -> Vec<Misfit> {
    let mut found: Vec<Misfit> = Vec::new();
    let mut look = |place: Place, path: &str, value: &Value| {
        let of_place = SETTINGS.iter().filter(|setting| setting.place == place);
        let mut is_missing = false;
        for setting in of_place.filter(|setting| !version.is_in(setting.versions) && setting.is_on(value)) {
            is_missing = true;
            let path = join(path, setting.path);
            let (without, means) = (setting.without, setting.means);
            let needs = version.next_of(setting.versions);
            match found.iter_mut().find(|misfit| misfit.path == path) {
                Some(misfit) => misfit.needs = misfit.needs.max(needs),
                None => found.push(Misfit { path, without, needs, means }),
            }
        }
        is_missing
    };
    look(Place::Collection, "", schema);
    each_property("properties", &schema["properties"], &mut |path, property| {
        look(Place::Property, path, property);
    });
    each_vector(schema, &mut |path, vector| {
        if look(Place::Vector, path, vector) {
            // There is no such index, so its settings are no matter.
            return;
        }
        let at = join(path, "vectorIndexConfig");
        let (index, kind) = (&vector["vectorIndexConfig"], vector["vectorIndexType"].as_str());
        look(Place::Index, &at, index);
        if kind == Some("flat") {
            look(Place::IndexOf("flat"), &at, index);
        }
        for part in ["hnsw", "flat"] {
            look(Place::Index, &join(&at, part), &index[part]);
        }
        look(Place::IndexOf("flat"), &join(&at, "flat"), &index["flat"]);
    });
    if has_both_kinds(schema) && !version.has(Feature::AddsNamedVectors) {
        let needs = version.next_of(Feature::AddsNamedVectors.spans());
        let means = "there can be no unnamed vector beside named ones";
        found.push(Misfit { path: "vectorConfig".to_owned(), without: Without::Lost, needs, means });
    }
    found
}

impl Setting {
    fn is_on(&self, at: &Value) -> bool {
        let value = self.path.split('.').fold(at, |value, name| &value[name]);
        if !self.value.is_empty() {
            let is_it = |value: &Value| match value {
                Value::String(text) => text == self.value,
                other => *other.to_string() == *self.value,
            };
            return match value {
                Value::Array(values) => values.iter().any(is_it),
                value => is_it(value),
            };
        }
        let is_empty = match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        };
        !is_empty && !is_off(value)
    }
}

fn each_property(path: &str, properties: &Value, look: &mut impl FnMut(&str, &Value)) {
    for property in properties.as_array().into_iter().flatten() {
        let at = join(path, property["name"].as_str().unwrap_or_default());
        look(&at, property);
        each_property(&at, &property["nestedProperties"], look);
    }
}

/// The collection, which has the index of the unnamed vector, and each named vector.
fn each_vector(schema: &Value, look: &mut impl FnMut(&str, &Value)) {
    look("", schema);
    for (name, vector) in schema["vectorConfig"].as_object().into_iter().flatten() {
        look(&join("vectorConfig", name), vector);
    }
}

fn has_both_kinds(schema: &Value) -> bool {
    let has_unnamed = schema["vectorIndexType"].as_str().is_some_and(|kind| !kind.is_empty());
    has_unnamed && schema["vectorConfig"].as_object().is_some_and(|named| !named.is_empty())
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(schema: &Value, version: &str) -> Vec<String> {
        misfits(schema, Version::parse(version).unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_on_and_unknown_is_told_wherever_it_is() {
        let nested = json!([{"name": "n", "dataType": ["blobHash"]}]);
        let schema = json!({
            "objectTtlConfig": {"enabled": true},
            "properties": [{"name": "o", "dataType": ["object"], "nestedProperties": nested},
                {"name": "t", "dataType": ["text"], "tokenization": "kagome_ja", "textAnalyzer": {"asciiFold": true}}],
            "vectorConfig": {
                "a": {"vectorIndexType": "flat", "vectorIndexConfig": {"rq": {"enabled": true, "bits": 1}}},
                "b": {"vectorIndexType": "dynamic", "vectorIndexConfig": {"hnsw": {"multivector": {"enabled": true}}}},
            },
        });
        assert_eq!(
            told(&schema, "1.27.27"),
            [
                "objectTtlConfig needs 1.35.0 or later: objects would never expire",
                "properties.o.n.dataType needs 1.37.0 or later: there is no such type",
                "properties.t.textAnalyzer needs 1.37.0 or later: texts would be split into other words",
                "properties.t.tokenization needs 1.28.0 or later: there is no such tokenization",
                "vectorConfig.a.vectorIndexConfig.rq needs 1.34.0 or later: vectors would not be quantized",
                "vectorConfig.a.vectorIndexConfig.rq.bits needs 1.33.0 or later: one bit is not taken",
                "vectorConfig.b.vectorIndexConfig.hnsw.multivector needs 1.29.0 or later: it would hold one vector an object",
            ]
        );
        assert_eq!(told(&schema, "1.39.0"), Vec::<String>::new());
        assert_eq!(told(&schema, "1.33.0").len(), 4);
    }

    #[test]
    fn what_is_off_or_internal_is_no_loss() {
        let off = json!({"objectTtlConfig": {"enabled": false, "defaultTtl": 5}, "vectorIndexType": "hnsw",
            "properties": [{"name": "t", "textAnalyzer": null, "indexRangeFilters": false}],
            "vectorIndexConfig": {"rq": {"enabled": false, "bits": 8}, "multivector": {"enabled": false, "muvera": {"enabled": false}}}});
        assert_eq!(told(&off, "1.25.0"), Vec::<String>::new());
        let inside = json!({"vectorIndexConfig": {"filterStrategy": "acorn"}, "replicationConfig": {"asyncEnabled": true}});
        let found = misfits(&inside, Version::parse("1.25.0").unwrap());
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|misfit| misfit.without == Without::Internal));
        assert!(is_internal("vectorConfig.rq.vectorIndexConfig.filterStrategy"));
        assert!(!is_internal("vectorIndexConfig.rq") && !is_internal("properties.filterStrategy"));
    }

    #[test]
    fn both_kinds_of_vectors_need_a_version_that_adds_named_ones() {
        let both = json!({"vectorIndexType": "hnsw", "vectorConfig": {"a": {"vectorIndexType": "hnsw"}}});
        assert_eq!(told(&both, "1.30.0").len(), 1);
        assert_eq!(told(&both, "1.31.0").len(), 0);
    }
}
