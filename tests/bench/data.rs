//! What is written and read: classes, and their objects as requests that are ready to be sent.

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

/// The same with tenants.
pub fn tenanted(name: &str) -> Value {
    let mut class = class(name);
    class["multiTenancyConfig"] = json!({"enabled": true});
    class
}

/// `objects` of them, the same on every run, about 600 bytes of properties each. Made one request at a time.
pub fn requests(
    collection: &str,
    objects: usize,
    dimensions: usize,
) -> impl Iterator<Item = BatchObjectsRequest> {
    let mut dice = Dice::of("bench");
    batched(OBJECTS_A_REQUEST, (0..objects).map(move |_| object(collection, dimensions, &mut dice)))
}

/// So many objects of each tenant, with those of many tenants in one request.
pub fn requests_of_tenants(
    collection: &str,
    tenants: &[String],
    objects_each: usize,
    dimensions: usize,
) -> impl Iterator<Item = BatchObjectsRequest> {
    let mut dice = Dice::of("bench");
    let tenants = tenants.iter().flat_map(move |tenant| std::iter::repeat_n(tenant, objects_each));
    let of_tenant = move |tenant: &String| BatchObject {
        tenant: tenant.clone(),
        ..object(collection, dimensions, &mut dice)
    };
    batched(OBJECTS_A_REQUEST, tenants.map(of_tenant))
}

/// A class for objects with next to nothing in them.
pub fn small_class(name: &str) -> Value {
    json!({
        "class": name,
        "vectorizer": "none",
        "vectorIndexType": "flat",
        "properties": [{"name": "number", "dataType": ["int"], "indexFilterable": false}],
    })
}

/// `objects` of such a class, the same on every run; the tenant is empty for a class without. Made one request at a time.
pub fn small_requests(
    collection: &str,
    tenant: &str,
    objects: usize,
    dimensions: usize,
) -> impl Iterator<Item = BatchObjectsRequest> {
    let mut dice = Dice::of("small");
    let small = move |number: usize| {
        let number = ProtoValue { kind: Some(Kind::NumberValue(number as f64)) };
        BatchObject {
            uuid: dice.uuid(),
            collection: collection.to_owned(),
            tenant: tenant.to_owned(),
            properties: Some(batch_object::Properties {
                non_ref_properties: Some(Struct { fields: [("number".to_owned(), number)].into() }),
                ..batch_object::Properties::default()
            }),
            vector_bytes: vector(dimensions, &mut dice).into(),
            ..BatchObject::default()
        }
    };
    batched(OBJECTS_A_REQUEST, (0..objects).map(small))
}

/// Requests of so many objects each.
pub fn batched(
    size: usize,
    mut objects: impl Iterator<Item = BatchObject>,
) -> impl Iterator<Item = BatchObjectsRequest> {
    std::iter::from_fn(move || {
        let objects: Vec<_> = objects.by_ref().take(size).collect();
        (!objects.is_empty()).then_some(BatchObjectsRequest { objects, consistency_level: None })
    })
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
    let vector = vector(dimensions, dice);
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

fn vector(dimensions: usize, dice: &mut Dice) -> Vec<u8> {
    (0..dimensions).flat_map(|_| dice.float().to_le_bytes()).collect()
}

fn words(count: usize, dice: &mut Dice) -> String {
    let words: Vec<&str> = (0..count).map(|_| *dice.one_of(&WORDS)).collect();
    words.join(" ")
}
