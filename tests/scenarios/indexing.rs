//! Restores that wait for the vector indexes.

use std::time::Duration;

use anyhow::{Context, ensure};
use selvedge_tests::harness::seed;
use selvedge_tests::harness::weaviate::WeaviateOptions;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::faults::Call;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::jobs::summary;

const RESTORE: [&str; 4] = ["--json", "restore", "b", "--wait-indexed"];

/// What the nodes show of "Article" while so many vectors wait.
fn nodes(collection: &str, waiting: u64, status: &str) -> String {
    let shard = json!({
        "class": collection, "name": "s", "vectorQueueLength": waiting, "vectorIndexingStatus": status,
    });
    json!({"nodes": [{"name": "n", "status": "HEALTHY", "shards": [shard]}]}).to_string()
}

pub async fn what_waits_is_waited_for(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    let faults = world.stand_in().faults();
    let looks = [(7, "INDEXING"), (7, "INDEXING"), (0, "READY"), (0, "INDEXING")];
    for (look, (waiting, status)) in looks.into_iter().enumerate() {
        let of_nodes = faults.on(Call::rest("GET", "/v1/nodes/Article")).from(look + 1);
        of_nodes.times(1).http(200, &nodes("Article", waiting, status));
    }
    let begun = Instant::now();
    let told = world.succeed(&RESTORE).await?;
    ensure!(told.out.contains("\"vectors_to_index\":7"), "nobody was told: {}", told.out);
    let job = summary(&told)?;
    ensure!(job["progress"]["vectors_to_index"] == 0, "{job}");
    // A look that found nothing between two that found something was not believed, and three in the end were.
    ensure!(begun.elapsed() > Duration::from_secs(6), "it did not wait: {told:?}");
    Ok(())
}

pub async fn an_alias_waits_too(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    world.rest.post("/v1/aliases", &json!({"alias": "Live", "class": "Article"})).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let faults = world.stand_in().faults();
    faults.on(Call::rest("GET", "/v1/nodes/Copy")).times(1).http(200, &nodes("Copy", 7, "INDEXING"));
    let held = faults.on(Call::rest("GET", "/v1/nodes/Copy")).from(2).times(1).hold();
    let behind = ["Article", "--rename", "Article=Copy", "--behind-alias", "Live"];
    let restore = [&RESTORE[..], &behind].concat();
    let (told, unmoved) = tokio::join!(world.succeed(&restore), async {
        held.reached().await;
        let alias = world.rest.get("/v1/aliases/Live").await;
        held.release();
        alias
    });
    told?;
    ensure!(unmoved?["class"] == "Article", "the alias did not wait");
    ensure!(world.rest.get("/v1/aliases/Live").await?["class"] == "Copy");
    Ok(())
}

pub async fn a_server_that_indexes_in_the_background(world: &mut World) -> anyhow::Result<()> {
    let env = vec![("ASYNC_INDEXING".to_owned(), "true".to_owned())];
    let own = world.beside(WeaviateOptions { env, ..WeaviateOptions::default() }).await?;
    own.rest.create(&json!({"class": "Many", "vectorIndexType": "hnsw"})).await?;
    let object = |number: u128| {
        let vector: Vec<f64> = (1..=64_u128).map(|place| ((number * place) % 97) as f64 / 97.0).collect();
        json!({"class": "Many", "id": Uuid::from_u128(number), "vector": vector})
    };
    own.rest.write(&(1..=3_000).map(object).collect::<Vec<Value>>()).await?;
    own.succeed(&["backup", "--id", "b"]).await?;
    own.rest.drop_all().await?;
    let told = own.succeed(&RESTORE).await?;
    let job = summary(&told)?;
    ensure!(!told.out.contains("indexing_unknown"), "{job}");
    let nodes = own.rest.get("/v1/nodes/Many?output=verbose").await?;
    let shards = nodes["nodes"][0]["shards"].as_array().context("no shards")?;
    ensure!(!shards.is_empty() && shards.iter().all(|shard| shard["vectorQueueLength"] == 0), "{nodes}");
    Ok(())
}
