//! Clearing: empty, otherwise the same, and never by accident.

use anyhow::ensure;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::faults::Call;
use serde_json::json;

use crate::round_trip::same;

pub async fn a_collection_is_empty_and_otherwise_the_same(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 30).await?;
    seed::named_vectors(&world.rest, "Page", 30).await?;
    seed::sharded(&world.rest, "Many", 3, 500).await?;
    let names = ["Article".to_owned(), "Page".to_owned(), "Many".to_owned()];
    if world.since(1, 32) {
        world.rest.post("/v1/aliases", &json!({"alias": "News", "class": "Article"})).await?;
    }
    let before = Census::take(&world.rest, &names).await?;
    let ran = world.succeed(&["clear", "Article", "Page", "Many", "--yes"]).await?;
    ensure!(ran.out.contains("560 objects removed"), "{}", ran.out);
    let mut classes = world.rest.classes().await?;
    classes.sort();
    ensure!(classes == ["Article", "Many", "Page"], "a probe was left behind: {classes:?}");
    same(&before.emptied(), &Census::take(&world.rest, &names).await?)?;
    if world.since(1, 32) {
        ensure!(world.rest.get("/v1/aliases/News").await?["class"] == "Article");
    }
    Ok(())
}

pub async fn tenants_are_empty_and_keep_their_status(world: &mut World) -> anyhow::Result<()> {
    seed::tenanted(&world.rest, "Customer", 7).await?;
    let names = ["Customer".to_owned()];
    let tenants = Census::take(&world.rest, &names).await?.tenants("Customer");
    let cold = json!([{"name": tenants[2], "activityStatus": "COLD"}]);
    world.rest.put("/v1/schema/Customer/tenants", &cold).await?;
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["clear", "Customer", "--yes"]).await?;
    same(&before.emptied(), &Census::take(&world.rest, &names).await?)?;
    let hot = json!([{"name": tenants[2], "activityStatus": "HOT"}]);
    world.rest.put("/v1/schema/Customer/tenants", &hot).await?;
    ensure!(
        world.rest.count("Customer", Some(&tenants[2])).await? == 0,
        "the inactive tenant was not cleared"
    );
    Ok(())
}

pub async fn nothing_happens_without_confirmation(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    let names = ["Article".to_owned()];
    let before = Census::take(&world.rest, &names).await?;
    let ran = world.refuse(&["clear", "Article"], 4, "--yes").await?;
    ensure!(ran.err.contains("20") && ran.err.contains("drop"), "the plan is missing: {}", ran.err);
    ensure!(world.reason(&["clear", "Article"]).await? == "CONFIRMATION_REQUIRED");
    world.refuse(&["clear", "Art*", "--yes"], 2, "exact names").await?;
    same(&before, &Census::take(&world.rest, &names).await?)
}

pub async fn a_person_confirms_by_typing_the_names(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    let ran = world.run_typing(&["clear", "Article"], "Artikel").await;
    ensure!(ran.code == 4, "{ran:?}");
    ensure!(world.rest.count("Article", None).await? == 20);
    let ran = world.run_typing(&["clear", "Article"], "Article").await;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(world.rest.count("Article", None).await? == 0);
    Ok(())
}

pub async fn an_alias_is_no_name_for_destruction(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 32) {
        return Ok(());
    }
    seed::every_type(&world.rest, "Article", 5).await?;
    world.rest.post("/v1/aliases", &json!({"alias": "News", "class": "Article"})).await?;
    world.refuse(&["clear", "News", "--yes"], 1, "does not exist").await?;
    ensure!(world.rest.count("Article", None).await? == 5);
    Ok(())
}

pub async fn chosen_tenants_only(world: &mut World) -> anyhow::Result<()> {
    seed::tenanted(&world.rest, "Customer", 5).await?;
    let names = ["Customer".to_owned()];
    let before = Census::take(&world.rest, &names).await?;
    let tenants = before.tenants("Customer");
    world.refuse(&["clear", "Customer", "--tenant", "nobody", "--yes"], 1, "no tenant \"nobody\"").await?;
    same(&before, &Census::take(&world.rest, &names).await?)?;
    world.succeed(&["clear", "Customer", "--tenant", &tenants[1], "--yes"]).await?;
    let after = Census::take(&world.rest, &names).await?;
    let others: Vec<_> = tenants.iter().filter(|tenant| **tenant != tenants[1]).map(String::as_str).collect();
    same(&before.only_tenants("Customer", &others), &after.only_tenants("Customer", &others))?;
    ensure!(world.rest.count("Customer", Some(&tenants[1])).await? == 0);
    Ok(())
}

pub async fn a_cancel_does_not_cut_between_drop_and_create(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    let names = ["Article".to_owned()];
    let before = Census::take(&world.rest, &names).await?;
    // The first DELETE takes the probe away, the second one drops the collection.
    let held = world.stand_in().faults().on(Call::rest("POST", "/v1/schema")).from(2).hold();
    let started = world.succeed(&["--json", "clear", "Article", "--yes", "--detach"]).await?;
    held.reached().await;
    ensure!(world.rest.classes().await?.is_empty(), "the collection is not dropped yet");
    let id = crate::jobs::job_id(&started)?;
    world.succeed(&["jobs", "cancel", &id]).await?;
    held.release();
    world.run(&["jobs", "watch", &id]).await;
    same(&before.emptied(), &Census::take(&world.rest, &names).await?)
}

pub async fn a_schema_that_would_be_refused_is_not_dropped(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    let names = ["Article".to_owned()];
    let before = Census::take(&world.rest, &names).await?;
    let body = r#"{"error":[{"message":"no longer allowed"}]}"#;
    world.stand_in().faults().on(Call::rest("POST", "/v1/schema")).http(422, body);
    world.refuse(&["clear", "Article", "--yes"], 1, "no longer allowed").await?;
    same(&before, &Census::take(&world.rest, &names).await?)
}
