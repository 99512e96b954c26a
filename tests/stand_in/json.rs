//! JSON as the server writes it: numbers without a needless `.0`, minus zero as `-0`, large exponents with a plus.

use std::io;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

struct ServerNumbers;

impl Formatter for ServerNumbers {
    fn write_f32<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        let size = value.abs();
        if size != 0.0 && !(1e-6..1e21).contains(&size) {
            return writer.write_all(signed_exponent(format!("{value:e}")).as_bytes());
        }
        write!(writer, "{value}")
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        if size != 0.0 && !(1e-6..1e21).contains(&size) {
            return writer.write_all(signed_exponent(format!("{value:e}")).as_bytes());
        }
        write!(writer, "{value}")
    }
}

/// `1e21` becomes `1e+21`.
fn signed_exponent(number: String) -> String {
    match number.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => number,
    }
}

/// The text, with the newline that ends every JSON body of the server.
pub(crate) fn encode(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, ServerNumbers))
        .expect("the stand-in's own values serialise");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

pub(crate) fn respond(value: &impl Serialize) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], encode(value)).into_response()
}

/// The f64 whose shortest text is that of `value`, so that an f32 kept as JSON prints as the f32 it is.
pub(crate) fn shortest(value: f32) -> f64 {
    value.to_string().parse().expect("a printed f32 parses")
}

/// The name that Go gives the type of a decoded value; `from_json` decodes numbers lazily, Protobuf does not.
pub(crate) fn go_type(value: &Value, from_json: bool) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(_) if from_json => "json.Number",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// From here on Go's `%v` prints floats with an exponent.
const LARGE: f64 = 1e6;

/// A value as Go's `%v` prints it, for error texts.
pub(crate) fn go_text(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(go_text).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| format!("{name}:{}", go_text(value))).collect();
            format!("map[{}]", fields.join(" "))
        }
        Value::Number(number)
            if number.is_f64() && number.as_f64().is_some_and(|float| float.abs() >= LARGE) =>
        {
            let text = format!("{:e}", number.as_f64().unwrap_or_default());
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            format!("{digits}e+{exponent:0>2}")
        }
        Value::Bool(_) | Value::Number(_) => encode(value).trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_like_the_servers() {
        let numbers = [3.0, -0.0, 5e-324, 1e21, 1.5e-7, 1e20, f64::MAX, 0.000001];
        let expected = "[3,-0,5e-324,1e+21,1.5e-7,100000000000000000000,1.7976931348623157e+308,0.000001]\n";
        assert_eq!(encode(&numbers), expected);
        assert_eq!(encode(&[1.1_f32, 1e38, -1e-45]), "[1.1,1e+38,-1e-45]\n");
    }
}
