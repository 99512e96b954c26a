//! Going on with a job: when it can be done, and when it is refused.

use anyhow::{Context, ensure};
use selvedge_server::config::Options;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::weaviate::WeaviateOptions;
use selvedge_tests::harness::world::{Serving, World, local, serve_at};
use selvedge_tests::stand_in::faults::Call;
use serde_json::{Value, json};

use crate::jobs::{start, start_held, summary};
use crate::round_trip::same;

const MANY: usize = 3_000;

async fn job(world: &World, id: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&world.succeed(&["--json", "jobs", "show", id]).await?.out)?)
}

/// A backup that Weaviate has left in the middle. Returns its job.
async fn left_halfway(world: &World) -> anyhow::Result<String> {
    let faults = world.stand_in().faults();
    let stop = faults.clone();
    faults.on(Call::grpc("Search")).from(2).before(move |_| stop.down());
    let ran = world.run(&["--json", "backup", "--id", "b"]).await;
    faults.up();
    faults.clear();
    let job = summary(&ran)?;
    ensure!(ran.code == 8 && job["resumable"] == true, "{ran:?}");
    Ok(job["id"].as_str().context("a job without an id")?.to_owned())
}

pub async fn a_cancelled_restore_goes_on(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 2, MANY).await?;
    let names = seed::references(&world.rest, "Hub", 40).await?;
    let all = [&["Many".to_owned()][..], &names].concat();
    let before = Census::take(&world.rest, &all).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    for call in [Call::grpc("BatchObjects"), Call::rest("POST", "/v1/batch/references")] {
        world.rest.drop_all().await?;
        let (id, held) = start_held(world, &["restore", "b"], call.clone(), 1).await?;
        world.succeed(&["jobs", "cancel", &id]).await?;
        held.release();
        let watched = world.run(&["jobs", "watch", &id]).await;
        ensure!(watched.code == 1 && watched.err.contains(&format!("jobs resume {id}")), "{watched:?}");
        world.succeed(&["jobs", "resume", &id]).await?;
        same(&before, &Census::take(&world.rest, &all).await?).with_context(|| format!("{call}"))?;
        ensure!(job(world, &id).await?["attempts"] == 2);
    }
    Ok(())
}

/// What it has appended before it was cut off is not appended once more.
pub async fn references_are_not_doubled(world: &mut World) -> anyhow::Result<()> {
    let names = seed::references(&world.rest, "Hub", 60).await?;
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    let faults = world.stand_in().faults();
    let stop = faults.clone();
    faults.on(Call::rest("POST", "/v1/batch/references")).lose_answer();
    faults.on(Call::rest("PUT", "/v1/objects/**")).before(move |_| stop.down());
    let ran = world.run(&["--json", "restore", "b"]).await;
    faults.up();
    faults.clear();
    let id = summary(&ran)?["id"].as_str().context("a job without an id")?.to_owned();
    ensure!(ran.code == 8, "it should have been cut off: {ran:?}");
    world.succeed(&["jobs", "resume", &id]).await?;
    same(&before, &Census::take(&world.rest, &names).await?)
}

pub async fn what_would_make_no_sense_is_refused(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 2, MANY).await?;
    let id = left_halfway(world).await?;
    // Objects read before would not fit it.
    let property = json!({"name": "novelty", "dataType": ["text"]});
    world.rest.post("/v1/schema/Many/properties", &property).await?;
    world.refuse(&["jobs", "resume", &id], 4, "the schema of collection \"Many\" has changed").await?;
    ensure!(world.backup_ids().await?.is_empty());

    world.succeed(&["backup", "--id", "whole"]).await?;
    let done = start(world, &["verify", "whole"]).await?;
    world.succeed(&["jobs", "watch", &done]).await?;
    world.refuse(&["jobs", "resume", &done], 4, "it has ended (succeeded)").await?;
    world.refuse(&["jobs", "resume", "01a20975-0000-7000-8000-000000000000"], 7, "there is no job").await?;

    // Another backup under the same id is not that one.
    let (id, held) =
        start_held(world, &["restore", "whole", "--rename", "Many=Copy"], Call::grpc("BatchObjects"), 2)
            .await?;
    world.succeed(&["jobs", "cancel", &id]).await?;
    held.release();
    world.run(&["jobs", "watch", &id]).await;
    std::fs::remove_dir_all(world.backup_file("whole", ""))?;
    world.succeed(&["backup", "Many", "--id", "whole"]).await?;
    world.refuse(&["jobs", "resume", &id], 4, "is not the one").await?;

    // What it had created is gone, or is another's.
    world.rest.drop_class("Copy").await?;
    Ok(())
}

pub async fn what_the_job_had_created_has_to_be_there(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 2, MANY).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    let (id, held) = start_held(world, &["restore", "b"], Call::grpc("BatchObjects"), 2).await?;
    world.succeed(&["jobs", "cancel", &id]).await?;
    held.release();
    world.run(&["jobs", "watch", &id]).await;
    world.rest.drop_all().await?;
    world.refuse(&["jobs", "resume", &id], 4, "which the job had created, is gone").await?;
    ensure!(world.rest.classes().await?.is_empty(), "a refused attempt has created something");
    Ok(())
}

pub async fn leftovers_are_shown_and_pruned(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 2, MANY).await?;
    let id = left_halfway(world).await?;
    let state = async |world: &World| {
        let listed = world.succeed(&["--json", "list", "--incomplete"]).await?.out;
        let line: Value = serde_json::from_str(listed.lines().next().context("nothing is listed")?)?;
        ensure!(line["id"] == "b" && line["job_id"] == id.as_str(), "{line}");
        anyhow::Ok(line["state"].as_str().unwrap_or_default().to_owned())
    };
    ensure!(state(world).await? == "resumable");
    let ran = world.succeed(&["prune", "--yes"]).await?;
    ensure!(world.has_files("b"), "what can be gone on with was removed: {ran:?}");
    world.refuse(&["backup", "--id", "b"], 4, &id).await?;

    // Whoever does not want to go on says so.
    world.succeed(&["jobs", "cancel", &id]).await?;
    ensure!(job(world, &id).await?["resumable"] == false);
    ensure!(state(world).await? == "garbage");
    world.succeed(&["prune", "--dry-run"]).await?;
    ensure!(world.has_files("b"), "a dry run has removed something");
    world.succeed(&["backup", "--id", "sound"]).await?;
    world.succeed(&["prune", "--yes"]).await?;
    ensure!(!world.has_files("b"), "it is still there");
    world.succeed(&["verify", "sound"]).await?;
    world.refuse(&["jobs", "resume", &id], 4, "given up").await?;
    world.succeed(&["backup", "--id", "b"]).await.map(drop)
}

pub async fn jobs_wait_for_their_turn(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, MANY).await?;
    let options = Options { max_jobs: 1, max_queued: 2, ..Options::default() };
    world.serve_with(Serving { options, ..Serving::default() }).await?;
    let (first, held) = start_held(world, &["backup", "--id", "a"], Call::grpc("Search"), 2).await?;
    let second = start(world, &["backup", "--id", "b"]).await?;
    let third = start(world, &["backup", "--id", "c"]).await?;
    let waits = job(world, &third).await?;
    ensure!(waits["state"] == "pending" && waits["jobs_ahead"] == 1, "{waits}");
    ensure!(world.reason(&["backup", "--id", "d"]).await? == "TOO_MANY_JOBS");
    world.succeed(&["jobs", "cancel", &second]).await?;
    ensure!(world.run(&["jobs", "watch", &second]).await.code == 1);
    held.release();
    for id in [&first, &third] {
        world.succeed(&["jobs", "watch", id]).await?;
    }
    let mut made = world.backup_ids().await?;
    made.sort();
    ensure!(made == ["a", "c"], "{made:?}");
    Ok(())
}

/// A stop finds one that runs and one that waits; both go on at the next start.
pub async fn what_waited_is_not_forgotten(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, MANY).await?;
    let options = Options { max_jobs: 1, ..Options::default() };
    world.serve_with(Serving { options, ..Serving::default() }).await?;
    let (first, held) = start_held(world, &["backup", "--id", "a"], Call::grpc("Search"), 2).await?;
    let second = start(world, &["backup", "--id", "b"]).await?;
    let options = Options { resume_on_start: true, ..Options::default() };
    world.serve_with(Serving { options, ..Serving::default() }).await?;
    drop(held);
    for id in [&first, &second] {
        let ran = world.run(&["jobs", "watch", id]).await;
        // It may not have been gone on with yet.
        ensure!(ran.code == 0 || ran.err.contains("jobs resume"), "{ran:?}");
        if ran.code != 0 {
            world.succeed(&["jobs", "resume", id]).await?;
        }
    }
    for backup in ["a", "b"] {
        world.succeed(&["verify", backup, "--against-live"]).await?;
    }
    Ok(())
}

/// Whatever is written to what is cleared already stays.
pub async fn what_is_cleared_is_not_cleared_twice(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 5).await?;
    seed::tenanted(&world.rest, "Customer", 150).await?;
    seed::every_type(&world.rest, "Page", 5).await?;
    let faults = world.stand_in().faults();
    let stop = faults.clone();
    // The first collection is cleared then, and the first hundred of the tenants.
    faults.on(Call::rest("DELETE", "/v1/schema/Customer/tenants")).from(2).before(move |_| stop.down());
    let ran = world.run(&["--json", "clear", "Article", "Customer", "Page", "--yes"]).await;
    faults.up();
    faults.clear();
    let job = summary(&ran)?;
    ensure!(ran.code == 8 && job["resumable"] == true, "{ran:?}");
    let object =
        |class: &str| json!({"class": class, "id": uuid::Uuid::from_u128(7), "properties": {"text": "new"}});
    let mut of_tenant = object("Customer");
    of_tenant["tenant"] = json!("tenant-0");
    world.rest.write(&[object("Article"), of_tenant]).await?;
    let later = json!([{"name": "later"}]);
    world.rest.post("/v1/schema/Customer/tenants", &later).await?;
    let mut of_later = object("Customer");
    of_later["tenant"] = json!("later");
    world.rest.write(&[of_later]).await?;

    world.succeed(&["jobs", "resume", job["id"].as_str().unwrap_or_default()]).await?;
    ensure!(world.rest.count("Article", None).await? == 1, "what was written since is gone");
    ensure!(world.rest.count("Page", None).await? == 0);
    for (tenant, objects) in [("tenant-0", 1), ("later", 1), ("tenant-99", 0), ("tenant-149", 0)] {
        let count = world.rest.count("Customer", Some(tenant)).await?;
        ensure!(count == objects, "{count} objects in {tenant}");
    }
    Ok(())
}

/// Elsewhere, another cluster may have the same name.
pub async fn a_job_is_for_one_cluster(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 2, MANY).await?;
    let id = left_halfway(world).await?;
    let own = world.beside(WeaviateOptions::default()).await?;
    seed::sharded(&own.rest, "Many", 2, MANY).await?;
    let (rest, grpc) = (own.weaviate.rest_url(), own.weaviate.grpc_url());
    let elsewhere = serve_at(&rest, &grpc, local(world.folder())?, None).await?;
    let ran = world.run_on(&elsewhere, &["jobs", "resume", &id]).await;
    ensure!(
        ran.code == 4 && ran.err.contains(&format!("it is for {}", world.weaviate.rest_url())),
        "{ran:?}"
    );
    world.succeed(&["jobs", "resume", &id]).await?;
    world.succeed(&["verify", "b", "--against-live"]).await.map(drop)
}
