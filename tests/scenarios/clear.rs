//! Clearing: empty, otherwise the same, and never by accident.

use anyhow::ensure;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::faults::Call;
use serde_json::json;
use uuid::Uuid;

use crate::jobs::start_held;
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
    world.refuse(&["clear", "News", "--yes"], 7, "does not exist").await?;
    ensure!(world.rest.count("Article", None).await? == 5);
    Ok(())
}

pub async fn chosen_tenants_only(world: &mut World) -> anyhow::Result<()> {
    seed::tenanted(&world.rest, "Customer", 5).await?;
    let names = ["Customer".to_owned()];
    let before = Census::take(&world.rest, &names).await?;
    let tenants = before.tenants("Customer");
    world.refuse(&["clear", "Customer", "--tenant", "nobody", "--yes"], 7, "no tenant \"nobody\"").await?;
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

/// What is done is not called cancelled, though it is still being looked at.
pub async fn a_cancel_of_what_is_cleared_comes_too_late(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    // The first count is for the plan.
    let clear = ["clear", "Article", "--yes"];
    let (id, held) = start_held(world, &clear, Call::grpc("Aggregate"), 2).await?;
    ensure!(world.rest.count("Article", None).await? == 0, "it is not cleared yet, so this shows nothing");
    world.succeed(&["jobs", "cancel", &id]).await?;
    held.release();
    world.succeed(&["jobs", "watch", &id]).await.map(drop)
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

/// No name of a file is made of it and something more.
pub async fn the_longest_name_is_no_obstacle(world: &mut World) -> anyhow::Result<()> {
    let names = ["L", "T"].map(|first| format!("{first}{}", "o".repeat(254)));
    for (name, has_tenants) in names.iter().zip([false, true]) {
        let properties = json!([{"name": "text", "dataType": ["text"]}]);
        let tenancy = json!({"enabled": has_tenants});
        world
            .rest
            .create(&json!({"class": name, "multiTenancyConfig": tenancy, "properties": properties}))
            .await?;
        let mut object = json!({"class": name, "id": Uuid::from_u128(7), "properties": {"text": "t"}});
        if has_tenants {
            // The longest that Weaviate takes.
            let tenant = "t".repeat(64);
            world.rest.post(&format!("/v1/schema/{name}/tenants"), &json!([{"name": tenant}])).await?;
            object["tenant"] = json!(tenant);
        }
        world.rest.write(&[object]).await?;
    }
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--id", &"b".repeat(64)]).await?;
    world.succeed(&["clear", &names[0], &names[1], "--yes"]).await?;
    same(&before.emptied(), &Census::take(&world.rest, &names).await?)?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", &"b".repeat(64)]).await?;
    same(&before, &Census::take(&world.rest, &names).await?)
}

/// Of a clear that was killed while it tried the schema.
pub async fn a_probe_left_behind_is_no_collection_of_anybody(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 5).await?;
    let probe = "ArticleSelvedgeProbe0123456789ab";
    world.rest.create(&json!({"class": probe})).await?;
    let ran = world.succeed(&["backup", "--id", "b"]).await?;
    ensure!(ran.err.contains(probe) && world.backed_up("b")? == ["Article"], "{}", ran.err);
    let ran = world.succeed(&["backup", "Art*", "--id", "c"]).await?;
    ensure!(ran.err.contains(probe) && world.backed_up("c")? == ["Article"], "{}", ran.err);
    world.succeed(&["clear", "Article", "--yes"]).await.map(drop)
}

/// What a server leaves that dies between a drop and the creation that follows.
pub async fn what_a_killed_server_dropped_comes_back(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 5).await?;
    seed::tenanted(&world.rest, "Customer", 7).await?;
    let names = ["Article", "Customer"];
    let before = Census::take(&world.rest, &names).await?;
    let jobs = world.folder().join("jobs");
    let tenants = world.rest.get("/v1/schema/Customer/tenants").await?;
    let of_customer: Vec<_> = before.tenants("Customer");
    for (at, name) in names.iter().enumerate() {
        let folder = jobs.join(format!("01a20975-0000-7000-8000-00000000000{at}"));
        let saved = folder.join("cleared").join(name);
        std::fs::create_dir_all(&saved)?;
        let schema = world.rest.get(&format!("/v1/schema/{name}")).await?;
        std::fs::write(saved.join("schema.json"), schema.to_string())?;
        let (address, probe) = (world.weaviate.rest_url(), format!("{name}SelvedgeProbe0123456789ab"));
        let mut clearing =
            json!({"cluster": "default", "address": address, "collection": name, "probe": probe});
        world.rest.create(&json!({"class": probe})).await?;
        if *name == "Customer" {
            std::fs::write(saved.join("tenants.json"), tenants.to_string())?;
            clearing["tenants"] = json!(of_customer);
            let path = "/v1/schema/Customer/tenants";
            world.rest.call(reqwest::Method::DELETE, path, Some(&json!(of_customer))).await?;
        } else {
            world.rest.drop_class(name).await?;
        }
        std::fs::write(folder.join("clearing.json"), clearing.to_string())?;
    }
    world.serve_again(None, None).await?;
    let is_done =
        |at: usize| !jobs.join(format!("01a20975-0000-7000-8000-00000000000{at}/clearing.json")).exists();
    for _ in 0..200 {
        if (0..names.len()).all(is_done) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let mut classes = world.rest.classes().await?;
    classes.sort();
    ensure!(classes == names, "{classes:?}");
    same(&before.emptied(), &Census::take(&world.rest, &names).await?)
}
