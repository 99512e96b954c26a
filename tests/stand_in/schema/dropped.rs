//! Named vectors whose index was dropped: their entries stay in the schema, with an index of type `none`.

use serde_json::{Value, json};

use super::{Fields, class_name, has_class_index, vector_names, vector_settings};
use crate::stand_in::contents::{Class, Store};
use crate::stand_in::refusal::{Outcome, Refusal};

/// What a class has only if it has a legacy vector.
const LEGACY: [&str; 3] = ["vectorIndexConfig", "vectorIndexType", "vectorizer"];

/// Whether this entry of `vectorConfig` is one of them.
pub(super) fn is_dropped(entry: &Value) -> bool {
    entry["vectorIndexType"] == "none"
}

/// Does not know aliases. The vectors themselves stay for now, and are read as before.
pub(crate) fn drop_vector(store: &mut Store, class: &str, vector: &str) -> Outcome<()> {
    let name = class_name(class);
    let Some(class) = store.classes.get_mut(&name) else {
        return Err(Refusal::invalid(format!("class \"{name}\": not found")));
    };
    let Some(vectors) = class.config.get_mut("vectorConfig").and_then(Value::as_object_mut) else {
        return Err(Refusal::invalid(format!(
            "validation: class \"{name}\" has no named vector configurations"
        )));
    };
    let Some(entry) = vectors.get_mut(vector) else {
        return Err(Refusal::invalid(format!(
            "not found: vector index \"{vector}\" not found in class \"{name}\""
        )));
    };
    *entry = json!({"vectorIndexType": "none", "vectorizer": entry["vectorizer"]});
    Ok(())
}

/// A class can be left without any vector at all, which none can be created as.
pub(crate) fn finish_drop(class: &mut Class, vector: &str) {
    for partition in class.partitions.values_mut() {
        partition.dimensions.remove(vector);
        partition.objects.values_mut().for_each(|object| drop(object.vectors.remove(vector)));
    }
    if let Some(vectors) = class.config.get_mut("vectorConfig").and_then(Value::as_object_mut) {
        vectors.remove(vector);
        if vectors.is_empty() {
            class.config.remove("vectorConfig");
        }
    }
}

/// Takes the dropped entries out of an update, as they have to be there but cannot be completed.
pub(super) fn take(old: &Fields, given: &mut Fields) -> Outcome<Fields> {
    let mut taken = Fields::new();
    let was_dropped = |name: &str| vector_settings(old, name).is_some_and(|settings| settings.is_dropped);
    let Some(vectors) = given.get_mut("vectorConfig").and_then(Value::as_object_mut) else {
        return Ok(taken);
    };
    for name in vectors.keys().cloned().collect::<Vec<_>>() {
        match (was_dropped(&name), is_dropped(&vectors[&name])) {
            (true, true) => taken.extend(vectors.remove_entry(&name)),
            (false, false) => {}
            (false, true) => {
                return Err(Refusal::invalid(format!(
                    "vector \"{name}\": vectorIndexType \"none\" is an internal sentinel for dropped indexes and cannot \
                     be set through a class update; use the drop vector index API instead"
                )));
            }
            (true, false) => {
                return Err(Refusal::invalid(format!(
                    "vector \"{name}\": a dropped index entry cannot be revived to a live type through a class update; \
                     the drop completes via its cleanup task — re-create the vector after it finishes"
                )));
            }
        }
    }
    Ok(taken)
}

pub(super) fn put_back(old: &Fields, next: &mut Fields, taken: Fields) {
    if !taken.is_empty() {
        let mut all = next.remove("vectorConfig").unwrap_or_else(|| json!({}));
        super::update::extend(&mut all, Some(&taken));
        next.insert("vectorConfig".into(), all);
    }
    // With none but dropped vectors, the class was taken for one that wants a legacy vector by default.
    let is_live = |name: &String| vector_settings(old, name).is_some_and(|settings| !settings.is_dropped);
    if !has_class_index(old) && !vector_names(old).iter().any(is_live) {
        LEGACY.iter().for_each(|field| drop(next.remove(*field)));
    }
}
