//! Values of every type that Weaviate has, among them those that other tools have lost or changed.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::Dice;

/// Names and types of the top level; lists of them follow, then objects.
const SCALARS: [(&str, &str); 9] = [
    ("text", "text"),
    ("int", "int"),
    ("number", "number"),
    ("boolean", "boolean"),
    ("date", "date"),
    ("uuid", "uuid"),
    ("geo", "geoCoordinates"),
    ("phone", "phoneNumber"),
    ("blob", "blob"),
];
const LISTS: [(&str, &str); 6] = [
    ("texts", "text[]"),
    ("ints", "int[]"),
    ("numbers", "number[]"),
    ("booleans", "boolean[]"),
    ("dates", "date[]"),
    ("uuids", "uuid[]"),
];
/// What Weaviate does not take inside objects.
const NOT_NESTED: [&str; 2] = ["geoCoordinates", "phoneNumber"];

const TEXTS: [&str; 11] = [
    "",
    "plain",
    "a\"b\\c\n\t\r",
    "\0\u{1}\u{1f}\u{7f}",
    "\u{2028}\u{2029}\u{feff}",
    "😀🇩🇪 e\u{301}",
    "</script> & <b>",
    "{\"json\": 1}",
    "null",
    "  ",
    "2020-01-01T00:00:00Z",
];
/// Characters of the longest text.
const LONG: usize = 20_000;
const INTS: [i64; 8] =
    [0, 1, -1, 1 << 31, 1 << 53, -(1 << 53), 1_000_000_000_000_000, 1_000_000_000_000_000_000];
const NUMBERS: [f64; 12] = [
    0.0,
    -0.0,
    5e-324,
    f64::MAX,
    f64::MIN,
    -1.5,
    0.1,
    1e21,
    1e-7,
    123_456_789.123_456_79,
    9_007_199_254_740_992.0,
    1.0 / 3.0,
];
const DATES: [&str; 6] = [
    "2020-01-01T00:00:00Z",
    "2021-12-31T23:59:59.999999999+05:30",
    "1970-01-01T00:00:00.1-11:00",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59.000000001Z",
];
const LONGITUDES: [f32; 5] = [0.0, -0.0, 4.9041, -180.0, 179.999_98];

/// The `properties` of a class that has all of it.
pub fn properties() -> Value {
    let nested = nested_properties();
    let plain = SCALARS.iter().chain(&LISTS).map(|(name, kind)| json!({"name": name, "dataType": [kind]}));
    let objects = [("object", "object"), ("objects", "object[]")]
        .map(|(name, kind)| json!({"name": name, "dataType": [kind], "nestedProperties": nested}));
    plain.chain(objects).collect()
}

fn nested_properties() -> Value {
    let deeper = json!([
        {"name": "text", "dataType": ["text"]},
        {"name": "numbers", "dataType": ["number[]"]},
        {"name": "deepest", "dataType": ["object[]"], "nestedProperties": [{"name": "int", "dataType": ["int"]}]},
    ]);
    let plain = nestable().map(|(name, kind)| json!({"name": name, "dataType": [kind]}));
    plain.chain([json!({"name": "deeper", "dataType": ["object"], "nestedProperties": deeper})]).collect()
}

fn nestable() -> impl Iterator<Item = (&'static str, &'static str)> {
    SCALARS.into_iter().chain(LISTS).filter(|(_, kind)| !NOT_NESTED.contains(kind))
}

/// An object of such a class; any property may be absent.
pub fn object(dice: &mut Dice) -> Value {
    let mut object = Map::new();
    for (name, kind) in SCALARS.into_iter().chain(LISTS) {
        if dice.percent(70) {
            object.insert(name.to_owned(), value(kind, dice));
        }
    }
    if dice.percent(70) {
        object.insert("object".to_owned(), nested(dice));
    }
    if dice.percent(70) {
        let count = *dice.one_of(&[0, 1, 3]);
        object.insert("objects".to_owned(), (0..count).map(|_| nested(dice)).collect());
    }
    object.into()
}

fn nested(dice: &mut Dice) -> Value {
    let mut object = Map::new();
    for (name, kind) in nestable() {
        // Inside objects, unlike above, null is not the same as absent.
        match dice.below(100) {
            0..40 => {}
            40..45 => drop(object.insert(name.to_owned(), Value::Null)),
            _ => drop(object.insert(name.to_owned(), value(kind, dice))),
        }
    }
    if dice.percent(50) {
        let numbers: Value = (0..*dice.one_of(&[0, 2])).map(|_| *dice.one_of(&NUMBERS)).collect();
        let whole = json!({"text": dice.one_of(&TEXTS), "numbers": numbers, "deepest": [{"int": 1}, {}]});
        object.insert("deeper".to_owned(), if dice.percent(20) { json!({}) } else { whole });
    }
    object.into()
}

fn value(kind: &str, dice: &mut Dice) -> Value {
    if let Some(kind) = kind.strip_suffix("[]") {
        let count = *dice.one_of(&[0, 1, 2, 5]);
        return (0..count).map(|_| value(kind, dice)).collect();
    }
    match kind {
        "text" if dice.percent(1) => "x".repeat(LONG).into(),
        "text" => (*dice.one_of(&TEXTS)).into(),
        "int" => (*dice.one_of(&INTS)).into(),
        "number" => (*dice.one_of(&NUMBERS)).into(),
        "boolean" => dice.percent(50).into(),
        "date" => (*dice.one_of(&DATES)).into(),
        "uuid" => dice.uuid().into(),
        "geoCoordinates" => json!({"latitude": dice.float() * 90.0, "longitude": dice.one_of(&LONGITUDES)}),
        "phoneNumber" => phone(dice),
        "blob" => blob(dice),
        other => unreachable!("no values of type {other} here"),
    }
}

fn phone(dice: &mut Dice) -> Value {
    let numbers = [
        json!({"input": "020 1234567", "defaultCountry": "nl"}),
        json!({"input": "+49 171 1234567"}),
        json!({"input": "+1 650-253-0000", "defaultCountry": "US"}),
    ];
    dice.one_of(&numbers).clone()
}

fn blob(dice: &mut Dice) -> Value {
    let length = *dice.one_of(&[1, 2, 3, 1000]);
    let bytes: Vec<u8> = (0..length).map(|_| dice.throw() as u8).collect();
    BASE64_STANDARD.encode(bytes).into()
}
