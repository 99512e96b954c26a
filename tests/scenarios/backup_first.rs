//! Backups of what is about to be destroyed, before it is.

use anyhow::{Context, ensure};
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::{Ran, World};
use selvedge_tests::stand_in::faults::Call;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::jobs::start_held;
use crate::round_trip::same;
use crate::tenants::set;

const NAMES: [&str; 2] = ["Article", "Customer"];

async fn fill(world: &World) -> anyhow::Result<Census> {
    seed::every_type(&world.rest, "Article", 30).await?;
    seed::tenanted(&world.rest, "Customer", 4).await?;
    Census::take(&world.rest, &NAMES).await
}

/// The backup that a job tells of.
fn made(ran: &Ran) -> anyhow::Result<String> {
    let job: Value = serde_json::from_str(ran.out.lines().last().context("nothing was printed")?)?;
    let id = job["first_backup_id"].as_str().context("no backup is told of")?;
    Ok(id.to_owned())
}

pub async fn what_is_cleared_can_be_had_again(world: &mut World) -> anyhow::Result<()> {
    let before = fill(world).await?;
    let clear = ["clear", "Article", "Customer", "--backup-first", "--yes"];
    let plan = world.succeed(&[&clear[..4], &["--dry-run"]].concat()).await?.out;
    ensure!(plan.contains("after a backup of them was made"), "{plan}");
    ensure!(world.backup_ids().await?.is_empty(), "a dry run made a backup");

    let ran = world.succeed(&[&["--json"][..], &clear].concat()).await?;
    let id = made(&ran)?;
    same(&before.emptied(), &Census::take(&world.rest, &NAMES).await?)?;
    ensure!(world.backup_ids().await? == [id.as_str()]);
    world.succeed(&["restore", &id, "--if-exists", "merge"]).await?;
    same(&before, &Census::take(&world.rest, &NAMES).await?)?;

    // Of some tenants, a backup of these.
    let ran =
        world.succeed(&["clear", "Customer", "--tenant", "tenant-1", "--backup-first", "--yes"]).await?;
    ensure!(ran.out.contains("what was there before is in backup "), "{}", ran.out);
    ensure!(world.rest.count("Customer", Some("tenant-1")).await? == 0);
    let ids = world.backup_ids().await?;
    let newest = ids.iter().find(|other| **other != id).context("there is no second backup")?;
    ensure!(world.succeed(&["show", newest]).await?.out.contains("1 of 4"));
    world.succeed(&["restore", newest, "--if-exists", "merge"]).await?;
    same(&before, &Census::take(&world.rest, &NAMES).await?)
}

pub async fn what_is_replaced_can_be_had_again(world: &mut World) -> anyhow::Result<()> {
    let original = fill(world).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.write(&[json!({"class": "Article", "id": Uuid::from_u128(1 << 90)})]).await?;
    let changed = Census::take(&world.rest, &NAMES).await?;
    let replace = ["restore", "b", "Article", "Customer", "--if-exists", "replace", "--backup-first"];
    let plan = world.succeed(&[&replace[..], &["--dry-run"]].concat()).await?.out;
    ensure!(plan.contains("only dropped after a backup was made"), "{plan}");
    let ran = world.succeed(&[&["--json"][..], &replace, &["--yes"]].concat()).await?;
    same(&original, &Census::take(&world.rest, &NAMES).await?)?;
    let id = made(&ran)?;
    world.succeed(&["restore", &id, "Article", "Customer", "--if-exists", "replace", "--yes"]).await?;
    same(&changed, &Census::take(&world.rest, &NAMES).await?)?;

    // Where nothing is there, nothing is backed up.
    world.rest.drop_all().await?;
    let ran = world.succeed(&[&["--json"][..], &replace, &["--yes"]].concat()).await?;
    ensure!(made(&ran).is_err(), "{}", ran.out);
    world.refuse(&["restore", "b", "--rename", "Article=Copy", "--backup-first"], 2, "nothing is").await?;
    Ok(())
}

pub async fn what_no_backup_can_hold_is_not_destroyed(world: &mut World) -> anyhow::Result<()> {
    fill(world).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    set(&world.rest, &["tenant-2".to_owned()], "COLD").await?;
    let before = Census::take(&world.rest, &NAMES).await?;
    let clear = ["clear", "Article", "Customer", "--backup-first", "--yes"];
    let replace =
        ["restore", "b", "Article", "Customer", "--if-exists", "replace", "--backup-first", "--yes"];
    for destroy in [&clear[..], &replace] {
        let ran = world.refuse(destroy, 4, "tenant-2").await?;
        ensure!(ran.err.contains("nothing is destroyed that no verified backup holds"), "{}", ran.err);
        same(&before, &Census::take(&world.rest, &NAMES).await?)?;
    }
    ensure!(world.backup_ids().await? == ["b"], "a backup was made although it cannot hold everything");
    // Only what is destroyed has to be in it.
    world.succeed(&["clear", "Customer", "--tenant", "tenant-1", "--backup-first", "--yes"]).await?;
    Ok(())
}

/// Between the backup and the end of its proof, somebody writes.
pub async fn what_was_written_since_is_not_destroyed(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 30).await?;
    let clear = ["clear", "Article", "--backup-first", "--yes"];
    let (id, held) = start_held(world, &clear, Call::grpc("Search"), COMPARING).await?;
    ensure!(world.backup_ids().await?.len() == 1, "the backup is not made yet, so this shows nothing");
    world.rest.write(&[json!({"class": "Article", "id": Uuid::from_u128(1 << 90)})]).await?;
    held.release();
    let ran = world.run(&["jobs", "watch", &id]).await;
    ensure!(ran.code == 6 && ran.err.contains("no verified backup holds"), "{ran:?}");
    ensure!(world.rest.count("Article", None).await? == 31);
    let shown = world.succeed(&["jobs", "show", &id]).await?.out;
    ensure!(shown.contains("made first"), "{shown}");
    Ok(())
}

/// A tenant that was empty when it was backed up is filled, and put to sleep before it is compared.
pub async fn what_cannot_be_compared_any_more_is_not_destroyed(world: &mut World) -> anyhow::Result<()> {
    seed::tenanted(&world.rest, "Customer", 4).await?;
    let empty = "tenant-0";
    ensure!(world.rest.count("Customer", Some(empty)).await? == 0);
    let clear = ["clear", "Customer", "--backup-first", "--yes"];
    let (id, held) =
        start_held(world, &clear, Call::rest("GET", "/v1/schema/Customer/tenants"), LISTING_TENANTS).await?;
    ensure!(world.backup_ids().await?.len() == 1, "the backup is not made yet, so this shows nothing");
    world.rest.write(&[json!({"class": "Customer", "tenant": empty, "id": Uuid::from_u128(1)})]).await?;
    set(&world.rest, &[empty.to_owned()], "COLD").await?;
    held.release();
    let ran = world.run(&["jobs", "watch", &id]).await;
    ensure!(ran.code != 0 && ran.err.contains("no verified backup holds"), "{ran:?}");
    set(&world.rest, &[empty.to_owned()], "HOT").await?;
    ensure!(world.rest.count("Customer", Some(empty)).await? == 1);
    Ok(())
}

/// The search that compares: those before it make the backup.
const COMPARING: usize = 3;
/// The look at the tenants for the comparison.
const LISTING_TENANTS: usize = 5;
