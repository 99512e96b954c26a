//! Cross-references: beacons in their order, doubles and dangling ones included.

use anyhow::ensure;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::faults::{Call, Objects};
use serde_json::json;

use crate::round_trip::same;

pub async fn they_come_back_in_order_with_doubles_and_dangling_ones(world: &mut World) -> anyhow::Result<()> {
    let names = seed::references(&world.rest, "Book", 120).await?;
    // An empty list is something else than none.
    let empty = json!({"class": "Book", "id": uuid::Uuid::from_u128(9), "properties": {"other": []}});
    world.rest.write(&[empty]).await?;
    let before = Census::take(&world.rest, &names).await?;
    for id in ["first", "second"] {
        world.succeed(&["backup", "--id", id]).await?;
        world.rest.drop_all().await?;
        world.succeed(&["restore", id]).await?;
        same(&before, &Census::take(&world.rest, &names).await?)?;
    }
    world.succeed(&["verify", "first", "--against-live"]).await?;
    // The first refers to the second, and has to come back all the same.
    world.succeed(&["clear", "Book", "--yes"]).await?;
    same(&before.only(&names[1..]), &Census::take(&world.rest, &names[1..]).await?)?;
    same(&before.only(&names[..1]).emptied(), &Census::take(&world.rest, &names[..1]).await?)
}

pub async fn they_follow_a_rename(world: &mut World) -> anyhow::Result<()> {
    let names = seed::references(&world.rest, "Book", 60).await?;
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let renames = ["--rename", "Book=Tome", "--rename", "BookOther=TomeOther"];
    world.succeed(&[&["restore", "b"][..], &renames].concat()).await?;
    let copies = Census::take(&world.rest, &["Tome", "TomeOther"]).await?;
    let differences = before.differences(&copies, &[("Book", "Tome"), ("BookOther", "TomeOther")]);
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    world.succeed(&[&["verify", "b", "--against-live"][..], &renames].concat()).await?;
    // One of them alone: its references to the other still point to the original.
    world.rest.drop_class("Tome").await?;
    world.succeed(&["restore", "b", "Book", "--rename", "Book=Tome"]).await?;
    let copy = Census::take(&world.rest, &["Tome"]).await?;
    let differences = before.only(&["Book"]).differences(&copy, &[("Book", "Tome")]);
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}

pub async fn what_they_point_to_must_be_there_unless_they_are_left_out(
    world: &mut World,
) -> anyhow::Result<()> {
    seed::references(&world.rest, "Book", 20).await?;
    world.succeed(&["backup", "Book", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    world.refuse(&["restore", "b"], 4, "--without-references").await?;
    ensure!(world.reason(&["restore", "b", "--dry-run"]).await? == "REFERENCE_TARGET_MISSING");
    ensure!(world.rest.classes().await?.is_empty(), "a refused restore has created something");
    world.refuse(&["verify", "b", "--level", "restorable"], 4, "BookOther").await?;
    world.succeed(&["restore", "b", "--without-references"]).await?;
    ensure!(world.rest.count("Book", None).await? == 20);
    let schema = world.rest.get("/v1/schema/Book").await?;
    ensure!(schema["properties"].as_array().map(Vec::len) == Some(1), "{schema}");
    Ok(())
}

pub async fn a_repeated_request_doubles_none(world: &mut World) -> anyhow::Result<()> {
    let names = seed::references(&world.rest, "Book", 200).await?;
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    let faults = world.stand_in().faults();
    let call = || Call::rest("POST", "/v1/batch/references");
    faults.on(call()).lose_answer();
    faults.on(call()).from(2).http(503, "busy");
    faults.on(call()).from(3).refuse_objects(Objects::Index(4), "store is read-only due to: disk");
    world.succeed(&["restore", "b"]).await?;
    same(&before, &Census::take(&world.rest, &names).await?)
}

pub async fn those_refused_for_good_make_the_job_partial(world: &mut World) -> anyhow::Result<()> {
    let names = seed::references(&world.rest, "Book", 30).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    let faults = world.stand_in().faults();
    let call = Call::rest("POST", "/v1/batch/references");
    faults.on(call).refuse_objects(Objects::Index(0), "target class not found");
    let ran = world.refuse(&["restore", "b"], 5, "refused 1 reference").await?;
    ensure!(ran.err.contains("target class not found"), "{}", ran.err);
    for name in names {
        ensure!(world.rest.count(&name, None).await? == 30, "{name} lacks objects");
    }
    Ok(())
}
