//! Property values as the server takes them in: by the schema's type, or refused.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{date, phone};
use crate::stand_in::json::{go_text, go_type, shortest};
use crate::stand_in::schema::{Fields, Kind, Property};

pub(super) struct Writer<'a> {
    pub class: &'a str,
    pub is_grpc: bool,
}

impl Writer<'_> {
    /// The value as it is stored. Only here, at the top level, are `blobHash` values hashed.
    pub fn accept(
        &self,
        name: &str,
        kind: Kind,
        nested: &[Property],
        value: &Value,
    ) -> Result<Value, String> {
        let stored = self.check(name, kind, nested, value)?;
        match (kind, stored.as_str()) {
            (Kind::BlobHash, Some(text)) => {
                let hash = Sha256::digest(text);
                Ok(json!(hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
            }
            _ => Ok(stored),
        }
    }

    fn check(&self, path: &str, kind: Kind, nested: &[Property], value: &Value) -> Result<Value, String> {
        let checked = match kind {
            Kind::Object => self.object(path, nested, value),
            Kind::ObjectArray => self.objects(path, nested, value),
            _ if kind.element().is_some() => self.array(kind, value),
            _ => self.scalar(kind, value),
        };
        checked.map_err(|why| {
            format!("invalid {} property '{path}' on class '{}': {why}", kind.spoken(), self.class)
        })
    }

    fn scalar(&self, kind: Kind, value: &Value) -> Result<Value, String> {
        let not = |what: &str| format!("not a {what}, but {}", go_type(value, !self.is_grpc));
        match kind {
            Kind::Text => value.as_str().map(Value::from).ok_or_else(|| not("string")),
            Kind::Boolean => value.as_bool().map(Value::from).ok_or_else(|| not("bool")),
            Kind::Int => self.int(value).map(Value::from),
            Kind::Number => value
                .as_f64()
                .map(Value::from)
                .ok_or_else(|| format!("requires a float, the given value is '{}'", go_text(value))),
            Kind::Date => value.as_str().and_then(date::canonical).map(Value::from).ok_or_else(|| {
                format!(
                    "requires a string with a RFC3339 formatted date, but the given value is '{}'",
                    go_text(value)
                )
            }),
            Kind::Uuid => value
                .as_str()
                .and_then(|text| Uuid::parse_str(text).ok())
                .map(|id| json!(id))
                .ok_or_else(|| {
                    format!("requires a string of UUID format, but the given value is '{}'", go_text(value))
                }),
            Kind::Blob | Kind::BlobHash => blob(value).map_err(|_| match value {
                Value::String(_) => "not a valid blob base64 string".into(),
                _ => not("blob base64 string"),
            }),
            Kind::Geo => self.geo(value),
            Kind::Phone => match value {
                Value::Object(fields) => phone::parse(fields),
                _ => Err(format!("phoneNumber must be a map, but got: {}", go_type(value, !self.is_grpc))),
            },
            _ => Err(format!("unrecognized data type '{}'", kind.spoken())),
        }
    }

    /// Kept as a float, whatever it came as: so a large one loses its last digits here.
    fn int(&self, value: &Value) -> Result<f64, String> {
        let not = || format!("requires an integer, the given value is '{}'", go_text(value));
        let Value::Number(number) = value else { return Err(not()) };
        match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => Ok(int as f64),
            // JSON has an integer minus zero.
            (None, Some(0.0)) if !self.is_grpc => Ok(0.0),
            (None, Some(float)) if self.is_grpc && float == float.trunc() && in_i64(float) => Ok(float),
            _ if self.is_grpc => Err(not()),
            _ => Err(format!("the JSON number '{}' could not be converted to an int", go_text(value))),
        }
    }

    fn geo(&self, value: &Value) -> Result<Value, String> {
        let Value::Object(fields) = value else {
            return Err(format!("geoCoordinates must be a map, but got: {}", go_type(value, !self.is_grpc)));
        };
        let coordinate = |name: &str| {
            let value = fields
                .get(name)
                .ok_or_else(|| format!("geoCoordinates is missing required field '{name}'"))?;
            let wrong = || {
                let got = go_type(value, !self.is_grpc);
                format!("invalid {name}: must be json.Number or float, but got {got}")
            };
            value.as_f64().map(|float| shortest(float as f32)).ok_or_else(wrong)
        };
        for name in ["longitude", "latitude"] {
            if !fields.contains_key(name) {
                return Err(format!("geoCoordinates is missing required field '{name}'"));
            }
        }
        Ok(json!({"longitude": coordinate("longitude")?, "latitude": coordinate("latitude")?}))
    }

    fn array(&self, kind: Kind, value: &Value) -> Result<Value, String> {
        // The server's own words for these two.
        let (article, name) = match kind {
            Kind::TextArray => ("a", "text"),
            Kind::IntArray | Kind::NumberArray => ("an", "integer"),
            Kind::BooleanArray => ("a", "boolean"),
            Kind::DateArray => ("a", "date"),
            _ => ("a", "uuid"),
        };
        let Value::Array(items) = value else {
            return Err(format!("not {article} {name} array, but {}", go_type(value, !self.is_grpc)));
        };
        let element = kind.element().expect("an array has elements");
        let items: Result<Vec<Value>, String> = items.iter().map(|item| self.scalar(element, item)).collect();
        items.map(Value::from).map_err(|_| format!("invalid {name} array value: {}", self.listed(value)))
    }

    /// The server prints lists as if all in them were texts.
    fn listed(&self, value: &Value) -> String {
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let item = |item: &Value| match item {
            Value::Number(_) if self.is_grpc => format!("%!s({}={})", go_type(item, false), go_text(item)),
            item => go_text(item),
        };
        format!("[{}]", items.iter().map(item).collect::<Vec<_>>().join(" "))
    }

    fn object(&self, path: &str, nested: &[Property], value: &Value) -> Result<Value, String> {
        let Value::Object(fields) = value else {
            return Err(format!("object must be a map, but got: {}", go_type(value, !self.is_grpc)));
        };
        let mut stored = Fields::new();
        for (name, value) in fields {
            let path = format!("{path}.{name}");
            let Some(property) = nested.iter().find(|property| property.name == *name) else {
                return Err(format!("unknown property '{path}'"));
            };
            let value = match value {
                Value::Null => Value::Null,
                value => self
                    .check(&path, property.kind, &property.nested, value)
                    .map_err(|why| format!("property '{path}': {why}"))?,
            };
            stored.insert(name.clone(), value);
        }
        Ok(stored.into())
    }

    fn objects(&self, path: &str, nested: &[Property], value: &Value) -> Result<Value, String> {
        let Value::Array(items) = value else {
            return Err(format!("not an object array, but {}", go_type(value, !self.is_grpc)));
        };
        let item = |(index, item): (usize, &Value)| {
            self.object(path, nested, item).map_err(|why| format!("invalid object '{index}' in array: {why}"))
        };
        items.iter().enumerate().map(item).collect::<Result<Vec<_>, _>>().map(Value::from)
    }
}

fn in_i64(float: f64) -> bool {
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&float)
}

/// Standard base64 with padding, and not empty.
fn blob(value: &Value) -> Result<Value, ()> {
    let text = value.as_str().ok_or(())?;
    let data = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
    if text.is_empty() || !text.len().is_multiple_of(4) || !data.chars().all(fits) {
        return Err(());
    }
    Ok(json!(text))
}
