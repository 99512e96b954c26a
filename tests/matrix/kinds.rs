//! The kinds of collections that are tried.

use futures_util::future::BoxFuture;
use selvedge_tests::harness::rest::Rest;
use selvedge_tests::harness::seed;
use serde_json::{Value, json};
use uuid::Uuid;

const OBJECTS: usize = 60;

/// What is made of a kind, in collections of its own.
pub struct Kind {
    pub name: &'static str,
    /// The first minor version that has such a thing.
    pub since: u64,
    /// The names of its collections.
    pub collections: &'static [&'static str],
    pub make: for<'r> fn(&'r Rest) -> BoxFuture<'r, anyhow::Result<()>>,
}

/// In the order of the table.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "every type of property, unnamed vectors",
        since: 25,
        collections: &["Article"],
        make: |rest| Box::pin(seed::every_type(rest, "Article", OBJECTS)),
    },
    Kind { name: "named vectors", since: 25, collections: &["Page"], make: |rest| Box::pin(named(rest)) },
    Kind {
        name: "tenants",
        since: 25,
        collections: &["Customer"],
        make: |rest| Box::pin(seed::tenanted(rest, "Customer", 6)),
    },
    Kind {
        name: "references",
        since: 25,
        collections: &["Hub", "HubOther"],
        make: |rest| Box::pin(async { seed::references(rest, "Hub", OBJECTS).await.map(drop) }),
    },
    Kind {
        name: "several shards, range filters",
        since: 26,
        collections: &["Many"],
        make: |rest| Box::pin(seed::sharded(rest, "Many", 3, OBJECTS)),
    },
    Kind {
        name: "quantized: PQ, BQ",
        since: 25,
        collections: &["Product", "Binary"],
        make: |rest| {
            Box::pin(async {
                let pq =
                    json!({"pq": {"enabled": true, "segments": 4, "centroids": 8, "trainingLimit": 100}});
                indexed(rest, "Product", "hnsw", pq).await?;
                indexed(rest, "Binary", "flat", json!({"bq": {"enabled": true}})).await
            })
        },
    },
    Kind {
        name: "quantized: SQ",
        since: 26,
        collections: &["Scalar"],
        make: |rest| Box::pin(indexed(rest, "Scalar", "hnsw", json!({"sq": {"enabled": true}}))),
    },
    Kind {
        name: "tokenization for Japanese",
        since: 28,
        collections: &["Japanese"],
        make: |rest| {
            let property = json!({"name": "text", "dataType": ["text"], "tokenization": "kagome_ja"});
            Box::pin(with_property(rest, "Japanese", property))
        },
    },
    Kind {
        name: "multi-vectors",
        since: 29,
        collections: &["Several"],
        make: |rest| Box::pin(seed::named_vectors(rest, "Several", OBJECTS)),
    },
    Kind {
        name: "an unnamed vector beside named ones",
        since: 31,
        collections: &["Both"],
        make: |rest| Box::pin(both(rest)),
    },
    Kind {
        name: "an alias",
        since: 32,
        collections: &["Behind"],
        make: |rest| {
            Box::pin(async {
                seed::sharded(rest, "Behind", 1, OBJECTS).await?;
                rest.post("/v1/aliases", &json!({"alias": "Front", "class": "Behind"})).await.map(drop)
            })
        },
    },
    Kind {
        name: "quantized: RQ",
        since: 32,
        collections: &["Rotated"],
        make: |rest| Box::pin(indexed(rest, "Rotated", "hnsw", json!({"rq": {"enabled": true}}))),
    },
    Kind {
        name: "objects that expire",
        since: 35,
        collections: &["Fleeting"],
        make: |rest| {
            let expiry = json!({"enabled": true, "defaultTtl": 864_000, "deleteOn": "_creationTimeUnix"});
            Box::pin(with_settings(
                rest,
                "Fleeting",
                json!({"objectTtlConfig": expiry,
                "invertedIndexConfig": {"indexTimestamps": true}}),
            ))
        },
    },
    Kind {
        name: "text analyzers",
        since: 37,
        collections: &["Folded"],
        make: |rest| {
            let property = json!({"name": "text", "dataType": ["text"], "textAnalyzer": {"asciiFold": true}});
            Box::pin(with_property(rest, "Folded", property))
        },
    },
];

/// Without those that only newer versions have.
async fn named(rest: &Rest) -> anyhow::Result<()> {
    let vector = json!({"vectorizer": {"none": {}}, "vectorIndexType": "hnsw"});
    with_vectors(
        rest,
        json!({"class": "Page", "vectorConfig": {"a": vector, "b": vector}}),
        |number| json!({"class": "Page", "vectors": {"a": [number, 0.5], "b": [0.25, number, 1]}}),
    )
    .await
}

async fn both(rest: &Rest) -> anyhow::Result<()> {
    rest.create(&json!({"class": "Both", "vectorizer": "none"})).await?;
    let mut class = rest.get("/v1/schema/Both").await?;
    class["vectorConfig"] = json!({"a": {"vectorizer": {"none": {}}, "vectorIndexType": "hnsw"}});
    rest.put("/v1/schema/Both", &class).await?;
    rest.write(&objects("Both", |number| json!({"vector": [number, 2], "vectors": {"a": [0.25, number, 1]}})))
        .await
}

async fn indexed(rest: &Rest, name: &str, kind: &str, config: Value) -> anyhow::Result<()> {
    let class =
        json!({"class": name, "vectorizer": "none", "vectorIndexType": kind, "vectorIndexConfig": config});
    rest.create(&class).await?;
    let vector = |number: u32| (0..32).map(|place| f64::from(number * place % 7) + 0.5).collect::<Value>();
    rest.write(&objects(name, |number| json!({"vector": vector(number)}))).await
}

async fn with_property(rest: &Rest, name: &str, property: Value) -> anyhow::Result<()> {
    with_settings(rest, name, json!({"properties": [property]})).await
}

async fn with_settings(rest: &Rest, name: &str, settings: Value) -> anyhow::Result<()> {
    let mut class = settings;
    class["class"] = name.into();
    class["vectorizer"] = "none".into();
    with_vectors(rest, class, |number| {
        json!({"class": name, "vector": [number, 1], "properties": {"text": format!("Ünder {number}")}})
    })
    .await
}

async fn with_vectors(rest: &Rest, class: Value, object: impl Fn(u32) -> Value) -> anyhow::Result<()> {
    let name = class["class"].as_str().unwrap_or_default().to_owned();
    let has_text = class["properties"].is_array();
    rest.create(&class).await?;
    let object = |number| {
        let mut object = object(number);
        if !has_text {
            object.as_object_mut().map(|object| object.remove("properties"));
        }
        object
    };
    rest.write(&objects(&name, object)).await
}

fn objects(class: &str, object: impl Fn(u32) -> Value) -> Vec<Value> {
    let object = |number: u32| {
        let mut object = object(number);
        object["class"] = class.into();
        object["id"] = Uuid::from_u128(u128::from(number + 1) << 96).to_string().into();
        object
    };
    (0..OBJECTS as u32).map(object).collect()
}
