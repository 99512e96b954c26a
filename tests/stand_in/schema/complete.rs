//! A whole class with the defaults that the server adds.

use serde_json::{Value, json};

use super::{Fields, index};
use crate::stand_in::Version;

/// The class-level settings but properties, in the shape they are stored.
pub(super) fn complete(given: &Fields, version: Version, modules: &[String]) -> Result<Fields, String> {
    let mut class = Fields::new();
    for name in ["class", "description", "moduleConfig", "properties"] {
        if let Some(value) = given.get(name).filter(|value| !value.is_null()) {
            class.insert(name.into(), value.clone());
        }
    }
    if let Some(ttl) = given.get("objectTtlConfig").filter(|ttl| ttl.is_object() && version.is_recent()) {
        let defaults =
            json!({"enabled": false, "defaultTtl": 0, "deleteOn": "", "filterExpiredObjects": false});
        class.insert("objectTtlConfig".into(), overlaid(defaults, ttl.as_object()));
    }
    class.entry("properties").or_insert(Value::Null);
    class.insert("multiTenancyConfig".into(), tenancy(given)?);
    class.insert("invertedIndexConfig".into(), inverted_index(given, version)?);
    class.insert("replicationConfig".into(), replication(given, version)?);
    class.insert("shardingConfig".into(), sharding(given)?);
    vectors(&mut class, given, version, modules)?;
    Ok(class)
}

fn object<'a>(given: &'a Fields, name: &str) -> Option<&'a Fields> {
    given.get(name).and_then(Value::as_object)
}

/// `defaults` with what is given for the same names.
fn overlaid(defaults: Value, given: Option<&Fields>) -> Value {
    let mut result = defaults;
    for (name, value) in given.into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        if let Some(slot) = result.get_mut(name) {
            *slot = value.clone();
        }
    }
    result
}

fn tenancy(given: &Fields) -> Result<Value, String> {
    let defaults = json!({"enabled": false, "autoTenantCreation": false, "autoTenantActivation": false});
    let tenancy = overlaid(defaults, object(given, "multiTenancyConfig"));
    for setting in ["autoTenantCreation", "autoTenantActivation"] {
        if tenancy["enabled"] != json!(true) && tenancy[setting] == json!(true) {
            return Err(format!("can't enable {setting} on a non-multi-tenant class"));
        }
    }
    Ok(tenancy)
}

fn inverted_index(given: &Fields, version: Version) -> Result<Value, String> {
    let given = object(given, "invertedIndexConfig");
    let part = |name: &str| given.and_then(|given| object(given, name));
    let stopwords = overlaid(json!({"preset": "en", "additions": null, "removals": null}), part("stopwords"));
    let preset = stopwords["preset"].as_str().unwrap_or_default();
    let own = part("stopwordPresets").is_some_and(|presets| presets.contains_key(preset));
    if !own && !["en", "none"].contains(&preset) {
        return Err(format!("stopwordPreset '{preset}' does not exist"));
    }
    let mut config = json!({
        "bm25": overlaid(json!({"k1": 1.2, "b": 0.75}), part("bm25")),
        "cleanupIntervalSeconds": 60,
        "stopwords": stopwords,
    });
    if version.is_recent() {
        config["usingBlockMaxWAND"] = json!(true);
    }
    for (name, value) in given.into_iter().flatten() {
        let kept = match name.as_str() {
            "indexTimestamps" | "indexNullState" | "indexPropertyLength" => value == &json!(true),
            "cleanupIntervalSeconds" => value.as_u64().is_some_and(|seconds| seconds > 0),
            "stopwordPresets" | "tokenizerUserDict" => version.is_recent() && !value.is_null(),
            "usingBlockMaxWAND" => version.is_recent(),
            _ => false,
        };
        if kept {
            config[name] = value.clone();
        }
    }
    Ok(config)
}

/// One node: more than one replica cannot be had, and asynchronous replication has nothing to do.
fn replication(given: &Fields, version: Version) -> Result<Value, String> {
    let strategy = if version.is_recent() { "TimeBasedResolution" } else { "NoAutomatedResolution" };
    let defaults = json!({"factor": 1, "deletionStrategy": strategy, "asyncEnabled": false});
    let mut config = overlaid(defaults, object(given, "replicationConfig"));
    config["asyncEnabled"] = json!(false);
    match config["factor"].as_i64() {
        Some(..=0) => config["factor"] = json!(1),
        Some(1) => {}
        factor => {
            return Err(format!(
                "init sharding state: could not find enough weaviate nodes for replication: 1 available, {} requested",
                factor.unwrap_or_default()
            ));
        }
    }
    Ok(config)
}

fn sharding(given: &Fields) -> Result<Value, String> {
    if given.get("multiTenancyConfig").is_some_and(|tenancy| tenancy["enabled"] == json!(true)) {
        if given.get("shardingConfig").is_some_and(|config| !config.is_null()) {
            return Err("cannot have both shardingConfig and multiTenancyConfig".into());
        }
        return Ok(json!({
            "virtualPerPhysical": 0, "desiredCount": 0, "actualCount": 0, "desiredVirtualCount": 0,
            "actualVirtualCount": 0, "key": "", "strategy": "", "function": "",
        }));
    }
    let given = object(given, "shardingConfig");
    let number = |name: &str, default: u64| {
        given.and_then(|given| given.get(name)).and_then(Value::as_u64).unwrap_or(default)
    };
    if let Some(key) =
        given.and_then(|given| given.get("key")).and_then(Value::as_str).filter(|key| *key != "_id")
    {
        return Err(format!(
            "parse sharding config: sharding only supported on key '_id' for now, got: {key}"
        ));
    }
    let (shards, per_shard) = (number("desiredCount", 1), number("virtualPerPhysical", 128));
    if shards == 0 {
        return Err(
            "updating db: TYPE_ADD_CLASS: apply add class: create index: failed to read sharding state: \
                    invalid sharding state: physical shards unavailable"
                .into(),
        );
    }
    Ok(json!({
        "virtualPerPhysical": per_shard, "desiredCount": shards, "actualCount": shards,
        "desiredVirtualCount": shards * per_shard, "actualVirtualCount": shards * per_shard,
        "key": "_id", "strategy": "hash", "function": "murmur3",
    }))
}

fn vectors(class: &mut Fields, given: &Fields, version: Version, modules: &[String]) -> Result<(), String> {
    let text = |name: &str| given.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let named = object(given, "vectorConfig").filter(|named| !named.is_empty());
    let legacy = text("vectorIndexType").is_some() || text("vectorizer").is_some() || named.is_none();
    if let Some(named) = named {
        let mut all = Fields::new();
        for (name, entry) in named {
            all.insert(name.clone(), named_vector(name, entry, version, modules)?);
        }
        class.insert("vectorConfig".into(), all.into());
        if let Some(name) = object(given, "moduleConfig")
            .into_iter()
            .flat_map(Fields::keys)
            .find(|name| modules.iter().all(|module| module != *name))
        {
            return Err(format!("module with name {name} doesn't exist"));
        }
    }
    if !legacy {
        return Ok(());
    }
    let vectorizer = text("vectorizer").unwrap_or("none");
    check_module(vectorizer, modules).map_err(|text| format!("vectorizer: {text}"))?;
    let kind = text("vectorIndexType").unwrap_or("hnsw");
    let settings = index::complete(kind, given.get("vectorIndexConfig"), version)?;
    if settings["multivector"]["enabled"] == json!(true) {
        return Err(
            "class.VectorIndexConfig multi vector type index type is only configurable using named vectors"
                .into(),
        );
    }
    class.insert("vectorIndexConfig".into(), settings);
    class.insert("vectorIndexType".into(), json!(kind));
    class.insert("vectorizer".into(), json!(vectorizer));
    if vectorizer != "none" {
        let module = class.entry("moduleConfig").or_insert_with(|| json!({}));
        let settings = module.get(vectorizer).and_then(Value::as_object);
        let settings = module_settings(settings);
        module[vectorizer] = settings;
    }
    Ok(())
}

fn named_vector(name: &str, entry: &Value, version: Version, modules: &[String]) -> Result<Value, String> {
    let kind = entry["vectorIndexType"].as_str().filter(|kind| !kind.is_empty()).unwrap_or("hnsw");
    if kind == "none" {
        return Err(format!(
            "vector \"{name}\": cannot create a new class with vectorIndexType \"none\"; this is an internal sentinel \
             for dropped indexes"
        ));
    }
    let Some(vectorizer) = entry["vectorizer"].as_object() else {
        return Err("class.VectorConfig.Vectorizer must be an object, got <nil>".into());
    };
    let mut completed = Fields::new();
    for (module, settings) in vectorizer {
        check_module(module, modules)
            .map_err(|text| format!("target vector \"{name}\": vectorizer: {text}"))?;
        let settings =
            if module == "none" { settings.clone() } else { module_settings(settings.as_object()) };
        completed.insert(module.clone(), settings);
    }
    Ok(json!({
        "vectorIndexConfig": index::complete(kind, entry.get("vectorIndexConfig"), version)?,
        "vectorIndexType": kind,
        "vectorizer": completed,
    }))
}

fn check_module(name: &str, modules: &[String]) -> Result<(), String> {
    if name == "none" || modules.iter().any(|module| module == name) {
        return Ok(());
    }
    Err(format!("no module with name \"{name}\" present"))
}

/// As `text2vec-openai` completes its own.
fn module_settings(given: Option<&Fields>) -> Value {
    let defaults = json!({"baseURL": "https://api.openai.com", "model": "text-embedding-3-small", "vectorizeClassName": true});
    let Value::Object(mut settings) = defaults else { unreachable!("an object") };
    settings.extend(given.cloned().unwrap_or_default());
    settings.into()
}
