//! How two censuses differ, in words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Census, Collection, Key, Object, Vector};

/// Longer values are cut in the middle of what is printed.
const SHOWN: usize = 120;

pub(super) fn between(before: &Census, after: &Census, renames: &[(&str, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    let mut expected = BTreeSet::new();
    for (name, collection) in &before.collections {
        let renamed = renames.iter().find(|(old, _)| old == name).map_or(name.as_str(), |(_, new)| new);
        expected.insert(renamed);
        match after.collections.get(renamed) {
            Some(later) => {
                let expected = collection.redirected(renames);
                found.extend(of_collections(&expected, later).map(|text| format!("{renamed}: {text}")));
            }
            None => found.push(format!("{renamed}: the collection is missing")),
        }
    }
    let new = after.collections.keys().filter(|name| !expected.contains(name.as_str()));
    found.extend(new.map(|name| format!("{name}: the collection was not there before")));
    found
}

fn of_collections(before: &Collection, after: &Collection) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    of_json("schema", &before.schema, &after.schema, &mut found);
    each(&before.tenants, &after.tenants, |name, before, after| match (before, after) {
        (Some(before), Some(after)) if before == after => {}
        (before, after) => found.push(format!("tenant {name} was {}, is {}", shown(before), shown(after))),
    });
    each(&before.objects, &after.objects, |key, before, after| match (before, after) {
        (Some(before), Some(after)) => of_objects(key, before, after, &mut found),
        (Some(_), None) => found.push(format!("object {} is missing", named(key))),
        (None, _) => found.push(format!("object {} was not there before", named(key))),
    });
    found.into_iter()
}

fn of_json(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
            for name in names {
                match (before.get(name), after.get(name)) {
                    (Some(before), Some(after)) => of_json(&format!("{path}.{name}"), before, after, found),
                    (before, after) => {
                        found.push(format!("{path}.{name} was {}, is {}", shown(before), shown(after)));
                    }
                }
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                of_json(&format!("{path}[{index}]"), before, after, found);
            }
        }
        _ => {
            // As text: 0 and -0 are equal as values.
            let [was, is] = [before, after].map(Value::to_string);
            if was != is {
                found.push(format!("{path} was {}, is {}", cut(&was), cut(&is)));
            }
        }
    }
}

fn of_objects(key: &Key, before: &Object, after: &Object, found: &mut Vec<String>) {
    let object = named(key);
    each(&before.properties, &after.properties, |name, before, after| {
        if before != after {
            let [was, is] = apart(before, after);
            found.push(format!("object {object}: property {name} was {was}, is {is}"));
        }
    });
    each(&before.vectors, &after.vectors, |name, before, after| {
        if before != after {
            let name = if name.is_empty() { "its vector".to_owned() } else { format!("vector {name}") };
            let [was, is] = [before, after].map(|vector| vector.map(Vector::shape));
            let only_floats = if was == is { "; the shape is the same, the floats are not" } else { "" };
            found.push(format!("object {object}: {name} was {}, is {}{only_floats}", shown(was), shown(is)));
        }
    });
}

/// Calls with every key of either, and what either has under it.
fn each<'a, K: Ord + 'a, V>(
    before: &'a BTreeMap<K, V>,
    after: &'a BTreeMap<K, V>,
    mut call: impl FnMut(&K, Option<&'a V>, Option<&'a V>),
) {
    let keys: BTreeSet<&K> = before.keys().chain(after.keys()).collect();
    for key in keys {
        call(key, before.get(key), after.get(key));
    }
}

fn named(key: &Key) -> String {
    if key.tenant.is_empty() { key.id.clone() } else { format!("{} of tenant {}", key.id, key.tenant) }
}

fn shown<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "absent".to_owned(), |value| cut(&value.to_string()))
}

/// Both from a little before where they part, so that what is cut away is alike.
fn apart(before: Option<&String>, after: Option<&String>) -> [String; 2] {
    let (Some(was), Some(is)) = (before, after) else { return [shown(before), shown(after)] };
    let alike = was.chars().zip(is.chars()).take_while(|(was, is)| was == is).count();
    let skipped =
        if was.chars().count().max(is.chars().count()) > SHOWN { alike.saturating_sub(SHOWN / 4) } else { 0 };
    [was, is].map(|text| {
        let rest: String = text.chars().skip(skipped).collect();
        format!("{}{}", if skipped > 0 { "…" } else { "" }, cut(&rest))
    })
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl Vector {
    fn shape(&self) -> String {
        match self {
            Self::Single(floats) => format!("{} floats", floats.len()),
            Self::Multi(vectors) => {
                format!("{} vectors of {} floats", vectors.len(), vectors.first().map_or(0, Vec::len))
            }
        }
    }
}
