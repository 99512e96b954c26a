//! Restores in the place of collections that are there.

use std::fs;

use anyhow::ensure;
use reqwest::Method;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::faults::Call;
use serde_json::json;
use uuid::Uuid;

use crate::jobs::job_id;
use crate::round_trip::same;

const REPLACE: [&str; 5] = ["restore", "b", "Article", "--if-exists", "replace"];

/// Other than what a backup holds: an object more, and a property.
async fn change(world: &World) -> anyhow::Result<()> {
    let property = json!({"name": "more", "dataType": ["text"]});
    world.rest.post("/v1/schema/Article/properties", &property).await?;
    world.rest.write(&[json!({"class": "Article", "id": Uuid::from_u128(1 << 90)})]).await
}

pub async fn what_is_there_becomes_what_the_backup_holds(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 30).await?;
    seed::tenanted(&world.rest, "Customer", 4).await?;
    let mut names = seed::references(&world.rest, "Hub", 20).await?.to_vec();
    names.extend(["Article", "Customer"].map(str::to_owned));
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    change(world).await?;
    let gone = json!(["tenant-1"]);
    let (status, _) = world.rest.call(Method::DELETE, "/v1/schema/Customer/tenants", Some(&gone)).await?;
    ensure!(status == 200, "the tenant was not deleted: {status}");
    let plan = world.succeed(&["restore", "b", "--if-exists", "replace", "--dry-run"]).await?.out;
    ensure!(plan.contains("replace") && plan.contains("dropped, with 31 objects"), "{plan}");

    let all = names.join(" ");
    let ran = world.run_typing(&["restore", "b", "--if-exists", "replace"], &all).await;
    ensure!(ran.code == 0, "{}{}", ran.out, ran.err);
    same(&before, &Census::take(&world.rest, &names).await?)?;

    // Named on the command line, and under another name.
    world.succeed(&["restore", "b", "Article", "--rename", "Article=Copy"]).await?;
    let replace = ["restore", "b", "Article", "--rename", "Article=Copy", "--if-exists", "replace", "--yes"];
    world.succeed(&replace).await?;
    // What is not there needs no yes.
    world.rest.drop_class("Copy").await?;
    world.succeed(&replace[..7]).await?;
    let copy = Census::take(&world.rest, &["Copy"]).await?;
    let differences = before.only(&["Article"]).differences(&copy, &[("Article", "Copy")]);
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    same(&before, &Census::take(&world.rest, &names).await?)
}

pub async fn nothing_is_dropped_without_its_name(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 30).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    change(world).await?;
    let before = Census::take(&world.rest, &["Article"]).await?;
    ensure!(world.reason(&REPLACE).await? == "CONFIRMATION_REQUIRED");
    let ran = world.refuse(&REPLACE, 4, "--yes").await?;
    ensure!(ran.err.contains("dropped, with 31 objects"), "the plan is missing: {}", ran.err);
    let ran = world.run_typing(&REPLACE, "Artikel").await;
    ensure!(ran.code == 4, "{ran:?}");
    for odd in [&["--tenant", "t"][..], &["--schema-only"], &["--detach"], &["Art*", "--yes"]] {
        let ran = world.run(&[&REPLACE[..], odd].concat()).await;
        ensure!(ran.code == 2, "{odd:?}: {ran:?}");
    }
    same(&before, &Census::take(&world.rest, &["Article"]).await?)
}

pub async fn what_cannot_take_its_place_leaves_it_alone(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 30).await?;
    seed::tenanted(&world.rest, "Customer", 3).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    change(world).await?;
    world.rest.post("/v1/schema/Customer/tenants", &json!([{"name": "newer"}])).await?;
    let before = Census::take(&world.rest, &["Article", "Customer"]).await?;
    let replace = [&REPLACE[..], &["--yes"]].concat();

    let customer = ["restore", "b", "Customer", "--if-exists", "replace", "--yes"];
    world.refuse(&customer, 4, "would be destroyed and not come back: newer").await?;

    let patches = world.folder().join("patches.json");
    fs::write(&patches, json!({"Article": {"vectorizer": "text2vec-nobody-has"}}).to_string())?;
    let patched = [&replace[..], &["--patch", patches.to_str().unwrap_or_default()]].concat();
    let ran = world.run(&patched).await;
    ensure!(ran.code != 0 && ran.err.contains("left alone"), "{ran:?}");

    world.succeed(&["backup", "Article", "--id", "s", "--schema-only"]).await?;
    let by_nothing = ["restore", "s", "Article", "--if-exists", "replace", "--yes", "--allow-partial"];
    world.refuse(&by_nothing, 2, "holds schemas only").await?;

    // It would be dropped for a restore that fails because of another collection.
    fs::write(&patches, json!({"Customer": {"vectorizer": "text2vec-nobody-has"}}).to_string())?;
    let path = patches.to_str().unwrap_or_default();
    let beside = ["Customer", "--rename", "Customer=Buyer", "--patch", path, "--yes"];
    let ran = world.run(&[&REPLACE[..], &beside].concat()).await;
    ensure!(ran.code != 0 && ran.err.contains("left alone"), "{ran:?}");

    let file = world.data_files("b", "Article")?.remove(0);
    let mut altered = fs::read(&file)?;
    let place = altered.len() / 2;
    altered[place] ^= 0x10;
    fs::write(&file, &altered)?;
    world.refuse(&replace, 6, "altered").await?;

    let mut classes = world.rest.classes().await?;
    classes.sort();
    ensure!(classes == ["Article", "Customer"], "{classes:?}");
    same(&before, &Census::take(&world.rest, &["Article", "Customer"]).await?)
}

/// Whoever cancels it: what is dropped is created again.
pub async fn a_cancel_leaves_no_collection_dropped(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let schema = world.rest.get("/v1/schema/Article").await?;
    // The first one creates the probe. What fails for a moment has to be tried again, cancelled or not.
    let faults = world.stand_in().faults();
    let held = faults.on(Call::rest("POST", "/v1/schema")).from(2).times(1).hold();
    faults.on(Call::rest("POST", "/v1/schema")).from(3).times(1).http(503, "");
    let begun = world.succeed(&[&["--json"][..], &REPLACE, &["--yes", "--detach"]].concat()).await?;
    held.reached().await;
    ensure!(world.rest.classes().await?.is_empty(), "the collection is not dropped yet");
    let id = job_id(&begun)?;
    world.succeed(&["jobs", "cancel", &id]).await?;
    held.release();
    world.run(&["jobs", "watch", &id]).await;
    ensure!(world.rest.get("/v1/schema/Article").await? == schema);
    world.succeed(&["jobs", "resume", &id]).await?;
    ensure!(world.rest.count("Article", None).await? == 20);
    Ok(())
}
