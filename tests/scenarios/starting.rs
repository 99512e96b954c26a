//! A Weaviate that starts answers, with a part of what it has: nothing is concluded from that.

use std::time::Duration;

use anyhow::ensure;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::rest::Rest;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::weaviate::WeaviateOptions;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::faults::Call;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::jobs::{start, summary, until_moving};
use crate::round_trip::same;
use crate::tenants::{asleep, half_asleep, set};

/// Enough to be seen in part: a real Weaviate replays a few dozen in a second.
const COLLECTIONS: usize = 40;
/// For a Weaviate to be back.
const PATIENCE: Duration = Duration::from_secs(90);
const ATTEMPTS: usize = 60;

async fn fill(rest: &Rest) -> anyhow::Result<Vec<String>> {
    let names: Vec<_> = (0..COLLECTIONS).map(|number| format!("Many{number:03}")).collect();
    for (number, name) in names.iter().enumerate() {
        let has_tenants = number % 4 == 0;
        let properties = ["first", "second"].map(|name| json!({"name": name, "dataType": ["text"]}));
        let tenancy = json!({"enabled": has_tenants});
        rest.create(&json!({"class": name, "multiTenancyConfig": tenancy, "properties": properties})).await?;
        let mut object =
            json!({"class": name, "id": Uuid::from_u128(7), "properties": {"first": "f", "second": "s"}});
        if has_tenants {
            rest.post(&format!("/v1/schema/{name}/tenants"), &json!([{"name": "a"}, {"name": "b"}])).await?;
            object["tenant"] = json!("a");
        }
        rest.write(&[object]).await?;
    }
    Ok(names)
}

/// Whatever fails meanwhile, nothing succeeds with less than there is.
pub async fn nothing_is_concluded_from_a_part(world: &mut World) -> anyhow::Result<()> {
    let mut own = world.beside(WeaviateOptions::default()).await?;
    let names = fill(&own.rest).await?;
    own.succeed(&["backup", "--id", "before"]).await?;
    for round in 0..2 {
        own.weaviate_mut()?.kill().await?;
        own.weaviate_mut()?.launch().await?;
        let mut attempts = 0..ATTEMPTS;
        while let Some(attempt) = attempts.next() {
            let [all, schemas] = ["all", "schemas"].map(|kind| format!("{kind}-{round}-{attempt}"));
            let last = names[COLLECTIONS - 1].as_str();
            let cleared = own.run(&["--json", "clear", last, "--dry-run"]).await;
            let (of_all, of_schemas) =
                (["backup", "--id", all.as_str()], ["backup", "--schema-only", "--id", schemas.as_str()]);
            let (listed, compared, of_all, of_schemas) = tokio::join!(
                own.run(&["--json", "collections"]),
                own.run(&["verify", "before", "--against-live"]),
                own.run(&of_all),
                own.run(&of_schemas),
            );
            let count = listed.out.lines().count();
            ensure!(listed.code != 0 || count == COLLECTIONS, "{count} collections listed");
            ensure!(
                [0, 1, 8].contains(&compared.code),
                "what has not come back yet is taken for missing: {compared:?}"
            );
            ensure!(!cleared.out.contains("COLLECTION_NOT_FOUND"), "{cleared:?}");
            for (id, ran) in [(all, of_all), (schemas, of_schemas)] {
                ensure!([0, 1, 8].contains(&ran.code), "{ran:?}");
                if ran.code == 0 {
                    let count = own.backed_up(&id)?.len();
                    ensure!(count == COLLECTIONS, "backup {id} has {count} collections, and looks whole");
                    if id.starts_with("all") {
                        attempts = 0..0;
                    }
                }
            }
        }
        let listed = own.backup_ids().await?;
        let is_of_this_round = |id: &String| id.starts_with(&format!("all-{round}"));
        ensure!(listed.iter().any(is_of_this_round), "no backup succeeded in the end: {listed:?}");
    }
    // Somebody who waits is served as soon as it is back.
    own.serve_patiently(PATIENCE).await?;
    own.weaviate_mut()?.kill().await?;
    own.weaviate_mut()?.launch().await?;
    // A job does not wait for a Weaviate that is not there at all.
    while own.rest.get("/v1/meta").await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    own.succeed(&["backup", "--id", "waited"]).await?;
    own.succeed(&["verify", "waited", "--against-live"]).await.map(drop)
}

/// Over REST, which says for a while that there is no such collection.
pub async fn a_restart_is_waited_for_while_reading_over_rest(world: &mut World) -> anyhow::Result<()> {
    let mut own = world.beside(WeaviateOptions::default()).await?;
    let text = json!([{"name": "text", "dataType": ["text"]}]);
    own.rest.create(&json!({"class": "Slow", "properties": text})).await?;
    // What could have references is read so.
    let reference = json!({"name": "itself", "dataType": ["Slow"]});
    own.rest.post("/v1/schema/Slow/properties", &reference).await?;
    let text = "x".repeat(1_000);
    let object = |number: u128| {
        json!({"class": "Slow", "id": Uuid::from_u128(number << 96),
            "properties": {"text": text}, "vector": [1, 2]})
    };
    own.rest.write(&(0..10_000).map(object).collect::<Vec<_>>()).await?;
    own.serve_patiently(PATIENCE).await?;
    let id = start(&own, &["backup", "--id", "b"]).await?;
    until_moving(&own, &id).await?;
    own.weaviate_mut()?.kill().await?;
    own.weaviate_mut()?.launch().await?;
    let ran = own.run(&["--json", "jobs", "watch", &id]).await;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(summary(&ran)?["retries"].as_u64() > Some(0), "the restart came too late to show anything");
    own.succeed(&["verify", "b", "--against-live"]).await.map(drop)
}

/// A plain collection, the same again as it is restored, and its references.
pub async fn a_restart_is_waited_for_while_reading_and_writing(world: &mut World) -> anyhow::Result<()> {
    let mut own = world.beside(WeaviateOptions::default()).await?;
    seed::sharded(&own.rest, "Many", 2, 12_000).await?;
    let mut names = seed::references(&own.rest, "Hub", 400).await?.to_vec();
    names.push("Many".to_owned());
    let before = Census::take(&own.rest, &names).await?;
    own.serve_patiently(PATIENCE).await?;
    let id = start(&own, &["backup", "--id", "b"]).await?;
    until_moving(&own, &id).await?;
    restart(&mut own).await?;
    own.succeed(&["jobs", "watch", &id]).await?;
    own.succeed(&["verify", "b", "--against-live"]).await?;
    for phase in ["writing", "writing_references"] {
        own.rest.drop_all().await?;
        let id = start(&own, &["restore", "b"]).await?;
        until_in(&own, &id, phase).await?;
        restart(&mut own).await?;
        own.succeed(&["jobs", "watch", &id]).await?;
        same(&before, &Census::take(&own.rest, &names).await?)?;
    }
    Ok(())
}

/// A collection comes back before its objects do.
pub async fn an_empty_answer_while_starting_is_not_the_end(world: &mut World) -> anyhow::Result<()> {
    for (name, call) in [("plain", Call::grpc("Search")), ("hub", Call::rest("GET", "/v1/objects"))] {
        world.rest.drop_all().await?;
        match name {
            "hub" => drop(seed::references(&world.rest, "Hub", 40).await?),
            _ => seed::sharded(&world.rest, "Plain", 1, 100).await?,
        }
        world.serve_patiently(PATIENCE).await?;
        // The call finds nothing, and is made again when the collection is back and empty.
        let pause = Duration::from_millis(250);
        world.stand_in().faults().on(call).from(1).before(move |contents| contents.start_again(pause));
        let ran = world.succeed(&["--json", "backup", "--id", name]).await?;
        ensure!(summary(&ran)?["retries"].as_u64() > Some(0), "the restart came too late to show anything");
        world.succeed(&["verify", name, "--against-live"]).await?;
    }
    Ok(())
}

async fn restart(own: &mut World) -> anyhow::Result<()> {
    own.weaviate_mut()?.kill().await?;
    own.weaviate_mut()?.launch().await
}

/// Waits until a job is in this phase and has moved something, or has ended.
async fn until_in(world: &World, id: &str, phase: &str) -> anyhow::Result<()> {
    loop {
        let job: Value = serde_json::from_str(&world.succeed(&["--json", "jobs", "show", id]).await?.out)?;
        let has_moved = job["progress"]["objects_done"].as_u64() > Some(0);
        if (job["phase"] == phase && has_moved) || !job["end_time"].is_null() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub async fn woken_tenants_are_put_back_when_weaviate_is_there(world: &mut World) -> anyhow::Result<()> {
    let mut own = world.beside(WeaviateOptions::default()).await?;
    fill(&own.rest).await?;
    let (_, sleepers) = half_asleep(&own).await?;
    let folder = own.folder().join("jobs/01a20975-0000-7000-8000-000000000000");
    std::fs::create_dir_all(&folder)?;
    let address = own.weaviate.rest_url();
    let woken =
        json!({"cluster": "default", "address": address, "collection": "Customer", "tenants": sleepers});
    std::fs::write(folder.join("woken.json"), woken.to_string())?;
    set(&own.rest, &sleepers, "HOT").await?;
    own.weaviate_mut()?.kill().await?;
    own.weaviate_mut()?.launch().await?;
    own.serve_patiently(PATIENCE).await?;
    for _ in 0..600 {
        let answer = own.rest.get("/v1/schema/Customer/tenants").await;
        if answer.is_ok() && asleep(&own.rest).await? == sleepers {
            return Ok(());
        }
        let is_noted = folder.join("woken.json").exists();
        let all_there = own.rest.get("/v1/.well-known/ready").await.is_ok();
        ensure!(is_noted || all_there, "the note is gone before Weaviate was there");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("they are not as they were: {:?}", asleep(&own.rest).await?)
}
