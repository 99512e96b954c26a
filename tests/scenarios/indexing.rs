//! Restores that wait for the vector indexes.

use std::time::Duration;

use anyhow::{Context, ensure};
use selvedge_tests::harness::seed;
use selvedge_tests::harness::weaviate::WeaviateOptions;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::faults::Call;
use serde_json::json;

use crate::jobs::summary;

const RESTORE: [&str; 4] = ["--json", "restore", "b", "--wait-indexed"];

pub async fn what_waits_is_waited_for(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    let shard = |waiting: u64, status: &str| {
        let shard = json!({"class": "Article", "name": "s", "vectorQueueLength": waiting, "vectorIndexingStatus": status});
        json!({"nodes": [{"name": "n", "shards": [shard]}]}).to_string()
    };
    let faults = world.stand_in().faults();
    for (look, (waiting, status)) in [(7, "INDEXING"), (0, "READY"), (0, "INDEXING")].into_iter().enumerate()
    {
        let of_nodes = faults.on(Call::rest("GET", "/v1/nodes/Article")).from(look + 1);
        of_nodes.times(1).http(200, &shard(waiting, status));
    }
    let begun = tokio::time::Instant::now();
    let told = world.succeed(&RESTORE).await?;
    let job = summary(&told)?;
    ensure!(job["progress"]["vectors_to_index"] == 0 && job["phase"] == "indexing", "{job}");
    // Two looks that found something, one in between that found nothing and was not believed, and three that were.
    ensure!(begun.elapsed() > Duration::from_secs(5), "it did not wait: {told:?}");
    Ok(())
}

pub async fn a_server_that_indexes_in_the_background(world: &mut World) -> anyhow::Result<()> {
    let env = vec![("ASYNC_INDEXING".to_owned(), "true".to_owned())];
    let own = world.beside(WeaviateOptions { env, ..WeaviateOptions::default() }).await?;
    seed::wide(&own.rest, "Many", 1, 3_000, 64).await?;
    own.succeed(&["backup", "--id", "b"]).await?;
    own.rest.drop_all().await?;
    let job = summary(&own.succeed(&RESTORE).await?)?;
    ensure!(job["phase"] == "indexing", "{job}");
    let nodes = own.rest.get("/v1/nodes/Many?output=verbose").await?;
    let shards = nodes["nodes"][0]["shards"].as_array().context("no shards")?;
    ensure!(!shards.is_empty() && shards.iter().all(|shard| shard["vectorQueueLength"] == 0), "{nodes}");
    Ok(())
}
