//! What changes under a running backup: it goes on, and says so.

use anyhow::ensure;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::valve::{Bytes, Valve};
use selvedge_tests::harness::world::{Serving, World};
use selvedge_tests::stand_in::faults::Call;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::jobs::{start, start_held, summary, until_moving};
use crate::round_trip::same;
use crate::tenants::{asleep, half_asleep};

/// More of their answers than the valve lets by.
const LARGE: usize = 12_000;

/// As many as are read at the same time; the others come after them.
const LARGE_ONES: [&str; 8] = ["Aaa", "Aab", "Aac", "Aad", "Aae", "Aaf", "Aag", "Aah"];

/// The large ones are read first, and others by name after them.
async fn fill(world: &World) -> anyhow::Result<()> {
    for name in LARGE_ONES {
        seed::sharded(&world.rest, name, 1, LARGE / LARGE_ONES.len()).await?;
    }
    for name in ["Grows", "Gone"] {
        let properties =
            json!([{"name": "zebra", "dataType": ["text"]}, {"name": "ant", "dataType": ["text"]}]);
        world.rest.create(&json!({"class": name, "properties": properties})).await?;
        let properties = json!({"zebra": "z", "ant": "a"});
        world
            .rest
            .write(&[json!({"class": name, "id": Uuid::from_u128(7), "properties": properties})])
            .await?;
    }
    world.rest.create(&json!({"class": "Tenanted", "multiTenancyConfig": {"enabled": true}})).await?;
    let names = ["one", "two", "three"];
    let tenants: Value = names.iter().map(|name| json!({"name": name})).collect();
    world.rest.post("/v1/schema/Tenanted/tenants", &tenants).await?;
    let object = |tenant| json!({"class": "Tenanted", "tenant": tenant, "id": Uuid::from_u128(7)});
    world.rest.write(&names.map(object)).await
}

/// Bytes of answers: a few pages of the large ones, and not all.
const ALL_BUT_THE_FIRST: usize = 256 << 10;

/// Starts a backup and returns while the large ones are read: it is held at them until the valve is opened.
async fn start_reading(world: &mut World, arguments: &[&str]) -> anyhow::Result<(String, Valve)> {
    let valve = Valve::start(&world.weaviate.grpc_url(), Bytes::OfAll(ALL_BUT_THE_FIRST)).await?;
    world.serve_with(Serving { grpc_url: Some(valve.url()), ..Serving::default() }).await?;
    let id = start(world, arguments).await?;
    until_moving(world, &id).await?;
    Ok((id, valve))
}

pub async fn what_is_gone_is_told_and_what_is_new_is_read(world: &mut World) -> anyhow::Result<()> {
    fill(world).await?;
    let (id, valve) = start_reading(world, &["backup", "--id", "b"]).await?;
    let rest = &world.rest;
    let late = json!({"name": "late", "dataType": ["text"]});
    rest.post("/v1/schema/Grows/properties", &late).await?;
    let properties = json!({"zebra": "z", "late": "l"});
    rest.write(&[json!({"class": "Grows", "id": Uuid::from_u128(8), "properties": properties})]).await?;
    rest.drop_class("Gone").await?;
    rest.call(reqwest::Method::DELETE, "/v1/schema/Tenanted/tenants", Some(&json!(["two"]))).await?;
    rest.create(&json!({"class": "New"})).await?;
    valve.open();
    let ran = world.run(&["jobs", "watch", &id]).await;
    ensure!(ran.code == 0, "{ran:?}");
    let shown = world.succeed(&["show", "b"]).await?.out;
    for told in
        ["\"Gone\" was dropped", "New", "1 tenant deleted while the backup was made, and not in it: two"]
    {
        ensure!(ran.err.contains(told), "{told} is not told: {}", ran.err);
        ensure!(shown.contains(told), "{told} is not in the backup: {shown}");
    }
    let names = [&LARGE_ONES[..], &["Grows", "Tenanted"]].concat();
    ensure!(world.backed_up("b")? == names);
    let before = Census::take(&world.rest, &names).await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    same(&before, &Census::take(&world.rest, &names).await?)
}

pub async fn what_was_asked_for_and_cannot_be_read_any_more_is_a_gap(
    world: &mut World,
) -> anyhow::Result<()> {
    fill(world).await?;
    let (id, valve) = start_reading(world, &["backup", "Aa*", "Gone", "Ten*", "--id", "b"]).await?;
    world.rest.drop_class("Gone").await?;
    let cold = json!([{"name": "three", "activityStatus": "COLD"}]);
    world.rest.put("/v1/schema/Tenanted/tenants", &cold).await?;
    valve.open();
    let ran = world.run(&["jobs", "watch", &id]).await;
    ensure!(ran.code == 5, "{ran:?}");
    ensure!(ran.err.contains("\"Gone\" was dropped") && ran.err.contains("three"), "{}", ran.err);
    let verified = world.succeed(&["verify", "b"]).await?;
    ensure!(verified.err.contains("Gone"), "verify does not say what is missing: {}", verified.err);
    // Nobody has woken it.
    let tenants = world.rest.get("/v1/schema/Tenanted/tenants").await?.to_string();
    ensure!(tenants.contains("COLD") || tenants.contains("INACTIVE"), "{tenants}");
    Ok(())
}

/// In the middle of a collection.
pub async fn a_schema_that_changes_while_reading_is_read_again(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 3_000).await?;
    let faults = world.stand_in().faults();
    let late = json!({"name": "aLate", "dataType": ["text"]});
    faults.on(Call::grpc("Search")).from(2).before(move |contents| contents.add_property("Many", &late));
    faults.on(Call::grpc("Search")).from(4).before(|contents| contents.sort_properties("Many"));
    world.succeed(&["backup", "--id", "b"]).await?;
    let before = Census::take(&world.rest, &["Many"]).await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    same(&before, &Census::take(&world.rest, &["Many"]).await?)
}

/// Dropped while it is read: it is not waited for as a shard is.
pub async fn a_collection_dropped_while_reading_is_told(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 3_000).await?;
    seed::every_type(&world.rest, "Other", 5).await?;
    world.serve_patiently(std::time::Duration::from_secs(600)).await?;
    let faults = world.stand_in().faults();
    faults.on(Call::grpc("Search")).from(2).before(|contents| contents.drop_class("Many"));
    let ran = world.succeed(&["backup", "--id", "b"]).await?;
    ensure!(ran.err.contains("\"Many\" was dropped"), "{}", ran.err);
    ensure!(world.backed_up("b")? == ["Other"]);
    ensure!(!world.has_files("b/collections/Many"), "what was read of it is left");
    Ok(())
}

/// Another one of that name is there when somebody looks why it could not be read.
pub async fn a_collection_created_again_while_reading_is_read_again(world: &mut World) -> anyhow::Result<()> {
    let properties = json!([{"name": "text", "dataType": ["text"]}]);
    let class = json!({"class": "Many", "vectorizer": "none", "properties": properties});
    let object =
        |number: u128| json!({"class": "Many", "id": Uuid::from_u128(number), "properties": {"text": "t"}});
    world.rest.create(&class).await?;
    world.rest.write(&(0..100).map(object).collect::<Vec<_>>()).await?;
    let faults = world.stand_in().faults();
    let later = faults.clone();
    faults.on(Call::grpc("Search")).from(2).before(move |contents| {
        contents.drop_class("Many");
        let class = class.clone();
        // The first look finds that it is gone indeed.
        later.on(Call::rest("GET", "/v1/schema/Many")).from(2).before(move |contents| {
            contents.create_class(class.clone());
            contents.put(object(1_000));
        });
    });
    let ran = world.succeed(&["backup", "--id", "b"]).await?;
    ensure!(world.backed_up("b")? == ["Many"], "it is taken for dropped: {}", ran.err);
    let before = Census::take(&world.rest, &["Many"]).await?;
    ensure!(before.objects() == 1, "it was not created again, so this shows nothing");
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    same(&before, &Census::take(&world.rest, &["Many"]).await?)
}

/// A backup beside it would take the woken ones for active.
pub async fn a_backup_that_wakes_tenants_is_alone(world: &mut World) -> anyhow::Result<()> {
    let (_, sleepers) = half_asleep(world).await?;
    let waking = ["backup", "--inactive-tenants", "activate", "--id", "waking"];
    let (id, held) = start_held(world, &waking, Call::grpc("Search"), 1).await?;
    ensure!(world.reason(&["backup", "--id", "beside"]).await? == "COLLECTION_BUSY");
    held.release();
    world.run(&["jobs", "watch", &id]).await;
    ensure!(asleep(&world.rest).await? == sleepers);
    world.run(&["backup", "--id", "after"]).await;
    for backup in ["waking", "after"] {
        let manifest =
            std::fs::read_to_string(world.backup_file(backup, "collections/Customer/tenants.json"))?;
        let cold = manifest.matches("COLD").count();
        ensure!(cold == sleepers.len(), "{backup} records {cold} inactive tenants: {manifest}");
    }
    Ok(())
}

/// Reading such a tenant would wake it, and nobody would put it back.
pub async fn tenants_that_would_wake_by_themselves_are_left_asleep(world: &mut World) -> anyhow::Result<()> {
    let tenancy = json!({"enabled": true, "autoTenantActivation": true});
    world.rest.create(&json!({"class": "Customer", "multiTenancyConfig": tenancy})).await?;
    let names = ["a", "b", "c"];
    let tenants: Value = names.iter().map(|name| json!({"name": name})).collect();
    world.rest.post("/v1/schema/Customer/tenants", &tenants).await?;
    let object = |tenant| json!({"class": "Customer", "tenant": tenant, "id": Uuid::from_u128(7)});
    world.rest.write(&names.map(object)).await?;
    let cold = json!([{"name": "b", "activityStatus": "COLD"}]);
    world.rest.put("/v1/schema/Customer/tenants", &cold).await?;
    world.refuse(&["backup", "--id", "report"], 5, "inactive").await?;
    ensure!(asleep(&world.rest).await? == ["b"], "a backup has woken it");
    world.succeed(&["collections"]).await?;
    ensure!(asleep(&world.rest).await? == ["b"], "a listing has woken it");
    let Some(stand_in) = world.weaviate.stand_in() else { return Ok(()) };
    // One that goes to sleep between the plan and its turn.
    let faults = stand_in.faults();
    faults.on(Call::grpc("TenantsGet")).before(|contents| contents.set_tenant("Customer", "c", "COLD"));
    let ran = world.run(&["--json", "backup", "--id", "later"]).await;
    ensure!(ran.code == 5 && summary(&ran)?.to_string().contains('c'), "{ran:?}");
    ensure!(asleep(&world.rest).await? == ["b", "c"], "a backup has woken it");
    Ok(())
}

/// Two of them do not wait for each other for ever.
pub async fn backups_that_wake_tenants_wait_for_each_other(world: &mut World) -> anyhow::Result<()> {
    let (_, sleepers) = half_asleep(world).await?;
    seed::every_type(&world.rest, "Article", 20).await?;
    let waking = |id: &'static str| ["backup", "--inactive-tenants", "activate", "--wait", "5m", "--id", id];
    let (first, held) = start_held(world, &waking("first"), Call::grpc("Search"), 1).await?;
    let second = start(world, &waking("second")).await?;
    let third = start(world, &waking("third")).await?;
    drop(held);
    for id in [first, second, third] {
        world.succeed(&["jobs", "watch", &id]).await?;
    }
    ensure!(asleep(&world.rest).await? == sleepers, "they are not as they were");
    for id in ["second", "third"] {
        ensure!(world.succeed(&["show", id]).await?.out.contains("10 of 10"), "{id} is not of all tenants");
    }
    Ok(())
}
