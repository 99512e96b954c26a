//! Two servers on one repository, and one Weaviate: neither harms what the other does.

use std::time::Duration;

use anyhow::{bail, ensure};
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::{Serving, World};
use selvedge_tests::stand_in::faults::Call;
use serde_json::Value;

use crate::jobs::{start, start_held};
use crate::tenants::{asleep, half_asleep};

const LOOKS: usize = 200;
const PAUSE: Duration = Duration::from_millis(50);

pub async fn they_keep_out_of_each_others_collections(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 3_000).await?;
    seed::every_type(&world.rest, "Other", 3).await?;
    let other = world.second_server(Serving::default()).await?;
    let (id, held) = start_held(world, &["backup", "Many", "--id", "b"], Call::grpc("Search"), 2).await?;
    let ran = world.run_on(&other, &["clear", "Many", "--yes"]).await;
    ensure!(ran.code == 4 && ran.err.contains(&id) && ran.err.contains("another server"), "{ran:?}");
    ensure!(world.rest.count("Many", None).await? == 3_000);
    // What only reads may be done by both.
    held.release();
    world.succeed(&["jobs", "watch", &id]).await?;
    let ran = world.run_on(&other, &["clear", "Many", "--yes"]).await;
    ensure!(ran.code == 0, "{ran:?}");
    let ran = world.run_on(&other, &["backup", "--id", "b"]).await;
    ensure!(ran.code == 4 && ran.err.contains("exists already"), "{ran:?}");
    Ok(())
}

/// It is listed, shown, followed and cancelled from there; but it is not gone on with as long as its server lives.
pub async fn each_shows_the_jobs_of_the_other(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 3_000).await?;
    let other = world.second_server(Serving::default()).await?;
    let (id, held) = start_held(world, &["backup", "--id", "b"], Call::grpc("Search"), 2).await?;
    let ran = world.run_on(&other, &["--json", "jobs", "list", "--active"]).await;
    let job: Value = serde_json::from_str(ran.out.lines().next().unwrap_or_default())?;
    ensure!(job["id"] == id.as_str() && job["state"] == "running" && job["resumable"] == false, "{ran:?}");
    let ran = world.run_on(&other, &["jobs", "resume", &id]).await;
    ensure!(ran.code == 4 && ran.err.contains("it runs"), "{ran:?}");
    let ran = world.run_on(&other, &["--json", "list", "--incomplete"]).await;
    ensure!(ran.out.contains("\"running\""), "{ran:?}");
    let ran = world.run_on(&other, &["prune", "--yes"]).await;
    ensure!(ran.code == 0 && world.has_files("b"), "what a job is making was pruned: {ran:?}");

    let ran = world.run_on(&other, &["jobs", "cancel", &id]).await;
    ensure!(ran.code == 0, "{ran:?}");
    let watched = world.run_on(&other, &["jobs", "watch", &id]).await;
    drop(held);
    ensure!(watched.code == 1 && watched.err.contains("cancelled"), "{watched:?}");
    world.stand_in().faults().clear();
    world.succeed(&["backup", "--id", "b"]).await?;
    let ran = world.run_on(&other, &["--json", "jobs", "list"]).await;
    ensure!(ran.out.lines().count() == 2, "{ran:?}");
    Ok(())
}

/// A server that starts puts back what a dead one has woken, and not what a living one has.
pub async fn tenants_that_another_has_woken_are_left_awake(world: &mut World) -> anyhow::Result<()> {
    let (_, sleepers) = half_asleep(world).await?;
    let backup = ["backup", "--inactive-tenants", "activate", "--id", "b"];
    let (id, held) = start_held(world, &backup, Call::grpc("Search"), 6).await?;
    ensure!(asleep(&world.rest).await?.is_empty(), "none is awake, so this shows nothing");
    let calls = Call::rest("PUT", "/v1/schema/Customer/tenants");
    let before = world.stand_in().faults().count(&calls);
    let other = world.second_server(Serving::default()).await?;
    world.run_on(&other, &["jobs", "list"]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    ensure!(world.stand_in().faults().count(&calls) == before, "the other server has touched them");
    let ran = world.run_on(&other, &["backup", "Customer", "--id", "c"]).await;
    ensure!(ran.code == 4 && ran.err.contains(&id), "it would take them for active ones: {ran:?}");
    held.release();
    world.succeed(&["jobs", "watch", &id]).await?;
    ensure!(asleep(&world.rest).await? == sleepers, "they are not as they were");
    Ok(())
}

/// The one that finds that nobody is at it any more.
pub async fn one_goes_on_with_what_the_other_has_left(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 2, 3_000).await?;
    let mut other = world.second_server(Serving::default()).await?;
    world.stand_in().faults().on(Call::grpc("Search")).from(3).always().delay(Duration::from_secs(60));
    let id = start(world, &["backup", "--id", "b"]).await?;
    for _ in 0..LOOKS {
        if world.stand_in().faults().count(&Call::grpc("Search")) >= 3 {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    world.stop_server().await?;
    world.stand_in().faults().clear();
    let ran = world.run_on(&other, &["jobs", "resume", &id]).await;
    ensure!(ran.code == 0, "{ran:?}");
    let ran = world.run_on(&other, &["verify", "b", "--against-live"]).await;
    ensure!(ran.code == 0, "{ran:?}");
    let ran = world.run_on(&other, &["show", "b"]).await;
    if !ran.out.contains("2 attempts") {
        bail!("that it was read in two attempts is not told: {}", ran.out);
    }
    other.stop().await
}
