//! A value as the bytes that are hashed: a tag for its type, then what it is. Two values have the same bytes only if they
//! are the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::is_digested;
use crate::{Property, ValueKind, parse_references};

/// Why an object has no digest: it does not fit the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit(pub String);

impl Unfit {
    pub(super) fn of_object(self, id: Uuid) -> Self {
        Self(format!("object {id}: {}", self.0))
    }
}

impl From<serde_json::Error> for Unfit {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

const TEXT: u8 = b't';
const INT: u8 = b'i';
const NUMBER: u8 = b'n';
const BOOLEAN: u8 = b'b';
const GEO: u8 = b'g';
const PHONE: u8 = b'p';
const OBJECT: u8 = b'o';
const LIST: u8 = b'l';
const FLOATS: u8 = b'f';
const NULL: u8 = b'0';
const END: u8 = b'.';

pub fn put_text(out: &mut Vec<u8>, text: &str) {
    out.push(TEXT);
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

pub fn put_end(out: &mut Vec<u8>) {
    out.push(END);
}

/// One vector.
pub fn put_floats(out: &mut Vec<u8>, floats: &[f32]) {
    out.push(FLOATS);
    out.extend_from_slice(&(floats.len() as u64).to_le_bytes());
    let start = out.len();
    out.resize(start + size_of_val(floats), 0);
    let (places, _) = out[start..].as_chunks_mut::<{ size_of::<f32>() }>();
    for (place, float) in places.iter_mut().zip(floats) {
        *place = float.to_le_bytes();
    }
}

/// The properties of an object, from their JSON. `properties` are [`sorted`].
pub fn put_object(out: &mut Vec<u8>, properties: &[Property], json: &str) -> Result<(), Unfit> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    Object { properties, top: true, out }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(())
}

/// The references of an object, from their JSON: lists of beacons by property. False if there are none.
pub fn put_references(out: &mut Vec<u8>, properties: &[Property], json: &str) -> Result<bool, Unfit> {
    let lists = parse_references(json).map_err(Unfit)?;
    for (name, beacons) in &lists {
        let property = properties.iter().find(|property| property.name == *name);
        let property = property.ok_or_else(|| Unfit(format!("property \"{name}\" is not in the schema")))?;
        put_text(out, name);
        out.push(LIST);
        for beacon in beacons {
            put_text(out, &property.complete(beacon).canonical());
        }
        out.push(END);
    }
    Ok(!lists.is_empty())
}

/// The members that differ in two JSON objects, by what `put` makes of each of them alone. What it does not understand
/// differs.
pub fn changed(was: &str, is: &str, put: impl Fn(&mut Vec<u8>, &str) -> Result<(), Unfit>) -> Vec<String> {
    type Members = BTreeMap<String, Box<RawValue>>;
    let parse = |json: &str| serde_json::from_str::<Members>(json).unwrap_or_default();
    let (was, is) = (parse(was), parse(is));
    let bytes = |members: &Members, name: &String| {
        let json = match members.get(name) {
            Some(value) => format!("{{{}:{value}}}", serde_json::Value::from(name.as_str())),
            None => "{}".to_owned(),
        };
        let mut out = Vec::new();
        put(&mut out, &json).ok().map(|()| out)
    };
    let names: BTreeSet<_> = was.keys().chain(is.keys()).collect();
    let differs = |name: &&&String| {
        let (before, after) = (bytes(&was, name), bytes(&is, name));
        before != after || before.is_none()
    };
    names.iter().filter(differs).map(|name| (**name).clone()).collect()
}

/// Properties in the order in which objects have them, at every depth.
pub fn sorted(properties: &[Property]) -> Vec<Property> {
    let mut sorted = properties.to_vec();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    for property in &mut sorted {
        property.nested = self::sorted(&property.nested);
    }
    sorted
}

/// The members of an object.
struct Object<'p, 'o> {
    properties: &'p [Property],
    /// At the top, null means absent.
    top: bool,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Object<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { properties, top, out } = self;
        let mut rest = properties.iter();
        out.push(OBJECT);
        while let Some(property) = map.next_key_seed(Name(&mut rest))? {
            if !is_digested(property.kind) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let start = out.len();
            put_text(out, &property.name);
            let is_null = map.next_value_seed(Value { property, list: property.list, out: &mut *out })?;
            if is_null && top {
                out.truncate(start);
            }
        }
        out.push(END);
        Ok(())
    }
}

/// Finds a property by its name. Names come sorted, so the search goes on where the last one ended.
struct Name<'i, 'p>(&'i mut std::slice::Iter<'p, Property>);

impl<'de, 'p> DeserializeSeed<'de> for Name<'_, 'p> {
    type Value = &'p Property;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<&'p Property, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'p> Visitor<'_> for Name<'_, 'p> {
    type Value = &'p Property;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a property")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<&'p Property, E> {
        self.0.find(|property| property.name == name).ok_or_else(|| {
            E::custom(format_args!("property \"{name}\" is not in the schema, or out of order"))
        })
    }
}

/// A value of a property, or one of the values of a list. True if it was null.
struct Value<'p, 'o> {
    property: &'p Property,
    list: bool,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Value<'_, '_> {
    fn number<E: serde::de::Error>(self, number: f64) -> Result<bool, E> {
        match self.kind() {
            // Weaviate keeps integers as doubles, too. It shows their minus zero in one of its APIs and not in the other.
            Some(ValueKind::Int) => {
                self.out.push(INT);
                self.out.extend_from_slice(&(number + 0.0).to_bits().to_le_bytes());
            }
            Some(ValueKind::Number) => {
                self.out.push(NUMBER);
                self.out.extend_from_slice(&number.to_bits().to_le_bytes());
            }
            _ => return Err(self.unexpected("a number")),
        }
        Ok(false)
    }

    /// None where a list should be.
    fn kind(&self) -> Option<ValueKind> {
        (!self.list).then_some(self.property.kind)
    }

    fn unexpected<E: serde::de::Error>(&self, what: &str) -> E {
        E::custom(format_args!("property \"{}\": {what}, which does not fit the schema", self.property.name))
    }
}

impl<'de> Visitor<'de> for Value<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of property \"{}\"", self.property.name)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        self.out.push(NULL);
        Ok(true)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<bool, E> {
        if self.kind() != Some(ValueKind::Boolean) {
            return Err(self.unexpected("a boolean"));
        }
        self.out.extend_from_slice(&[BOOLEAN, value.into()]);
        Ok(false)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<bool, E> {
        self.number(value as f64)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<bool, E> {
        self.number(value as f64)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<bool, E> {
        self.number(value)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<bool, E> {
        match self.kind() {
            Some(ValueKind::Text | ValueKind::Date | ValueKind::Uuid | ValueKind::Blob) => {
                put_text(self.out, text);
                Ok(false)
            }
            _ => Err(self.unexpected("a text")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        if !self.list {
            return Err(self.unexpected("a list"));
        }
        let Self { property, out, .. } = self;
        out.push(LIST);
        while items.next_element_seed(Value { property, list: false, out: &mut *out })?.is_some() {}
        out.push(END);
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<bool, A::Error> {
        match self.kind() {
            Some(ValueKind::Object) => {
                Object { properties: &self.property.nested, top: false, out: self.out }.visit_map(map)?;
            }
            Some(ValueKind::GeoCoordinates) => put_geo(self.out, map)?,
            Some(ValueKind::PhoneNumber) => put_phone(self.out, map)?,
            _ => return Err(self.unexpected("an object")),
        }
        Ok(false)
    }
}

fn put_geo<'de, A: MapAccess<'de>>(out: &mut Vec<u8>, mut map: A) -> Result<(), A::Error> {
    let (mut latitude, mut longitude) = (0.0_f32, 0.0_f32);
    while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
        match &*name {
            "latitude" => latitude = map.next_value()?,
            "longitude" => longitude = map.next_value()?,
            other => return Err(A::Error::custom(format_args!("coordinates with \"{other}\""))),
        }
    }
    out.push(GEO);
    out.extend_from_slice(&latitude.to_bits().to_le_bytes());
    out.extend_from_slice(&longitude.to_bits().to_le_bytes());
    Ok(())
}

fn put_phone<'de, A: MapAccess<'de>>(out: &mut Vec<u8>, mut map: A) -> Result<(), A::Error> {
    let (mut input, mut country) = (String::new(), String::new());
    while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
        match &*name {
            "input" => input = map.next_value()?,
            "defaultCountry" => country = map.next_value()?,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    out.push(PHONE);
    put_text(out, &input);
    put_text(out, &country);
    Ok(())
}
