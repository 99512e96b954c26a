//! Kills at the worst moments: when Weaviate is not as it was, and not yet as it is to be.

use anyhow::{bail, ensure};
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::rest::Rest;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::faults::Call;
use serde_json::json;
use uuid::Uuid;

use super::killable::{Killable, is_active};
use super::{DELAY, slow, unhindered};
use crate::round_trip::same;
use crate::tenants::{asleep, set};

/// A moment may be over before anybody sees it.
const ATTEMPTS: usize = 10;

const NAMES: [&str; 3] = ["Article", "Customer", "Page"];

/// Tenants that take a moment to read, and are not active; the others are.
async fn heavy_sleepers(rest: &Rest) -> anyhow::Result<Vec<String>> {
    seed::tenanted(rest, "Customer", 10).await?;
    let sleepers: Vec<_> = (2..6).map(|number| format!("tenant-{number}")).collect();
    let text = "x".repeat(2_000);
    for tenant in &sleepers {
        let object = |number: u128| {
            json!({"class": "Customer", "tenant": tenant, "id": Uuid::from_u128(number << 80),
                "properties": {"text": text}})
        };
        rest.write(&(1..=1_000).map(object).collect::<Vec<_>>()).await?;
    }
    set(rest, &sleepers, "COLD").await?;
    Ok(sleepers)
}

/// Waits until a tenant is awake, or the job has ended.
async fn until_awake(rest: &Rest, server: &Killable, id: &str, sleepers: &[String]) -> anyhow::Result<()> {
    while asleep(rest).await? == sleepers && is_active(&server.job(id).await?) {}
    Ok(())
}

pub async fn killed_while_tenants_are_awake(world: &mut World) -> anyhow::Result<()> {
    let sleepers = heavy_sleepers(&world.rest).await?;
    let before = Census::take(&world.rest, &["Customer"]).await?;
    let mut server = Killable::start(world).await?;
    for attempt in 0..ATTEMPTS {
        slow(world, Call::grpc("Search"));
        let backup = format!("b{attempt}");
        let arguments = ["backup", "--inactive-tenants", "activate", "--id", &backup];
        let id = server.begin(&arguments).await?;
        until_awake(&world.rest, &server, &id, &sleepers).await?;
        server.kill().await?;
        let has_struck = asleep(&world.rest).await? != sleepers;
        unhindered(world);
        server.start_again().await?;
        if server.was_interrupted(&id).await? {
            server.resume(&id).await?;
        }
        ensure!(asleep(&world.rest).await? == sleepers, "they are not as they were");
        same(&before, &Census::take(&world.rest, &["Customer"]).await?)?;
        ensure!(server.succeed(&["show", &backup]).await?.out.contains("10 of 10"));
        server.succeed(&["verify", &backup, "--level", "rows"]).await?;
        if has_struck {
            return Ok(());
        }
    }
    bail!("no tenant was ever awake when the server was killed, so this shows nothing")
}

async fn is_one_missing(rest: &Rest) -> anyhow::Result<bool> {
    let classes = rest.classes().await?;
    Ok(!NAMES.iter().all(|name| classes.iter().any(|class| class == name)))
}

/// Waits until a collection is missing, or the job has ended.
async fn until_one_is_missing(rest: &Rest, server: &Killable, id: &str) -> anyhow::Result<()> {
    while !is_one_missing(rest).await? && is_active(&server.job(id).await?) {}
    Ok(())
}

/// Kills the server as soon as a collection is missing, lets another one go on, and returns whether one was missing then.
async fn killed_when_one_is_missing(world: &World, server: &mut Killable, id: &str) -> anyhow::Result<bool> {
    until_one_is_missing(&world.rest, server, id).await?;
    server.kill().await?;
    let has_struck = is_one_missing(&world.rest).await?;
    unhindered(world);
    server.start_again().await?;
    if server.was_interrupted(id).await? {
        server.resume(id).await?;
    }
    let mut classes = world.rest.classes().await?;
    classes.sort();
    ensure!(classes == NAMES, "{classes:?}");
    Ok(has_struck)
}

pub async fn killed_between_drop_and_create(world: &mut World) -> anyhow::Result<()> {
    killed_while_clearing(world, &[]).await
}

/// However far it was, the backup that was made first holds what is gone.
pub async fn killed_between_backup_and_create(world: &mut World) -> anyhow::Result<()> {
    killed_while_clearing(world, &["--backup-first"]).await
}

async fn killed_while_clearing(world: &World, more: &[&str]) -> anyhow::Result<()> {
    let clear = [&["clear", "Article", "Customer", "Page", "--yes"], more].concat();
    let mut server = Killable::start(world).await?;
    for _ in 0..ATTEMPTS {
        world.rest.drop_all().await?;
        seed::every_type(&world.rest, "Article", 5).await?;
        seed::tenanted(&world.rest, "Customer", 7).await?;
        seed::named_vectors(&world.rest, "Page", 5).await?;
        let before = Census::take(&world.rest, &NAMES).await?;
        slow(world, Call::rest("POST", "/v1/schema"));
        let id = server.begin(&clear).await?;
        let has_struck = killed_when_one_is_missing(world, &mut server, &id).await?;
        same(&before.emptied(), &Census::take(&world.rest, &NAMES).await?)?;
        if !more.is_empty() {
            let job = server.job(&id).await?;
            let backup = job["first_backup_id"].as_str().unwrap_or_default();
            server.succeed(&["restore", backup, "--if-exists", "merge"]).await?;
            same(&before, &Census::take(&world.rest, &NAMES).await?)?;
        }
        if has_struck {
            return Ok(());
        }
    }
    bail!("no collection was ever missing when the server was killed, so this shows nothing")
}

/// What was to be replaced is not lost: the job that has dropped it goes on.
pub async fn killed_while_replacing(world: &mut World) -> anyhow::Result<()> {
    let mut server = Killable::start(world).await?;
    seed::every_type(&world.rest, "Article", 5).await?;
    seed::tenanted(&world.rest, "Customer", 7).await?;
    seed::named_vectors(&world.rest, "Page", 5).await?;
    let before = Census::take(&world.rest, &NAMES).await?;
    server.succeed(&["backup", "--id", "b"]).await?;
    let replace = [&["restore", "b", "--if-exists", "replace", "--yes"][..], &NAMES].concat();
    for _ in 0..ATTEMPTS {
        world.rest.write(&[json!({"class": "Article", "id": Uuid::from_u128(1 << 90)})]).await?;
        slow_after_probes(world);
        let id = server.begin(&replace).await?;
        let has_struck = killed_when_one_is_missing(world, &mut server, &id).await?;
        same(&before, &Census::take(&world.rest, &NAMES).await?)?;
        if has_struck {
            return Ok(());
        }
    }
    bail!("no collection was ever missing when the server was killed, so this shows nothing")
}

/// The probes come first.
fn slow_after_probes(world: &World) {
    if let Some(stand_in) = world.weaviate.stand_in() {
        stand_in.faults().on(Call::rest("POST", "/v1/schema")).from(4).always().delay(DELAY);
    }
}

/// What was confirmed is what was there then.
pub async fn what_others_made_since_is_not_replaced(world: &mut World) -> anyhow::Result<()> {
    let mut server = Killable::start(world).await?;
    for name in NAMES {
        seed::every_type(&world.rest, name, 5).await?;
    }
    server.succeed(&["backup", "--id", "b"]).await?;
    let replace = [&["restore", "b", "--if-exists", "replace", "--yes"][..], &NAMES].concat();
    slow_after_probes(world);
    let id = server.begin(&replace).await?;
    until_one_is_missing(&world.rest, &server, &id).await?;
    server.kill().await?;
    let classes = world.rest.classes().await?;
    let missing = NAMES.iter().find(|name| !classes.iter().any(|class| class == *name));
    let Some(missing) = missing else { bail!("no collection is missing, so this shows nothing") };
    unhindered(world);
    world.rest.create(&json!({"class": missing})).await?;
    world.rest.write(&[json!({"class": missing, "id": Uuid::from_u128(7)})]).await?;
    server.start_again().await?;
    ensure!(server.was_interrupted(&id).await?, "the job had ended");
    // What the dead server left half done is put right first, and what is in use meanwhile is refused.
    let refused = async {
        loop {
            let ran = server.run(&["jobs", "resume", &id]).await;
            if ran.code != 4 || ran.err.contains("somebody else made it") {
                return ran;
            }
            tokio::time::sleep(DELAY).await;
        }
    };
    let ran = refused.await;
    ensure!(ran.code == 4, "what somebody else has made was replaced: {ran:?}");
    ensure!(world.rest.count(missing, None).await? == 1);
    Ok(())
}
