//! A cluster of three nodes, one of which dies.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::rest::Rest;
use selvedge_tests::harness::seed::{self, Dice};
use selvedge_tests::harness::weaviate::cluster_of_three;
use selvedge_tests::harness::world::World;
use serde_json::{Value, json};

use crate::round_trip::same;

/// Until the others have noticed that a node is gone.
const NOTICED_WITHIN: Duration = Duration::from_secs(60);
/// A node that takes longer waits for one that is gone.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// One after the other, since a cluster takes its time to start.
pub async fn three_nodes_and_one_that_dies() -> anyhow::Result<()> {
    let [first, mut second, third] = cluster_of_three().await?;
    let mut world = World::new(Arc::new(first)).await?;
    let names = fill(&world).await?;
    let before = Census::take(&world.rest, &names).await?;

    // Any node is as good as another.
    let through_third = World::new(Arc::new(third)).await?;
    for (entry, id) in [(&world, "first"), (&through_third, "third")] {
        entry.succeed(&["backup", "--id", id]).await?;
        entry.succeed(&["verify", id, "--against-live"]).await?;
    }
    through_third.rest.drop_all().await?;
    through_third.succeed(&["restore", "third"]).await?;
    same(&before, &Census::take(&world.rest, &names).await?)?;

    second.kill().await?;
    await_missing_node(&world).await?;
    // Weaviate answers with what is left, and no error.
    world
        .refuse(&["backup", "Sharded", "--id", "dead"], 8, "not all shards of collection \"Sharded\"")
        .await?;
    ensure!(world.run(&["backup", "Customer", "--id", "dead"]).await.code == 8);
    // Every shard of this one has another replica.
    world.succeed(&["backup", "Replicated", "--id", "replica"]).await?;
    ensure!(world.run(&["verify", "first", "Sharded", "--against-live"]).await.code == 8);
    ensure!(!world.backup_ids().await?.contains(&"dead".to_owned()));

    // It comes back while a backup waits for it.
    world.serve_patiently(NOTICED_WITHIN).await?;
    let (ran, restarted) = tokio::join!(world.run(&["backup", "Sharded", "--id", "waited"]), async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        second.restart().await
    });
    restarted?;
    ensure!(ran.code == 0, "{ran:?}");
    world.succeed(&["verify", "waited", "--against-live"]).await?;

    // It dies while a restore writes.
    world.rest.drop_all().await?;
    let (ran, restarted) = tokio::join!(world.run(&["restore", "first"]), async {
        tokio::time::sleep(Duration::from_millis(800)).await;
        second.kill().await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        second.restart().await
    });
    restarted?;
    // Whoever dies between being asked and creating a collection fails the restore, which then leaves nothing.
    if ran.code == 0 {
        return same(&before, &Census::take(&world.rest, &names).await?);
    }
    ensure!(ran.err.contains("error: "), "{ran:?}");
    Ok(())
}

async fn fill(world: &World) -> anyhow::Result<Vec<String>> {
    let rest = &world.rest;
    seed::sharded(rest, "Sharded", 4, 3_000).await?;
    tenanted(rest).await?;
    seed::references(rest, "Book", 60).await?;
    let properties =
        json!([{"name": "text", "dataType": ["text"]}, {"name": "dates", "dataType": ["date[]"]}]);
    let class = json!({"class": "Replicated", "replicationConfig": {"factor": 2}, "vectorIndexType": "flat",
        "shardingConfig": {"desiredCount": 3}, "properties": properties});
    rest.create(&class).await?;
    let mut dice = Dice::of("replicated");
    let object = |_| {
        // An empty list of dates cannot be stored just like that on another node.
        json!({"class": "Replicated", "id": dice.uuid(), "properties": {"text": "t", "dates": []}, "vector": dice.vector(4)})
    };
    rest.write(&(0..500).map(object).collect::<Vec<_>>()).await?;
    Ok(["Sharded", "Customer", "Book", "BookOther", "Replicated"].map(str::to_owned).to_vec())
}

/// With plain objects: some of those that seeds make could not be written to another node.
async fn tenanted(rest: &Rest) -> anyhow::Result<()> {
    let properties = json!([{"name": "text", "dataType": ["text"]}]);
    rest.create(
        &json!({"class": "Customer", "multiTenancyConfig": {"enabled": true}, "properties": properties}),
    )
    .await?;
    let names: Vec<_> = (0..12).map(|number| format!("tenant-{number}")).collect();
    let tenants: Value = names.iter().map(|name| json!({"name": name})).collect();
    rest.post("/v1/schema/Customer/tenants", &tenants).await?;
    let mut dice = Dice::of("customer");
    let mut object = |tenant: &String| json!({"class": "Customer", "tenant": tenant, "id": dice.uuid(), "properties": {"text": "t"}});
    let objects: Vec<_> =
        names.iter().flat_map(|tenant| std::iter::repeat_n(tenant, 20)).map(&mut object).collect();
    rest.write(&objects).await
}

/// Until the nodes that are left have noticed that one is gone, and answer for the schema: if it was the one that led them,
/// calls hang until they have another leader.
pub async fn await_missing_node(world: &World) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + NOTICED_WITHIN;
    while tokio::time::Instant::now() < deadline {
        if tokio::time::timeout(ANSWERS_WITHIN, is_settled(&world.rest)).await.is_ok_and(|settled| settled) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    anyhow::bail!("the cluster did not notice that a node is gone, or has no leader")
}

async fn is_settled(rest: &Rest) -> bool {
    let nodes = rest.get("/v1/nodes").await;
    let is_noticed = nodes.is_ok_and(|nodes| nodes["nodes"].as_array().is_some_and(|nodes| nodes.len() < 3));
    is_noticed && rest.get("/v1/schema").await.is_ok()
}
