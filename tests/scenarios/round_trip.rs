//! What comes back equals what was there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::{Context, ensure};
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::valve::{Bytes, Valve};
use selvedge_tests::harness::world::{Serving, World};
use serde_json::{Value, json};

use crate::jobs::start;

/// Fails with the first differences, if there are any.
pub fn same(before: &Census, after: &Census) -> anyhow::Result<()> {
    let differences = before.differences(after, &[]);
    ensure!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences[..differences.len().min(20)].join("\n")
    );
    Ok(())
}

/// Fills Weaviate with a collection of each kind, and returns their names.
pub async fn all_kinds(world: &World) -> anyhow::Result<Vec<String>> {
    let rest = &world.rest;
    seed::every_type(rest, "Every", 150).await?;
    seed::named_vectors(rest, "Named", 120).await?;
    seed::tenanted(rest, "Tenanted", 9).await?;
    seed::sharded(rest, "Sharded", 4, 600).await?;
    seed::empty(rest, "Empty").await?;
    Ok(["Every", "Named", "Tenanted", "Sharded", "Empty"].map(str::to_owned).to_vec())
}

pub async fn every_kind_of_collection_comes_back_to_the_bit(world: &mut World) -> anyhow::Result<()> {
    let names = all_kinds(world).await?;
    let before = Census::take(&world.rest, &names).await?;
    ensure!(before.objects() > 500, "too little to prove anything: {}", before.objects());
    let ran = world.succeed(&["backup", "--id", "whole"]).await?;
    ensure!(ran.out.contains("backup whole"), "{}", ran.out);
    world.rest.drop_all().await?;
    world.succeed(&["restore", "whole"]).await?;
    same(&before, &Census::take(&world.rest, &names).await?)?;
    // And again from the copy: what is stored is stable.
    world.succeed(&["backup", "--id", "again"]).await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "again"]).await?;
    same(&before, &Census::take(&world.rest, &names).await?)
}

/// Asked for by name, Weaviate does not find them over gRPC.
pub async fn nested_names_with_capitals_come_back(world: &mut World) -> anyhow::Result<()> {
    let deep = json!([{"name": "Z", "dataType": ["int[]"]}, {"name": "z", "dataType": ["text"]}]);
    let nested = json!([
        {"name": "X", "dataType": ["text"]},
        {"name": "Inner", "dataType": ["object"], "nestedProperties": deep},
    ]);
    let property =
        |name: &str, kind: &str| json!({"name": name, "dataType": [kind], "nestedProperties": nested});
    let properties = json!([property("one", "object"), property("many", "object[]")]);
    world.rest.create(&json!({"class": "Capital", "properties": properties})).await?;
    let value = json!({"X": "x", "Inner": {"Z": [1, 2], "z": ""}});
    let id = uuid::Uuid::from_u128(7);
    let properties = json!({"one": value, "many": [value, {"X": "y"}, {}]});
    world.rest.write(&[json!({"class": "Capital", "id": id, "properties": properties})]).await?;
    let names = ["Capital"];
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    same(&before, &Census::take(&world.rest, &names).await?)
}

pub async fn thousands_of_objects_in_several_shards_come_back(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 4, 12_000).await?;
    let names = ["Many".to_owned()];
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--id", "many"]).await?;
    world.rest.drop_class("Many").await?;
    world.succeed(&["restore", "many"]).await?;
    same(&before, &Census::take(&world.rest, &names).await?)
}

pub async fn a_renamed_collection_is_a_copy_beside_the_original(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 60).await?;
    seed::tenanted(&world.rest, "Customer", 5).await?;
    let names = ["Article".to_owned(), "Customer".to_owned()];
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world
        .succeed(&["restore", "b", "--rename", "Article=ArticleCopy", "--rename", "Customer=Client"])
        .await?;
    same(&before, &Census::take(&world.rest, &names).await?)?;
    let copies = Census::take(&world.rest, &["ArticleCopy".to_owned(), "Client".to_owned()]).await?;
    let differences = before.differences(&copies, &[("Article", "ArticleCopy"), ("Customer", "Client")]);
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}

pub async fn only_what_is_selected_is_backed_up_and_restored(world: &mut World) -> anyhow::Result<()> {
    for name in ["Article", "ArticleDraft", "Author", "Tag"] {
        seed::every_type(&world.rest, name, 3).await?;
    }
    world.succeed(&["backup", "A*", "--exclude", "*Draft", "--id", "a"]).await?;
    let shown = world.succeed(&["show", "a"]).await?.out;
    ensure!(shown.contains("Article") && shown.contains("Author"), "{shown}");
    ensure!(!shown.contains("Draft") && !shown.contains("Tag"), "{shown}");
    world.rest.drop_all().await?;
    world.succeed(&["restore", "a", "Auth*"]).await?;
    ensure!(world.rest.classes().await? == ["Author"]);
    Ok(())
}

pub async fn chosen_tenants_only(world: &mut World) -> anyhow::Result<()> {
    seed::tenanted(&world.rest, "Customer", 6).await?;
    let names = ["Customer".to_owned()];
    let before = Census::take(&world.rest, &names).await?;
    let tenants = before.tenants("Customer");
    let (first, second) = (tenants[0].as_str(), tenants[3].as_str());
    world.succeed(&["backup", "Customer", "--tenant", first, "--tenant", second, "--id", "two"]).await?;
    let shown = world.succeed(&["show", "two"]).await?.out;
    ensure!(shown.contains("subset") && shown.contains("2 of 6"), "{shown}");
    world.rest.drop_all().await?;
    world.succeed(&["restore", "two"]).await?;
    let after = Census::take(&world.rest, &names).await?;
    same(&before.only_tenants("Customer", &[first, second]), &after)?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "two", "--tenant", second]).await?;
    same(&before.only_tenants("Customer", &[second]), &Census::take(&world.rest, &names).await?)
}

pub async fn a_schema_comes_back_without_objects(world: &mut World) -> anyhow::Result<()> {
    let names = all_kinds(world).await?;
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--schema-only", "--id", "s"]).await?;
    world.succeed(&["backup", "--id", "full"]).await?;
    for arguments in [&["restore", "s"][..], &["restore", "full", "--schema-only"]] {
        world.rest.drop_all().await?;
        world.succeed(arguments).await?;
        let after = Census::take(&world.rest, &names).await?;
        same(&before.emptied(), &after)?;
    }
    Ok(())
}

pub async fn objects_come_back_without_vectors_when_they_were_left_out(
    world: &mut World,
) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 40).await?;
    seed::named_vectors(&world.rest, "Page", 40).await?;
    let names = ["Article".to_owned(), "Page".to_owned()];
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--without-vectors", "--id", "v"]).await?;
    world.rest.drop_all().await?;
    let ran = world.succeed(&["restore", "v"]).await?;
    ensure!(ran.err.contains("without vectors"), "the loss must be told: {}", ran.err);
    same(&before.without_vectors(), &Census::take(&world.rest, &names).await?)
}

pub async fn objects_written_meanwhile_are_told(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Busy", 1, 8_000).await?;
    let rest = world.rest.clone();
    let done = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&done);
    let writer = tokio::spawn(async move {
        let mut number = 0_u128;
        while !stop.load(Relaxed) {
            let id = uuid::Uuid::from_u128(number << 108 | 7);
            rest.write(&[json!({"class": "Busy", "id": id, "properties": {"text": "late"}})]).await?;
            number += 1;
        }
        anyhow::Ok(())
    });
    let ran = world.succeed(&["--json", "backup", "--id", "busy"]).await;
    done.store(true, Relaxed);
    writer.await??;
    let ran = ran?;
    let job: Value = serde_json::from_str(ran.out.lines().last().context("no summary")?)?;
    let told = job["warnings"]
        .as_array()
        .is_some_and(|warnings| warnings.iter().any(|w| w["reason"] == "changed_while_reading"));
    ensure!(told, "writes under the backup must be told: {job}");
    let shown = world.succeed(&["show", "busy"]).await?.out;
    ensure!(shown.contains("not a point-in-time image"), "{shown}");
    Ok(())
}

pub async fn a_dry_run_plans_and_changes_nothing(world: &mut World) -> anyhow::Result<()> {
    let names = all_kinds(world).await?;
    let before = Census::take(&world.rest, &names).await?;
    let ran = world.succeed(&["backup", "--dry-run", "--id", "d"]).await?;
    for name in &names {
        ensure!(ran.out.contains(name.as_str()), "{name} is not in the plan:\n{}", ran.out);
    }
    ensure!(!world.folder().join("backups").exists(), "a dry run has written");
    world.succeed(&["backup", "--id", "d"]).await?;
    world.rest.drop_class(&names[0]).await?;
    let others = &names[1..];
    world.succeed(&["restore", "d", &names[0], "--dry-run"]).await?;
    ensure!(!world.rest.classes().await?.contains(&names[0]), "a dry run has created");
    world.succeed(&["clear", &names[1], "--dry-run"]).await?;
    let whole = Census::take(&world.rest, others).await?;
    same(&before.only(others), &whole)
}

/// They all begin alike, as those made from the time do, and yet several lanes share the work: each leaves a file of its own.
pub async fn ids_in_the_order_of_time_are_read_side_by_side(world: &mut World) -> anyhow::Result<()> {
    const OBJECTS: u128 = 20_000;
    world.rest.create(&json!({"class": "Timed", "properties": [{"name": "n", "dataType": ["int"]}]})).await?;
    let object = |n: u128| {
        let id = uuid::Uuid::from_u128(0x0193_5f2a_0000_7000_8000_0000_0000_0000 + (n << 70));
        json!({"class": "Timed", "id": id, "properties": {"n": n as u64}})
    };
    world.rest.write(&(0..OBJECTS).map(object).collect::<Vec<_>>()).await?;
    // Lanes that read side by side do so on connections of their own. However fast the server is, the first lane stands still
    // after a few pages, until another has found as many.
    let valve = Valve::start(&world.weaviate.grpc_url(), Bytes::OfEachConnection(64 << 10)).await?;
    world.serve_with(Serving { grpc_url: Some(valve.url()), ..Serving::default() }).await?;
    let id = start(world, &["backup", "--id", "b"]).await?;
    valve.holds(2).await?;
    valve.open();
    world.succeed(&["jobs", "watch", &id]).await?;
    ensure!(world.data_files("b", "Timed")?.len() > 1, "one lane has read everything");
    let before = Census::take(&world.rest, &["Timed"]).await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    same(&before, &Census::take(&world.rest, &["Timed"]).await?)
}
