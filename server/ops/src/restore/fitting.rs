//! Whether the objects of a backup fit into a collection.

use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, Property, ValueKind, VectorSpace};

/// Fails if the objects of a backup cannot be written into a collection that is there, and says what keeps them from it.
/// `wanted` is the collection as the backup would have it,
/// and `spaces` those whose vectors it has.
pub fn refuse_misfit(spaces: &[VectorSpace], wanted: &Collection, there: &Collection) -> Result<()> {
    let misfits = misfits(spaces, wanted, there);
    if misfits.is_empty() {
        return Ok(());
    }
    let name = &there.name;
    let text = format!("collection \"{name}\" cannot hold the backup's objects: {}", misfits.join("; "));
    Err(Error::new(Kind::SchemaMismatch, text).hint("restore under another name"))
}

/// What keeps the objects of a backup from being written into a collection.
pub fn misfits(spaces: &[VectorSpace], wanted: &Collection, there: &Collection) -> Vec<String> {
    let mut misfits = Vec::new();
    if wanted.multi_tenant != there.multi_tenant {
        let with = |collection: &Collection| if collection.multi_tenant { "has" } else { "has no" };
        misfits.push(format!("it {} tenants, in the backup it {}", with(there), with(wanted)));
    }
    for property in &wanted.properties {
        misfits.extend(misfit(property, &there.properties, ""));
    }
    for space in spaces {
        match there.vector_spaces.iter().find(|other| other.name == space.name) {
            None => misfits.push(format!("it lacks {}", space.label())),
            Some(other) if other.multi != space.multi => {
                misfits.push(format!("{} is of another kind", space.label()));
            }
            Some(_) => {}
        }
    }
    misfits
}

fn misfit(wanted: &Property, there: &[Property], path: &str) -> Option<String> {
    let path = format!("{path}{}", wanted.name);
    let Some(found) = there.iter().find(|property| property.name == wanted.name) else {
        return Some(format!("it lacks property \"{path}\""));
    };
    let same_type = found.kind == wanted.kind && (found.list == wanted.list);
    if !same_type {
        return Some(format!("property \"{path}\" has another type"));
    }
    if wanted.kind == ValueKind::Reference
        && let Some(target) = wanted.targets.iter().find(|target| !found.targets.contains(target))
    {
        return Some(format!("property \"{path}\" does not refer to \"{target}\""));
    }
    wanted.nested.iter().find_map(|nested| misfit(nested, &found.nested, &format!("{path}.")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn properties(properties: serde_json::Value) -> Vec<Property> {
        let schema = json!({"class": "A", "properties": properties});
        Collection::from_schema(schema).unwrap().properties
    }

    #[test]
    fn what_keeps_an_object_from_fitting_is_named_by_its_path() {
        let nested = |kind: &str| {
            let inner = json!([{"name": "n", "dataType": [kind]}]);
            json!([{"name": "o", "dataType": ["object"], "nestedProperties": inner}, {"name": "t", "dataType": ["text"]}])
        };
        let there = properties(nested("int"));
        let wanted = |kind: &str| misfit(&properties(nested(kind))[0], &there, "");
        assert_eq!(wanted("int"), None);
        assert_eq!(wanted("text").unwrap(), "property \"o.n\" has another type");
        let list = properties(json!([{"name": "t", "dataType": ["text[]"]}]));
        assert_eq!(misfit(&list[0], &there, "").unwrap(), "property \"t\" has another type");
        let other = properties(json!([{"name": "u", "dataType": ["text"]}]));
        assert_eq!(misfit(&other[0], &there, "").unwrap(), "it lacks property \"u\"");
        let to = |target: &str| properties(json!([{"name": "r", "dataType": [target]}]));
        let text = misfit(&to("B")[0], &to("C"), "").unwrap();
        assert_eq!(text, "property \"r\" does not refer to \"B\"");
    }
}
