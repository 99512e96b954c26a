//! What the server gets wrong when it reads: it guesses types from the JSON it stored, without the schema.

use serde_json::{Value, json};

use super::reference::are_references;
use crate::stand_in::json::shortest;
use crate::stand_in::schema::{Fields, Kind, Property};

const PHONE: [&str; 5] = ["input", "internationalFormatted", "nationalFormatted", "national", "countryCode"];

/// A property taken for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misread {
    Geo,
    Phone,
    References,
}

impl Misread {
    /// The type that gRPC then stumbles over.
    pub fn go_type(self) -> &'static str {
        match self {
            Self::Geo => "*models.GeoCoordinates",
            Self::Phone => "*models.PhoneNumber",
            Self::References => "models.MultipleRef",
        }
    }
}

/// What an `object` or `object[]` is taken for; `Err` for one that cannot be read, nor deleted, at all.
pub(crate) fn misread(property: &Property, value: &Value) -> Result<Option<Misread>, String> {
    match (property.kind, value) {
        (Kind::Object, Value::Object(fields)) if is_geo(fields) => {
            for (name, short) in [("latitude", "lat"), ("longitude", "lon")] {
                if !fields[name].is_number() {
                    let name = &property.name;
                    return Err(format!(
                        "property \"{name}\" of type map: explected {short} to be float64, but is string"
                    ));
                }
            }
            Ok(Some(Misread::Geo))
        }
        (Kind::Object, Value::Object(fields)) if is_phone(fields) => Ok(Some(Misread::Phone)),
        (Kind::ObjectArray, value) if are_references(value) => Ok(Some(Misread::References)),
        _ => Ok(None),
    }
}

fn is_geo(fields: &Fields) -> bool {
    fields.len() == 2 && fields.contains_key("latitude") && fields.contains_key("longitude")
}

fn is_phone(fields: &Fields) -> bool {
    let optional = ["valid", "defaultCountry"].iter().filter(|name| fields.contains_key(**name)).count();
    fields.len() == PHONE.len() + optional && PHONE.iter().all(|name| fields.contains_key(*name))
}

/// The properties as REST shows them.
pub(crate) fn as_rest_reads(properties: &[Property], stored: &Fields) -> Result<Fields, String> {
    let mut fields = stored.clone();
    for property in properties {
        let Some(value) = fields.get_mut(&property.name) else { continue };
        match misread(property, value)? {
            Some(Misread::Geo) => {
                for coordinate in value.as_object_mut().into_iter().flat_map(Fields::values_mut) {
                    *coordinate = json!(shortest(coordinate.as_f64().unwrap_or_default() as f32));
                }
            }
            Some(Misread::References) => {
                for item in value.as_array_mut().into_iter().flatten() {
                    *item = json!({"beacon": item["beacon"]});
                }
            }
            Some(Misread::Phone) | None => {}
        }
    }
    Ok(fields)
}
