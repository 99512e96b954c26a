//! An object's properties, from JSON text to what `BatchObjects` takes.
//!
//! Weaviate wants scalars in a `Struct`, and each kind of list in a message of its own, so the schema decides where a
//! value goes. Values are parsed straight into their type: there is no JSON tree in between.

use std::borrow::Cow;
use std::fmt;

use prost_types::value::Kind as Scalar;
use prost_types::{Struct, Value as ProtoValue};
use selvedge_proto::weaviate::{
    BooleanArrayProperties, IntArrayProperties, NumberArrayProperties, ObjectArrayProperties,
    ObjectProperties, ObjectPropertiesValue, TextArrayProperties, batch_object,
};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use selvedge_model::{Property, ValueKind};

/// Why a text cannot be an object of the collection.
#[derive(Debug)]
pub struct Unfit(pub String);

/// The properties of an object of a collection with these `properties`.
pub fn object_properties(properties: &[Property], json: &str) -> Result<batch_object::Properties, Unfit> {
    let value = object(properties, json)?;
    Ok(batch_object::Properties {
        non_ref_properties: value.non_ref_properties,
        number_array_properties: value.number_array_properties,
        int_array_properties: value.int_array_properties,
        text_array_properties: value.text_array_properties,
        boolean_array_properties: value.boolean_array_properties,
        object_properties: value.object_properties,
        object_array_properties: value.object_array_properties,
        empty_list_props: value.empty_list_props,
    })
}

fn object(properties: &[Property], json: &str) -> Result<ObjectPropertiesValue, Unfit> {
    let entries: Entries<'_> = parse(json)?;
    let mut out = ObjectPropertiesValue::default();
    let mut scalars = Struct::default();
    for (name, raw) in entries.0 {
        let property = properties
            .iter()
            .find(|property| property.name == name)
            .ok_or_else(|| Unfit(format!("property \"{name}\" is not in the schema")))?;
        put(&mut out, &mut scalars, property, raw.get())
            .map_err(|error| Unfit(format!("property \"{name}\": {}", error.0)))?;
    }
    if !scalars.fields.is_empty() {
        out.non_ref_properties = Some(scalars);
    }
    Ok(out)
}

fn put(
    out: &mut ObjectPropertiesValue,
    scalars: &mut Struct,
    property: &Property,
    json: &str,
) -> Result<(), Unfit> {
    let mut scalar = |kind| {
        scalars.fields.insert(property.name.clone(), ProtoValue { kind: Some(kind) });
    };
    if property.kind == ValueKind::BlobHash {
        // Weaviate would take the hash for a blob, and hash it.
        return Ok(());
    }
    if json == "null" {
        scalar(Scalar::NullValue(0));
    } else if property.list {
        put_list(out, property, json)?;
    } else {
        match property.kind {
            ValueKind::Text | ValueKind::Date | ValueKind::Uuid | ValueKind::Blob => {
                scalar(Scalar::StringValue(parse(json)?));
            }
            // Weaviate keeps integers as doubles, so this loses nothing that was not lost before.
            ValueKind::Int => scalar(Scalar::NumberValue(parse(json)?)),
            ValueKind::Number => scalar(Scalar::NumberValue(parse(json)?)),
            ValueKind::Boolean => scalar(Scalar::BoolValue(parse(json)?)),
            ValueKind::GeoCoordinates => scalar(geo(json)?),
            ValueKind::PhoneNumber => scalar(phone(json)?),
            ValueKind::Object => out.object_properties.push(ObjectProperties {
                value: Some(object(&property.nested, json)?),
                prop_name: property.name.clone(),
            }),
            ValueKind::BlobHash | ValueKind::Reference => {
                return Err(Unfit("a value that is no ordinary property".to_owned()));
            }
        }
    }
    Ok(())
}

fn put_list(out: &mut ObjectPropertiesValue, property: &Property, json: &str) -> Result<(), Unfit> {
    let prop_name = property.name.clone();
    let items: Vec<&RawValue> = parse(json)?;
    if items.is_empty() {
        out.empty_list_props.push(prop_name);
        return Ok(());
    }
    match property.kind {
        ValueKind::Text | ValueKind::Date | ValueKind::Uuid | ValueKind::Blob => {
            out.text_array_properties.push(TextArrayProperties { values: all(&items)?, prop_name });
        }
        ValueKind::Int => {
            // One that is too large for 64 bits becomes the largest, which Weaviate's double turns into it again.
            let values = all::<f64>(&items)?.into_iter().map(|value| value as i64).collect();
            out.int_array_properties.push(IntArrayProperties { values, prop_name });
        }
        ValueKind::Number => {
            let values: Vec<f64> = all(&items)?;
            let values_bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            out.number_array_properties
                .push(NumberArrayProperties { prop_name, values_bytes: values_bytes.into() });
        }
        ValueKind::Boolean => {
            out.boolean_array_properties.push(BooleanArrayProperties { values: all(&items)?, prop_name });
        }
        ValueKind::Object => {
            let values =
                items.iter().map(|item| object(&property.nested, item.get())).collect::<Result<_, _>>()?;
            out.object_array_properties.push(ObjectArrayProperties { values, prop_name });
        }
        ValueKind::GeoCoordinates | ValueKind::PhoneNumber | ValueKind::BlobHash | ValueKind::Reference => {
            return Err(Unfit("a list of a kind that Weaviate has no lists of".to_owned()));
        }
    }
    Ok(())
}

/// Coordinates are 32-bit floats: read as such, and widened, they reach Weaviate exactly.
fn geo(json: &str) -> Result<Scalar, Unfit> {
    #[derive(Deserialize)]
    struct Geo {
        latitude: f32,
        longitude: f32,
    }
    let geo: Geo = parse(json)?;
    Ok(fields([
        ("latitude", Scalar::NumberValue(geo.latitude.into())),
        ("longitude", Scalar::NumberValue(geo.longitude.into())),
    ]))
}

/// Weaviate derives the other parts of a phone number from these two.
fn phone(json: &str) -> Result<Scalar, Unfit> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Phone {
        input: String,
        #[serde(default)]
        default_country: String,
    }
    let phone: Phone = parse(json)?;
    let mut parts = vec![("input", Scalar::StringValue(phone.input))];
    if !phone.default_country.is_empty() {
        parts.push(("defaultCountry", Scalar::StringValue(phone.default_country)));
    }
    Ok(fields(parts))
}

fn fields(parts: impl IntoIterator<Item = (&'static str, Scalar)>) -> Scalar {
    let value = |(name, kind): (&str, _)| (name.to_owned(), ProtoValue { kind: Some(kind) });
    Scalar::StructValue(Struct { fields: parts.into_iter().map(value).collect() })
}

fn all<T: DeserializeOwned>(items: &[&RawValue]) -> Result<Vec<T>, Unfit> {
    items.iter().map(|item| parse(item.get())).collect()
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Unfit> {
    serde_json::from_str(json).map_err(|error| Unfit(error.to_string()))
}

/// The members of a JSON object, values unparsed.
struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(16);
                while let Some((name, value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    entries.push((name.0, value));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// A text that is borrowed where nothing in it is escaped.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn property(name: &str, kind: ValueKind, list: bool) -> Property {
        Property::new(name, kind, list)
    }

    #[test]
    fn every_kind_goes_where_weaviate_looks_for_it() {
        let nested = vec![property("n", ValueKind::Number, true), property("gone", ValueKind::Text, false)];
        let properties = [
            property("text", ValueKind::Text, false),
            property("int", ValueKind::Int, false),
            property("ints", ValueKind::Int, true),
            property("numbers", ValueKind::Number, true),
            property("none", ValueKind::Date, true),
            property("geo", ValueKind::GeoCoordinates, false),
            Property { nested: nested.clone(), ..property("object", ValueKind::Object, false) },
            Property { nested, ..property("objects", ValueKind::Object, true) },
        ];
        let json = r#"{"text":"a\nb","int":-7,"ints":[9007199254740992,9223372036854775808],"numbers":[-0.0,5e-324],"none":[],
            "geo":{"latitude":52.3,"longitude":4.9},"object":{"n":[],"gone":null},"objects":[{"n":[1.5]},{}]}"#;
        let out = object_properties(&properties, json).unwrap();
        let scalars = out.non_ref_properties.unwrap().fields;
        assert_eq!(scalars["text"].kind, Some(Scalar::StringValue("a\nb".into())));
        assert_eq!(scalars["int"].kind, Some(Scalar::NumberValue(-7.0)));
        let Some(Scalar::StructValue(geo)) = &scalars["geo"].kind else { panic!() };
        assert_eq!(geo.fields["latitude"].kind, Some(Scalar::NumberValue(f64::from(52.3_f32))));
        assert_eq!(out.int_array_properties[0].values, [9_007_199_254_740_992, i64::MAX]);
        assert_eq!(out.number_array_properties[0].values_bytes[..8], (-0.0_f64).to_le_bytes());
        assert_eq!(out.empty_list_props, ["none"]);
        let object = out.object_properties[0].value.as_ref().unwrap();
        assert_eq!(object.empty_list_props, ["n"]);
        assert_eq!(
            object.non_ref_properties.as_ref().unwrap().fields["gone"].kind,
            Some(Scalar::NullValue(0))
        );
        assert_eq!(out.object_array_properties[0].values.len(), 2);
    }

    #[test]
    fn what_the_schema_does_not_have_is_refused_by_name() {
        let error = object_properties(&[property("a", ValueKind::Int, false)], r#"{"b":1}"#).unwrap_err();
        assert!(error.0.contains("\"b\""), "{}", error.0);
        let error = object_properties(&[property("a", ValueKind::Int, false)], r#"{"a":"x"}"#).unwrap_err();
        assert!(error.0.contains("\"a\""), "{}", error.0);
    }
}
