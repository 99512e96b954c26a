//! Restores into collections that are there.

use anyhow::{Context, ensure};
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::faults::Call;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::jobs::{start_held, summary};
use crate::round_trip::same;

const MERGE: [&str; 4] = ["--json", "restore", "b", "--if-exists"];

/// All kinds of collections, and a backup of them.
async fn filled(world: &World) -> anyhow::Result<Vec<String>> {
    seed::every_type(&world.rest, "Article", 30).await?;
    seed::named_vectors(&world.rest, "Named", 30).await?;
    seed::tenanted(&world.rest, "Customer", 5).await?;
    let mut names = seed::references(&world.rest, "Hub", 40).await?.to_vec();
    names.extend(["Article", "Named", "Customer"].map(str::to_owned));
    world.succeed(&["backup", "--id", "b"]).await?;
    Ok(names)
}

/// Merges, and returns what the job counted of a collection.
async fn merged(world: &World, collection: &str, on_conflict: &str) -> anyhow::Result<Value> {
    let ran = world.succeed(&[&MERGE[..], &["merge", "--on-conflict", on_conflict]].concat()).await?;
    let job = summary(&ran)?;
    let mut collections = job["collections"].as_array().into_iter().flatten();
    let found = collections.find(|one| one["target"] == collection);
    Ok(found.context("it is not among the collections of the job")?["merge"].clone())
}

/// Ids and when they were written last.
async fn times(world: &World, collection: &str) -> anyhow::Result<Vec<(String, u64)>> {
    let page = world.rest.get(&format!("/v1/objects?class={collection}&limit=1000")).await?;
    let objects = page["objects"].as_array().cloned().unwrap_or_default();
    let of =
        |object: &Value| Some((object["id"].as_str()?.to_owned(), object["lastUpdateTimeUnix"].as_u64()?));
    objects.iter().map(of).collect::<Option<_>>().context("an object without id or time")
}

pub async fn a_second_merge_changes_nothing(world: &mut World) -> anyhow::Result<()> {
    let names = filled(world).await?;
    let before = Census::take(&world.rest, &names).await?;
    let written = [times(world, "Hub").await?, times(world, "Article").await?];
    for _ in 0..2 {
        let counts = merged(world, "Hub", "fail").await?;
        ensure!(counts["objects_identical"] == 40 && counts["objects_new"] == 0, "{counts}");
    }
    same(&before, &Census::take(&world.rest, &names).await?)?;
    ensure!(written == [times(world, "Hub").await?, times(world, "Article").await?], "something was written");
    // What is gone comes back, with its references and its tenants.
    for (id, _) in written[0].iter().step_by(3).chain(written[1].iter().take(1)) {
        for class in ["Hub", "Article"] {
            world.rest.call(reqwest::Method::DELETE, &format!("/v1/objects/{class}/{id}"), None).await?;
        }
    }
    let tenants = json!(["tenant-1", "tenant-4"]);
    world.rest.call(reqwest::Method::DELETE, "/v1/schema/Customer/tenants", Some(&tenants)).await?;
    let counts = merged(world, "Hub", "fail").await?;
    ensure!(counts["objects_new"].as_u64() > Some(0), "{counts}");
    same(&before, &Census::take(&world.rest, &names).await?)
}

/// Changes a property, a vector and a reference of objects that the backup holds.
async fn change(world: &World) -> anyhow::Result<()> {
    let id = |index: usize, times: &[(String, u64)]| times[index].0.clone();
    let (articles, hubs) = (times(world, "Article").await?, times(world, "Hub").await?);
    let mut article =
        world.rest.get(&format!("/v1/objects/Article/{}?include=vector", id(2, &articles))).await?;
    article["properties"]["text"] = json!("changed meanwhile");
    let other = json!({"class": "Article", "id": id(3, &articles), "vector": vec![0.5; 16]});
    world.rest.write(&[article, other]).await?;
    let hub = id(5, &hubs);
    let link = json!({
        "from": format!("weaviate://localhost/Hub/{hub}/itself"),
        "to": format!("weaviate://localhost/Hub/{}", id(6, &hubs)),
    });
    world.rest.link(&[link]).await
}

pub async fn conflicts_are_refused_skipped_or_overwritten(world: &mut World) -> anyhow::Result<()> {
    let names = filled(world).await?;
    let before = Census::take(&world.rest, &names).await?;
    change(world).await?;
    let changed = Census::take(&world.rest, &names).await?;
    ensure!(!before.differences(&changed, &[]).is_empty(), "nothing was changed");

    world.refuse(&["restore", "b"], 4, "--if-exists merge").await?;
    world.refuse(&["restore", "b", "--if-exists", "merge"], 4, "--on-conflict skip").await?;
    ensure!(world.reason(&["restore", "b", "--if-exists", "merge"]).await? == "OBJECT_CONFLICT");
    let planned = world.succeed(&["restore", "b", "--if-exists", "merge", "--dry-run"]).await?;
    ensure!(planned.out.contains("Article: 0 new, 28 identical, 2 in conflict"), "{planned:?}");
    same(&changed, &Census::take(&world.rest, &names).await?)?;

    let counts = merged(world, "Article", "skip").await?;
    ensure!(counts["objects_skipped"] == 2 && counts["objects_identical"] == 28, "{counts}");
    same(&changed, &Census::take(&world.rest, &names).await?)?;

    let counts = merged(world, "Article", "overwrite").await?;
    ensure!(counts["objects_overwritten"] == 2 && counts["objects_identical"] == 28, "{counts}");
    same(&before, &Census::take(&world.rest, &names).await?)?;

    // What only the cluster has is left alone.
    let extra = json!({"class": "Article", "id": "11111111-2222-4333-8444-555555555555"});
    world.rest.write(&[extra]).await?;
    let more = Census::take(&world.rest, &names).await?;
    merged(world, "Article", "overwrite").await?;
    same(&more, &Census::take(&world.rest, &names).await?)
}

pub async fn what_cannot_be_merged_is_refused(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 3).await?;
    seed::tenanted(&world.rest, "Customer", 3).await?;
    seed::named_vectors(&world.rest, "Named", 3).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let merge = |name: &'static str| ["restore", "b", name, "--if-exists", "merge"];
    world
        .rest
        .put("/v1/schema/Customer/tenants", &json!([{"name": "tenant-1", "activityStatus": "COLD"}]))
        .await?;
    world.refuse(&merge("Customer"), 4, "tenant-1").await?;
    world.rest.drop_all().await?;

    let other = json!([{"name": "text", "dataType": ["int"]}]);
    world.rest.create(&json!({"class": "Article", "vectorizer": "none", "properties": other})).await?;
    world.refuse(&merge("Article"), 1, "property \"text\" has another type").await?;
    seed::empty(&world.rest, "Customer").await?;
    world.refuse(&merge("Customer"), 1, "it has no tenants").await?;
    seed::empty(&world.rest, "Named").await?;
    world.refuse(&merge("Named"), 1, "it lacks vector \"flat\"").await?;
    world.rest.drop_class("Named").await?;
    world.refuse(&["restore", "b", "Named", "--data-only"], 7, "there is no collection \"Named\"").await?;
    world.refuse(&["restore", "b", "--on-conflict", "skip"], 2, "nothing is merged").await?;
    for name in ["Article", "Customer"] {
        ensure!(world.rest.count(name, None).await? == 0, "a refused merge has written something");
    }
    Ok(())
}

/// Weaviate would refuse every object.
pub async fn vectors_of_another_dimension_are_refused(world: &mut World) -> anyhow::Result<()> {
    let write = async |number: u128, vector: Value| {
        let object = json!({"class": "Flat", "id": Uuid::from_u128(number), "vector": vector});
        world.rest.write(&[object]).await
    };
    world.rest.create(&json!({"class": "Flat"})).await?;
    write(1, json!([1, 2, 3])).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    world.rest.create(&json!({"class": "Flat"})).await?;
    write(2, json!([1, 2])).await?;
    for on_conflict in ["fail", "skip", "overwrite"] {
        let merge = ["restore", "b", "--if-exists", "merge", "--on-conflict", on_conflict];
        world.refuse(&merge, 1, "has 3 dimensions in the backup and 2 in collection \"Flat\"").await?;
    }
    ensure!(world.rest.count("Flat", None).await? == 1);
    world.succeed(&["restore", "b", "--if-exists", "merge", "--drop-vector", ""]).await?;
    ensure!(world.rest.count("Flat", None).await? == 2);

    // A tenant has an index of its own.
    let tenanted = json!({"class": "Flat", "multiTenancyConfig": {"enabled": true}});
    let fill = async |vector: Value| {
        world.rest.drop_all().await?;
        world.rest.create(&tenanted).await?;
        world.rest.post("/v1/schema/Flat/tenants", &json!([{"name": "t"}])).await?;
        let object = json!({"class": "Flat", "tenant": "t", "id": Uuid::from_u128(7), "vector": vector});
        world.rest.write(&[object]).await
    };
    fill(json!([1, 2, 3])).await?;
    world.succeed(&["backup", "--id", "tenants"]).await?;
    fill(json!([1, 2])).await?;
    let merge = ["restore", "tenants", "--if-exists", "merge", "--on-conflict", "overwrite"];
    world.refuse(&merge, 1, "has 3 dimensions in the backup and 2 in collection \"Flat\"").await.map(drop)
}

/// Both at once: one collection is there, the other is not; and a copy under another name is merged into too.
pub async fn what_is_missing_is_created_beside(world: &mut World) -> anyhow::Result<()> {
    let names = seed::references(&world.rest, "Book", 40).await?;
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let renames = ["--rename", "Book=Tome", "--rename", "BookOther=TomeOther"];
    world.succeed(&[&["restore", "b"][..], &renames].concat()).await?;
    world.rest.drop_class("Tome").await?;
    let again = [&["restore", "b", "--if-exists", "merge"][..], &renames].concat();
    world.succeed(&again).await?;
    world.succeed(&[&["restore", "b", "--data-only"][..], &renames].concat()).await?;
    let copies = Census::take(&world.rest, &["Tome", "TomeOther"]).await?;
    let differences = before.differences(&copies, &[("Book", "Tome"), ("BookOther", "TomeOther")]);
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    same(&before, &Census::take(&world.rest, &names).await?)
}

/// Of many objects of which few differ, few are sent.
pub async fn only_what_differs_is_written(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 2, 3_000).await?;
    let before = Census::take(&world.rest, &["Many"]).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    for (id, _) in times(world, "Many").await?.iter().step_by(100) {
        let object = json!({"class": "Many", "id": id, "properties": {"text": "changed"}});
        world.rest.write(&[object]).await?;
    }
    let faults = world.stand_in().faults();
    let writes = Call::grpc("BatchObjects");
    let (all, earlier) = (faults.count(&Call::grpc("Search")), faults.count(&writes));
    let counts = merged(world, "Many", "overwrite").await?;
    ensure!(counts["objects_overwritten"] == 10 && counts["objects_identical"] == 2_990, "{counts}");
    ensure!(faults.count(&writes) - earlier <= 3, "{} requests", faults.count(&writes) - earlier);
    ensure!(faults.count(&Call::grpc("Search")) > all, "nothing was read");
    same(&before, &Census::take(&world.rest, &["Many"]).await?)
}

/// What it has written counts as its own, also where it was not recorded.
pub async fn a_merge_that_was_cancelled_goes_on(world: &mut World) -> anyhow::Result<()> {
    let names = seed::references(&world.rest, "Hub", 40).await?;
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    for call in [Call::grpc("BatchObjects"), Call::rest("POST", "/v1/batch/references")] {
        for (id, _) in times(world, "Hub").await?.iter().skip(5) {
            world.rest.delete(&format!("/v1/objects/Hub/{id}")).await?;
        }
        let merge = ["restore", "b", "--if-exists", "merge"];
        let (id, held) = start_held(world, &merge, call.clone(), 1).await?;
        world.succeed(&["jobs", "cancel", &id]).await?;
        held.release();
        let watched = world.run(&["jobs", "watch", &id]).await;
        ensure!(watched.code == 1 && watched.err.contains(&format!("jobs resume {id}")), "{watched:?}");
        world.succeed(&["jobs", "resume", &id]).await?;
        same(&before, &Census::take(&world.rest, &names).await?).with_context(|| format!("{call}"))?;
    }
    Ok(())
}
