//! References: beacons in, beacons and links out.

use serde_json::{Value, json};

use super::beacon::{self, LOCAL, Target};
use super::link;
use crate::stand_in::contents::{Class, Store};
use crate::stand_in::json::{go_text, go_type};
use crate::stand_in::schema::{Fields, Property};

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
    let Target { host, class: target, id } = beacon::target(text)?;
    let target = match (target, property.data_type.as_slice()) {
        (None, [only]) => Some(only.clone()),
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
    if host != LOCAL {
        return Err("unrecognized cross-ref ref format".into());
    }
    let target = Target { host, class: target, id };
    if !link::exists(store, &target, tenant) {
        return Err(format!(
            "invalid cref: 'cref' {}:{}: no object with id {id} found",
            class.name(),
            property.name
        ));
    }
    Ok(json!({"beacon": target.to_string()}))
}

/// How a stored value is told to be one; an empty list is not.
pub(super) fn are_references(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|items| !items.is_empty() && items.iter().all(|item| item["beacon"].is_string()))
}

/// Reading adds a link to each beacon.
pub(crate) fn with_hrefs(fields: &mut Fields) {
    for value in fields.values_mut().filter(|value| are_references(value)) {
        for item in value.as_array_mut().into_iter().flatten() {
            if let Some(Ok(target)) = item["beacon"].as_str().map(beacon::target) {
                item["href"] = json!(format!("/v1/objects/{}", target.path()));
            }
        }
    }
}
