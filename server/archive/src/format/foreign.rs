//! Objects that somebody else has written down, as Weaviate would print them.

use std::fmt::Write;

use chrono::{DateTime, Timelike};
use selvedge_model::{Fields, Property, RestObject, ValueKind, write_json_text};
use serde_json::value::RawValue;
use uuid::Uuid;

/// What an object has in Weaviate's REST API.
const FIELDS: [&str; 8] =
    ["class", "id", "tenant", "creationTimeUnix", "lastUpdateTimeUnix", "properties", "vector", "vectors"];
/// What it has too, as long as it is null.
const EMPTY_FIELDS: [&str; 2] = ["vectorWeights", "additional"];

/// Why something cannot be taken.
type Result<T> = std::result::Result<T, String>;

/// What it has and we do not know would be lost without a word. None as `class` for an object of any collection.
pub fn object<'a>(line: &'a str, class: Option<&str>) -> Result<RestObject<'a>> {
    let fields: Fields<'_> = serde_json::from_str(line).map_err(plain)?;
    for (name, value) in &fields.0 {
        let is_empty = EMPTY_FIELDS.contains(&name.as_ref()) && value.get() == "null";
        if !FIELDS.contains(&name.as_ref()) && !is_empty {
            return Err(format!("\"{name}\" is no part of an object"));
        }
    }
    let object: RestObject<'a> = serde_json::from_str(line).map_err(plain)?;
    match (object.class.as_deref(), class) {
        (Some(of), Some(class)) if of != class => {
            Err(format!("it is of collection \"{of}\", not of \"{class}\""))
        }
        _ => Ok(object),
    }
}

/// Without the place, which would be another line.
fn plain(error: serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

/// Appends a value as Weaviate would print it: what is nested by name, dates and ids in its spelling. What it is not of is found
/// later, when it is hashed.
pub fn write_value(property: Option<&Property>, value: &RawValue, text: &mut String) -> Result<()> {
    let Some(property) = property.filter(|_| value.get() != "null") else {
        text.push_str(value.get());
        return Ok(());
    };
    if property.list && value.get().starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(plain)?;
        text.push('[');
        for (number, item) in items.into_iter().enumerate() {
            if number > 0 {
                text.push(',');
            }
            write_item(property, item, text)?;
        }
        text.push(']');
        return Ok(());
    }
    write_item(property, value, text)
}

fn write_item(property: &Property, value: &RawValue, text: &mut String) -> Result<()> {
    let wrong = |what: &str| format!("property \"{}\": {} is no {what}", property.name, value.get());
    match property.kind {
        ValueKind::Date => {
            let date: String = serde_json::from_str(value.get()).map_err(|_| wrong("date"))?;
            write_date(&date, text).ok_or_else(|| wrong("date"))
        }
        ValueKind::Uuid => {
            let id: Uuid = serde_json::from_str(value.get()).map_err(|_| wrong("UUID"))?;
            text.push_str(&format!("\"{id}\""));
            Ok(())
        }
        ValueKind::Object if value.get().starts_with('{') => {
            let fields: Fields<'_> = serde_json::from_str(value.get()).map_err(plain)?;
            text.push('{');
            for (number, (name, value)) in fields.0.iter().enumerate() {
                if number > 0 {
                    text.push(',');
                }
                write_json_text(text, name);
                text.push(':');
                write_value(property.nested.iter().find(|nested| nested.name == **name), value, text)?;
            }
            text.push('}');
            Ok(())
        }
        _ => {
            text.push_str(value.get());
            Ok(())
        }
    }
}

/// As Go prints it: RFC 3339 with as many digits of the second as it has, and `Z` for UTC. None if it is none.
fn write_date(date: &str, text: &mut String) -> Option<()> {
    let parsed = DateTime::parse_from_rfc3339(date).ok()?;
    write!(text, "\"{}", parsed.format("%Y-%m-%dT%H:%M:%S")).ok()?;
    let nanos = parsed.nanosecond() % 1_000_000_000;
    if nanos > 0 {
        text.push_str(format!(".{nanos:09}").trim_end_matches('0'));
    }
    let offset = parsed.format("%:z").to_string();
    text.push_str(if offset == "+00:00" { "Z" } else { &offset });
    text.push('"');
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(property: &Property, json: &str) -> Result<String> {
        let mut text = String::new();
        let value: &RawValue = serde_json::from_str(json).unwrap();
        write_value(Some(property), value, &mut text).map(|()| text)
    }

    #[test]
    fn values_are_spelled_as_weaviate_spells_them() {
        let date = Property::new("at", ValueKind::Date, true);
        let dates = r#"["2024-01-01T00:00:00.120+00:00", "2024-01-01T01:02:03-05:30"]"#;
        assert_eq!(
            written(&date, dates).unwrap(),
            r#"["2024-01-01T00:00:00.12Z","2024-01-01T01:02:03-05:30"]"#
        );
        let id = Property::new("id", ValueKind::Uuid, false);
        let upper = r#""0F8FAD5B-D9CB-469F-A165-70867728950E""#;
        assert_eq!(written(&id, upper).unwrap(), upper.to_lowercase());
        let nested = vec![id, Property::new("city", ValueKind::Text, false)];
        let object = Property { nested, ..Property::new("address", ValueKind::Object, false) };
        assert_eq!(
            written(&object, &format!("{{\"id\": {upper}, \"city\": \"x\"}}")).unwrap(),
            format!("{{\"city\":\"x\",\"id\":{}}}", upper.to_lowercase())
        );
        assert!(written(&date, r#"["yesterday"]"#).unwrap_err().contains("no date"));
        assert!(written(&object, r#"{"city": "a", "city": "b"}"#).unwrap_err().contains("twice"));
    }
}
