//! Object values that Weaviate takes for something else when it reads them.
//!
//! It stores properties as JSON and guesses their types back from it, without the schema: an `object` with just the keys
//! `latitude` and `longitude` is read as coordinates, one with those of a phone number as such, and an `object[]` in which
//! every element has a text `beacon` as references. Over gRPC the page fails; over REST the value is shown, but not always
//! whole. (`entities/storobj/enrich_schema_datatypes.go` of the server.)

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use selvedge_model::{Property, ValueKind};

/// A value that may not be what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misreading {
    pub id: Uuid,
    pub property: String,
    /// What may be missing of it, as a sentence.
    pub loss: String,
}

/// The properties of a collection that can be misread.
#[derive(Debug, Clone, Default)]
pub struct Traps(BTreeMap<String, Trap>);

#[derive(Debug, Clone, Copy)]
enum Trap {
    /// An `object`.
    One,
    /// An `object[]`.
    Many,
}

const GEO: [&str; 2] = ["latitude", "longitude"];
const PHONE: [&str; 5] = ["input", "internationalFormatted", "nationalFormatted", "national", "countryCode"];

impl Traps {
    pub fn of(properties: &[Property]) -> Self {
        let trap = |property: &Property| {
            let has = |names: &[&str]| {
                names.iter().all(|name| property.nested.iter().any(|part| part.name == *name))
            };
            let trap = match (property.kind, property.list) {
                (ValueKind::Object, false) if has(&GEO) || has(&PHONE) => Trap::One,
                (ValueKind::Object, true) if has(&["beacon"]) => Trap::Many,
                _ => return None,
            };
            Some((property.name.clone(), trap))
        };
        Self(properties.iter().filter_map(trap).collect())
    }

    /// The value without the links that Weaviate adds to what it takes for references. None if it has none.
    pub fn without_links(&self, property: &str, value: &RawValue) -> Option<String> {
        if !matches!(self.0.get(property), Some(Trap::Many)) || !value.get().contains("\"href\"") {
            return None;
        }
        many(value)?;
        let mut elements: Vec<BTreeMap<String, &RawValue>> = serde_json::from_str(value.get()).ok()?;
        for element in &mut elements {
            element.remove("href");
        }
        serde_json::to_string(&elements).ok()
    }

    /// What may be wrong with a value that REST has shown.
    pub fn check(&self, id: Uuid, property: &str, value: &RawValue) -> Option<Misreading> {
        let loss = match self.0.get(property)? {
            Trap::One => one(value)?,
            Trap::Many => many(value)?,
        };
        Some(Misreading { id, property: property.to_owned(), loss: loss.to_owned() })
    }
}

fn one(value: &RawValue) -> Option<&'static str> {
    let parts: BTreeMap<String, &RawValue> = serde_json::from_str(value.get()).ok()?;
    let is = |names: &[&str]| names.iter().all(|name| parts.contains_key(*name));
    if parts.len() == GEO.len() && is(&GEO) {
        return Some("Weaviate takes it for coordinates and shows its numbers as 32-bit floats");
    }
    let optional = ["valid", "defaultCountry"].iter().filter(|name| parts.contains_key(**name)).count();
    let looks_like_phone = parts.len() == PHONE.len() + optional && is(&PHONE);
    looks_like_phone.then_some("Weaviate takes it for a phone number and may not show all of its parts")
}

fn many(value: &RawValue) -> Option<&'static str> {
    let elements: Vec<BTreeMap<String, serde_json::Value>> = serde_json::from_str(value.get()).ok()?;
    let is_reference = |element: &BTreeMap<String, serde_json::Value>| {
        element.get("beacon").is_some_and(serde_json::Value::is_string)
            && element.keys().all(|name| name == "beacon" || name == "href")
    };
    let misread = !elements.is_empty() && elements.iter().all(is_reference);
    misread.then_some("Weaviate takes it for references and shows nothing but their beacons")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_misread_is_doubted() {
        let text = |name: &str| Property::new(name, ValueKind::Text, false);
        let mut place = Property::new("place", ValueKind::Object, false);
        place.nested = ["latitude", "longitude", "name"].map(text).to_vec();
        let mut links = Property::new("links", ValueKind::Object, true);
        links.nested = ["beacon", "note"].map(text).to_vec();
        let traps = Traps::of(&[place, links, Property::new("plain", ValueKind::Object, false)]);
        let doubted = |property: &str, json: &str| {
            let value = RawValue::from_string(json.to_owned()).unwrap();
            traps.check(Uuid::nil(), property, &value).is_some()
        };
        assert!(doubted("place", r#"{"latitude":1.5,"longitude":2}"#));
        assert!(!doubted("place", r#"{"latitude":1.5,"longitude":2,"name":"x"}"#));
        assert!(doubted("links", r#"[{"beacon":"b"},{"beacon":"c"}]"#));
        assert!(!doubted("links", r#"[{"beacon":"b","note":"n"}]"#));
        assert!(!doubted("links", "[]"));
        let linked = RawValue::from_string(r#"[{"beacon":"b","href":"/v1/b"}]"#.to_owned()).unwrap();
        assert_eq!(traps.without_links("links", &linked).as_deref(), Some(r#"[{"beacon":"b"}]"#));
        assert!(!doubted("plain", r#"{"latitude":1.5,"longitude":2}"#));
    }
}
