//! Collections that are copied to another cluster, or to another name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::{Context, ensure};
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::weaviate::WeaviateOptions;
use selvedge_tests::harness::world::{Ran, Serving, World};
use selvedge_tests::stand_in::faults::Call;
use serde_json::{Value, json};

use crate::incrementals::{object, patch, plain, settle_down, uuid};
use crate::jobs::{start, summary};
use crate::round_trip::{all_kinds, same};

/// Serves a second cluster, "other", too.
async fn with_other(world: &mut World) -> anyhow::Result<World> {
    let other = world.beside(WeaviateOptions::default()).await?;
    let others = vec![("other".to_owned(), other.weaviate.rest_url(), other.weaviate.grpc_url())];
    world.serve_with(Serving { others, ..Serving::default() }).await?;
    Ok(other)
}

fn id(ran: &Ran) -> anyhow::Result<String> {
    Ok(summary(ran)?["id"].as_str().context("an id")?.to_owned())
}

pub async fn a_copy_equals_the_original(world: &mut World) -> anyhow::Result<()> {
    let mut names = all_kinds(world).await?;
    names.extend(seed::references(&world.rest, "Hub", 120).await?);
    let before = Census::take(&world.rest, &names).await?;
    let other = with_other(world).await?;
    let planned = world.succeed(&["copy", "--to", "other", "--dry-run"]).await?.out;
    ensure!(planned.contains("create and fill") && planned.contains("Every"), "{planned}");
    ensure!(other.rest.classes().await?.is_empty(), "a dry run has made something");
    ensure!(world.backup_ids().await?.is_empty(), "a dry run has left something");

    let ran = world.succeed(&["--json", "copy", "--to", "other"]).await?;
    same(&before, &Census::take(&other.rest, &names).await?)?;
    same(&before, &Census::take(&world.rest, &names).await?).context("the original")?;
    let job = summary(&ran)?;
    ensure!(job["progress"]["objects_done"] == before.objects(), "{job}");

    // Beside the original, under other names.
    let renames: Vec<String> = names.iter().map(|name| format!("--rename={name}=New{name}")).collect();
    let renames: Vec<&str> = renames.iter().map(String::as_str).collect();
    world.succeed(&[&["copy"][..], &renames].concat()).await?;
    let copies: Vec<String> = names.iter().map(|name| format!("New{name}")).collect();
    let found = Census::take(&world.rest, &copies).await?;
    let pairs: Vec<_> = names.iter().map(String::as_str).zip(copies.iter().map(String::as_str)).collect();
    let differences = before.differences(&found, &pairs);
    ensure!(differences.is_empty(), "{differences:?}");

    // What is there is in the way, until it may be replaced.
    world.refuse(&["copy", "Every", "--to", "other"], 4, "there is already: Every").await?;
    let unconfirmed = ["copy", "Every", "--to", "other", "--if-exists", "replace"];
    let refused = world.refuse(&unconfirmed, 4, "needs to be confirmed").await?;
    let planned = refused.err.lines().find(|line| line.starts_with("Every")).unwrap_or_default();
    ensure!(
        planned.contains("replace") && !planned.split_whitespace().any(|cell| cell == "0"),
        "{refused:?}"
    );
    other.rest.write(&[json!({"class": "Every", "id": uuid(5), "properties": {}})]).await?;
    world.succeed(&["copy", "Every", "--to", "other", "--if-exists", "replace", "--yes"]).await?;
    same(&before, &Census::take(&other.rest, &names).await?)?;
    world.refuse(&["copy", "Every"], 2, "copied onto itself").await?;
    world.refuse(&["copy", "Every", "--to", "nowhere"], 7, "nowhere").await?;

    // What it leaves are keys: no backup of anything.
    let kept: Value = serde_json::from_str(world.succeed(&["--json", "list", "--latest"]).await?.out.trim())?;
    let keys = kept["id"].as_str().context("an id")?;
    ensure!(kept["kind"] == "keys", "{kept}");
    world.succeed(&["verify", keys, "--level", "rows"]).await?;
    world.refuse(&["restore", keys, "--rename", "Every=Again"], 2, "holds no objects").await?;
    world.refuse(&["diff", keys, "--live"], 2, "holds no objects").await?;
    world.refuse(&["verify", "latest"], 7, "there is no whole backup").await.map(drop)
}

/// Whatever it was in the middle of.
pub async fn one_that_is_interrupted_goes_on(world: &mut World) -> anyhow::Result<()> {
    let mut names = all_kinds(world).await?;
    names.extend(seed::references(&world.rest, "Hub", 60).await?);
    plain(&world.rest, "Many", 5_000).await?;
    names.push("Many".to_owned());
    let before = Census::take(&world.rest, &names).await?;
    let other = with_other(world).await?;
    for calls in [
        [Call::grpc("BatchObjects"), Call::grpc("BatchObjects")],
        [Call::grpc("BatchObjects"), Call::rest("POST", "/v1/batch/references")],
    ] {
        other.rest.drop_all().await?;
        let [first, second] = calls;
        let faults = other.stand_in().faults();
        let held = faults.on(first).from(3).hold();
        let job = start(world, &["copy", "--to", "other"]).await?;
        held.reached().await;
        world.succeed(&["jobs", "cancel", &job]).await?;
        held.release();
        let watched = world.run(&["jobs", "watch", &job]).await;
        ensure!(watched.code == 1 && watched.err.contains("jobs resume"), "{watched:?}");
        let again = faults.on(second).from(2).hold();
        let resumed = start(world, &["jobs", "resume", &job]).await?;
        again.reached().await;
        world.succeed(&["jobs", "cancel", &resumed]).await?;
        again.release();
        world.run(&["jobs", "watch", &job]).await;
        world.succeed(&["jobs", "resume", &job]).await?;
        same(&before, &Census::take(&other.rest, &names).await?)?;
    }
    Ok(())
}

/// A second pass moves what has changed, and deletes what is gone.
pub async fn a_copy_is_repeated(world: &mut World) -> anyhow::Result<()> {
    let rest = world.rest.clone();
    plain(&rest, "Many", 3_000).await?;
    seed::tenanted(&rest, "Tenanted", 5).await?;
    let hubs = seed::references(&rest, "Hub", 30).await?;
    let names: Vec<String> = [&["Many".to_owned(), "Tenanted".to_owned()][..], &hubs].concat();
    let other = with_other(world).await?;
    settle_down().await;
    let first = id(&world.succeed(&["--json", "copy", "--to", "other"]).await?)?;
    same(&Census::take(&rest, &names).await?, &Census::take(&other.rest, &names).await?)?;

    patch(&rest, json!({"class": "Many", "id": uuid(4), "properties": {"text": "changed"}})).await?;
    patch(&rest, json!({"class": "Many", "id": uuid(5), "vector": [9.0, 9.0, 9.0]})).await?;
    for number in [7, 8, 2_999] {
        rest.delete(&format!("/v1/objects/Many/{}", uuid(number))).await?;
    }
    rest.write(&[object("Many", 10_000, "new")]).await?;
    let tenants = Census::take(&rest, &["Tenanted"]).await?.filled_tenants("Tenanted");
    rest.call(reqwest::Method::DELETE, "/v1/schema/Tenanted/tenants", Some(&json!([tenants[0]]))).await?;
    rest.post("/v1/schema/Tenanted/tenants", &json!([{"name": "late"}])).await?;
    rest.write(&[json!({"class": "Tenanted", "id": uuid(77), "tenant": "late", "properties": {}})]).await?;
    let page = rest.get("/v1/objects?class=Hub&limit=3").await?;
    let [one, to] = [0, 1].map(|at| page["objects"][at]["id"].as_str().unwrap_or_default().to_owned());
    let link = json!({
        "from": format!("weaviate://localhost/Hub/{one}/itself"), "to": format!("weaviate://localhost/Hub/{to}"),
    });
    rest.link(&[link]).await?;
    let written = times(&other, "Many").await?;
    let second = world.succeed(&["--json", "copy", "--since", &first, "--verify", "digest"]).await?;
    same(&Census::take(&rest, &names).await?, &Census::take(&other.rest, &names).await?)?;
    let kept = times(&other, "Many").await?.into_iter().filter(|one| written.contains(one)).count();
    ensure!(kept >= 2_990, "all but {kept} were written again");

    rest.delete(&format!("/v1/objects/Many/{}", uuid(9))).await?;
    let third = id(&world.succeed(&["--json", "copy", "--since", &id(&second)?]).await?)?;
    same(&Census::take(&rest, &names).await?, &Census::take(&other.rest, &names).await?)?;
    // The keys that it began with may go.
    let keys = world.succeed(&["--json", "list", "--kind", "keys"]).await?.out;
    let oldest: Value = serde_json::from_str(keys.lines().last().context("no keys")?)?;
    world.succeed(&["delete", oldest["id"].as_str().context("an id")?, "--yes"]).await?;
    rest.write(&[object("Many", 10_001, "newer")]).await?;
    world.succeed(&["copy", "--since", &third]).await?;
    same(&Census::take(&rest, &names).await?, &Census::take(&other.rest, &names).await?)?;

    rest.post("/v1/schema/Many/properties", &json!({"name": "late", "dataType": ["text"]})).await?;
    world.refuse(&["copy", "--since", &third], 1, "lacks property \"late\"").await?;
    world.refuse(&["copy", "--since", "00000000"], 7, "00000000").await.map(drop)
}

/// Nor is one whose objects are not shown.
pub async fn a_tenant_that_is_inactive_is_not_taken_for_deleted(world: &mut World) -> anyhow::Result<()> {
    let rest = world.rest.clone();
    seed::tenanted(&rest, "Tenanted", 5).await?;
    let before = Census::take(&rest, &["Tenanted"]).await?;
    let filled = before.filled_tenants("Tenanted");
    let other = with_other(world).await?;
    let planned = id(&world.succeed(&["--json", "copy", "--to", "other", "--dry-run"]).await?)?;
    world.refuse(&["copy", "--since", &planned], 2, "was a dry run").await?;
    let first =
        id(&world.succeed(&["--json", "copy", "--to", "other", "--inactive-tenants", "skip"]).await?)?;
    let copied = Census::take(&other.rest, &["Tenanted"]).await?;
    let set = async |status: &str| {
        let tenants = json!([{"name": filled[0], "activityStatus": status}]);
        rest.put("/v1/schema/Tenanted/tenants", &tenants).await.map(drop)
    };
    set("COLD").await?;
    let ran = world.run(&["copy", "--since", &first, "--yes"]).await;
    ensure!(ran.code == 5, "{ran:?}");
    same(&copied, &Census::take(&other.rest, &["Tenanted"]).await?)?;
    let second = ["--json", "copy", "--since", &first, "--inactive-tenants", "skip", "--yes"];
    let second = id(&world.succeed(&second).await?)?;
    same(&copied, &Census::take(&other.rest, &["Tenanted"]).await?)?;
    set("HOT").await?;
    world.succeed(&["copy", "--since", &second, "--inactive-tenants", "skip", "--yes"]).await?;
    same(&copied, &Census::take(&other.rest, &["Tenanted"]).await?)
}

async fn times(world: &World, class: &str) -> anyhow::Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let page = world.rest.get(&format!("/v1/objects?class={class}&limit=1000&after={after}")).await?;
        let objects = page["objects"].as_array().cloned().unwrap_or_default();
        let Some(last) = objects.last() else { return Ok(found) };
        after = last["id"].as_str().context("an id")?.to_owned();
        let of = |one: &Value| Some((one["id"].as_str()?.to_owned(), one["lastUpdateTimeUnix"].as_u64()?));
        found.extend(objects.iter().filter_map(of));
    }
}

/// Somebody writes all the time, and stops in the end: then both hold the same.
pub async fn it_is_repeated_until_it_has_settled(world: &mut World) -> anyhow::Result<()> {
    plain(&world.rest, "Many", 3_000).await?;
    let other = with_other(world).await?;
    let (stop, rest) = (Arc::new(AtomicBool::new(false)), world.rest.clone());
    let stopping = Arc::clone(&stop);
    let writer = tokio::spawn(async move {
        let mut dice = seed::Dice::of("writer");
        while !stopping.load(Relaxed) {
            let number = dice.below(3_200) as u128;
            match dice.below(3) {
                0 => drop(rest.delete(&format!("/v1/objects/Many/{}", uuid(number))).await),
                _ => rest.write(&[object("Many", number, &dice.uuid())]).await?,
            }
        }
        anyhow::Ok(())
    });
    let stopping = Arc::clone(&stop);
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        stopping.store(true, Relaxed);
    });
    world.succeed(&["copy", "--to", "other", "--until-settled", "--passes", "100"]).await?;
    stop.store(true, Relaxed);
    writer.await??;
    same(&Census::take(&world.rest, &["Many"]).await?, &Census::take(&other.rest, &["Many"]).await?)
}
