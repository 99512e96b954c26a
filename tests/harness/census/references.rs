//! References: what they are in a listing, and where they point under new names.

use serde_json::Value;

use super::Collection;

const LOCAL: &str = "weaviate://localhost/";

/// Without the links that the server makes of beacons when it reads them.
pub(super) fn without_links(mut value: Value) -> Value {
    let items = value.as_array_mut().map(Vec::as_mut_slice).unwrap_or_default();
    if items.iter().all(|item| item["beacon"].is_string()) {
        for fields in items.iter_mut().filter_map(Value::as_object_mut) {
            fields.remove("href");
        }
    }
    value
}

impl Collection {
    /// The same, with all references to renamed collections as they should be afterwards.
    pub(super) fn redirected(&self, renames: &[(&str, &str)]) -> Self {
        let mut collection = self.clone();
        let properties = collection.schema.get_mut("properties").and_then(Value::as_array_mut);
        for property in properties.into_iter().flatten() {
            let types = property.get_mut("dataType").and_then(Value::as_array_mut);
            let Some(targets) = types.filter(|types| are_collections(types)) else { continue };
            for target in targets {
                *target = renamed(target.as_str().unwrap_or_default(), renames).into();
            }
            let name = property["name"].as_str().unwrap_or_default();
            for object in collection.objects.values_mut() {
                if let Some(text) = object.properties.get_mut(name) {
                    *text = redirect(text, renames);
                }
            }
        }
        collection
    }
}

/// Whether a data type is that of references.
fn are_collections(types: &[Value]) -> bool {
    let is_class = |name: &Value| name.as_str().is_some_and(|name| name.starts_with(char::is_uppercase));
    types.len() > 1 || types.first().is_some_and(is_class)
}

fn renamed<'a>(name: &'a str, renames: &[(&str, &'a str)]) -> &'a str {
    renames.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| *new)
}

fn redirect(text: &str, renames: &[(&str, &str)]) -> String {
    let mut references: Value = serde_json::from_str(text).expect("the census keeps JSON");
    for reference in references.as_array_mut().into_iter().flatten() {
        let beacon = reference["beacon"].as_str().unwrap_or_default();
        // One without a collection needs no new name.
        if let Some((collection, id)) = beacon.strip_prefix(LOCAL).and_then(|path| path.split_once('/')) {
            reference["beacon"] = format!("{LOCAL}{}/{id}", renamed(collection, renames)).into();
        }
    }
    references.to_string()
}
