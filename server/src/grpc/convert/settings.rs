//! Settings and patches of a restore on their way in.

use std::collections::HashMap;

use serde_json::Value;

use selvedge_model::error::{Error, Result};
use selvedge_ops::Settings;

/// What its settings in Weaviate's schema begin with, such as `vector_index.ef`.
const VECTOR_INDEX: &str = "vector_index.";
const KNOWN: &str = "there are vectorizer, replication_factor, shards, vector_index_type, vector_index.PATH (such as \
                     vector_index.ef), auto_tenant_creation and auto_tenant_activation; a patch can change all the rest";

pub fn settings(wire: HashMap<String, String>, patches: HashMap<String, String>) -> Result<Settings> {
    let mut settings = Settings::default();
    for (key, value) in wire {
        let wrong =
            |what: &str| Error::invalid("settings", format!("setting \"{key}\" is \"{value}\": {what}"));
        let number = || match value.parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(wrong("it must be a number of 1 or more")),
        };
        let flag = || value.parse().map(Some).map_err(|_| wrong("it must be true or false"));
        match key.as_str() {
            "vectorizer" if value == "none" => settings.no_vectorizer = true,
            "vectorizer" => return Err(wrong("it can only be set to \"none\"")),
            "replication_factor" => settings.replication_factor = number()?,
            "shards" => settings.shards = number()?,
            "auto_tenant_creation" => settings.auto_tenant_creation = flag()?,
            "auto_tenant_activation" => settings.auto_tenant_activation = flag()?,
            "vector_index_type" if value.is_empty() || value == "none" => {
                return Err(wrong("it must be the name of a type, such as \"hnsw\" or \"flat\""));
            }
            "vector_index_type" => settings.vector_index_type = Some(value),
            _ => match key
                .strip_prefix(VECTOR_INDEX)
                .filter(|path| path.split('.').all(|name| !name.is_empty()))
            {
                Some(path) => {
                    settings.vector_index.insert(path.to_owned(), as_json(&value));
                }
                None => {
                    let text = format!("there is no setting \"{key}\"");
                    return Err(Error::invalid("settings", text).hint(KNOWN));
                }
            },
        }
    }
    for (collection, patch) in patches {
        match serde_json::from_str(&patch) {
            Ok(Value::Object(patch)) => settings.patches.insert(collection, Value::Object(patch)),
            Ok(_) => {
                let text = format!("the patch of collection \"{collection}\" is no JSON object");
                return Err(Error::invalid("patches", text));
            }
            Err(error) => {
                let text = format!("the patch of collection \"{collection}\" is no JSON: {error}");
                return Err(Error::invalid("patches", text));
            }
        };
    }
    Ok(settings)
}

/// A number or a flag; what is neither is a text, which needs no quotes.
fn as_json(value: &str) -> Value {
    match serde_json::from_str(value) {
        Ok(simple @ (Value::Bool(_) | Value::Number(_) | Value::String(_))) => simple,
        _ => Value::from(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (key, value) in [
            ("shards", "0"),
            ("vectorizer", "text2vec"),
            ("colour", "red"),
            ("vector_index_type", "none"),
            ("vector_index.", "1"),
            ("vector_index.pq..enabled", "1"),
            ("auto_tenant_creation", "yes"),
        ] {
            let error = settings(map(&[(key, value)]), HashMap::new()).unwrap_err();
            assert_eq!(error.field(), Some("settings"), "{key}");
        }
        for patch in ["", "[]", "{", "null"] {
            let error = settings(HashMap::new(), map(&[("A", patch)])).unwrap_err();
            assert_eq!(error.field(), Some("patches"), "{patch}");
        }
    }

    #[test]
    fn values_are_what_they_look_like() {
        let told = map(&[
            ("vector_index.ef", "128"),
            ("vector_index.pq.enabled", "true"),
            ("vector_index.distance", "dot"),
            ("vector_index_type", "hnsw"),
            ("auto_tenant_creation", "true"),
        ]);
        let settings = settings(told, map(&[("A", r#"{"description": "b"}"#)])).unwrap();
        let index = json!({"ef": 128, "pq.enabled": true, "distance": "dot"});
        assert_eq!(serde_json::to_value(&settings.vector_index).unwrap(), index);
        assert_eq!(settings.vector_index_type.as_deref(), Some("hnsw"));
        assert_eq!((settings.auto_tenant_creation, settings.auto_tenant_activation), (Some(true), None));
        assert_eq!(settings.patches["A"], json!({"description": "b"}));
    }
}
