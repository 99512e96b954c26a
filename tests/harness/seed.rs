//! Collections of every kind that Selvedge has to get right, filled with awkward values.
//!
//! The same name gives the same contents on every run and every server.

mod dice;
mod references;
mod value;

use anyhow::Context;
use serde_json::{Value, json};

use super::rest::Rest;
use crate::stand_in::Version;
pub use dice::Dice;
pub use references::references;

/// The ends of the UUID space, where cursors and ranges go wrong first, and one that starts with zero bytes.
const EDGES: [&str; 5] = [
    "00000000-0000-0000-0000-000000000000",
    "00000000-0000-0000-0000-000000000001",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "00000001-0000-4000-8000-000000000000",
    "7fffffff-ffff-ffff-ffff-ffffffffffff",
];

/// Objects that are held in memory to be written.
const AT_ONCE: usize = 1_000;

/// Objects of a tenant; most collections have empty, tiny and larger ones.
const TENANT_SIZES: [usize; 4] = [0, 1, 5, 60];

/// Every data type, nested ones too, and a legacy vector that some objects lack.
pub async fn every_type(rest: &Rest, name: &str, objects: usize) -> anyhow::Result<()> {
    let class = json!({
        "class": name,
        "description": "every type of property",
        "vectorizer": "none",
        "vectorIndexConfig": {"distance": "cosine", "efConstruction": 64},
        "properties": value::properties(),
    });
    rest.create(&class).await?;
    let mut dice = Dice::of(name);
    let object = |index| with_vector(object(name, index, &mut dice), &mut dice, 16);
    rest.write(&(0..objects).map(object).collect::<Vec<_>>()).await
}

/// Named vectors, with several vectors under one of the names where the server knows such; any may be absent.
pub async fn named_vectors(rest: &Rest, name: &str, objects: usize) -> anyhow::Result<()> {
    let multi = version(rest).await? >= Version(1, 29, 0);
    let mut vectors = json!({
        "graph": {"vectorizer": {"none": {}}, "vectorIndexType": "hnsw"},
        "flat": {"vectorizer": {"none": {}}, "vectorIndexType": "flat", "vectorIndexConfig": {"bq": {"enabled": true}}},
    });
    if multi {
        let config = json!({"multivector": {"enabled": true}});
        vectors["several"] =
            json!({"vectorizer": {"none": {}}, "vectorIndexType": "hnsw", "vectorIndexConfig": config});
    }
    let class = json!({
        "class": name,
        "description": "named \"vectors\"",
        "vectorConfig": vectors,
        "invertedIndexConfig": {
            "indexNullState": true,
            "indexTimestamps": true,
            "bm25": {"b": 0.5, "k1": 1.1},
            "stopwords": {"preset": "en", "additions": ["foo"], "removals": ["the"]},
        },
        "properties": value::properties(),
    });
    rest.create(&class).await?;
    let mut dice = Dice::of(name);
    let object = |index| with_named_vectors(object(name, index, &mut dice), &mut dice, multi);
    rest.write(&(0..objects).map(object).collect::<Vec<_>>()).await
}

/// Multi-tenant, all tenants active, some of them empty; the last always is.
pub async fn tenanted(rest: &Rest, name: &str, tenants: usize) -> anyhow::Result<()> {
    let class = json!({
        "class": name,
        "vectorizer": "none",
        "multiTenancyConfig": {"enabled": true, "autoTenantCreation": true},
        "properties": value::properties(),
    });
    rest.create(&class).await?;
    let tenant = |index| format!("tenant-{index}");
    let names: Vec<Value> = (0..tenants).map(|index| json!({"name": tenant(index)})).collect();
    rest.post(&format!("/v1/schema/{name}/tenants"), &Value::Array(names)).await?;
    let mut dice = Dice::of(name);
    let mut objects = Vec::new();
    for index in 0..tenants.saturating_sub(1) {
        let size = TENANT_SIZES[index % TENANT_SIZES.len()];
        // The same ids in several tenants are different objects.
        for number in 0..size {
            let mut object = with_vector(object(name, number, &mut dice), &mut dice, 5);
            object["tenant"] = tenant(index).into();
            objects.push(object);
        }
    }
    rest.write(&objects).await
}

/// Many small objects on several shards.
pub async fn sharded(rest: &Rest, name: &str, shards: usize, objects: usize) -> anyhow::Result<()> {
    wide(rest, name, shards, objects, 4).await
}

/// The same with vectors of so many dimensions, which take longer to move.
pub async fn wide(
    rest: &Rest,
    name: &str,
    shards: usize,
    objects: usize,
    dimensions: usize,
) -> anyhow::Result<()> {
    let class = json!({
        "class": name,
        "vectorizer": "none",
        "vectorIndexType": "flat",
        "shardingConfig": {"desiredCount": shards},
        "properties": [
            {"name": "text", "dataType": ["text"], "tokenization": "field"},
            {"name": "number", "dataType": ["int"], "indexFilterable": false, "indexRangeFilters": true},
        ],
    });
    rest.create(&class).await?;
    let mut dice = Dice::of(name);
    for first in (0..objects).step_by(AT_ONCE) {
        let object = |index: usize| {
            let properties = json!({"text": format!("number {index}"), "number": index});
            let object = json!({"class": name, "id": dice.uuid(), "properties": properties});
            with_vector(object, &mut dice, dimensions)
        };
        let last = objects.min(first + AT_ONCE);
        rest.write(&(first..last).map(object).collect::<Vec<_>>()).await?;
    }
    Ok(())
}

pub async fn empty(rest: &Rest, name: &str) -> anyhow::Result<()> {
    let properties = json!([{"name": "text", "dataType": ["text"]}]);
    rest.create(&json!({"class": name, "vectorizer": "none", "properties": properties})).await
}

async fn version(rest: &Rest) -> anyhow::Result<Version> {
    let meta = rest.get("/v1/meta").await?;
    Version::parse(meta["version"].as_str().context("/v1/meta without a version")?)
}

fn object(class: &str, index: usize, dice: &mut Dice) -> Value {
    let id = EDGES.get(index).map_or_else(|| dice.uuid(), |id| (*id).to_owned());
    // One object has nothing at all.
    let properties = if index == 4 { json!({}) } else { value::object(dice) };
    json!({"class": class, "id": id, "properties": properties})
}

fn with_vector(mut object: Value, dice: &mut Dice, dimensions: usize) -> Value {
    if dice.percent(80) {
        object["vector"] = dice.vector(dimensions);
    }
    object
}

fn with_named_vectors(mut object: Value, dice: &mut Dice, multi: bool) -> Value {
    let mut vectors = serde_json::Map::new();
    for (name, dimensions) in [("graph", 8), ("flat", 32)] {
        if dice.percent(80) {
            vectors.insert(name.to_owned(), dice.vector(dimensions));
        }
    }
    if multi && dice.percent(80) {
        let several = *dice.one_of(&[1, 3, 7]);
        vectors.insert("several".to_owned(), (0..several).map(|_| dice.vector(4)).collect());
    }
    if !vectors.is_empty() {
        object["vectors"] = vectors.into();
    }
    object
}
