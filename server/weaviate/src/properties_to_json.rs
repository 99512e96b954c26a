//! An object's properties, from the wire straight to JSON text.
//!
//! There is no tree in between: a page of a thousand objects becomes one buffer of text. The numbers below are the field
//! numbers of `Properties`, `Value` and `ListValue` in `proto/weaviate/v1/weaviate.proto`.

use selvedge_model::write_json_text;
use std::fmt::Write;

use serde_json::Number;

use super::wire::{Field, Fields, Malformed};

/// Objects nest as deep as the schema says; this only stops a malicious server.
const MAX_DEPTH: usize = 64;

/// Appends an encoded `Properties` message as a JSON object, names sorted. Nulls at the top level are what Weaviate
/// answers for a property that an object does not have, so they are left out; a nested null was stored as one.
pub fn write_object(out: &mut String, message: &[u8]) -> Result<(), Malformed> {
    write_fields(out, message, 0)
}

fn write_fields(out: &mut String, message: &[u8], depth: usize) -> Result<(), Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed("objects are nested too deep".to_owned()));
    }
    let mut entries: Vec<(&str, &[u8])> = Vec::with_capacity(16);
    for field in Fields::of(message) {
        if let (1, entry) = field? {
            entries.push(map_entry(entry.bytes()?)?);
        }
    }
    entries.sort_unstable_by_key(|(name, _)| *name);
    out.push('{');
    let mut first = true;
    for (name, value) in entries {
        let (number, field) = kind(value)?.ok_or_else(|| unknown_kind(name))?;
        if number == 12 && depth == 0 {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        write_json_text(out, name);
        out.push(':');
        write_value(out, number, field, depth).map_err(|error| in_property(name, error))?;
    }
    out.push('}');
    Ok(())
}

fn map_entry(entry: &[u8]) -> Result<(&str, &[u8]), Malformed> {
    let (mut name, mut value) = ("", &[][..]);
    for field in Fields::of(entry) {
        match field? {
            (1, field) => name = field.text()?,
            (2, field) => value = field.bytes()?,
            _ => {}
        }
    }
    Ok((name, value))
}

/// The one field of a `oneof` that is set.
fn kind(message: &[u8]) -> Result<Option<(u32, Field<'_>)>, Malformed> {
    Fields::of(message).last().transpose()
}

fn write_value(out: &mut String, number: u32, field: Field<'_>, depth: usize) -> Result<(), Malformed> {
    match number {
        1 => write_number(out, field.double()?),
        3 => write_display(out, field.varint()? != 0),
        4 => write_fields(out, field.bytes()?, depth + 1),
        5 => write_list(out, field.bytes()?, depth),
        6 | 7 | 10 | 13 => {
            write_json_text(out, field.text()?);
            Ok(())
        }
        8 => write_int(out, field.varint()?.cast_signed()),
        9 => write_geo(out, field.bytes()?),
        11 => write_phone(out, field.bytes()?),
        12 => write_display(out, "null"),
        _ => Err(Malformed(format!("kind of value {number}, which this version does not know"))),
    }
}

fn write_list(out: &mut String, message: &[u8], depth: usize) -> Result<(), Malformed> {
    let Some((number, values)) = kind(message)? else {
        return Err(Malformed("a list without a type".to_owned()));
    };
    let values = values.bytes()?;
    out.push('[');
    match number {
        2 => write_packed(out, values, |out, bytes| write_number(out, f64::from_le_bytes(bytes)))?,
        7 => write_packed(out, values, |out, bytes| write_int(out, i64::from_le_bytes(bytes)))?,
        3 => write_bools(out, values)?,
        4 => write_repeated(out, values, |out, field| write_fields(out, field.bytes()?, depth + 1))?,
        5 | 6 | 8 => write_repeated(out, values, |out, field| {
            write_json_text(out, field.text()?);
            Ok(())
        })?,
        _ => return Err(Malformed(format!("kind of list {number}, which this version does not know"))),
    }
    out.push(']');
    Ok(())
}

/// Field 1 holds all values, eight little-endian bytes each.
fn write_packed(
    out: &mut String,
    message: &[u8],
    write: impl Fn(&mut String, [u8; 8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    for field in Fields::of(message) {
        let (1, values) = field? else { continue };
        let (values, rest) = values.bytes()?.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(Malformed("a list of numbers is cut off".to_owned()));
        }
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write(out, *value)?;
        }
    }
    Ok(())
}

/// Booleans come packed, as one varint after the other in field 1, or one field each.
fn write_bools(out: &mut String, message: &[u8]) -> Result<(), Malformed> {
    let mut first = true;
    let mut write = |out: &mut String, value: bool| {
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        write_display(out, value)
    };
    for field in Fields::of(message) {
        match field? {
            // A boolean's varint is one byte.
            (1, Field::Bytes(packed)) => packed.iter().try_for_each(|value| write(out, *value != 0))?,
            (1, field) => write(out, field.varint()? != 0)?,
            _ => {}
        }
    }
    Ok(())
}

fn write_repeated<'a>(
    out: &mut String,
    message: &'a [u8],
    write: impl Fn(&mut String, Field<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut first = true;
    for field in Fields::of(message) {
        if let (1, field) = field? {
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            write(out, field)?;
        }
    }
    Ok(())
}

/// Weaviate keeps coordinates as 32-bit floats: their shortest decimals are exact when read as such again.
fn write_geo(out: &mut String, message: &[u8]) -> Result<(), Malformed> {
    let (mut longitude, mut latitude) = (0.0_f32, 0.0_f32);
    for field in Fields::of(message) {
        match field? {
            (1, field) => longitude = field.float()?,
            (2, field) => latitude = field.float()?,
            _ => {}
        }
    }
    write_display(out, format_args!("{{\"latitude\":{latitude:?},\"longitude\":{longitude:?}}}"))
}

/// The shape of the REST API, which leaves out what is empty.
fn write_phone(out: &mut String, message: &[u8]) -> Result<(), Malformed> {
    const NAMES: [&str; 7] = [
        "countryCode",
        "defaultCountry",
        "input",
        "internationalFormatted",
        "national",
        "nationalFormatted",
        "valid",
    ];
    out.push('{');
    let mut first = true;
    for field in Fields::of(message) {
        let (number, field) = field?;
        let Some(name) = (number as usize).checked_sub(1).and_then(|index| NAMES.get(index)) else {
            continue;
        };
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        write_json_text(out, name);
        out.push(':');
        match number {
            1 | 5 => write_display(out, field.varint()?)?,
            7 => write_display(out, field.varint()? != 0)?,
            _ => write_json_text(out, field.text()?),
        }
    }
    out.push('}');
    Ok(())
}

fn write_number(out: &mut String, value: f64) -> Result<(), Malformed> {
    let number = Number::from_f64(value)
        .ok_or_else(|| Malformed(format!("the number {value}, which JSON cannot hold")))?;
    write_display(out, number)
}

/// The integer -2^63, which Weaviate also answers for one that is too large: it keeps integers as doubles, and converting
/// 2^63 back wraps round. So neither is believed; over REST the two can be told apart.
pub const AMBIGUOUS_INTEGER: &str =
    "the integer -2^63, which Weaviate also answers for one that is too large";

fn write_int(out: &mut String, value: i64) -> Result<(), Malformed> {
    if value == i64::MIN {
        return Err(Malformed(AMBIGUOUS_INTEGER.to_owned()));
    }
    write_display(out, value)
}

fn write_display(out: &mut String, value: impl std::fmt::Display) -> Result<(), Malformed> {
    write!(out, "{value}").map_err(|error| Malformed(error.to_string()))
}

fn unknown_kind(name: &str) -> Malformed {
    Malformed(format!("property \"{name}\": a value of a kind that this version does not know"))
}

/// The path of a nested property is one name, such as `address.street`.
fn in_property(name: &str, error: Malformed) -> Malformed {
    match error.0.strip_prefix("property \"") {
        Some(nested) => Malformed(format!("property \"{name}.{nested}")),
        None => Malformed(format!("property \"{name}\": {}", error.0)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use prost::Message;
    use selvedge_proto::weaviate::{self as pb, list_value, value};
    use serde_json::{Value, json};

    use super::*;

    fn value(kind: value::Kind) -> pb::Value {
        pb::Value { kind: Some(kind) }
    }

    fn list(kind: list_value::Kind) -> pb::Value {
        value(value::Kind::ListValue(pb::ListValue { kind: Some(kind) }))
    }

    fn json_of(fields: Vec<(&str, pb::Value)>) -> Result<Value, String> {
        let fields: HashMap<_, _> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let mut text = String::new();
        write_object(&mut text, &pb::Properties { fields }.encode_to_vec()).map_err(|error| error.0)?;
        Ok(serde_json::from_str(&text).expect("valid JSON"))
    }

    fn le<T, const N: usize>(values: &[T], bytes: impl Fn(&T) -> [u8; N]) -> bytes::Bytes {
        values.iter().flat_map(bytes).collect::<Vec<_>>().into()
    }

    #[test]
    fn every_kind_of_scalar() {
        use value::Kind;
        let got = json_of(vec![
            ("text", value(Kind::TextValue("a \"q\" \\ \u{1} \u{2028} 😀".into()))),
            ("empty", value(Kind::TextValue(String::new()))),
            ("int", value(Kind::IntValue(-(1 << 53)))),
            ("number", value(Kind::NumberValue(5e-324))),
            ("bool", value(Kind::BoolValue(false))),
            ("date", value(Kind::DateValue("2020-01-01T00:00:00.123456789+02:00".into()))),
            ("geo", value(Kind::GeoValue(pb::GeoCoordinate { longitude: Some(4.9), latitude: Some(-0.0) }))),
            ("absent", value(Kind::NullValue(0))),
        ]);
        let want = json!({"text": "a \"q\" \\ \u{1} \u{2028} 😀", "empty": "", "int": -(1_i64 << 53), "number": 5e-324,
            "bool": false, "date": "2020-01-01T00:00:00.123456789+02:00", "geo": {"longitude": 4.9, "latitude": -0.0}});
        assert_eq!(got.unwrap(), want);
    }

    #[test]
    fn numbers_come_back_to_the_bit() {
        for number in [-0.0, 0.1 + 0.2, 5e-324, f64::MAX, f64::MIN, 1e23] {
            let got = json_of(vec![("n", value(value::Kind::NumberValue(number)))]).unwrap();
            assert_eq!(got["n"].as_f64().map(f64::to_bits), Some(number.to_bits()), "{number}");
        }
    }

    #[test]
    fn lists_keep_their_order_and_stay_when_empty() {
        use list_value::Kind;
        let got = json_of(vec![
            (
                "numbers",
                list(Kind::NumberValues(pb::NumberValues {
                    values: le(&[1.5, -0.0], |v: &f64| v.to_le_bytes()),
                })),
            ),
            (
                "ints",
                list(Kind::IntValues(pb::IntValues { values: le(&[3, -4], |v: &i64| v.to_le_bytes()) })),
            ),
            ("bools", list(Kind::BoolValues(pb::BoolValues { values: vec![true, false] }))),
            ("none", list(Kind::TextValues(pb::TextValues { values: vec![] }))),
        ]);
        assert_eq!(
            got.unwrap(),
            json!({"numbers": [1.5, -0.0], "ints": [3, -4], "bools": [true, false], "none": []})
        );
    }

    #[test]
    fn a_nested_null_was_stored() {
        let inner = HashMap::from([("gone".to_owned(), value(value::Kind::NullValue(0)))]);
        let object = pb::Properties { fields: inner };
        let got = json_of(vec![
            ("o", value(value::Kind::ObjectValue(object.clone()))),
            ("l", list(list_value::Kind::ObjectValues(pb::ObjectValues { values: vec![object] }))),
        ]);
        assert_eq!(got.unwrap(), json!({"o": {"gone": null}, "l": [{"gone": null}]}));
    }

    #[test]
    fn what_is_not_understood_is_an_error_by_name() {
        let error = json_of(vec![("odd", pb::Value { kind: None })]).unwrap_err();
        assert!(error.contains("\"odd\""), "{error}");
        let error = json_of(vec![("big", value(value::Kind::IntValue(i64::MIN)))]).unwrap_err();
        assert!(error.contains("\"big\""), "{error}");
        let mut text = String::new();
        assert!(write_object(&mut text, &[0x0a, 0x7f, 0x01]).is_err());
    }
}
