//! Collections that are out of the ordinary, and values that Weaviate does not take or give back as others.

use anyhow::ensure;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed::Dice;
use selvedge_tests::harness::weaviate::WeaviateOptions;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::StandInOptions;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::round_trip::same;

async fn goes_round(world: &World, names: &[&str], backup: u8, restore: u8) -> anyhow::Result<()> {
    let before = Census::take(&world.rest, names).await?;
    ensure!(world.run(&["backup", "--id", "b"]).await.code == backup);
    world.rest.drop_all().await?;
    let ran = world.run(&["restore", "b"]).await;
    ensure!(ran.code == restore, "exit {}: {}", ran.code, ran.err);
    same(&before, &Census::take(&world.rest, names).await?)
}

pub fn nested(parts: &[(&str, &str)]) -> Value {
    parts.iter().map(|(name, kind)| json!({"name": name, "dataType": [kind]})).collect()
}

/// 2^63, which Weaviate's doubles hold, and its APIs show and take each in another way.
pub async fn the_largest_integers_come_back(world: &mut World) -> anyhow::Result<()> {
    let properties = json!([
        {"name": "one", "dataType": ["int"]},
        {"name": "many", "dataType": ["int[]"]},
    ]);
    world.rest.create(&json!({"class": "Large", "properties": properties})).await?;
    let object = |number: u128, properties: Value| json!({"class": "Large", "id": Uuid::from_u128(number), "properties": properties, "vector": [1, 2]});
    let objects = [
        object(1, json!({"one": i64::MAX})),
        object(2, json!({"one": i64::MIN})),
        object(3, json!({"many": [i64::MAX, i64::MIN, 0]})),
        object(4, json!({"one": (1_i64 << 53)})),
    ];
    world.rest.write(&objects).await?;
    goes_round(world, &["Large"], 0, 0).await
}

pub async fn blobs_with_capital_names_come_back(world: &mut World) -> anyhow::Result<()> {
    let parts = nested(&[("Photo", "blob"), ("n", "int")]);
    let album = json!({"name": "album", "dataType": ["object"], "nestedProperties": parts});
    world.rest.create(&json!({"class": "Album", "properties": [album]})).await?;
    let properties = json!({"album": {"Photo": "aGVsbG8=", "n": 3}});
    world
        .rest
        .write(&[json!({"class": "Album", "id": Uuid::from_u128(3), "properties": properties})])
        .await?;
    goes_round(world, &["Album"], 0, 0).await
}

/// Weaviate keeps the hash only, and would hash it again.
pub async fn hashes_of_blobs_are_kept_and_their_loss_is_told(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 37) {
        return Ok(());
    }
    let properties = nested(&[("scan", "blobHash"), ("text", "text")]);
    world.rest.create(&json!({"class": "Scan", "properties": properties})).await?;
    let id = Uuid::from_u128(3);
    let properties = json!({"scan": "aGVsbG8=", "text": "t"});
    world.rest.write(&[json!({"class": "Scan", "id": id, "properties": properties})]).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    let ran = world.succeed(&["restore", "b"]).await?;
    ensure!(ran.err.contains("blobHash"), "the loss must be told: {}", ran.err);
    let restored = world.rest.get(&format!("/v1/objects/Scan/{id}")).await?;
    ensure!(restored["properties"] == json!({"text": "t"}), "{restored}");
    Ok(())
}

/// The module has no key: whatever asks it, fails.
pub async fn objects_without_a_vector_stay_without_one(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 30) {
        return Ok(());
    }
    let class =
        json!({"class": "Made", "vectorizer": "text2vec-openai", "properties": nested(&[("text", "text")])});
    world.rest.create(&class).await?;
    let mut dice = Dice::of("made");
    let objects: Vec<_> = (0..60)
        .map(|n| {
            let vector = if n % 3 == 0 { json!([]) } else { dice.vector(4) };
            json!({"class": "Made", "id": dice.uuid(), "properties": {"text": format!("{n}")}, "vector": vector})
        })
        .collect();
    world.rest.write(&objects).await?;
    goes_round(world, &["Made"], 0, 0).await?;
    // For a named vector there is no way to say so.
    let named = json!({"v": {"vectorizer": {"text2vec-openai": {}}, "vectorIndexType": "hnsw"}});
    world
        .rest
        .create(&json!({"class": "Named", "vectorConfig": named, "properties": nested(&[("text", "text")])}))
        .await?;
    let object =
        json!({"class": "Named", "id": dice.uuid(), "properties": {"text": "x"}, "vectors": {"v": [1, 2]}});
    world.rest.write(&[object]).await?;
    world.succeed(&["backup", "Named", "--without-vectors", "--id", "bare"]).await?;
    world.rest.drop_class("Named").await?;
    world.refuse(&["restore", "bare"], 4, "would make them one").await?;
    ensure!(world.rest.classes().await? == ["Made"], "a refused restore has created something");
    world.succeed(&["restore", "bare", "--set", "vectorizer=none"]).await?;
    ensure!(world.rest.count("Named", None).await? == 1);
    Ok(())
}

pub async fn a_vectorizer_can_be_mapped_away(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 30) {
        return Ok(());
    }
    let module = json!({"text2vec-openai": {"vectorizePropertyName": true}});
    let properties = json!([{"name": "text", "dataType": ["text"], "moduleConfig": module}]);
    let class = json!({"class": "Made", "vectorizer": "text2vec-openai", "properties": properties});
    world.rest.create(&class).await?;
    let object = |n: u128, vector: Value| json!({"class": "Made", "id": Uuid::from_u128(n), "properties": {"text": "x"}, "vector": vector});
    world.rest.write(&[object(1, json!([1, 2])), object(2, json!([]))]).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b", "--set", "vectorizer=none"]).await?;
    let schema = world.rest.get("/v1/schema/Made").await?;
    let named = schema.to_string().contains("text2vec");
    ensure!(schema["vectorizer"] == "none" && !named, "{schema}");
    ensure!(world.rest.count("Made", None).await? == 2);
    Ok(())
}

/// Each shard has an index of its own, so a collection can hold what none of them could.
pub async fn vectors_of_two_dimensions_are_told_and_refused_early(world: &mut World) -> anyhow::Result<()> {
    let class = json!({"class": "Mixed", "vectorizer": "none", "vectorIndexType": "flat",
        "shardingConfig": {"desiredCount": 2}, "properties": nested(&[("text", "text")])});
    world.rest.create(&class).await?;
    let mut dice = Dice::of("mixed");
    let mut odd = Vec::new();
    for number in 0..12 {
        let id = dice.uuid();
        let object =
            |length: usize| json!({"objects": [{"class": "Mixed", "id": id, "vector": vec![1.5; length]}]});
        let wanted = if number == 0 { 3 } else { 4 };
        let answer = world.rest.post("/v1/batch/objects", &object(wanted)).await?;
        if answer[0]["result"]["errors"].is_null() {
            odd.extend((wanted == 4).then(|| id.clone()));
        } else {
            world.rest.post("/v1/batch/objects", &object(3)).await?;
        }
    }
    ensure!(!odd.is_empty() && odd.len() < 11, "all objects went to one shard");
    let ran = world.succeed(&["backup", "--id", "b"]).await?;
    ensure!(ran.err.contains("dimensions"), "they must be told: {}", ran.err);
    world.rest.drop_all().await?;
    let ran = world.refuse(&["restore", "b"], 4, "dimensions").await?;
    let named = world.rest.classes().await?.is_empty() && ran.err.contains("such as ");
    ensure!(named, "an object must be named, and nothing made: {}", ran.err);
    Ok(())
}

pub async fn expiry_quantizers_and_aliases_come_last(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 35) {
        return Ok(());
    }
    let expiry = json!({"enabled": true, "deleteOn": "due", "defaultTtl": 60, "filterExpiredObjects": true});
    let properties = nested(&[("due", "date"), ("text", "text")]);
    world
        .rest
        .create(&json!({"class": "Expiring", "objectTtlConfig": expiry, "properties": properties}))
        .await?;
    let mut dice = Dice::of("expiring");
    let objects: Vec<_> = (0..50)
        .map(|n| {
            let due = if n % 2 == 0 { "2020-01-01T00:00:00Z" } else { "2120-01-01T00:00:00Z" };
            json!({"class": "Expiring", "id": dice.uuid(), "properties": {"due": due, "text": "t"}, "vector": dice.vector(3)})
        })
        .collect();
    world.rest.write(&objects).await?;
    let quantizers = ["pq", "sq", "rq", "bq"].map(|name| {
        let index = json!({name: {"enabled": true}});
        (
            name.to_owned(),
            json!({"vectorizer": {"none": {}}, "vectorIndexType": "hnsw", "vectorIndexConfig": index}),
        )
    });
    let vectors: serde_json::Map<_, _> = quantizers.into_iter().collect();
    world.rest.create(&json!({"class": "Quantized", "vectorConfig": vectors})).await?;
    let object = |dice: &mut Dice| {
        let vectors =
            json!({"pq": dice.vector(8), "sq": dice.vector(8), "rq": dice.vector(8), "bq": dice.vector(8)});
        json!({"class": "Quantized", "id": dice.uuid(), "vectors": vectors})
    };
    world.rest.write(&(0..30).map(|_| object(&mut dice)).collect::<Vec<_>>()).await?;
    world.rest.post("/v1/aliases", &json!({"alias": "Fresh", "class": "Expiring"})).await?;
    goes_round(world, &["Expiring", "Quantized"], 0, 0).await?;
    // An alias outlives its collection, so make sure that a lost one is created.
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    let aliases = world.rest.get("/v1/aliases").await?;
    ensure!(aliases["aliases"][0]["class"] == "Expiring", "{aliases}");
    Ok(())
}

pub async fn unnamed_and_named_vectors_come_back_together(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 31) {
        return Ok(());
    }
    world.rest.create(&json!({"class": "Both", "vectorizer": "none", "vectorIndexType": "hnsw", "properties": nested(&[("text", "text")])})).await?;
    let mut schema = world.rest.get("/v1/schema/Both").await?;
    schema["vectorConfig"] = json!({"extra": {"vectorizer": {"none": {}}, "vectorIndexType": "flat"}});
    world.rest.put("/v1/schema/Both", &schema).await?;
    let mut dice = Dice::of("both");
    let mut object = |n: usize| {
        let mut object = json!({"class": "Both", "id": dice.uuid(), "properties": {"text": "t"}});
        if n.is_multiple_of(2) {
            object["vector"] = dice.vector(4);
        }
        if n.is_multiple_of(3) {
            object["vectors"] = json!({"extra": dice.vector(5)});
        }
        object
    };
    world.rest.write(&(0..40).map(&mut object).collect::<Vec<_>>()).await?;
    goes_round(world, &["Both"], 0, 0).await
}

pub async fn wide_classes_and_heavy_objects_come_back(world: &mut World) -> anyhow::Result<()> {
    let name = |n: usize| format!("property{n}");
    let properties: Vec<_> = (0..250)
        .map(|n| json!({"name": name(n), "dataType": [if n % 2 == 0 { "int" } else { "text[]" }]}))
        .collect();
    world.rest.create(&json!({"class": "Wide", "vectorizer": "none", "vectorIndexType": "flat", "properties": properties})).await?;
    let mut dice = Dice::of("wide");
    let mut object = |number: usize| {
        let value = |n: usize| {
            if n.is_multiple_of(2) { json!(n * number) } else { json!(["a", format!("{number}")]) }
        };
        let properties: serde_json::Map<_, _> =
            (0..250).step_by(number % 5 + 1).map(|n| (name(n), value(n))).collect();
        json!({"class": "Wide", "id": dice.uuid(), "properties": properties, "vector": dice.vector(4096)})
    };
    world.rest.write(&(0..25).map(&mut object).collect::<Vec<_>>()).await?;
    let heavy =
        json!([{"name": "text", "dataType": ["text"], "indexFilterable": false, "indexSearchable": false}]);
    world.rest.create(&json!({"class": "Heavy", "properties": heavy})).await?;
    for number in 1..=3_u128 {
        let text = "x".repeat(12_000_000 + number as usize);
        let object = json!({"class": "Heavy", "id": Uuid::from_u128(number), "properties": {"text": text}});
        world.rest.write(&[object]).await?;
    }
    goes_round(world, &["Wide", "Heavy"], 0, 0).await
}

/// Weaviate makes them anew whenever references are written, from whatever there is at that moment.
pub async fn centroids_come_back_as_vectors_or_not_at_all(world: &mut World) -> anyhow::Result<()> {
    const MODULE: &str = "ref2vec-centroid";
    let stand_in = StandInOptions { modules: vec![MODULE.to_owned()], ..StandInOptions::default() };
    let env = vec![("ENABLE_MODULES".to_owned(), MODULE.to_owned())];
    let own = world.beside(WeaviateOptions { env, stand_in, ..WeaviateOptions::default() }).await?;
    own.rest.create(&json!({"class": "Item"})).await?;
    let settings = json!({MODULE: {"referenceProperties": ["likes"]}});
    let properties = json!([{"name": "name", "dataType": ["text"]}, {"name": "likes", "dataType": ["Item"]}]);
    own.rest
        .create(&json!({"class": "Person", "vectorizer": MODULE, "moduleConfig": settings, "properties": properties}))
        .await?;
    let item = |n: u128| json!({"class": "Item", "id": Uuid::from_u128(n), "vector": [n, 1, 0.5]});
    own.rest.write(&(1..=20).map(item).collect::<Vec<_>>()).await?;
    let beacon = |n: u128| json!({"beacon": format!("weaviate://localhost/Item/{}", Uuid::from_u128(n))});
    // The real one makes vectors of its own, the stand-in none.
    let is_stand_in = own.weaviate.stand_in().is_some();
    let person = |n: u128| {
        let likes: Vec<_> = (n..=(n + 3).min(20)).map(beacon).collect();
        let mut person = json!({"class": "Person", "id": Uuid::from_u128(n << 64), "properties": {"name": "p", "likes": likes}});
        if is_stand_in {
            person["vector"] = json!([n, 2, 3]);
        }
        person
    };
    own.rest.write(&(1..=15).map(person).collect::<Vec<_>>()).await?;
    // One that is stale: nobody tells it that what it was made of has changed.
    own.rest.write(&[json!({"class": "Item", "id": Uuid::from_u128(3), "vector": [100, 1, 0.5]})]).await?;
    let objects = async || {
        let page = own.rest.get("/v1/objects?class=Person&limit=50&include=vector").await?;
        let mut objects = page["objects"].as_array().cloned().unwrap_or_default();
        for object in &mut objects {
            if let Some(fields) = object.as_object_mut() {
                fields.retain(|name, _| !name.ends_with("TimeUnix"));
            }
        }
        anyhow::Ok(objects)
    };
    let before = objects().await?;
    ensure!(before.iter().all(|object| object["vector"].is_array()), "no vectors, so this shows nothing");
    own.succeed(&["backup", "--id", "b"]).await?;
    own.rest.drop_all().await?;
    let refused = own.refuse(&["restore", "b"], 4, "--set vectorizer=none").await?;
    ensure!(refused.err.contains(MODULE), "{}", refused.err);
    own.refuse(&["restore", "b", "--dry-run"], 4, MODULE).await?;
    own.refuse(&["verify", "b", "--level", "restorable"], 4, MODULE).await?;
    ensure!(own.rest.classes().await?.is_empty(), "a refused restore has created something");
    own.succeed(&["restore", "b", "--set", "vectorizer=none"]).await?;
    ensure!(objects().await? == before, "the copy is not exact");
    Ok(())
}
