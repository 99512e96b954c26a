//! Objects that can only be written over REST: gRPC has no way to say what they are.
//!
//! An object without a vector, although a module would make it one: an empty vector says: none, and do not make one. And
//! the integer 2^63, which a double holds and Weaviate prints, but takes only as the largest of 64 bits.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::ObjectWriter;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, ValueKind, Vectors};

#[derive(Serialize)]
struct Object<'a> {
    class: &'a str,
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    properties: BTreeMap<Cow<'a, str>, Box<RawValue>>,
    vector: &'a [f32],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    vectors: BTreeMap<&'a str, Named>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Named {
    Single(Vec<f32>),
    Multi(Vec<Vec<f32>>),
}

/// What the digits of 2^63 begin with, however it is printed.
const TOO_LARGE: &str = "922337203685477";

impl ObjectWriter {
    pub(super) fn needs_rest(&self, batch: &Batch, row: usize) -> bool {
        self.makes_vectors && self.legacy_vector(batch, row).is_empty()
            || batch.properties.get(row).contains(TOO_LARGE)
    }

    /// Empty if it has none.
    fn legacy_vector<'b>(&self, batch: &'b Batch, row: usize) -> &'b [f32] {
        let mut columns = self.spaces.iter().zip(&batch.vectors);
        match columns.find(|(space, _)| space.name.is_none()) {
            Some((_, Vectors::Single(column))) => column.get(row).unwrap_or_default(),
            _ => &[],
        }
    }

    pub(super) fn object_json(
        &self,
        tenant: Option<&str>,
        batch: &Batch,
        row: usize,
    ) -> Result<Box<RawValue>> {
        let id = batch.ids[row];
        let unfit = |error: serde_json::Error| self.unfit(id, &error.to_string());
        let mut properties: BTreeMap<Cow<'_, str>, Box<RawValue>> =
            serde_json::from_str(batch.properties.get(row)).map_err(unfit)?;
        for value in properties.values_mut().filter(|value| value.get().contains(TOO_LARGE)) {
            *value = clamped(value).map_err(unfit)?;
        }
        // Weaviate would take the hash for a blob, and hash it.
        properties.retain(|name, _| {
            self.property(name).is_none_or(|property| property.kind != ValueKind::BlobHash)
        });
        for name in self.empty_references(batch, row)? {
            properties.insert(name.into(), RawValue::from_string("[]".to_owned()).map_err(unfit)?);
        }
        let mut vectors = BTreeMap::new();
        for (space, column) in self.spaces.iter().zip(&batch.vectors) {
            let Some(name) = &space.name else { continue };
            let vector = match column {
                Vectors::Single(column) => column.get(row).map(|vector| Named::Single(vector.to_vec())),
                Vectors::Multi(column) => {
                    column.get(row).map(|all| Named::Multi(all.map(<[f32]>::to_vec).collect()))
                }
            };
            vectors.extend(vector.map(|vector| (name.as_str(), vector)));
        }
        let vector = self.legacy_vector(batch, row);
        let object = Object { class: &self.collection, id, tenant, properties, vector, vectors };
        serde_json::value::to_raw_value(&object).map_err(unfit)
    }

    /// As [`ObjectWriter::send`], over REST.
    pub(super) async fn send_json(&self, objects: &[Box<RawValue>]) -> Result<Vec<(usize, String)>> {
        #[derive(Serialize)]
        struct Request<'a> {
            objects: &'a [Box<RawValue>],
        }
        let action = self.action();
        let body = serde_json::to_string(&Request { objects })
            .map_err(|error| Error::internal("objects cannot be written as JSON").caused_by(error))?;
        let answer = self.cluster.rest.post_text(&action, "/v1/batch/objects", body).await?;
        let results = answer.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if results.len() != objects.len() {
            return Err(Error::new(
                Kind::WeaviateUnintelligible,
                format!("{action}: {} of {} objects were answered", results.len(), objects.len()),
            ));
        }
        let text = |result: &Value| {
            let errors = result["result"]["errors"]["error"].as_array()?;
            let texts: Vec<_> = errors.iter().filter_map(|error| error["message"].as_str()).collect();
            Some(texts.join("; "))
        };
        Ok(results.iter().enumerate().filter_map(|(place, result)| Some((place, text(result)?))).collect())
    }
}

/// 2^63
const I64_RANGE: f64 = 9_223_372_036_854_775_808.0;

/// A value in which integers that are too large for 64 bits are the largest that are not, which Weaviate's doubles turn into
/// them again.
fn clamped(value: &RawValue) -> serde_json::Result<Box<RawValue>> {
    fn clamp(value: &mut Value) {
        match value {
            // A float that is too large for either end of the range becomes that end.
            Value::Number(number) if number.as_i64().is_none() => {
                if let Some(float) = number.as_f64().filter(|float| float.abs() == I64_RANGE) {
                    *value = (float as i64).into();
                }
            }
            Value::Array(items) => items.iter_mut().for_each(clamp),
            Value::Object(members) => members.values_mut().for_each(clamp),
            _ => {}
        }
    }
    let mut value: Value = serde_json::from_str(value.get())?;
    clamp(&mut value);
    serde_json::value::to_raw_value(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_integers_that_are_too_large_change() {
        let json = r#"{"a":[9223372036854776000,-9223372036854776000,-0.0,1.5],"b":"9223372036854775808"}"#;
        let value = RawValue::from_string(json.to_owned()).unwrap();
        let want = r#"{"a":[9223372036854775807,-9223372036854775808,-0.0,1.5],"b":"9223372036854775808"}"#;
        assert_eq!(clamped(&value).unwrap().get(), want);
    }
}
