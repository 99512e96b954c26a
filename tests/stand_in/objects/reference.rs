//! References: beacons in, beacons and links out.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::stand_in::contents::{Class, Store};
use crate::stand_in::json::{go_text, go_type};
use crate::stand_in::schema::{Kind, Property};

const LOCAL: &str = "weaviate://localhost/";

/// The beacons as stored; a target has to exist already.
pub(super) fn accept(
    store: &Store,
    class: &Class,
    property: &Property,
    value: &Value,
    tenant: &str,
) -> Result<Value, String> {
    let Value::Array(items) = value else {
        return Err(format!("reference property is not a slice {}", go_text(value)));
    };
    let beacons: Result<Vec<Value>, String> =
        items.iter().map(|item| beacon(store, class, property, item, tenant)).collect();
    beacons.map(Value::from)
}

fn beacon(
    store: &Store,
    class: &Class,
    property: &Property,
    item: &Value,
    tenant: &str,
) -> Result<Value, String> {
    let Value::Object(fields) = item else {
        return Err(format!("reference property is not a map: {}", go_type(item, true)));
    };
    let text =
        fields.get("beacon").and_then(Value::as_str).ok_or("beacon property is not a string: <nil>")?;
    let (target, id) = parse(text)?;
    let target = match (target, property.data_type.as_slice()) {
        (None, [only]) => Some(only.as_str()),
        (target, _) => target,
    };
    if fields.keys().any(|name| name != "beacon" && name != "href") {
        return Err(format!(
            "invalid cref: only direct references supported at the moment, concept references not supported yet: \
             class '{}' with property '{}' requires exactly 1 arguments: 'beacon'. Check your input schema, got: {}",
            class.name(),
            property.name,
            go_text(item)
        ));
    }
    let holds = |class: &Class| {
        class.holders(tenant).chain(class.holders("")).any(|partition| partition.objects.contains_key(&id))
    };
    let exists = match target {
        Some(target) => store.classes.get(target).is_some_and(holds),
        None => store.classes.values().any(holds),
    };
    if !exists {
        return Err(format!(
            "invalid cref: 'cref' {}:{}: no object with id {id} found",
            class.name(),
            property.name
        ));
    }
    let target = target.map(|target| format!("{target}/")).unwrap_or_default();
    Ok(json!({"beacon": format!("{LOCAL}{target}{id}")}))
}

fn parse(beacon: &str) -> Result<(Option<&str>, Uuid), String> {
    let path = beacon.strip_prefix(LOCAL).unwrap_or(beacon);
    let (class, id) = match path.split_once('/') {
        Some((class, id)) => (Some(class), id),
        None => (None, path),
    };
    let id = Uuid::parse_str(id).map_err(|_| {
        format!("invalid cref URI: path must be of format '<class>/<uuid>', but got '{path}'")
    })?;
    Ok((class, id))
}

/// Reading adds a link to each beacon.
pub(crate) fn with_hrefs(properties: &[Property], fields: &mut crate::stand_in::schema::Fields) {
    for property in properties.iter().filter(|property| property.kind == Kind::Reference) {
        for item in fields.get_mut(&property.name).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(path) = item["beacon"].as_str().and_then(|beacon| beacon.strip_prefix(LOCAL)) {
                item["href"] = json!(format!("/v1/objects/{path}"));
            }
        }
    }
}
