//! What is written and read: one class, its objects as requests that are ready to be sent.

use prost_types::value::Kind;
use prost_types::{Struct, Value as ProtoValue};
use selvedge_proto::weaviate::{BatchObject, BatchObjectsRequest, TextArrayProperties, batch_object};
use selvedge_tests::harness::seed::Dice;
use serde_json::{Value, json};

pub const OBJECTS_A_REQUEST: usize = 1000;
pub const PROPERTIES: [&str; 6] = ["title", "body", "category", "count", "price", "tags"];
const WORDS: [&str; 12] = [
    "warp", "weft", "selvedge", "loom", "shuttle", "yarn", "thread", "cloth", "bobbin", "heddle", "treadle",
    "weaving",
];
const WORDS_OF_BODY: usize = 70;

/// A class with a flat index: with HNSW, building the graph is all that would be measured.
pub fn class(name: &str) -> Value {
    json!({
        "class": name,
        "vectorizer": "none",
        "vectorIndexType": "flat",
        "properties": [
            {"name": "title", "dataType": ["text"]},
            {"name": "body", "dataType": ["text"]},
            {"name": "category", "dataType": ["text"], "tokenization": "field"},
            {"name": "count", "dataType": ["int"]},
            {"name": "price", "dataType": ["number"]},
            {"name": "tags", "dataType": ["text[]"]},
        ],
    })
}

/// `objects` of them, the same on every run, about 600 bytes of properties each.
pub fn requests(collection: &str, objects: usize, dimensions: usize) -> Vec<BatchObjectsRequest> {
    let mut dice = Dice::of("bench");
    let request = |start: usize| {
        let count = OBJECTS_A_REQUEST.min(objects - start);
        let objects = (0..count).map(|_| object(collection, dimensions, &mut dice)).collect();
        BatchObjectsRequest { objects, consistency_level: None }
    };
    (0..objects).step_by(OBJECTS_A_REQUEST).map(request).collect()
}

fn object(collection: &str, dimensions: usize, dice: &mut Dice) -> BatchObject {
    let scalars = [
        ("title", Kind::StringValue(words(5, dice))),
        ("body", Kind::StringValue(words(WORDS_OF_BODY, dice))),
        ("category", Kind::StringValue(words(1, dice))),
        ("count", Kind::NumberValue(dice.below(1_000_000) as f64)),
        ("price", Kind::NumberValue(f64::from(dice.float()))),
    ];
    let field = |(name, kind): (&str, Kind)| (name.to_owned(), ProtoValue { kind: Some(kind) });
    let tags = TextArrayProperties {
        values: (0..3).map(|_| words(1, dice)).collect(),
        prop_name: "tags".to_owned(),
    };
    let vector: Vec<u8> = (0..dimensions).flat_map(|_| dice.float().to_le_bytes()).collect();
    BatchObject {
        uuid: dice.uuid(),
        collection: collection.to_owned(),
        properties: Some(batch_object::Properties {
            non_ref_properties: Some(Struct { fields: scalars.map(field).into() }),
            text_array_properties: vec![tags],
            ..batch_object::Properties::default()
        }),
        vector_bytes: vector.into(),
        ..BatchObject::default()
    }
}

fn words(count: usize, dice: &mut Dice) -> String {
    let words: Vec<&str> = (0..count).map(|_| *dice.one_of(&WORDS)).collect();
    words.join(" ")
}
