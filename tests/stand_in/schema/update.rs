//! `PUT /v1/schema/{class}`.

use serde_json::{Value, json};

use super::{Fields, complete, dropped, index, tenancy, ttl};
use crate::stand_in::contents::Store;
use crate::stand_in::refusal::{Outcome, Refusal};

const REFUSED: &str = "updating schema: TYPE_UPDATE_CLASS: bad request :parse class update: ";

/// Adds to an object, over what it has.
pub(super) fn extend(object: &mut Value, more: Option<&Fields>) {
    for (name, value) in more.into_iter().flatten() {
        object[name] = value.clone();
    }
}

/// An update also sorts the properties, which its answer does not show yet.
pub(crate) fn update(store: &mut Store, path_name: &str, body: &Fields) -> Outcome<Value> {
    let (version, modules, expires) = (store.version, store.modules.clone(), store.ttl);
    let Some(class) = store.classes.get_mut(path_name) else { return Err(Refusal::Bare(404)) };
    let name = super::class_name(body.get("class").and_then(Value::as_str).unwrap_or_default());
    if name != path_name {
        return Err(Refusal::invalid(format!(
            "class name is immutable: attempted change from \"{path_name}\" to \"{name}\""
        )));
    }
    let mut given = body.clone();
    given.insert("class".into(), json!(name));
    check_tenancy(&class.config, &given)?;
    if class.is_multi_tenant() {
        given.remove("shardingConfig");
    }
    let factor = given.get("replicationConfig").and_then(|config| config["factor"].as_i64()).unwrap_or(1);
    if factor > 1 {
        let shard = class.partitions.keys().next().map_or("", String::as_str);
        return Err(Refusal::invalid(format!(
            "not enough replicas in shard \"{shard}\" to increase replication factor to {factor} for class \"{name}\""
        )));
    }
    let kept = dropped::take(&class.config, &mut given)?;
    let mut next = complete::complete(&given, version, &modules).map_err(Refusal::invalid)?;
    dropped::put_back(&class.config, &mut next, kept);
    ttl::check(&mut next, expires, true).map_err(Refusal::invalid)?;
    forget_defaults(&mut next, &given);
    check_immutable(&class.config, &next, version.is_recent())?;
    describe_properties(&mut next, &class.config)?;
    let answer = next.clone();
    if let Some(properties) = next["properties"].as_array_mut().filter(|_| version.is_recent()) {
        properties.sort_by_key(|property| property["name"].to_string());
    }
    class.config = next;
    Ok(answer.into())
}

/// Unlike a new class, an updated one gets no defaults for these: what is left out is gone.
fn forget_defaults(next: &mut Fields, given: &Fields) {
    if given.get("multiTenancyConfig").is_none_or(Value::is_null) {
        next.remove("multiTenancyConfig");
    }
    if given.get("replicationConfig").is_none_or(|config| config.get("deletionStrategy").is_none()) {
        next["replicationConfig"].as_object_mut().map(|config| config.remove("deletionStrategy"));
    }
}

fn check_tenancy(old: &Fields, new: &Fields) -> Outcome<()> {
    match (tenancy(old, "enabled"), tenancy(new, "enabled")) {
        (false, true) => {
            Err(Refusal::invalid("enabling multi-tenancy for an existing class is not supported"))
        }
        (true, false) => {
            Err(Refusal::invalid("disabling multi-tenancy for an existing class is not supported"))
        }
        _ => Ok(()),
    }
}

fn check_immutable(old: &Fields, new: &Fields, is_recent: bool) -> Outcome<()> {
    for (field, spoken) in [("vectorizer", "vectorizer"), ("vectorIndexType", "vector index type")] {
        let text = |class: &Fields| class.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        if text(old) != text(new) {
            return refused(format!(
                "{spoken} is immutable: attempted change from \"{}\" to \"{}\"",
                text(old),
                text(new)
            ));
        }
    }
    let kind = old.get("vectorIndexType").and_then(Value::as_str).unwrap_or_default();
    if let (Some(old), Some(new)) = (old.get("vectorIndexConfig"), new.get("vectorIndexConfig"))
        && let Some(change) = index::immutable_change(kind, old, new)
    {
        return refused(format!("validate vector index config: {change}"));
    }
    let shards = |class: &Fields| class["shardingConfig"]["desiredCount"].clone();
    if shards(old) != shards(new) {
        return refused(format!(
            "validate sharding config: re-sharding not supported yet: shard count is immutable: attempted change from \
             \"{}\" to \"{}\"",
            shards(old),
            shards(new)
        ));
    }
    check_named_vectors(old, new, is_recent)?;
    for (setting, spoken) in [
        ("indexTimestamps", "indexTimestamp"),
        ("indexNullState", "indexNullState"),
        ("indexPropertyLength", "indexPropertyLength"),
    ] {
        let set = |class: &Fields| class["invertedIndexConfig"].get(setting) == Some(&json!(true));
        if set(old) != set(new) {
            return Err(Refusal::invalid(format!(
                "\"{spoken}\" setting is immutable. Value changed from \"{}\" to \"{}\"",
                set(old),
                set(new)
            )));
        }
    }
    Ok(())
}

fn check_named_vectors(old: &Fields, new: &Fields, is_recent: bool) -> Outcome<()> {
    let (before, after) = (super::vector_names(old), super::vector_names(new));
    for name in &before {
        let entry = |class: &Fields| class.get("vectorConfig").and_then(|all| all.get(name)).cloned();
        let (Some(old), Some(new)) = (entry(old), entry(new)) else {
            return refused(format!("missing config for vector \"{name}\""));
        };
        let kinds = [&old, &new].map(|entry| entry["vectorIndexType"].as_str().unwrap_or_default());
        if kinds[0] != kinds[1] {
            return refused(format!(
                "vector index type of vector \"{name}\" is immutable: attempted change from \"{}\" to \"{}\"",
                kinds[0], kinds[1]
            ));
        }
        let vectorizers = [&old, &new].map(|entry| {
            entry["vectorizer"].as_object().and_then(|all| all.keys().next()).cloned().unwrap_or_default()
        });
        if vectorizers[0] != vectorizers[1] {
            return refused(format!(
                "vectorizer of vector \"{name}\" is immutable: attempted change from \"{}\" to \"{}\"",
                vectorizers[0], vectorizers[1]
            ));
        }
        let settings = [&old, &new].map(|entry| &entry["vectorIndexConfig"]);
        if let Some(change) = index::immutable_change(kinds[0], settings[0], settings[1]) {
            return refused(format!("invalid update for vector \"{name}\": {change}"));
        }
    }
    match after.iter().find(|name| !before.contains(name)) {
        Some(name) if !is_recent => refused(format!("additional config for vector \"{name}\"")),
        _ => Ok(()),
    }
}

/// An update may word properties anew, nothing else.
fn describe_properties(next: &mut Fields, old: &Fields) -> Outcome<()> {
    let bare = |property: &Value| {
        let mut property = property.clone();
        property.as_object_mut().map(|fields| fields.remove("description"));
        property
    };
    let list = |class: &Fields| class["properties"].as_array().cloned().unwrap_or_default();
    let (given, kept) = (list(next), list(old));
    let same =
        given.len() == kept.len() && kept.iter().all(|old| given.iter().any(|new| bare(new) == bare(old)));
    if same {
        return Ok(());
    }
    refused(
        "property fields other than description cannot be updated through updating the class. Use the add property \
         feature (e.g. \"POST /v1/schema/{className}/properties\") to add additional properties"
            .into(),
    )
}

fn refused(text: String) -> Outcome<()> {
    Err(Refusal::invalid(format!("{REFUSED}{text}")))
}
