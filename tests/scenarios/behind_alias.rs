//! Restores behind an alias: who queries through it never sees half a collection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, ensure};
use selvedge_proto::weaviate::weaviate_client::WeaviateClient;
use selvedge_proto::weaviate::{MetadataRequest, PropertiesRequest, SearchRequest};
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::faults::{Call, Objects};
use serde_json::{Value, json};

const OBJECTS: usize = 300;

/// Queries through the alias until it is told to stop: each answer has to have all objects. Returns how many there were.
async fn query(grpc: String, stop: Arc<AtomicBool>) -> anyhow::Result<usize> {
    let mut client = WeaviateClient::connect(grpc).await?;
    let mut answers = 0;
    while !stop.load(Relaxed) {
        let request = SearchRequest {
            collection: "Live".to_owned(),
            limit: 1_000,
            properties: Some(PropertiesRequest::default()),
            metadata: Some(MetadataRequest { uuid: true, ..MetadataRequest::default() }),
            uses_123_api: true,
            uses_125_api: true,
            uses_127_api: true,
            ..SearchRequest::default()
        };
        let found = client.search(request).await?.into_inner().results.len();
        ensure!(found == OBJECTS, "a query through the alias found {found} objects");
        answers += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(answers)
}

async fn points_to(world: &World) -> anyhow::Result<String> {
    let alias = world.rest.get("/v1/aliases/Live").await?;
    Ok(alias["class"].as_str().context("no alias")?.to_owned())
}

/// What a restore is called that was made behind the alias.
async fn restored(world: &World, more: &[&str]) -> anyhow::Result<String> {
    let command = [&["restore", "b", "Article", "--behind-alias", "Live"][..], more].concat();
    world.succeed(&command).await?;
    points_to(world).await
}

pub async fn queries_through_it_see_whole_collections(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 32) {
        return Ok(());
    }
    seed::every_type(&world.rest, "Article", OBJECTS).await?;
    world.rest.post("/v1/aliases", &json!({"alias": "Live", "class": "Article"})).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let before = Census::take(&world.rest, &["Article"]).await?;

    let stop = Arc::new(AtomicBool::new(false));
    let querying = tokio::spawn(query(world.weaviate.grpc_url(), Arc::clone(&stop)));
    let first = restored(world, &[]).await?;
    ensure!(first.starts_with("Article_"), "{first}");
    let second = restored(world, &["--rename", "Article=Second", "--drop-previous", &first]).await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.store(true, Relaxed);
    let answers = querying.await??;
    ensure!(answers > 10 && second == "Second", "{answers} answers, {second}");

    let mut classes = world.rest.classes().await?;
    classes.sort();
    ensure!(classes == ["Article", "Second"], "{classes:?}");
    let copy = Census::take(&world.rest, &["Second"]).await?;
    let differences = before.differences(&copy, &[("Article", "Second")]);
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}

pub async fn what_is_not_meant_is_refused(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 32) {
        return Ok(());
    }
    seed::every_type(&world.rest, "Article", 5).await?;
    seed::every_type(&world.rest, "Other", 5).await?;
    world.rest.post("/v1/aliases", &json!({"alias": "Live", "class": "Article"})).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let restore = ["restore", "b", "Article", "--behind-alias"];
    for (more, code, text) in [
        (&["Other"][..], 2, "is a collection"),
        (&["Live", "--drop-previous", "Other"], 2, "points to \"Article\""),
        (&["live"], 2, "cannot be an alias"),
        (&["Live", "--verify", "none"], 2, "compared first"),
    ] {
        world.refuse(&[&restore[..], more].concat(), code, text).await?;
    }
    world
        .refuse(&["restore", "b", "Article", "Other", "--behind-alias", "Live"], 2, "one collection")
        .await?;
    for more in [&[][..], &["--if-exists", "merge"], &["--if-exists", "replace"], &["--data-only"]] {
        let onto = [&["restore", "b", "Article", "--rename", "Article=Live"][..], more].concat();
        world.refuse(&onto, 4, "\"Live\" is an alias of collection \"Article\"").await?;
    }
    let plan =
        world.succeed(&[&restore[..], &["Live", "--dry-run", "--drop-previous", "Article"]].concat()).await?;
    ensure!(
        plan.out.contains("is switched to it from \"Article\"") && plan.out.contains("is dropped"),
        "{plan:?}"
    );
    ensure!(world.rest.classes().await?.len() == 2 && points_to(world).await? == "Article");
    Ok(())
}

/// It stays with what is whole.
pub async fn what_is_not_whole_does_not_get_it(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    world.rest.post("/v1/aliases", &json!({"alias": "Live", "class": "Article"})).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let faults = world.stand_in().faults();
    faults.on(Call::grpc("BatchObjects")).always().refuse_objects(Objects::Index(0), "it is too odd");
    let ran = world.run(&["restore", "b", "Article", "--behind-alias", "Live"]).await;
    ensure!(ran.code == 5 && ran.err.contains("was left where it points"), "{ran:?}");
    let alias: Value = world.rest.get("/v1/aliases/Live").await?;
    ensure!(alias["class"] == "Article", "{alias}");
    Ok(())
}
