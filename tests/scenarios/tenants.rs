//! Many tenants, and tenants that are not active.

use anyhow::ensure;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::rest::Rest;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::faults::Call;
use serde_json::{Value, json};
use tonic::Code;

use crate::jobs::{start, start_held};
use crate::round_trip::same;

const SLEEPERS: usize = 4;

/// A collection of which some tenants are inactive, and what it held when all were active.
pub async fn half_asleep(world: &World) -> anyhow::Result<(Census, Vec<String>)> {
    seed::tenanted(&world.rest, "Customer", 10).await?;
    let whole = Census::take(&world.rest, &["Customer"]).await?;
    let sleepers: Vec<_> = whole.tenants("Customer").into_iter().skip(2).take(SLEEPERS).collect();
    set(&world.rest, &sleepers, "COLD").await?;
    Ok((whole, sleepers))
}

pub async fn set(rest: &Rest, tenants: &[String], status: &str) -> anyhow::Result<()> {
    let body: Value = tenants.iter().map(|name| json!({"name": name, "activityStatus": status})).collect();
    rest.put("/v1/schema/Customer/tenants", &body).await.map(drop)
}

pub async fn asleep(rest: &Rest) -> anyhow::Result<Vec<String>> {
    let tenants = rest.get("/v1/schema/Customer/tenants").await?;
    let cold = tenants.as_array().into_iter().flatten().filter(|tenant| tenant["activityStatus"] == "COLD");
    let mut names: Vec<_> = cold.filter_map(|tenant| tenant["name"].as_str().map(str::to_owned)).collect();
    names.sort();
    Ok(names)
}

pub async fn inactive_ones_are_reported_or_skipped(world: &mut World) -> anyhow::Result<()> {
    let (whole, sleepers) = half_asleep(world).await?;
    let ran = world.refuse(&["backup", "--id", "report"], 5, "does not hold all of Customer").await?;
    ensure!(
        ran.err.contains(&format!("4 of 10 tenants are inactive and were left out: {}", sleepers[0])),
        "{}",
        ran.err
    );
    ensure!(world.reason(&["backup"]).await? == "BACKUP_INCOMPLETE");
    ensure!(world.succeed(&["show", "report"]).await?.out.contains("6 of 10"));
    let ran = world.succeed(&["backup", "--inactive-tenants", "skip", "--id", "skip"]).await?;
    ensure!(ran.err.contains("inactive"), "what is skipped is told: {}", ran.err);
    ensure!(asleep(&world.rest).await? == sleepers, "a tenant was woken");
    world.rest.drop_all().await?;
    let ran = world.succeed(&["restore", "skip"]).await?;
    ensure!(ran.err.contains("4 tenants are not in the backup"), "{}", ran.err);
    let awake: Vec<_> =
        whole.tenants("Customer").into_iter().filter(|name| !sleepers.contains(name)).collect();
    let awake: Vec<_> = awake.iter().map(String::as_str).collect();
    same(&whole.only_tenants("Customer", &awake), &Census::take(&world.rest, &["Customer"]).await?)
}

pub async fn inactive_ones_are_woken_and_put_back(world: &mut World) -> anyhow::Result<()> {
    let (whole, sleepers) = half_asleep(world).await?;
    let before = Census::take(&world.rest, &["Customer"]).await?;
    world.succeed(&["backup", "--inactive-tenants", "activate", "--id", "all"]).await?;
    ensure!(asleep(&world.rest).await? == sleepers, "they are not as they were");
    ensure!(world.succeed(&["show", "all"]).await?.out.contains("10 of 10"));
    world.rest.drop_all().await?;
    world.succeed(&["restore", "all"]).await?;
    same(&before, &Census::take(&world.rest, &["Customer"]).await?)?;
    ensure!(asleep(&world.rest).await? == sleepers, "they are not restored as they were");
    set(&world.rest, &sleepers, "HOT").await?;
    same(&whole, &Census::take(&world.rest, &["Customer"]).await?)
}

pub async fn inactive_ones_are_compared_and_put_back(world: &mut World) -> anyhow::Result<()> {
    let (_, sleepers) = half_asleep(world).await?;
    world.succeed(&["backup", "--inactive-tenants", "activate", "--id", "all"]).await?;
    let verify = ["verify", "all", "--against-live"];
    // One of the four was empty when it was read, and counts as that.
    world.refuse(&verify, 5, "3 tenants could not be: inactive").await?;
    let ran = world.succeed(&[&verify[..], &["--inactive-tenants", "skip"]].concat()).await?;
    ensure!(ran.err.contains("3 tenants not compared: inactive"), "{}", ran.err);
    let waking = [&verify[..], &["--inactive-tenants", "activate"]].concat();
    let ran = world.succeed(&waking).await?;
    ensure!(ran.out.contains("matches backup all"), "{}", ran.out);
    ensure!(asleep(&world.rest).await? == sleepers, "they are not as they were");

    // What has changed of one that sleeps is found.
    let sleeper = &sleepers[..1];
    set(&world.rest, sleeper, "HOT").await?;
    let id = uuid::Uuid::from_u128(4711);
    world.rest.write(&[json!({"class": "Customer", "tenant": sleeper[0], "id": id})]).await?;
    set(&world.rest, sleeper, "COLD").await?;
    let ran = world.refuse(&waking, 6, "differs from backup all").await?;
    ensure!(ran.out.contains(&id.to_string()) && ran.out.contains(&sleeper[0]), "{}", ran.out);
    ensure!(asleep(&world.rest).await? == sleepers, "they are not as they were");
    Ok(())
}

pub async fn compared_ones_are_put_back_after_a_failure(world: &mut World) -> anyhow::Result<()> {
    let (_, sleepers) = half_asleep(world).await?;
    world.succeed(&["backup", "--inactive-tenants", "activate", "--id", "b"]).await?;
    let (faults, tenants) = (world.stand_in().faults(), Call::rest("PUT", "/v1/schema/Customer/tenants"));
    let (before, later) = (faults.count(&tenants), faults.clone());
    // From when they are woken.
    faults.on(tenants.clone()).before(move |_| {
        later.on(Call::grpc("Search")).always().grpc(Code::Unknown, "something new");
    });
    let verify = ["verify", "b", "--against-live", "--inactive-tenants", "activate"];
    world.refuse(&verify, 1, "something new").await?;
    ensure!(faults.count(&tenants) == before + 2, "none was woken, so this shows nothing");
    ensure!(asleep(&world.rest).await? == sleepers, "they are not as they were");
    Ok(())
}

pub async fn thousands_take_few_files(world: &mut World) -> anyhow::Result<()> {
    const TENANTS: usize = 2_000;
    let class = json!({"class": "Customer", "vectorizer": "none", "multiTenancyConfig": {"enabled": true},
        "properties": [{"name": "text", "dataType": ["text"]}]});
    world.rest.create(&class).await?;
    let names: Vec<_> = (0..TENANTS).map(|n| format!("tenant{n}")).collect();
    let body: Value = names.iter().map(|name| json!({"name": name})).collect();
    world.rest.post("/v1/schema/Customer/tenants", &body).await?;
    let object = |name: &String| json!({"class": "Customer", "tenant": name, "id": uuid::Uuid::from_u128(7), "properties": {"text": name}});
    world.rest.write(&names.iter().map(object).collect::<Vec<_>>()).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let files = world.data_files("b", "Customer")?.len();
    ensure!(files <= 8, "{files} files");
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    world.succeed(&["verify", "b", "--against-live"]).await.map(drop)
}

pub async fn woken_ones_are_put_back_after_a_failure(world: &mut World) -> anyhow::Result<()> {
    let (_, sleepers) = half_asleep(world).await?;
    let faults = world.stand_in().faults();
    // The active ones are six, of which two are empty, and a page or two each; what comes last is of those that were woken.
    faults.on(Call::grpc("Search")).from(6).always().grpc(Code::Unknown, "something new");
    world.refuse(&["backup", "--inactive-tenants", "activate", "--id", "b"], 1, "something new").await?;
    ensure!(asleep(&world.rest).await? == sleepers, "they are not as they were");
    ensure!(!world.has_files("b"), "a failed backup has left something");
    Ok(())
}

pub async fn woken_ones_are_put_back_after_a_cancel(world: &mut World) -> anyhow::Result<()> {
    let (_, sleepers) = half_asleep(world).await?;
    let backup = ["backup", "--inactive-tenants", "activate", "--id", "b"];
    let (id, held) = start_held(world, &backup, Call::grpc("Search"), 6).await?;
    ensure!(asleep(&world.rest).await?.is_empty(), "none is awake, so this shows nothing");
    world.succeed(&["jobs", "cancel", &id]).await?;
    held.release();
    world.run(&["jobs", "watch", &id]).await;
    ensure!(asleep(&world.rest).await? == sleepers, "they are not as they were");
    Ok(())
}

/// Weaviate can show them as inactive, and be about to do what it was asked before the cancel.
pub async fn those_that_wake_after_a_cancel_are_put_back(world: &mut World) -> anyhow::Result<()> {
    let (_, sleepers) = half_asleep(world).await?;
    let faults = world.stand_in().faults();
    let tenants = "/v1/schema/Customer/tenants";
    let asked = faults.on(Call::rest("PUT", tenants)).hold();
    // It is taken, and not answered.
    faults.on(Call::rest("PUT", tenants)).cut();
    let id = start(world, &["backup", "--inactive-tenants", "activate", "--id", "b"]).await?;
    asked.reached().await;
    world.succeed(&["jobs", "cancel", &id]).await?;
    let listed = faults.on(Call::rest("GET", tenants)).hold();
    asked.release();
    listed.reached().await;
    // A list is believed after another look at whether Weaviate is ready.
    let looked = faults.on(Call::rest("GET", "/v1/.well-known/ready")).hold();
    listed.release();
    looked.reached().await;
    let contents = world.stand_in().contents();
    sleepers.iter().for_each(|tenant| contents.set_tenant("Customer", tenant, "HOT"));
    looked.release();
    world.run(&["jobs", "watch", &id]).await;
    ensure!(asleep(&world.rest).await? == sleepers, "they are not as they were");
    Ok(())
}

pub async fn woken_ones_are_put_back_after_the_server_died(world: &mut World) -> anyhow::Result<()> {
    let (_, sleepers) = half_asleep(world).await?;
    // What a server leaves behind that dies while it reads them.
    let folder = world.folder().join("jobs/01a20975-0000-7000-8000-000000000000");
    std::fs::create_dir_all(&folder)?;
    let address = world.weaviate.rest_url();
    let woken =
        json!({"cluster": "default", "address": address, "collection": "Customer", "tenants": sleepers});
    std::fs::write(folder.join("woken-Customer.json"), woken.to_string())?;
    set(&world.rest, &sleepers, "HOT").await?;
    world.serve_again(None, None).await?;
    for _ in 0..100 {
        if asleep(&world.rest).await? == sleepers && !folder.join("woken-Customer.json").exists() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    anyhow::bail!("they are not as they were: {:?}", asleep(&world.rest).await?)
}
