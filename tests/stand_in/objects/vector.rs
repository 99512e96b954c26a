//! Vectors: which of them a class takes, and with which dimensions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Incoming;
use crate::stand_in::contents::Class;
use crate::stand_in::schema::{Fields, has_class_index, vector_names, vector_settings};

/// How the legacy vector is called where it travels with named ones.
const LEGACY: &str = "default";

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(untagged)]
pub(crate) enum Vector {
    Single(Vec<f32>),
    Multi(Vec<Vec<f32>>),
}

impl Vector {
    pub fn is_finite(&self) -> bool {
        match self {
            Self::Single(values) => values.iter().all(|value| value.is_finite()),
            Self::Multi(vectors) => vectors.iter().flatten().all(|value| value.is_finite()),
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::Single(values) => values.is_empty(),
            Self::Multi(vectors) => vectors.is_empty(),
        }
    }
}

/// What is left when empty ones are gone and each has its place.
pub(super) struct Accepted {
    pub legacy: Option<Vec<f32>>,
    pub named: BTreeMap<String, Vector>,
}

impl Accepted {
    pub fn into_parts(self) -> (Option<Vec<f32>>, BTreeMap<String, Vector>) {
        (self.legacy, self.named)
    }
}

pub(super) fn accept(class: &Class, incoming: &Incoming) -> Result<Accepted, String> {
    let mut legacy = incoming.vector.clone();
    let mut named = BTreeMap::new();
    for (name, vector) in incoming.vectors.iter().flatten() {
        let empty = Vector::Single(Vec::new());
        named.insert(name.clone(), vector.clone().unwrap_or(empty));
    }
    let has_legacy = has_class_index(&class.config);
    if has_legacy && let Some(vector) = named.remove(LEGACY) {
        let Vector::Single(values) = vector else {
            return Err(format!("vector {LEGACY} has to be a float32 array"));
        };
        legacy = Some(values);
    }
    let legacy = legacy.filter(|values| !values.is_empty());
    let configured = vector_names(&class.config);
    let is_dropped = |name: &str| vector_settings(&class.config, name).is_some_and(|found| found.is_dropped);
    match (legacy, configured.as_slice()) {
        (Some(_), [only]) if !has_legacy && is_dropped(only) => {
            Err(format!("vector index not found for {only}"))
        }
        (Some(values), [only]) if !has_legacy => {
            let named = BTreeMap::from([(only.clone(), Vector::Single(values))]);
            Ok(Accepted { legacy: None, named })
        }
        (Some(_), _) if !has_legacy => {
            Err(format!("collection {} configuration does not have single vector index", class.name()))
        }
        (legacy, _) => {
            if let Some(name) = named.keys().find(|name| !configured.contains(name)) {
                return Err(format!(
                    "collection {} does not have configuration for vector {name}",
                    class.name()
                ));
            }
            if let Some(name) = named.keys().find(|name| is_dropped(name)) {
                return Err(format!("vector index for {name} was dropped; writes targeting it are rejected"));
            }
            // An empty list in JSON is nothing, but in Protobuf a vector of no dimensions.
            named.retain(|_, vector| {
                !vector.is_empty() || incoming.is_grpc && matches!(vector, Vector::Single(_))
            });
            Ok(Accepted { legacy, named })
        }
    }
}

/// The first vector of a shard fixes the dimensions of all that follow.
pub(super) fn check_dimensions(
    known: &mut BTreeMap<String, usize>,
    id: Uuid,
    vectors: &Accepted,
    config: &Fields,
) -> Result<(), String> {
    let mut learned = BTreeMap::new();
    if let Some(values) = &vectors.legacy {
        let what = format!("Validate vector index for {id}");
        learned.insert(String::new(), single(&what, known.get(""), values, is_flat(config))?);
    }
    for (name, vector) in &vectors.named {
        let dimension = match vector {
            Vector::Single(values) => {
                let what = format!("Validate vector index {name} for target vector {id}");
                let index = config.get("vectorConfig").and_then(|all| all[name].as_object());
                single(&what, known.get(name), values, index.is_some_and(is_flat))?
            }
            Vector::Multi(vectors) => {
                let what = format!("Validate vector index {name} for target multi vector {id}");
                multi(&what, known.get(name), vectors)?
            }
        };
        learned.insert(name.clone(), dimension);
    }
    known.extend(learned.into_iter().filter(|(_, dimension)| *dimension > 0));
    Ok(())
}

fn is_flat(index: &Fields) -> bool {
    index.get("vectorIndexType").is_some_and(|kind| kind == "flat")
}

fn single(what: &str, known: Option<&usize>, values: &[f32], is_flat: bool) -> Result<usize, String> {
    match known {
        Some(known) if *known != values.len() && is_flat => Err(format!(
            "{what}: insert called with a vector of the wrong size: {}. Saved length: {known}, path: in memory",
            values.len()
        )),
        Some(known) if *known != values.len() => Err(format!(
            "{what}: new node has a vector with length {}. Existing nodes have vectors with length {known}: vector \
             dimensions do not match the index dimensions",
            values.len()
        )),
        _ => Ok(values.len()),
    }
}

fn multi(what: &str, known: Option<&usize>, vectors: &[Vec<f32>]) -> Result<usize, String> {
    let first = vectors.first().map_or(0, Vec::len);
    let Some(known) = known else {
        if vectors.iter().any(|vector| vector.len() != first) {
            return Err(format!("{what}: multi vector array consists of vectors with varying dimensions"));
        }
        return Ok(first);
    };
    match vectors.iter().enumerate().find(|(_, vector)| vector.len() != *known) {
        Some((position, vector)) => Err(format!(
            "{what}: new node has a multi vector with length {} at position {position}. Existing nodes have vectors \
             with length {known}",
            vector.len()
        )),
        None => Ok(first),
    }
}

/// One vector where several belong, or the other way round.
pub(super) fn check_kinds(
    config: &Fields,
    named: &BTreeMap<String, Vector>,
    document: u64,
) -> Result<(), String> {
    for (name, vector) in named {
        let is_multi = vector_settings(config, name).is_some_and(|settings| settings.is_multi);
        let into = |what: &str| {
            format!(
                "insert to {what} index: insert doc id {document} to {what} index for target vector {name}"
            )
        };
        match vector {
            Vector::Single(_) if is_multi => {
                return Err(format!("{}: AddBatch called on multivector index", into("vector")));
            }
            Vector::Multi(_) if !is_multi => {
                return Err(format!(
                    "{}: addMultiBatch called on non-multivector index",
                    into("multi vector")
                ));
            }
            Vector::Single(values) if values.is_empty() => {
                return Err(format!("{}: insert called with nil-vector", into("vector")));
            }
            Vector::Multi(vectors) if vectors.iter().all(Vec::is_empty) => {
                return Err(format!("{}: insert called with nil-vector", into("multi vector")));
            }
            _ => {}
        }
    }
    Ok(())
}
