//! Stored values as Search returns them.

use bytes::Bytes;
use selvedge_proto::weaviate::value::Kind as Sent;
use selvedge_proto::weaviate::{
    BoolValues, DateValues, GeoCoordinate, IntValues, ListValue, NumberValues, ObjectValues, PhoneNumber,
    Properties, TextValues, UuidValues, Value as Reply, list_value::Kind as SentList,
};
use serde_json::Value;

use super::select::Selected;
use crate::stand_in::json::go_type;
use crate::stand_in::objects::{misread, no_such_property};
use crate::stand_in::schema::{Fields, Kind, Property};

/// Protobuf's Go library puts a space or, in some builds as in this one, a no-break space into its texts, so that nobody
/// relies on them.
const PROTO: &str = "proto:\u{a0}";

pub(super) fn properties(
    class: &str,
    schema: &[Property],
    stored: &Fields,
    selected: &[Selected],
) -> Result<Properties, String> {
    let mut fields = std::collections::HashMap::new();
    for selected in selected {
        let name = selected.name();
        let property = schema
            .iter()
            .find(|property| property.name == name)
            .ok_or_else(|| no_such_property(name, class))?;
        let value = match (stored.get(name), selected) {
            (None, _) => null(),
            (Some(_), Selected::Primitive(_)) if property.kind == Kind::Reference => {
                return Err(format!(
                    "creating primitive value for {name}: {PROTO}invalid type: models.MultipleRef"
                ));
            }
            (Some(value), Selected::Primitive(_)) => primitive(property.kind, value)
                .map_err(|why| format!("creating primitive value for {name}: {why}"))?,
            (Some(value), Selected::Object(_, inner)) => {
                if let Ok(Some(misread)) = misread(property, value) {
                    let list = if property.kind == Kind::ObjectArray { "[]" } else { "" };
                    return Err(format!(
                        "creating object value: {PROTO}invalid type: {} expected {list}map[string]interface{{}}",
                        misread.go_type()
                    ));
                }
                object(property, value, Some(inner)).map_err(|why| format!("creating object value: {why}"))?
            }
        };
        fields.insert(name.to_owned(), value);
    }
    Ok(Properties { fields })
}

fn null() -> Reply {
    Reply { kind: Some(Sent::NullValue(0)) }
}

fn object(property: &Property, value: &Value, inner: Option<&[Selected]>) -> Result<Reply, String> {
    let (what, kind) = match (property.kind, value) {
        (_, Value::Null) => return Ok(null()),
        (Kind::Object, Value::Object(fields)) => {
            ("nested object", nested(property, fields, inner).map(Sent::ObjectValue))
        }
        (Kind::ObjectArray, Value::Array(items)) => {
            let values: Result<Vec<Properties>, String> = items
                .iter()
                .map(|item| match item {
                    Value::Object(fields) => nested(property, fields, inner),
                    other => Err(format!(
                        "invalid type: {} expected map[string]interface{{}}",
                        go_type(other, false)
                    )),
                })
                .collect();
            let list = |values| {
                Sent::ListValue(ListValue { kind: Some(SentList::ObjectValues(ObjectValues { values })) })
            };
            ("nested object array", values.map(list))
        }
        _ => return Err(format!("invalid type: {}", go_type(value, false))),
    };
    kind.map(|kind| Reply { kind: Some(kind) }).map_err(|why| format!("creating {what}: {why}"))
}

fn nested(property: &Property, stored: &Fields, inner: Option<&[Selected]>) -> Result<Properties, String> {
    let inner = inner.ok_or("select property is not an object")?;
    let mut fields = std::collections::HashMap::new();
    for selected in inner {
        let name = selected.name();
        let Some(value) = stored.get(name) else { continue };
        let property = property
            .nested
            .iter()
            .find(|nested| nested.name == name)
            .ok_or_else(|| format!("getting data type of nested property {name}"))?;
        let value = if property.kind.is_nested() {
            let inner = match selected {
                Selected::Object(_, inner) => Some(inner.as_slice()),
                Selected::Primitive(_) => None,
            };
            object(property, value, inner)
                .map_err(|why| format!("creating nested object value {name}: {why}"))?
        } else {
            primitive(property.kind, value)
                .map_err(|why| format!("creating nested primitive value {name}: {why}"))?
        };
        fields.insert(name.to_owned(), value);
    }
    Ok(Properties { fields })
}

fn primitive(kind: Kind, value: &Value) -> Result<Reply, String> {
    let text = || value.as_str().unwrap_or_default().to_owned();
    let sent = match kind {
        _ if value.is_null() => return Ok(null()),
        Kind::Text => Sent::TextValue(text()),
        Kind::Int => Sent::IntValue(int(value.as_f64().unwrap_or_default())),
        Kind::Number => Sent::NumberValue(value.as_f64().unwrap_or_default()),
        Kind::Boolean => Sent::BoolValue(value == &Value::Bool(true)),
        Kind::Date => Sent::DateValue(text()),
        Kind::Uuid => Sent::UuidValue(text()),
        Kind::Blob | Kind::BlobHash => Sent::BlobValue(text()),
        Kind::Geo => Sent::GeoValue(GeoCoordinate {
            longitude: Some(value["longitude"].as_f64().unwrap_or_default() as f32),
            latitude: Some(value["latitude"].as_f64().unwrap_or_default() as f32),
        }),
        Kind::Phone => Sent::PhoneValue(phone(value)),
        _ => Sent::ListValue(ListValue { kind: Some(list(kind, value)?) }),
    };
    Ok(Reply { kind: Some(sent) })
}

fn list(kind: Kind, value: &Value) -> Result<SentList, String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let texts = || items.iter().map(|item| item.as_str().unwrap_or_default().to_owned()).collect();
    let floats = || items.iter().map(|item| item.as_f64().unwrap_or_default());
    Ok(match kind {
        Kind::TextArray => SentList::TextValues(TextValues { values: texts() }),
        Kind::DateArray => SentList::DateValues(DateValues { values: texts() }),
        Kind::UuidArray => SentList::UuidValues(UuidValues { values: texts() }),
        Kind::BooleanArray => {
            let values = items.iter().map(|item| item == &Value::Bool(true)).collect();
            SentList::BoolValues(BoolValues { values })
        }
        Kind::NumberArray => {
            let values: Vec<u8> = floats().flat_map(f64::to_le_bytes).collect();
            SentList::NumberValues(NumberValues { values: Bytes::from(values) })
        }
        Kind::IntArray => {
            let values: Vec<u8> = floats().flat_map(|float| int(float).to_le_bytes()).collect();
            SentList::IntValues(IntValues { values: Bytes::from(values) })
        }
        _ => return Err(format!("invalid type: {}", go_type(value, false))),
    })
}

/// Out of range, amd64 gives the smallest, not the nearest.
fn int(float: f64) -> i64 {
    if float >= 9_223_372_036_854_775_808.0 { i64::MIN } else { float as i64 }
}

fn phone(value: &Value) -> PhoneNumber {
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| value[name].as_f64().unwrap_or_default() as u64;
    PhoneNumber {
        country_code: number("countryCode"),
        default_country: text("defaultCountry"),
        input: text("input"),
        international_formatted: text("internationalFormatted"),
        national: number("national"),
        national_formatted: text("nationalFormatted"),
        valid: value["valid"] == Value::Bool(true),
    }
}
