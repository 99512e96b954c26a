//! Settings and patches that collections get instead of what the backup has.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use serde_json::{Value, json};
use uuid::Uuid;

/// A backup `b` of "Article" and "Tenanted", which are gone.
async fn backed_up(world: &World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    world.rest.create(&json!({"class": "Tenanted", "multiTenancyConfig": {"enabled": true}})).await?;
    world.rest.post("/v1/schema/Tenanted/tenants", &json!([{"name": "acme"}])).await?;
    let object = json!({"class": "Tenanted", "tenant": "acme", "id": Uuid::from_u128(3), "vector": [1, 2]});
    world.rest.write(&[object]).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await
}

async fn schema(world: &World, collection: &str) -> anyhow::Result<Value> {
    world.rest.get(&format!("/v1/schema/{collection}")).await
}

/// The index types of all vectors of a collection, and a setting of them.
fn indexes<'a>(schema: &'a Value, setting: &str) -> Vec<(&'a str, Option<&'a Value>)> {
    let named = schema["vectorConfig"].as_object().into_iter().flat_map(|named| named.values());
    let all = named
        .chain([schema])
        .filter(|owner| owner["vectorIndexType"].as_str().is_some_and(|kind| !kind.is_empty()));
    let index = |owner: &'a Value| {
        (owner["vectorIndexType"].as_str().unwrap_or_default(), owner["vectorIndexConfig"].get(setting))
    };
    all.map(index).collect()
}

pub async fn they_are_given_instead_of_those_of_the_backup(world: &mut World) -> anyhow::Result<()> {
    backed_up(world).await?;
    let settings = ["--set", "shards=3", "--set", "vector_index.ef=77", "--set", "auto_tenant_creation=true"];
    let restore = [&["restore", "b"][..], &settings].concat();
    let plan = world.succeed(&[&restore[..], &["--dry-run"]].concat()).await?.out;
    for change in
        ["desiredCount is 3 instead of 1", "ef is 77 instead of -1", "autoTenantCreation is true instead of"]
    {
        ensure!(plan.contains(change), "no {change:?} in {plan}");
    }
    ensure!(world.rest.classes().await?.is_empty());
    world.succeed(&restore).await?;
    let (article, tenanted) = (schema(world, "Article").await?, schema(world, "Tenanted").await?);
    ensure!(article["shardingConfig"]["desiredCount"] == 3, "{article}");
    ensure!(tenanted["multiTenancyConfig"]["autoTenantCreation"] == true, "{tenanted}");
    for index in indexes(&article, "ef").into_iter().chain(indexes(&tenanted, "ef")) {
        ensure!(index.1 == Some(&json!(77)), "{index:?}");
    }
    ensure!(world.rest.count("Article", None).await? == 20);
    // Only the schemas differ.
    let verified = world.run(&["verify", "b", "--against-live"]).await;
    let found = format!("{}{}", verified.out, verified.err);
    ensure!(found.contains("ef is 77 instead of -1") && found.contains("4 differences"), "{found}");

    // Who is there already keeps its own, and that is said.
    let merged =
        world.succeed(&["restore", "b", "--if-exists", "merge", "--set", "vector_index.ef=5"]).await?;
    ensure!(merged.err.contains("keeps its own settings"), "{}", merged.err);
    ensure!(indexes(&schema(world, "Article").await?, "ef")[0].1 == Some(&json!(77)));

    world.rest.drop_all().await?;
    world.succeed(&["restore", "b", "Tenanted", "--set", "vector_index_type=flat"]).await?;
    let tenanted = schema(world, "Tenanted").await?;
    ensure!(indexes(&tenanted, "bq")[0].0 == "flat", "{tenanted}");
    Ok(())
}

fn patch_file(world: &World, patches: &Value) -> anyhow::Result<PathBuf> {
    let path = world.folder().join("patches.json");
    std::fs::write(&path, patches.to_string())?;
    Ok(path)
}

pub async fn patches_change_the_rest(world: &mut World) -> anyhow::Result<()> {
    backed_up(world).await?;
    let patch = json!({"description": "patched", "invertedIndexConfig": {"bm25": {"b": 0.5}}});
    let path = patch_file(world, &json!({"Article": patch}))?;
    let path = path.to_str().context("a path")?;
    let restore = ["restore", "b", "--rename", "Article=Copy", "--patch", path];
    let plan = world.succeed(&[&restore[..], &["--dry-run"]].concat()).await?.out;
    ensure!(plan.contains("invertedIndexConfig.bm25.b is 0.5 instead of 0.75"), "{plan}");
    world.succeed(&restore).await?;
    let copy = schema(world, "Copy").await?;
    ensure!(copy["description"] == "patched" && copy["invertedIndexConfig"]["bm25"]["b"] == 0.5, "{copy}");
    ensure!(copy["invertedIndexConfig"]["bm25"]["k1"] == 1.2, "{copy}");
    Ok(())
}

pub async fn what_does_not_apply_changes_nothing(world: &mut World) -> anyhow::Result<()> {
    backed_up(world).await?;
    for setting in [
        "shards=none",
        "colour=red",
        "vector_index.eff=3",
        "vector_index.pq.on=true",
        "auto_tenant_creation=1",
    ] {
        let reason = world.reason(&["restore", "b", "--set", setting]).await?;
        ensure!(reason == "INVALID_REQUEST", "{setting}: {reason}");
    }
    for (patches, expected) in [
        (json!({"Article": {"class": "Other"}}), "INVALID_REQUEST"),
        (json!({"Article": {"properties": []}}), "INVALID_REQUEST"),
        (json!({"Article": {"multiTenancyConfig": {"enabled": true}}}), "INVALID_REQUEST"),
        (json!({"Article": 3}), "INVALID_REQUEST"),
        (json!({"Nobody": {}}), "COLLECTION_NOT_FOUND"),
    ] {
        let path = patch_file(world, &patches)?;
        let reason = world.reason(&["restore", "b", "--patch", path.to_str().context("a path")?]).await?;
        ensure!(reason == expected, "{patches}: {reason}");
    }
    ensure!(world.rest.classes().await?.is_empty());
    Ok(())
}
