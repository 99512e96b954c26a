//! From one version of Weaviate to another: what will be different is said before anything is written. What comes back on real
//! servers of many versions is tried by `cargo matrix`.

use std::fs;

use anyhow::ensure;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::rest::Rest;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::weaviate::{Flavour, Weaviate, WeaviateOptions};
use selvedge_tests::harness::world::{Server, World, local, serve_at};
use selvedge_tests::stand_in::StandInOptions;
use serde_json::{Value, json};
use uuid::Uuid;

/// An older Weaviate, and a server on it with the repository of the first.
async fn older(world: &World) -> anyhow::Result<(Weaviate, Server)> {
    let stand_in = StandInOptions { version: "1.27.27".to_owned(), ..StandInOptions::default() };
    let options = WeaviateOptions { stand_in, ..WeaviateOptions::default() };
    let weaviate = Weaviate::start(Flavour::StandIn, options).await?;
    let server = serve_at(&weaviate.rest_url(), &weaviate.grpc_url(), local(world.folder())?, None).await?;
    Ok((weaviate, server))
}

/// Objects that are rotated, and expire in ten days.
async fn fill(world: &World) -> anyhow::Result<()> {
    let index = json!({"rq": {"enabled": true}});
    world.rest.create(&json!({"class": "Rotated", "vectorizer": "none", "vectorIndexConfig": index})).await?;
    let expiry = json!({"enabled": true, "defaultTtl": 864_000, "deleteOn": "_creationTimeUnix"});
    let inverted = json!({"indexTimestamps": true});
    let class = json!({"class": "Fleeting", "vectorizer": "none", "objectTtlConfig": expiry,
        "invertedIndexConfig": inverted});
    world.rest.create(&class).await?;
    for class in ["Rotated", "Fleeting"] {
        let object = |number: u128| json!({"class": class, "id": Uuid::from_u128(number), "vector": [1, 2]});
        world.rest.write(&(1..=20).map(object).collect::<Vec<_>>()).await?;
    }
    seed::every_type(&world.rest, "Article", 30).await
}

pub async fn what_an_older_one_lacks_is_refused_or_left_out_by_name(world: &mut World) -> anyhow::Result<()> {
    fill(world).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let (weaviate, server) = older(world).await?;
    let rest = Rest::new(&weaviate.rest_url());
    for (name, setting) in
        [("Rotated", "vectorIndexConfig.rq needs 1.32.0"), ("Fleeting", "objectTtlConfig needs 1.35.0")]
    {
        for line in [&["restore", "b", name][..], &["restore", "b", name, "--dry-run"]] {
            let ran = world.run_on(&server, line).await;
            ensure!(ran.code == 4 && ran.err.contains(setting), "{line:?}: {ran:?}");
        }
        let ran = world.run_on(&server, &["verify", "b", name, "--level", "restorable"]).await;
        ensure!(ran.code == 4 && ran.err.contains(setting), "{ran:?}");
    }
    ensure!(rest.classes().await?.is_empty(), "something was written");

    // By name, it can be left out.
    let patch = world.folder().join("patch.json");
    fs::write(&patch, json!({"Fleeting": {"objectTtlConfig": null}}).to_string())?;
    let patch = patch.display().to_string();
    let set = ["restore", "b", "Rotated", "--set", "vector_index.rq.enabled=false"];
    for line in [&set[..], &["restore", "b", "Fleeting", "--patch", &patch]] {
        let ran = world.run_on(&server, line).await;
        ensure!(ran.code == 0, "{line:?}: {ran:?}");
    }
    ensure!(rest.count("Rotated", None).await? == 20 && rest.count("Fleeting", None).await? == 20);
    Ok(())
}

pub async fn what_will_be_different_is_in_the_plan(world: &mut World) -> anyhow::Result<()> {
    fill(world).await?;
    world.rest.post("/v1/aliases", &json!({"alias": "News", "class": "Article"})).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let (weaviate, server) = older(world).await?;
    let ran = world.run_on(&server, &["restore", "b", "Article", "--dry-run"]).await;
    for told in [
        "the backup is of Weaviate 1.39.0, and the cluster is 1.27.27",
        "usingBlockMaxWAND",
        "has no aliases",
        "takes roughly",
    ] {
        ensure!(ran.code == 0 && ran.out.contains(told), "{told} is not told: {ran:?}");
    }
    let ran = world.run_on(&server, &["--json", "restore", "b", "Article", "--dry-run"]).await;
    let job: Value = serde_json::from_str(ran.out.lines().last().unwrap_or_default())?;
    let plan = &job["plan"];
    ensure!(plan["collections"][0]["bytes"].as_u64() > Some(0) && plan["estimated_seconds"] == 1, "{plan}");
    let ran = world.run_on(&server, &["verify", "b", "Article", "--level", "restorable"]).await;
    ensure!(ran.code == 0 && ran.err.contains("has no aliases"), "{ran:?}");
    // All but the alias comes back.
    let ran = world.run_on(&server, &["restore", "b", "Article"]).await;
    ensure!(ran.code == 5 && ran.err.contains("\"News\""), "{ran:?}");
    let (before, after) = (
        Census::take(&world.rest, &["Article"]).await?,
        Census::take(&Rest::new(&weaviate.rest_url()), &["Article"]).await?,
    );
    let of_objects = |difference: &String| !difference.contains(": schema.");
    let differences: Vec<_> = before.differences(&after, &[]).into_iter().filter(of_objects).collect();
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}
