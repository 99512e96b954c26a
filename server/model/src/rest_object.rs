//! An object as Weaviate's REST API shows and takes it, into a batch.
//!
//! Numbers and texts of properties stay as they are printed; only what has to be told apart is parsed: references, nulls,
//! vectors.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Batch, Property, References, ValueKind, VectorSpace, Vectors, write_json_text};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestObject<'a> {
    #[serde(borrow, default)]
    pub class: Option<Cow<'a, str>>,
    pub id: Uuid,
    #[serde(borrow, default)]
    pub tenant: Option<Cow<'a, str>>,
    /// Milliseconds since 1970, UTC.
    #[serde(default)]
    pub creation_time_unix: i64,
    /// Milliseconds since 1970, UTC.
    #[serde(default)]
    pub last_update_time_unix: i64,
    #[serde(borrow, default)]
    properties: Option<Fields<'a>>,
    #[serde(borrow, default)]
    vector: Option<&'a RawValue>,
    #[serde(borrow, default)]
    vectors: Option<Fields<'a>>,
}

/// What a JSON object has, by name; none of it twice.
#[derive(Debug)]
pub struct Fields<'a>(pub BTreeMap<Cow<'a, str>, &'a RawValue>);

/// Borrowed where it can be, which serde does only where it is told to.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Reading<'a> {
            type Value = Fields<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((Name(name), value)) = map.next_entry::<Name<'a>, &'a RawValue>()? {
                    match fields.entry(name) {
                        Entry::Vacant(field) => drop(field.insert(value)),
                        Entry::Occupied(field) => {
                            return Err(A::Error::custom(format_args!("\"{}\" is there twice", field.key())));
                        }
                    }
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Reading(PhantomData))
    }
}

impl<'a> Fields<'a> {
    fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), *value))
    }
}

impl RestObject<'_> {
    /// Appends the object without its vectors. `write` appends the value of a property that is no reference to the text.
    pub fn push(
        &self,
        batch: &mut Batch,
        properties: &[Property],
        mut write: impl FnMut(&str, &RawValue, &mut String) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut references = References::new();
        batch.properties.push_with(|text| {
            text.push('{');
            let start = text.len();
            let fields = self.properties.iter().flat_map(Fields::iter);
            for (name, value) in fields.filter(|(_, value)| value.get() != "null") {
                let property = properties.iter().find(|property| property.name == name);
                if property.is_some_and(|property| property.kind == ValueKind::Reference) {
                    references.insert(name.to_owned(), beacons(name, value)?);
                    continue;
                }
                if text.len() > start {
                    text.push(',');
                }
                write_json_text(text, name);
                text.push(':');
                write(name, value, text)?;
            }
            text.push('}');
            Ok::<_, String>(())
        })?;
        if let Some(column) = &mut batch.references {
            let json = match references.is_empty() {
                true => String::new(),
                false => serde_json::to_string(&references).map_err(|error| error.to_string())?,
            };
            column.push(&json);
        }
        batch.ids.push(self.id);
        batch.creation_times.push(self.creation_time_unix);
        batch.update_times.push(self.last_update_time_unix);
        Ok(())
    }

    /// Appends the vectors that came with the object; the `batch` has a column for each of `spaces`. Those that are `dropped` are
    /// not kept, because their index was. Weaviate shows an unnamed vector that is not there as an empty one.
    pub fn push_vectors(
        &self,
        batch: &mut Batch,
        spaces: &[VectorSpace],
        dropped: &[&str],
        empty_is_absent: bool,
    ) -> Result<(), String> {
        let sent = |json: &&RawValue| json.get() != "null";
        let legacy = self.vector.filter(sent).filter(|json| !empty_is_absent || json.get() != "[]");
        let named = self.vectors.as_ref().map(|named| &named.0);
        let mut taken = 0;
        for (space, column) in spaces.iter().zip(&mut batch.vectors) {
            let json = match &space.name {
                None => legacy,
                Some(name) => named.and_then(|all| all.get(name.as_str())).copied().filter(sent),
            };
            match json {
                Some(json) => {
                    push_vector(column, json.get()).map_err(|error| format!("{}: {error}", space.label()))?;
                    taken += 1;
                }
                None => column.push_absent(),
            }
        }
        let kept =
            |(name, json): &(&Cow<'_, str>, &&RawValue)| !dropped.contains(&name.as_ref()) && sent(json);
        let sent = named.into_iter().flatten().filter(kept).count() + usize::from(legacy.is_some());
        if !spaces.is_empty() && taken != sent {
            return Err("a vector that the collection's schema does not have".to_owned());
        }
        Ok(())
    }

    /// Whether it comes with any vector but those that are `dropped`.
    pub fn has_vectors(&self, dropped: &[&str]) -> bool {
        let is_there = |json: &RawValue| !matches!(json.get(), "null" | "[]");
        let named = self.vectors.iter().flat_map(Fields::iter);
        self.vector.is_some_and(is_there)
            || named.into_iter().any(|(name, json)| !dropped.contains(&name) && is_there(json))
    }
}

fn beacons(name: &str, value: &RawValue) -> Result<Vec<String>, String> {
    #[derive(Deserialize)]
    struct Reference {
        beacon: String,
    }
    let references: Vec<Reference> =
        serde_json::from_str(value.get()).map_err(|error| format!("property \"{name}\": {error}"))?;
    Ok(references.into_iter().map(|reference| reference.beacon).collect())
}

fn push_vector(column: &mut Vectors, json: &str) -> Result<(), String> {
    match column {
        Vectors::Single(column) => column.push(&floats(json)?),
        Vectors::Multi(column) => {
            let vectors: Vec<&RawValue> = serde_json::from_str(json).map_err(|error| error.to_string())?;
            let vectors = vectors.into_iter().map(|vector| floats(vector.get()));
            let vectors = vectors.collect::<Result<Vec<_>, _>>()?;
            column.push(vectors.iter().map(Vec::as_slice));
        }
    }
    Ok(())
}

/// Each read as what it is: by way of a double it could be rounded twice.
fn floats(json: &str) -> Result<Vec<f32>, String> {
    let inner = json.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let inner = inner.ok_or("it is no list")?.trim();
    if inner.is_empty() {
        return Ok(Vec::new());
    }
    let float = |text: &str| {
        let text = text.trim();
        let float = text.parse::<f32>().ok().filter(|float| float.is_finite());
        float.ok_or_else(|| format!("{text} is no float of 32 bits"))
    };
    inner.split(',').map(float).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(name: Option<&str>, multi: bool) -> VectorSpace {
        let name = name.map(str::to_owned);
        VectorSpace { name, multi, vectorizer: "none".to_owned(), index_type: "flat".to_owned() }
    }

    #[test]
    fn what_is_told_apart_comes_apart_and_the_rest_stays_as_it_is_printed() {
        let by = Property::new("by", ValueKind::Reference, true);
        let spaces = [space(None, false), space(Some("m"), true)];
        let text = r#"{"id":"00000000-0000-0000-0000-000000000001","tenant":"t","creationTimeUnix":5,
            "properties":{"z":1.50,"n":null,"by":[{"beacon":"weaviate://localhost/A/1","href":"/"}],"a":"ä"},
            "vector":[-0, 1e-45,3.4028235e38],"vectors":{"m":[[1],[2.5]]}}"#;
        let object: RestObject<'_> = serde_json::from_str(text).unwrap();
        let mut batch = Batch::new(&spaces, true);
        object
            .push(&mut batch, &[by], |_, value, text| {
                text.push_str(value.get());
                Ok(())
            })
            .unwrap();
        object.push_vectors(&mut batch, &spaces, &[], true).unwrap();
        assert_eq!(batch.properties.get(0), r#"{"a":"ä","z":1.50}"#);
        assert_eq!(batch.references.unwrap().get(0), r#"{"by":["weaviate://localhost/A/1"]}"#);
        let Vectors::Single(single) = &batch.vectors[0] else { panic!() };
        let bits: Vec<_> = single.get(0).unwrap().iter().map(|float| float.to_bits()).collect();
        assert_eq!(bits, [(-0.0_f32).to_bits(), 1, f32::MAX.to_bits()]);
        let Vectors::Multi(multi) = &batch.vectors[1] else { panic!() };
        assert_eq!(multi.get(0).unwrap().collect::<Vec<_>>(), [[1.0], [2.5]]);
    }

    #[test]
    fn nothing_is_there_twice() {
        let text = r#"{"id":"00000000-0000-0000-0000-000000000001","properties":{"a":1,"\u0061":2}}"#;
        let error = serde_json::from_str::<RestObject<'_>>(text).unwrap_err().to_string();
        assert!(error.contains("\"a\" is there twice"), "{error}");
    }

    #[test]
    fn vectors_that_nobody_takes_or_that_are_none_are_refused() {
        for (text, told) in [
            (r#""vectors":{"x":[1]}"#, "schema does not have"),
            (r#""vector":[1,"2"]"#, "no float"),
            (r#""vector":[1e39]"#, "no float"),
            (r#""vector":{}"#, "no list"),
        ] {
            let text = format!("{{\"id\":\"00000000-0000-0000-0000-000000000001\",{text}}}");
            let object: RestObject<'_> = serde_json::from_str(&text).unwrap();
            let spaces = [space(None, false)];
            let error = object.push_vectors(&mut Batch::new(&spaces, false), &spaces, &[], true).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
