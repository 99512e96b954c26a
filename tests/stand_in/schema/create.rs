//! New classes and new properties.

use serde_json::{Value, json};

use super::{Fields, Property, class_name, complete, property, tenancy, ttl, update};
use crate::stand_in::contents::{Class, Store};
use crate::stand_in::refusal::{Outcome, Refusal};

/// A first character and a length that fit, and letters, digits and underscores after it.
pub(super) fn is_name(name: &str, longest: usize, fits_first: impl Fn(char) -> bool) -> bool {
    name.starts_with(fits_first)
        && name.len() <= longest
        && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
}

pub(crate) fn create(store: &mut Store, body: &Fields) -> Outcome<Value> {
    let name = class_name(body.get("class").and_then(Value::as_str).unwrap_or_default());
    if !is_name(&name, 255, |first| first.is_ascii_uppercase()) {
        return Err(Refusal::invalid(format!("'{name}' is not a valid class name")));
    }
    check_free(store, &name)?;
    let mut given = body.clone();
    given.insert("class".into(), json!(name));
    refuse_both_indexes(store, &given)?;
    let mut config = complete::complete(&given, store.version, &store.modules).map_err(Refusal::invalid)?;
    let properties = complete_properties(store, &config)?;
    if !properties.is_empty() {
        config.insert("properties".into(), properties.into());
    }
    refuse_nothing_to_vectorize(&config)?;
    ttl::check(&mut config, store.ttl, false).map_err(Refusal::invalid)?;
    let shards = config["shardingConfig"]["actualCount"].as_u64().unwrap_or_default();
    store.classes.insert(name, Class::new(config.clone(), shards));
    Ok(config.into())
}

/// Does not know aliases.
pub(crate) fn add_property(store: &mut Store, class: &str, body: &Value) -> Outcome<Value> {
    let class = class_name(class);
    let Some(config) = store.classes.get(&class).map(|class| class.config.clone()) else {
        return Err(Refusal::invalid(if store.version.is_recent() {
            format!("class \"{class}\": not found")
        } else {
            "class is nil: not found".into()
        }));
    };
    if body["name"].as_str().is_none_or(str::is_empty) {
        return Err(Refusal::invalid("property must contain name"));
    }
    if body["dataType"].is_null() {
        return Err(Refusal::invalid("property must contain dataType"));
    }
    let property = property::complete(body, store.version, &|target| store.classes.contains_key(target))
        .map_err(Refusal::invalid)?;
    check_modules(store, &config, &property)?;
    let property = vectorized(property, &config);
    check_unused(&config, &property, &Property::all(&config))?;
    let class = store.classes.get_mut(&class).expect("it was there above");
    let mut all = class.config["properties"].as_array().cloned().unwrap_or_default();
    all.push(property.clone());
    class.config.insert("properties".into(), all.into());
    class.properties = Property::all(&class.config);
    Ok(property)
}

fn check_free(store: &Store, name: &str) -> Outcome<()> {
    let alike = |other: &&String| other.eq_ignore_ascii_case(name);
    let text = if store.classes.contains_key(name) {
        format!("class name {name} already exists")
    } else if store.aliases.contains_key(name) {
        format!("alias name {name} already exists")
    } else if let Some(class) = store.classes.keys().find(alike) {
        format!("class already exists: found similar class \"{class}\"")
    } else if let Some(alias) = store.aliases.keys().find(alike) {
        format!("class already exists: found similar alias \"{alias}\"")
    } else {
        return Ok(());
    };
    Err(Refusal::invalid(text))
}

fn refuse_both_indexes(store: &Store, given: &Fields) -> Outcome<()> {
    let named = given.get("vectorConfig").and_then(Value::as_object).is_some_and(|named| !named.is_empty());
    let legacy = ["vectorIndexType", "vectorizer"]
        .into_iter()
        .find(|name| given.get(*name).and_then(Value::as_str).is_some_and(|text| !text.is_empty()));
    match legacy {
        Some(_) if named && store.version.is_recent() => Err(Refusal::invalid(
            "creating a class with both a class level vector index and named vectors is forbidden",
        )),
        Some(name) if named => Err(Refusal::invalid(format!(
            "class.{name} {} can not be set if class.vectorConfig is configured",
            given[name]
        ))),
        _ => Ok(()),
    }
}

fn complete_properties(store: &Store, config: &Fields) -> Outcome<Vec<Value>> {
    let own = config["class"].as_str().unwrap_or_default();
    let exists = |target: &str| target == own || store.classes.contains_key(target);
    let (mut done, mut taken) = (Vec::new(), Vec::new());
    for given in config["properties"].as_array().into_iter().flatten() {
        let property = property::complete(given, store.version, &exists).map_err(|text| {
            // A class and its properties come in one piece: the layer that knows all classes says it in its own words.
            let whole =
                store.version.is_recent() && text.ends_with("reference property to nonexistent class");
            Refusal::invalid(if whole {
                "bad request: reference property to nonexistent class".into()
            } else {
                text
            })
        })?;
        check_unused(config, &property, &taken)?;
        check_modules(store, config, &property)?;
        taken.extend(Property::read(&property));
        done.push(vectorized(property, config));
    }
    Ok(done)
}

fn check_unused(config: &Fields, property: &Value, taken: &[Property]) -> Outcome<()> {
    let name = property["name"].as_str().unwrap_or_default();
    if taken.iter().any(|other| other.name.eq_ignore_ascii_case(name)) {
        return Err(Refusal::invalid(format!(
            "class {}: conflict for property \"{name}\": already in use or provided multiple times",
            config["class"]
        )));
    }
    Ok(())
}

/// Settings for a vectorizer that is there, but that this class does not use. Those for unknown modules do no harm.
fn check_modules(store: &Store, config: &Fields, property: &Value) -> Outcome<()> {
    let used = vectorizers(config);
    let is_stray = |module: &&String| {
        module.contains("2vec") && store.modules.contains(module) && !used.contains(module)
    };
    let given = property["moduleConfig"].as_object();
    match given.into_iter().flat_map(Fields::keys).find(is_stray) {
        Some(module) if store.version.is_recent() => {
            Err(Refusal::invalid(format!("vectorizer \"{module}\" not configured for any of target vectors")))
        }
        _ => Ok(()),
    }
}

/// A vectorizer that does not read the class's name wants a text to read. With auto-schema it would not ask.
fn refuse_nothing_to_vectorize(config: &Fields) -> Outcome<()> {
    let named = config.get("vectorConfig").and_then(Value::as_object).into_iter().flat_map(Fields::values);
    let named = named.filter_map(|vector| vector["vectorizer"].as_object());
    let settings = config.get("moduleConfig").and_then(Value::as_object).into_iter().chain(named).flatten();
    let is_text =
        |property: &Value| property["dataType"][0].as_str().is_some_and(|kind| kind.starts_with("text"));
    let properties = config.get("properties").and_then(Value::as_array).into_iter().flatten();
    let has_text = properties.into_iter().any(is_text);
    let mut strict = settings.filter(|(_, settings)| settings["vectorizeClassName"] == json!(false));
    match strict.next() {
        Some((name, _)) if !has_text => Err(Refusal::invalid(format!(
            "module '{name}': invalid properties: didn't find a single property which is vectorizable and is not excluded \
             from indexing. To fix this add a vectorizable property which is not excluded from indexing"
        ))),
        _ => Ok(()),
    }
}

fn vectorizers(config: &Fields) -> Vec<String> {
    let class_level = config.get("vectorizer").and_then(Value::as_str).map(String::from);
    let names = super::vector_names(config);
    let named = names.iter().filter_map(|name| super::vector_settings(config, name));
    class_level.into_iter().chain(named.map(|vector| vector.vectorizer.to_owned())).collect()
}

/// A vectorizer notes at each property whether it reads it.
fn vectorized(mut property: Value, config: &Fields) -> Value {
    for module in vectorizers(config) {
        if module != "none" {
            let entry = property["moduleConfig"][&module].take();
            let mut settings = json!({"skip": false, "vectorizePropertyName": false});
            update::extend(&mut settings, entry.as_object());
            property["moduleConfig"][&module] = settings;
        }
    }
    property
}

impl Class {
    pub(crate) fn is_multi_tenant(&self) -> bool {
        tenancy(&self.config, "enabled")
    }
}
