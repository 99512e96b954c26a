//! What differs between backups, and between a backup and a cluster.

use anyhow::{Context, ensure};
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use serde_json::{Value, json};

use crate::incrementals::{object, patch, plain, settle_down, uuid};

/// The lines of a diff: of objects, and of collections.
pub async fn diff(world: &World, arguments: &[&str]) -> anyhow::Result<(Vec<Value>, Vec<Value>)> {
    let ran = world.succeed(&[&["--json", "diff"][..], arguments].concat()).await?;
    let lines: Vec<Value> = ran.out.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    Ok(lines.into_iter().partition(|line| line["change"].is_string()))
}

fn counts(collections: &[Value], name: &str) -> anyhow::Result<[u64; 4]> {
    let one = collections.iter().find(|one| one["name"] == name).context("no such collection")?;
    Ok(["added", "removed", "changed", "same"].map(|field| one[field].as_u64().unwrap_or(u64::MAX)))
}

/// Changes a collection of every kind in every way, and compares what was with what is.
pub async fn every_difference_is_told(world: &mut World) -> anyhow::Result<()> {
    let rest = world.rest.clone();
    plain(&rest, "Many", 300).await?;
    plain(&rest, "Same", 20).await?;
    plain(&rest, "Dropped", 5).await?;
    seed::tenanted(&rest, "Tenanted", 5).await?;
    settle_down().await;
    world.succeed(&["backup", "--id", "a"]).await?;
    let (objects, collections) = diff(world, &["a", "--live", "--exit-code"]).await?;
    ensure!(objects.is_empty() && collections.len() == 4, "{objects:?} {collections:?}");

    patch(&rest, json!({"class": "Many", "id": uuid(4), "properties": {"text": "changed"}})).await?;
    patch(&rest, json!({"class": "Many", "id": uuid(5), "vector": [9.0, 9.0, 9.0]})).await?;
    // Its time is another, and it holds the same.
    rest.write(&[object("Many", 6, "as it was")]).await?;
    rest.delete(&format!("/v1/objects/Many/{}", uuid(7))).await?;
    rest.write(&[object("Many", 1_000, "new")]).await?;
    rest.drop_class("Dropped").await?;
    plain(&rest, "Created", 3).await?;
    let gone = Census::take(&rest, &["Tenanted"]).await?.filled_tenants("Tenanted").remove(0);
    rest.call(reqwest::Method::DELETE, "/v1/schema/Tenanted/tenants", Some(&json!([gone]))).await?;
    rest.post("/v1/schema/Tenanted/properties", &json!({"name": "late", "dataType": ["text"]})).await?;
    world.succeed(&["backup", "--parent", "a", "--id", "b"]).await?;

    for other in [&["b"][..], &["--live"], &["--live", "--check-all"]] {
        let (objects, collections) = diff(world, &[&["a"][..], other].concat()).await?;
        ensure!(counts(&collections, "Many")? == [1, 1, 2, 297], "{other:?}: {collections:?}");
        ensure!(counts(&collections, "Same")? == [0, 0, 0, 20], "{other:?}: {collections:?}");
        let of_many: Vec<_> = objects.iter().filter(|one| one["collection"] == "Many").collect();
        let told: Vec<_> =
            of_many.iter().map(|one| (one["change"].clone(), one["object_id"].clone())).collect();
        let expected = [("changed", 4), ("changed", 5), ("removed", 7), ("added", 1_000)];
        let expected = expected.map(|(change, number)| (json!(change), json!(uuid(number))));
        ensure!(told == expected, "{other:?}: {told:?}");
        let parts =
            |at: usize| (of_many[at]["parts"][0]["kind"].clone(), of_many[at]["parts"][0]["name"].clone());
        ensure!(parts(0) == (json!("property"), json!("text")), "{of_many:?}");
        ensure!(parts(1) == (json!("vector"), json!("")), "{of_many:?}");
        let removed = counts(&collections, "Tenanted")?[1];
        ensure!(removed > 0 && counts(&collections, "Tenanted")?[2] == 0, "{other:?}: {collections:?}");
        let tenanted = collections.iter().find(|one| one["name"] == "Tenanted").context("Tenanted")?;
        ensure!(tenanted["schema"].to_string().contains("late"), "{tenanted}");
        let alone = |name: &str, other: &str| {
            collections.iter().any(|one| one["name"] == name && one["other_name"] == other)
        };
        ensure!(alone("Dropped", "") && alone("", "Created"), "{other:?}: {collections:?}");
    }
    let shown = world.succeed(&["diff", "a", "b", "Many", "--limit", "2"]).await?;
    ensure!(shown.out.contains("property \"text\" differs"), "{shown:?}");
    ensure!(shown.err.contains("2 objects more are not listed"), "{shown:?}");
    world.refuse(&["diff", "a", "b", "--exit-code"], 6, "not the same").await?;
    world.succeed(&["diff", "b", "b", "--exit-code"]).await?;
    world.refuse(&["diff", "a"], 2, "nothing to compare it with").await.map(drop)
}

/// A copy under another name is the same, its references too.
pub async fn names_may_differ(world: &mut World) -> anyhow::Result<()> {
    let names = seed::references(&world.rest, "Hub", 30).await?;
    world.succeed(&["backup", "--id", "a"]).await?;
    let renames: Vec<String> = names.iter().map(|name| format!("--rename={name}=New{name}")).collect();
    let renames: Vec<&str> = renames.iter().map(String::as_str).collect();
    world.succeed(&[&["restore", "a"][..], &renames].concat()).await?;
    let copies: Vec<String> = names.iter().map(|name| format!("New{name}")).collect();
    let copies: Vec<&str> = copies.iter().map(String::as_str).collect();
    world.succeed(&[&["backup", "--id", "b"][..], &copies].concat()).await?;
    for other in [&["b"][..], &["--live"]] {
        let arguments = [&["a"][..], other, &names.each_ref().map(String::as_str), &renames].concat();
        let (objects, collections) = diff(world, &arguments).await?;
        ensure!(objects.is_empty(), "{other:?}: {objects:?}");
        ensure!(collections.iter().all(|one| one["same"].as_u64() > Some(0)), "{collections:?}");
    }
    Ok(())
}
