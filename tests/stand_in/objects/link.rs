//! References that are added to objects already stored.

use std::collections::BTreeSet;

use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::beacon::{self, LOCAL, Source, Target};
use super::reference::are_references;
use crate::stand_in::contents::{Class, Store};
use crate::stand_in::faults::RefusedObjects;
use crate::stand_in::json::go_type;
use crate::stand_in::refusal::{Outcome, Refusal};
use crate::stand_in::schema::{Kind, property_name, vector_settings};

/// A reference that is to be added.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Link {
    pub from: String,
    pub to: String,
    pub tenant: String,
}

/// How that went, with both ends as they were read; an end that cannot be read is left out.
pub(crate) struct Linked {
    pub from: Option<String>,
    pub to: Option<String>,
    pub outcome: Result<(), String>,
}

/// Adds each to what its object has, even if it has the same one already.
pub(crate) fn link_all(store: &mut Store, batch: &[Link], refused: &RefusedObjects) -> Vec<Linked> {
    batch.iter().enumerate().map(|(index, link)| link_one(store, index, link, refused)).collect()
}

fn link_one(store: &mut Store, index: usize, link: &Link, refused: &RefusedObjects) -> Linked {
    let (mut source, mut target) = (beacon::source(&link.from), beacon::target(&link.to));
    let wrong_source = match &source {
        Err(text) => Some(text.clone()),
        Ok(Source { host, .. }) if host != LOCAL => {
            Some(format!("source class must always point to the local peer, but got {host}"))
        }
        Ok(_) => None,
    };
    let wrong_target = match &target {
        Err(text) => Some(text.clone()),
        Ok(Target { host, .. }) if host != LOCAL => Some(format!(
            "importing network references in batch is not possible. Please perform a regular non-batch import for \
             network references, got peer {host}"
        )),
        Ok(_) => None,
    };
    let wrong: Vec<String> = [wrong_source, wrong_target].into_iter().flatten().collect();
    let outcome = match (&mut source, &mut target) {
        (Ok(source), Ok(target)) if wrong.is_empty() => {
            let scripted = refused.text(index, Some(source.id));
            check(store, source, target, &link.tenant).and_then(|()| match scripted {
                Some(text) => Err(text.to_owned()),
                None => add(store, source, target, &link.tenant),
            })
        }
        _ => Err(wrong.join(", ")),
    };
    let [from, to] = [source.map(|end| end.to_string()).ok(), target.map(|end| end.to_string()).ok()];
    Linked { from, to, outcome }
}

/// Puts these in place of what an object's property holds. Each target has to exist. False if the object does not.
pub(crate) fn replace_links(
    store: &mut Store,
    class: &str,
    id: Uuid,
    property: &str,
    tenant: &str,
    beacons: &[String],
) -> Outcome<bool> {
    let Some(class) = store.resolve_mut(class) else { return Ok(false) };
    let index = class.name().to_lowercase();
    let found = class.readable(tenant).map_err(|refusal| {
        let why = |text: &str| {
            format!(
                "msg:source object code:422 err:repo: object by id: search index {index}: determine shard: {text}"
            )
        };
        refusal.within(why)
    })?;
    if !found.iter().any(|partition| partition.objects.contains_key(&id)) {
        return Ok(false);
    }
    let bad = |text: String| Refusal::invalid(format!("msg:bad inputs code:400 err:{text}"));
    let (name, is_recent) = (class.name().to_owned(), store.version.is_recent());
    let class = &store.classes[&name];
    let targets: Result<Vec<_>, String> = beacons.iter().map(|beacon| beacon::target(beacon)).collect();
    let targets = targets.map_err(|text| bad(format!("invalid reference: {text}")))?;
    let Some(held) = class.properties.iter().find(|held| held.name == property) else {
        return Err(bad(super::no_such_property(property, &name)));
    };
    if held.kind != Kind::Reference {
        return Err(bad(format!("property '{property}' is not a reference-type")));
    }
    let only = match held.data_type.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    };
    let mut references = Vec::new();
    for (beacon, target) in beacons.iter().zip(targets) {
        let target = Target { class: target.class.or_else(|| only.clone()), ..target };
        if !exists(store, &target, tenant) {
            let text = format!("validate reference: no object with id {} found", target.id);
            return Err(Refusal::invalid(format!("msg:validate existence code:400 err:{text}")));
        }
        // One without a class is kept as it is spelled, and older servers keep every id so.
        let written = match (&target.class, beacon.rsplit('/').next()) {
            (None, _) => beacon.clone(),
            (Some(class), Some(id)) if !is_recent => format!("weaviate://{}/{class}/{id}", target.host),
            _ => target.to_string(),
        };
        references.push(json!({"beacon": written}));
    }
    let class = store.classes.get_mut(&name).expect("it was there above");
    let shard = if tenant.is_empty() { class.shard_of(id) } else { tenant.to_owned() };
    let object = class.partitions.get_mut(&shard).and_then(|partition| partition.objects.get_mut(&id));
    let Some(object) = object else { return Ok(false) };
    object.properties.insert(property.to_owned(), references.into());
    object.updated = Utc::now().timestamp_millis();
    Ok(true)
}

/// In the tenant, or past all tenants.
pub(super) fn exists(store: &Store, target: &Target, tenant: &str) -> bool {
    let holds = |class: &Class| {
        class
            .holders(tenant)
            .chain(class.holders(""))
            .any(|partition| partition.objects.contains_key(&target.id))
    };
    match &target.class {
        Some(name) => store.classes.get(name).is_some_and(holds),
        None => store.classes.values().any(holds),
    }
}

/// Also completes both ends: an alias becomes a class, and no class the only one that it can be.
fn check(store: &mut Store, source: &mut Source, target: &mut Target, tenant: &str) -> Result<(), String> {
    source.class = store.name_of(&source.class);
    if target.class.is_none() {
        target.class = only_target(store, source)?;
    }
    match target.class.clone() {
        Some(class) => check_tenants(store, source, &class, target.id, tenant),
        None if tenant.is_empty() => Ok(()),
        None => Err("multi-target references require the class name in the target beacon url".into()),
    }
}

fn no_source(source: &Source) -> String {
    format!("source class \"{}\" not found in schema", source.class)
}

fn only_target(store: &Store, source: &Source) -> Result<Option<String>, String> {
    let class = store.classes.get(&source.class).ok_or_else(|| no_source(source))?;
    let name = property_name(&source.property);
    match class.properties.iter().find(|property| property.name == name) {
        None => Err(format!("property {name} does not exist for class {}", source.class)),
        Some(property) => match property.data_type.as_slice() {
            [only] => Ok(Some(only.clone())),
            _ => Ok(None),
        },
    }
}

/// Only from within a tenant has a target to exist, and in the same one.
fn check_tenants(
    store: &mut Store,
    source: &Source,
    target: &str,
    id: Uuid,
    tenant: &str,
) -> Result<(), String> {
    let from = store.classes.get(&source.class).ok_or_else(|| no_source(source))?.is_multi_tenant();
    let Some(to) = store.classes.get(target).map(|class| class.is_multi_tenant()) else {
        // Newer servers name the wrong class.
        let named = if store.version.is_recent() { source.class.as_str() } else { target };
        return Err(format!("target class \"{named}\" not found in schema"));
    };
    if !from && to {
        return Err("invalid reference: cannot reference a multi-tenant enabled class from a non multi-tenant enabled \
                    class"
            .into());
    }
    if !from {
        return Ok(());
    }
    check_exists(store, &source.class, source.id, &source.spelled, tenant)
        .map_err(|why| format!("source: {why}"))?;
    let tenant = if to { tenant } else { "" };
    check_exists(store, target, id, &id.to_string(), tenant).map_err(|why| format!("target: {why}"))
}

fn check_exists(store: &mut Store, class: &str, id: Uuid, spelled: &str, tenant: &str) -> Result<(), String> {
    let doing = if store.version.is_recent() { "determine shard: " } else { "" };
    let found = store.classes.get_mut(class).expect("the class was there a moment ago");
    found
        .check_tenant(tenant)
        .map_err(|refusal| format!("get object {class}/{spelled}: {doing}{}", refusal.text()))?;
    if found.holders(tenant).any(|partition| partition.objects.contains_key(&id)) {
        return Ok(());
    }
    Err(format!("object {class}/{spelled} not found for tenant \"{tenant}\""))
}

fn add(store: &mut Store, source: &Source, target: &Target, tenant: &str) -> Result<(), String> {
    let name = &source.property;
    let class = store.classes.get_mut(&source.class).ok_or_else(|| no_source(source))?;
    class.check_tenant(tenant).map_err(|refusal| refusal.text())?;
    let shard = if tenant.is_empty() { class.shard_of(source.id) } else { tenant.to_owned() };
    if class.hidden.contains(&shard) {
        return Err("resolve node name \"node2\" to host".into());
    }
    let property = class.properties.iter().find(|property| property.name == *name);
    let partition = class.partitions.get_mut(&shard).expect("an existing shard");
    let Some(object) = partition.objects.get_mut(&source.id) else {
        return Err(format!("ref batch: object with id {} not found", source.id));
    };
    let held = object.properties.remove(name);
    let mut references = match &held {
        Some(Value::Array(items)) if held.as_ref().is_some_and(are_references) => items.clone(),
        _ => Vec::new(),
    };
    references.push(json!({"beacon": target.to_string()}));
    if property.is_some_and(|property| property.is_unique) {
        let mut seen = BTreeSet::new();
        references.retain(|reference| seen.insert(reference["beacon"].to_string()));
    }
    object.properties.insert(name.clone(), references.into());
    object.updated = Utc::now().timestamp_millis();
    let is_dropped =
        |name: &str| vector_settings(&class.config, name).is_some_and(|settings| settings.is_dropped);
    object.vectors.retain(|name, _| !is_dropped(name));
    // All this is stored by now. Only then does the server look at what it has added to.
    if property.is_none() {
        return Err(format!("ref batch: property '{name}' not found in schema"));
    }
    match held.filter(|held| !are_references(held)) {
        Some(held) => {
            Err(format!("ref batch: prop {name} is present, but not a ref, got: {}", go_type_of(&held)))
        }
        None => Ok(()),
    }
}

/// As guessed from what is stored.
fn go_type_of(value: &Value) -> &'static str {
    match value.as_array().and_then(|items| items.first()) {
        Some(Value::Number(_)) => "[]float64",
        Some(Value::Bool(_)) => "[]bool",
        Some(Value::String(_)) => "[]string",
        _ => go_type(value, false),
    }
}
