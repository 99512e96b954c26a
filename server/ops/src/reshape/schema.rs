//! The schema that objects of another shape need.

use std::collections::BTreeMap;

use selvedge_model::Collection;
use selvedge_model::error::{Error, Result};
use serde_json::{Map, Value, json};

use super::{Fate, Tenancy};

/// Settings of a property that text has its own defaults for, or none.
const NOT_OF_TEXT: [&str; 3] = ["indexRangeFilters", "indexSearchable", "tokenization"];
/// What there is of the unnamed vector at the top level of a schema.
const UNNAMED: [&str; 3] = ["vectorizer", "vectorIndexType", "vectorIndexConfig"];

pub fn reshaped(
    collection: &Collection,
    properties: &BTreeMap<String, Fate>,
    vectors: &BTreeMap<String, String>,
    tenancy: &Tenancy,
) -> Result<Value> {
    let mut class = collection.schema.as_object().cloned().unwrap_or_default();
    if let Some(Value::Array(all)) = class.get_mut("properties") {
        all.retain_mut(|property| reshape_property(property, properties));
    }
    refuse_without_expiry(collection, properties)?;
    mend_names(&mut class, properties);
    reshape_vectors(&mut class, collection, vectors);
    let left = vectorizers(&class);
    let gone: Vec<_> = collection.vector_spaces.iter().map(|space| space.vectorizer.clone()).collect();
    let gone: Vec<_> = gone.into_iter().filter(|module| module != "none" && !left.contains(module)).collect();
    forget_modules(&mut class, &gone);
    match tenancy {
        Tenancy::Kept => {}
        Tenancy::ByProperty(_) | Tenancy::Into(_) => {
            class.remove("shardingConfig");
            class.insert("multiTenancyConfig".to_owned(), json!({"enabled": true}));
        }
        Tenancy::OutOf(_) => {
            class.remove("shardingConfig");
            class.remove("multiTenancyConfig");
        }
    }
    Ok(Value::Object(class))
}

/// What makes vectors, of all of them.
fn vectorizers(class: &Map<String, Value>) -> Vec<String> {
    let unnamed = class.get("vectorizer").and_then(Value::as_str).map(str::to_owned);
    let named = class.get("vectorConfig").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let named = named.filter_map(|config| config["vectorizer"].as_object()).flat_map(Map::keys).cloned();
    unnamed.into_iter().chain(named).collect()
}

/// Takes out the settings of modules, which Weaviate refuses without them.
pub fn forget_modules(class: &mut Map<String, Value>, modules: &[String]) {
    let forget = |owner: &mut Map<String, Value>| {
        let Some(config) = owner.get_mut("moduleConfig").and_then(Value::as_object_mut) else { return };
        config.retain(|module, _| !modules.contains(module));
        if config.is_empty() {
            owner.remove("moduleConfig");
        }
    };
    let properties = class.get_mut("properties").and_then(Value::as_array_mut).into_iter().flatten();
    properties.filter_map(Value::as_object_mut).for_each(forget);
    forget(class);
}

/// False if it is left out.
fn reshape_property(property: &mut Value, fates: &BTreeMap<String, Fate>) -> bool {
    let Some(fate) = property["name"].as_str().and_then(|name| fates.get(name)) else { return true };
    let Some(name) = &fate.name else { return false };
    let is_list = property["dataType"][0].as_str().is_some_and(|kind| kind.ends_with("[]"));
    let Some(settings) = property.as_object_mut() else { return true };
    settings.insert("name".to_owned(), json!(name));
    if fate.to_text {
        settings.insert("dataType".to_owned(), json!([if is_list { "text[]" } else { "text" }]));
        settings.retain(|name, _| !NOT_OF_TEXT.contains(&name.as_str()));
    }
    true
}

/// Objects would expire by a property that they do not have.
fn refuse_without_expiry(collection: &Collection, fates: &BTreeMap<String, Fate>) -> Result<()> {
    let Some(by) = collection.schema["objectTtlConfig"]["deleteOn"].as_str() else { return Ok(()) };
    if fates.get(by).is_none_or(|fate| fate.name.is_some() && !fate.to_text) {
        return Ok(());
    }
    let text = format!("the objects of collection \"{}\" expire by property \"{by}\"", collection.name);
    Err(Error::invalid("drop_properties", text).hint("keep it as it is"))
}

/// Where else properties are named: by what expires, and in the settings of modules.
fn mend_names(class: &mut Map<String, Value>, fates: &BTreeMap<String, Fate>) {
    let renamed = |name: &str| fates.get(name).map(|fate| fate.name.clone());
    if let Some(by) = class.get_mut("objectTtlConfig").and_then(|config| config.get_mut("deleteOn"))
        && let Some(Some(new)) = by.as_str().and_then(renamed)
    {
        *by = json!(new);
    }
    if let Some(modules) = class.get_mut("moduleConfig") {
        mend_lists(modules, &renamed);
    }
    for config in
        class.get_mut("vectorConfig").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
    {
        if let Some(vectorizer) = config.get_mut("vectorizer") {
            mend_lists(vectorizer, &renamed);
        }
    }
}

/// Modules have properties in lists of different names: what is in any of them and is the name of a property is one.
fn mend_lists(settings: &mut Value, renamed: &impl Fn(&str) -> Option<Option<String>>) {
    match settings {
        Value::Object(fields) => fields.values_mut().for_each(|value| mend_lists(value, renamed)),
        Value::Array(items) => items.retain_mut(|item| match item.as_str().and_then(renamed) {
            Some(Some(new)) => {
                *item = json!(new);
                true
            }
            Some(None) => false,
            None => true,
        }),
        _ => {}
    }
}

fn reshape_vectors(
    class: &mut Map<String, Value>,
    collection: &Collection,
    vectors: &BTreeMap<String, String>,
) {
    let mut named = match class.remove("vectorConfig") {
        Some(Value::Object(named)) => named,
        _ => Map::new(),
    };
    let had: Vec<_> = collection.vector_spaces.iter().filter_map(|space| space.name.clone()).collect();
    let taken: Vec<_> = had.iter().filter_map(|old| Some((old, named.remove(old)?))).collect();
    for (old, config) in taken {
        if let Some(new) = vectors.get(old) {
            named.insert(new.clone(), config);
        }
    }
    let has_unnamed = collection.vector_spaces.iter().any(|space| space.name.is_none());
    let unnamed = vectors.get("").map(String::as_str);
    if has_unnamed && unnamed != Some("") {
        let config = take_unnamed(class);
        if let Some(new) = unnamed {
            named.insert(new.to_owned(), config);
        }
    }
    if vectors.is_empty() && !collection.vector_spaces.is_empty() {
        // Without a word on vectors, Weaviate would take its default vectorizer.
        class.insert("vectorizer".to_owned(), json!("none"));
    } else if !named.is_empty() {
        class.insert("vectorConfig".to_owned(), Value::Object(named));
    }
}

/// Takes out what there is of the unnamed vector, in the form of a named one.
fn take_unnamed(class: &mut Map<String, Value>) -> Value {
    let [vectorizer, kind, index] = UNNAMED.map(|name| class.remove(name).unwrap_or_default());
    let vectorizer = vectorizer.as_str().filter(|name| !name.is_empty()).unwrap_or("none");
    let modules = class.get_mut("moduleConfig").and_then(Value::as_object_mut);
    let settings = modules.and_then(|modules| modules.remove(vectorizer)).unwrap_or_else(|| json!({}));
    json!({"vectorizer": {vectorizer: settings}, "vectorIndexType": kind, "vectorIndexConfig": index})
}
