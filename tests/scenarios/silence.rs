//! A Weaviate that does not answer, though it is there.

use std::time::Duration;

use anyhow::ensure;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::rest::Rest;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::weaviate::WeaviateOptions;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::faults::Call;

use crate::jobs::{start, start_held, summary, until_moving};
use crate::round_trip::same;

/// Neither a new job nor a cancel waits for it for ever.
pub async fn a_weaviate_that_hangs_keeps_nobody(world: &mut World) -> anyhow::Result<()> {
    let mut own = world.beside(WeaviateOptions::default()).await?;
    seed::sharded(&own.rest, "Many", 1, 12_000).await?;
    let id = start(&own, &["backup", "--id", "b"]).await?;
    until_moving(&own, &id).await?;
    own.weaviate_mut()?.pause().await?;
    own.succeed(&["jobs", "cancel", &id]).await?;
    let ran = own.run(&["jobs", "watch", &id]).await;
    ensure!(ran.code == 1 && ran.err.contains("cancelled"), "{ran:?}");
    let reason = own.reason(&["backup", "--id", "new"]).await?;
    ensure!(reason == "WEAVIATE_UNREACHABLE" || reason == "WEAVIATE_OVERLOADED", "{reason}");
    let ran = own.run(&["collections"]).await;
    ensure!(ran.code == 8 && ran.err.contains("no answer from Weaviate"), "{ran:?}");
    own.weaviate_mut()?.resume().await?;
    own.succeed(&["backup", "--id", "after"]).await?;
    let id = start(&own, &["restore", "after", "--rename", "Many=Copy"]).await?;
    until_moving(&own, &id).await?;
    own.weaviate_mut()?.pause().await?;
    own.succeed(&["jobs", "cancel", &id]).await?;
    let ran = own.run(&["jobs", "watch", &id]).await;
    ensure!(ran.code == 1 && ran.err.contains("Copy and did not fill"), "{ran:?}");
    own.weaviate_mut()?.resume().await
}

/// As when something between the two has forgotten the connection: a fresh one helps.
pub async fn a_connection_that_falls_silent_is_replaced(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 2, 3_000).await?;
    let before = Census::take(&world.rest, &["Many"]).await?;
    world.serve_patiently(Duration::from_secs(30)).await?;
    let (id, held) = start_held(world, &["backup", "--id", "b"], Call::grpc("Search"), 2).await?;
    world.stand_in().faults().silence_all();
    held.release();
    let ran = world.run(&["--json", "jobs", "watch", &id]).await;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(summary(&ran)?["retries"].as_u64() > Some(0), "nothing fell silent");
    world.succeed(&["collections"]).await?;
    // The test's own connections have fallen silent as well.
    world.rest = Rest::new(&world.weaviate.rest_url());
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    same(&before, &Census::take(&world.rest, &["Many"]).await?)
}
