//! Answers of Weaviate that make no sense: nothing is concluded from them, and what they are about is told.

use anyhow::ensure;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::faults::Call;
use serde_json::json;
use uuid::Uuid;

use crate::jobs::summary;

const MANY: usize = 3_000;

/// Read over REST because it could have references.
async fn referring(world: &World) -> anyhow::Result<()> {
    world
        .rest
        .create(&json!({"class": "Slow", "properties": [{"name": "text", "dataType": ["text"]}]}))
        .await?;
    let reference = json!({"name": "itself", "dataType": ["Slow"]});
    world.rest.post("/v1/schema/Slow/properties", &reference).await?;
    let object = |number: u128| json!({"class": "Slow", "id": Uuid::from_u128(number << 96), "properties": {"text": "t"}});
    world.rest.write(&(0..2_000).map(object).collect::<Vec<_>>()).await
}

/// Neither doubles nor an endless job come of it.
pub async fn a_page_that_goes_backwards_fails_the_job(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, MANY).await?;
    referring(world).await?;
    world.succeed(&["backup", "--id", "before"]).await?;
    for (collection, call) in [("Many", Call::grpc("Search")), ("Slow", Call::rest("GET", "/v1/objects"))] {
        let faults = world.stand_in().faults();
        faults.on(call.clone()).from(2).rewind();
        let ran = world.run(&["--json", "backup", collection, "--id", "b"]).await;
        ensure!(ran.code == 1 && ran.out.contains("out of order"), "{ran:?}");
        ensure!(summary(&ran)?["resumable"] == false && !world.has_files("b"), "{ran:?}");
        faults.clear();
        faults.on(call).from(2).rewind();
        let ran = world.run(&["--json", "verify", "before", collection, "--against-live"]).await;
        ensure!(ran.code == 1 && ran.out.contains("out of order"), "{ran:?}");
        faults.clear();
    }
    ensure!(world.backup_ids().await? == ["before"]);
    Ok(())
}

pub async fn what_does_not_parse_fails_the_job(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, MANY).await?;
    referring(world).await?;
    let calls = [
        Call::rest("GET", "/v1/schema"),
        Call::rest("GET", "/v1/objects"),
        Call::rest("GET", "/v1/schema/Many"),
        Call::rest("GET", "/v1/schema/Many/shards"),
        Call::rest("GET", "/v1/aliases"),
    ];
    let faults = world.stand_in().faults();
    for call in calls {
        faults.on(call.clone()).always().http(200, "<html>a proxy says hello</html>");
        let ran = world.run(&["--json", "backup", "--id", "b"]).await;
        ensure!(ran.code != 0 && ran.code != 5, "{call}: {ran:?}");
        ensure!(world.backup_ids().await?.is_empty(), "{call}");
        faults.clear();
        if summary(&ran).is_ok_and(|job| job["resumable"] == true) {
            let id = summary(&ran)?["id"].as_str().unwrap_or_default().to_owned();
            world.succeed(&["jobs", "cancel", &id]).await?;
            world.succeed(&["prune", "--yes"]).await?;
        }
        ensure!(!world.has_files("b"), "{call}");
    }
    world.succeed(&["backup", "--id", "b"]).await.map(drop)
}
