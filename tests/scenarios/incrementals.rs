//! Backups that read only what has changed since another one, and are as whole as any.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::Method;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::rest::Rest;
use selvedge_tests::harness::schemas::check_repository;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::{Serving, World};
use selvedge_tests::stand_in::faults::Call;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::jobs::start_held;
use crate::round_trip::same;
use crate::tenants::set;

/// A backup with a parent, and what it says of itself.
async fn since(world: &World, parent: &str, id: &str) -> anyhow::Result<Value> {
    let ran = world.succeed(&["backup", "--parent", parent, "--id", id]).await?;
    ensure!(!ran.err.contains("read as a whole"), "{}", ran.err);
    shown(world, id).await
}

async fn shown(world: &World, id: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&world.succeed(&["--json", "show", id]).await?.out)?)
}

/// What a collection has in common with backups before it.
fn inheritance<'s>(shown: &'s Value, collection: &str) -> anyhow::Result<&'s Value> {
    let all = shown["collections"].as_array().context("collections")?;
    let one = all.iter().find(|one| one["name"] == collection).context("no such collection")?;
    Ok(&one["inheritance"])
}

/// What a collection holds, in a number.
fn digest<'s>(shown: &'s Value, collection: &str) -> anyhow::Result<&'s Value> {
    let all = shown["collections"].as_array().context("collections")?;
    let one = all.iter().find(|one| one["name"] == collection).context("no such collection")?;
    Ok(&one["content_digest"])
}

/// Everything is restored from a backup, and compared with how it was.
async fn comes_back(world: &World, id: &str, before: &Census, names: &[&str]) -> anyhow::Result<()> {
    world.succeed(&["verify", id, "--level", "rows"]).await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", id]).await?;
    same(before, &Census::take(&world.rest, names).await?)
}

pub fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number << 64)
}

/// Objects with a legacy vector and some text.
pub async fn plain(rest: &Rest, name: &str, objects: u128) -> anyhow::Result<()> {
    let properties = json!([{"name": "text", "dataType": ["text"]}, {"name": "n", "dataType": ["int"]}]);
    rest.create(&json!({"class": name, "vectorizer": "none", "properties": properties})).await?;
    let object = |number: u128| object(name, number, "as it was");
    for chunk in (0..objects).map(object).collect::<Vec<_>>().chunks(500) {
        rest.write(chunk).await?;
    }
    Ok(())
}

pub fn object(class: &str, number: u128, text: &str) -> Value {
    let vector = [number as f32, 1.0, -2.0];
    json!({"class": class, "id": uuid(number), "properties": {"text": text, "n": 7}, "vector": vector})
}

/// A few of many: what has not changed is not read again, and stays where it is.
pub async fn only_what_has_changed_is_read(world: &mut World) -> anyhow::Result<()> {
    const OBJECTS: u128 = 3_000;
    plain(&world.rest, "Many", OBJECTS).await?;
    seed::every_type(&world.rest, "Other", 40).await?;
    world.succeed(&["backup", "--id", "a"]).await?;
    settle_down().await;
    world.succeed(&["backup", "--id", "b"]).await?;
    let rest = &world.rest;
    for number in [5, 1_000] {
        patch(rest, json!({"class": "Many", "id": uuid(number), "properties": {"text": "changed"}})).await?;
    }
    for number in [7, 2_999] {
        rest.delete(&format!("/v1/objects/Many/{}", uuid(number))).await?;
    }
    rest.write(&[object("Many", OBJECTS + 5, "new"), object("Many", 500, "written over")]).await?;
    let names = ["Many", "Other"];
    let before = Census::take(rest, &names).await?;
    let shown = since(world, "latest", "c").await?;
    let inherited = inheritance(&shown, "Many")?;
    ensure!(inherited["parent"] == "b" && inherited["hidden_rows"] == 5, "{inherited}");
    ensure!(inherited["objects"] == 2_995, "{inherited}");
    ensure!(inheritance(&shown, "Other")?["hidden_rows"] == 0, "{shown}");
    world.succeed(&["verify", "c", "--against-live"]).await?;
    // What the others are needed for stays, and what not goes.
    let deleted = world.succeed(&["delete", "b", "--yes"]).await?.out;
    ensure!(deleted.contains("needed by c"), "{deleted}");
    let refused = world.reason(&["backup", "--id", "b"]).await?;
    ensure!(refused == "BACKUP_EXISTS", "{refused}");
    world.succeed(&["prune", "--yes"]).await?;
    comes_back(world, "c", &before, &names).await?;
    world.succeed(&["delete", "c", "--yes"]).await?;
    ensure!(!world.has_files("b") && !world.has_files("c"), "something is left");
    world.succeed(&["verify", "a"]).await.map(drop)
}

/// What was written in the last three seconds before a backup is read again by the next, because clocks are not exact.
pub async fn settle_down() {
    tokio::time::sleep(Duration::from_millis(3_100)).await;
}

/// A change of every kind, each in a collection of its own.
pub async fn every_kind_of_change_is_seen(world: &mut World) -> anyhow::Result<()> {
    let rest = world.rest.clone();
    for name in ["Property", "Patched", "Vector", "Gone", "Again", "Same", "Untouched", "Extended"] {
        plain(&rest, name, 60).await?;
    }
    seed::named_vectors(&rest, "Named", 40).await?;
    let hub = seed::references(&rest, "Hub", 40).await?;
    seed::tenanted(&rest, "Tenanted", 6).await?;
    let mut names: Vec<String> = rest.classes().await?;
    names.sort();
    settle_down().await;
    world.succeed(&["backup", "--id", "a"]).await?;

    rest.write(&[object("Property", 3, "another")]).await?;
    patch(&rest, json!({"class": "Patched", "id": uuid(4), "properties": {"n": null}})).await?;
    patch(&rest, json!({"class": "Vector", "id": uuid(5), "vector": [9.0, 9.0, 9.0]})).await?;
    rest.delete(&format!("/v1/objects/Gone/{}", uuid(6))).await?;
    rest.delete(&format!("/v1/objects/Again/{}", uuid(7))).await?;
    rest.write(&[object("Again", 7, "as it was")]).await?;
    rest.write(&[object("Same", 8, "as it was")]).await?;
    let late = json!({"name": "late", "dataType": ["text"]});
    rest.post("/v1/schema/Extended/properties", &late).await?;
    patch(&rest, json!({"class": "Extended", "id": uuid(9), "properties": {"late": "l"}})).await?;
    change_vectors(&rest, "Named").await?;
    change_references(&rest, &hub).await?;
    // One tenant as another one again, one gone, one new.
    let tenants = Census::take(&rest, &["Tenanted"]).await?.tenants("Tenanted");
    let two = json!([tenants[0], tenants[1]]);
    rest.call(Method::DELETE, "/v1/schema/Tenanted/tenants", Some(&two)).await?;
    let made = json!([{"name": tenants[0]}, {"name": "brand-new"}]);
    rest.post("/v1/schema/Tenanted/tenants", &made).await?;
    let written = ["brand-new", &tenants[0]]
        .map(|tenant| json!({"class": "Tenanted", "tenant": tenant, "id": uuid(1), "properties": {}}));
    rest.write(&written).await?;

    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let before = Census::take(&rest, &names).await?;
    let ran = world.succeed(&["backup", "--parent", "a", "--id", "b", "--inactive-tenants", "skip"]).await?;
    ensure!(ran.err.contains("schema is not what it was"), "{}", ran.err);
    world.succeed(&["verify", "b", "--against-live", "--inactive-tenants", "skip"]).await?;
    let of_b = shown(world, "b").await?;
    ensure!(inheritance(&of_b, "Extended")?.is_null(), "{of_b}");
    for name in ["Property", "Patched", "Vector", "Gone", "Again", "Untouched"] {
        ensure!(!inheritance(&of_b, name)?.is_null(), "{name}: {of_b}");
    }
    let of_a = shown(world, "a").await?;
    for name in ["Property", "Patched", "Vector", "Gone", "Named", "Hub", "Tenanted"] {
        ensure!(digest(&of_a, name)? != digest(&of_b, name)?, "{name} is as it was: this shows nothing");
    }
    // All that was found out by times is what is found out by content.
    world
        .succeed(&["backup", "--parent", "a", "--check-all", "--id", "c", "--inactive-tenants", "skip"])
        .await?;
    let of_c = shown(world, "c").await?;
    for (one, other) in of_b["collections"]
        .as_array()
        .into_iter()
        .flatten()
        .zip(of_c["collections"].as_array().into_iter().flatten())
    {
        ensure!(one["content_digest"] == other["content_digest"], "{one} {other}");
    }
    world.succeed(&["delete", "a", "--yes"]).await?;
    check_repository(world.folder())?;
    world.succeed(&["verify", "b", "--level", "rows"]).await?;
    rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    same(&before, &Census::take(&rest, &names).await?)
}

async fn change_vectors(rest: &Rest, class: &str) -> anyhow::Result<()> {
    let listed = rest.get(&format!("/v1/objects?class={class}&limit=1&include=vector")).await?;
    let mut object = listed["objects"][0].clone();
    let named = object["vectors"].as_object_mut().context("named vectors")?;
    let (name, vector) = named.iter().next().context("a vector")?;
    // The same dimension, other values: a multi-vector stays one.
    fn negated(value: &Value) -> Value {
        match value {
            Value::Array(values) => values.iter().map(negated).collect(),
            other => json!(-other.as_f64().unwrap_or_default()),
        }
    }
    let vectors = json!({name: negated(vector)});
    let id = object["id"].as_str().context("an id")?.to_owned();
    patch(rest, json!({"class": class, "id": id, "vectors": vectors})).await
}

/// Changes what it names of an object, and nothing else.
pub async fn patch(rest: &Rest, change: Value) -> anyhow::Result<()> {
    let (class, id) = (change["class"].as_str(), change["id"].as_str());
    let path = format!("/v1/objects/{}/{}", class.context("a class")?, id.context("an id")?);
    let (status, answer) = rest.call(Method::PATCH, &path, Some(&change)).await?;
    ensure!(status == 204, "{change}: {status} {answer}");
    Ok(())
}

/// Of one object, references and nothing else.
async fn change_references(rest: &Rest, names: &[String]) -> anyhow::Result<()> {
    for name in names {
        let schema = rest.get(&format!("/v1/schema/{name}")).await?;
        let properties = schema["properties"].as_array().context("properties")?;
        let is_reference = |property: &&Value| {
            property["dataType"][0].as_str().is_some_and(|kind| kind.starts_with(char::is_uppercase))
        };
        let Some(property) = properties.iter().find(is_reference) else { continue };
        let listed = rest.get(&format!("/v1/objects?class={name}&limit=1")).await?;
        let id = listed["objects"][0]["id"].as_str().context("an id")?.to_owned();
        let (property, target) = (&property["name"], &property["dataType"][0]);
        let (property, target) = (property.as_str().unwrap_or_default(), target.as_str().unwrap_or_default());
        let to = format!("weaviate://localhost/{target}/{}", uuid(77));
        let from = format!("weaviate://localhost/{name}/{id}/{property}");
        rest.link(&[json!({"from": from, "to": to})]).await?;
    }
    Ok(())
}

/// What was inactive and is again was not written to in between.
pub async fn inactive_tenants_are_taken_over_unread(world: &mut World) -> anyhow::Result<()> {
    seed::tenanted(&world.rest, "Customer", 6).await?;
    let tenants = Census::take(&world.rest, &["Customer"]).await?.tenants("Customer");
    let awake = Census::take(&world.rest, &["Customer"]).await?;
    set(&world.rest, &tenants[..2], "COLD").await?;
    world.succeed(&["backup", "--inactive-tenants", "activate", "--id", "a"]).await?;
    // The second is awake by now, and the third has fallen asleep.
    set(&world.rest, &tenants[1..2], "HOT").await?;
    set(&world.rest, &tenants[2..3], "COLD").await?;
    let ran = world.run(&["backup", "--parent", "latest", "--id", "b"]).await;
    ensure!(ran.code == 5, "{ran:?}");
    ensure!(ran.err.contains(&format!("left out: {}", tenants[2])), "{}", ran.err);
    let of_b = world.succeed(&["show", "b"]).await?.out;
    ensure!(of_b.contains(&format!("taken over from there unread: {}", tenants[0])), "{of_b}");
    let waking = ["backup", "--parent", "a", "--inactive-tenants", "activate", "--id", "c"];
    world.succeed(&waking).await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "c"]).await?;
    set(&world.rest, &tenants, "HOT").await?;
    same(&awake, &Census::take(&world.rest, &["Customer"]).await?)
}

/// Where the parent does not do, everything is read, and it is said why.
pub async fn a_parent_that_does_not_do_is_told(world: &mut World) -> anyhow::Result<()> {
    plain(&world.rest, "Many", 50).await?;
    let read_whole = async |id: &str, arguments: &[&str], why: &str| {
        let ran = world.succeed(&[&["backup", "--id", id][..], arguments].concat()).await?;
        ensure!(ran.err.contains("read as a whole") && ran.err.contains(why), "{why}: {}", ran.err);
        ensure!(inheritance(&shown(world, id).await?, "Many")?.is_null(), "{id} inherits");
        anyhow::Ok(())
    };
    read_whole("none", &["--parent", "latest"], "no backup of this cluster").await?;
    world.succeed(&["backup", "--format", "jsonl", "--id", "lines"]).await?;
    read_whole("of-lines", &["--parent", "lines"], "another data format").await?;
    world.succeed(&["backup", "--without-vectors", "--id", "bare"]).await?;
    read_whole("of-bare", &["--parent", "bare"], "does not hold all").await?;
    world.succeed(&["backup", "--id", "broken"]).await?;
    let file = world.data_files("broken", "Many")?.remove(0);
    std::fs::remove_file(&file)?;
    read_whole("of-broken", &["--parent", "broken"], "is missing").await?;
    world.refuse(&["backup", "--parent", "nowhere"], 7, "there is no backup nowhere").await?;
    world.refuse(&["backup", "--parent", "none", "--format", "jsonl"], 2, "does not go with it").await?;
    let refused = world.run(&["backup", "--parent", "none", "--schema-only"]).await;
    ensure!(refused.code == 2, "{refused:?}");
    Ok(())
}

/// Of a file of which much is gone, the rest is written anew, and so nobody needs it any more.
pub async fn what_is_mostly_gone_is_written_anew(world: &mut World) -> anyhow::Result<()> {
    plain(&world.rest, "Many", 300).await?;
    settle_down().await;
    world.succeed(&["backup", "--id", "a"]).await?;
    for number in 0..150 {
        world.rest.delete(&format!("/v1/objects/Many/{}", uuid(number * 2))).await?;
    }
    let before = Census::take(&world.rest, &["Many"]).await?;
    let of_b = since(world, "a", "b").await?;
    ensure!(inheritance(&of_b, "Many")?.is_null(), "{of_b}");
    world.succeed(&["delete", "a", "--yes"]).await?;
    ensure!(!world.has_files("a"), "files of a are left");
    comes_back(world, "b", &before, &["Many"]).await
}

/// Killed in the middle, it goes on with the same parent, which stays until then.
pub async fn one_that_is_interrupted_goes_on(world: &mut World) -> anyhow::Result<()> {
    const OBJECTS: u128 = 6_000;
    plain(&world.rest, "Many", OBJECTS).await?;
    settle_down().await;
    world.succeed(&["backup", "--id", "a"]).await?;
    let changed: Vec<_> = (0..OBJECTS).step_by(20).map(|number| object("Many", number, "changed")).collect();
    world.rest.write(&changed).await?;
    for number in (10..OBJECTS).step_by(1_000) {
        world.rest.delete(&format!("/v1/objects/Many/{}", uuid(number))).await?;
    }
    let before = Census::take(&world.rest, &["Many"]).await?;
    let backup = ["backup", "--parent", "latest", "--id", "b"];
    let (id, held) = start_held(world, &backup, Call::grpc("Search"), 6).await?;
    world.refuse(&["delete", "a", "--yes"], 4, "uses it").await?;
    world.serve_with(Serving::default()).await?;
    drop(held);
    world.refuse(&["delete", "a", "--yes"], 4, "can be resumed").await?;
    world.succeed(&["jobs", "resume", &id]).await?;
    world.succeed(&["verify", "b", "--against-live"]).await?;
    let inherited = inheritance(&shown(world, "b").await?, "Many")?.clone();
    ensure!(inherited["hidden_rows"] == 306, "{inherited}");
    world.succeed(&["delete", "a", "--yes"]).await?;
    comes_back(world, "b", &before, &["Many"]).await
}
