//! A page of objects as the REST API lists them, into a batch.
//!
//! Numbers and texts of properties stay as they are printed; only what has to be told apart is parsed: references, nulls,
//! vectors.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::misread::{Misreading, Traps};
use super::wire::Malformed;
use selvedge_model::{Batch, Collection, Property, References, ValueKind, VectorSpace, Vectors};

#[derive(Deserialize)]
pub struct RestPage<'a> {
    #[serde(borrow)]
    pub objects: Vec<RestObject<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestObject<'a> {
    pub id: Uuid,
    #[serde(default)]
    creation_time_unix: i64,
    #[serde(default)]
    pub last_update_time_unix: i64,
    #[serde(borrow, default)]
    properties: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
    #[serde(default)]
    vector: Option<Vec<f32>>,
    #[serde(borrow, default)]
    vectors: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
}

/// What a page turns into.
pub struct Columns<'c> {
    pub properties: &'c [Property],
    pub spaces: &'c [VectorSpace],
    pub traps: &'c Traps,
    /// Vectors that are not kept, because their index was dropped.
    dropped: Vec<&'c str>,
}

impl<'c> Columns<'c> {
    pub fn new(collection: &'c Collection, spaces: &'c [VectorSpace], traps: &'c Traps) -> Self {
        Self { properties: &collection.properties, spaces, traps, dropped: collection.dropped_vectors() }
    }

    /// Appends an object without its vectors, and notes what cannot have been shown as it is.
    pub fn push(
        &self,
        batch: &mut Batch,
        object: &RestObject<'_>,
        misread: &mut Vec<Misreading>,
    ) -> Result<(), Malformed> {
        let mut references = References::new();
        let properties = &object.properties;
        batch.properties.push_with(|text| {
            text.push('{');
            let start = text.len();
            for (name, value) in properties.iter().flatten().filter(|(_, value)| value.get() != "null") {
                if let Some(property) = self.reference(name) {
                    references.insert(property.name.clone(), beacons(name, value)?);
                    continue;
                }
                if text.len() > start {
                    text.push(',');
                }
                super::properties_to_json::write_text(text, name);
                text.push(':');
                match self.traps.without_links(name, value) {
                    Some(cleaned) => text.push_str(&cleaned),
                    None => text.push_str(value.get()),
                }
                misread.extend(self.traps.check(object.id, name, value));
            }
            text.push('}');
            Ok::<_, Malformed>(())
        })?;
        if let Some(column) = &mut batch.references {
            let json =
                if references.is_empty() { String::new() } else { serde_json::to_string(&references)? };
            column.push(&json);
        }
        batch.ids.push(object.id);
        batch.creation_times.push(object.creation_time_unix);
        batch.update_times.push(object.last_update_time_unix);
        Ok(())
    }

    fn reference(&self, name: &str) -> Option<&Property> {
        let is_it = |property: &&Property| property.kind == ValueKind::Reference && property.name == name;
        self.properties.iter().find(is_it)
    }

    /// Appends the vectors that came with an object.
    pub fn push_vectors(&self, batch: &mut Batch, object: &RestObject<'_>) -> Result<(), Malformed> {
        let legacy = object.vector.as_deref().filter(|vector| !vector.is_empty());
        let named = object.vectors.as_ref();
        let mut taken = 0;
        for (space, column) in self.spaces.iter().zip(&mut batch.vectors) {
            let present = match &space.name {
                None => push_floats(column, legacy),
                Some(name) => push_json(column, named.and_then(|all| all.get(name.as_str())).copied())
                    .map_err(|error| Malformed(format!("{}: {error}", space.label())))?,
            };
            if !present {
                column.push_absent();
            }
            taken += usize::from(present);
        }
        let kept = |name: &&Cow<'_, str>| !self.dropped.contains(&name.as_ref());
        let sent = named.map_or(0, |all| all.keys().filter(kept).count()) + usize::from(legacy.is_some());
        if !self.spaces.is_empty() && taken != sent {
            return Err(Malformed("a vector that the collection's schema does not have".to_owned()));
        }
        Ok(())
    }
}

/// False if there is none.
fn push_floats(column: &mut Vectors, vector: Option<&[f32]>) -> bool {
    let (Vectors::Single(column), Some(vector)) = (column, vector) else { return false };
    column.push(vector);
    true
}

fn push_json(column: &mut Vectors, json: Option<&RawValue>) -> serde_json::Result<bool> {
    let Some(json) = json else { return Ok(false) };
    match column {
        Vectors::Single(column) => column.push(&serde_json::from_str::<Vec<f32>>(json.get())?),
        Vectors::Multi(column) => {
            let vectors: Vec<Vec<f32>> = serde_json::from_str(json.get())?;
            column.push(vectors.iter().map(Vec::as_slice));
        }
    }
    Ok(true)
}

fn beacons(name: &str, value: &RawValue) -> Result<Vec<String>, Malformed> {
    #[derive(Deserialize)]
    struct Reference {
        beacon: String,
    }
    let references: Vec<Reference> = serde_json::from_str(value.get())
        .map_err(|error| Malformed(format!("property \"{name}\": {error}")))?;
    Ok(references.into_iter().map(|reference| reference.beacon).collect())
}
