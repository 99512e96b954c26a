//! Restores that give objects another shape: other properties and vectors, other tenants.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::Contents;
use selvedge_tests::stand_in::faults::Call;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::jobs::summary;

const OBJECTS: u128 = 60;

/// The objects of a collection as Weaviate shows them, without what differs from one to the next, by their ids.
async fn objects(
    world: &World,
    class: &str,
    tenant: Option<&str>,
) -> anyhow::Result<BTreeMap<String, Value>> {
    let tenant = tenant.map_or(String::new(), |tenant| format!("&tenant={tenant}"));
    let page =
        world.rest.get(&format!("/v1/objects?class={class}&limit=1000&include=vector{tenant}")).await?;
    let mut objects = BTreeMap::new();
    for object in page["objects"].as_array().into_iter().flatten() {
        let id = object["id"].as_str().context("an object without id")?;
        let shown = json!({"properties": object["properties"], "vectors": object["vectors"], "vector": object["vector"]});
        objects.insert(id.to_owned(), shown);
    }
    Ok(objects)
}

/// Two named vectors, and properties of many types.
async fn seed_named(world: &World) -> anyhow::Result<()> {
    let vector = json!({"vectorIndexType": "hnsw", "vectorizer": {"none": {}}});
    let property = |name: &str, kind: &str| json!({"name": name, "dataType": [kind]});
    let kinds =
        [("title", "text"), ("count", "int"), ("scores", "number[]"), ("gone", "text"), ("day", "date")];
    let mut properties: Vec<_> = kinds.iter().map(|(name, kind)| property(name, kind)).collect();
    properties.push(property("likes", "Shaped"));
    let class = json!({
        "class": "Shaped", "properties": properties, "vectorConfig": {"a": vector, "b": vector},
        "invertedIndexConfig": {"indexTimestamps": true},
    });
    world.rest.create(&class).await?;
    let mut all = Vec::new();
    let mut links = Vec::new();
    for number in 0..OBJECTS {
        let id = Uuid::from_u128(number + 1);
        let mut object = json!({
            "class": "Shaped", "id": id,
            "properties": {
                "title": format!("\"{number}\" \\ ü"), "count": number, "scores": [0.5, number, -1e30], "gone": "x",
                "day": "2024-02-29T01:02:03.5Z",
            },
            "vectors": {"a": [number, 1], "b": [1, number, 3]},
        });
        if number % 7 == 0 {
            object["properties"] = json!({"gone": "alone"});
            object["vectors"] = json!({"b": [1, 2, 3]});
        }
        all.push(object);
        if number % 3 == 0 {
            links.push(json!({
                "from": format!("weaviate://localhost/Shaped/{id}/likes"),
                "to": format!("weaviate://localhost/Shaped/{}", Uuid::from_u128(1)),
            }));
        }
    }
    world.rest.write(&all).await?;
    world.rest.link(&links).await?;
    world.succeed(&["backup", "--id", "b"]).await.map(drop)
}

const SHAPE: [&str; 14] = [
    "--drop-property",
    "Shaped.gone",
    "--rename-property",
    "title=headline",
    "--rename-property",
    "likes=loves",
    "--coerce",
    "count=text",
    "--coerce",
    "scores=text",
    "--drop-vector",
    "b",
    "--rename-vector",
    "a=main",
];

pub async fn properties_and_vectors_change(world: &mut World) -> anyhow::Result<()> {
    seed_named(world).await?;
    let before = objects(world, "Shaped", None).await?;
    let restore = [&["restore", "b", "--rename", "Shaped=Copy"][..], &SHAPE].concat();
    let plan = world.succeed(&[&restore[..], &["--dry-run"]].concat()).await?.out;
    for note in [
        "\"gone\" is left out",
        "\"title\" becomes \"headline\"",
        "\"count\" become texts",
        "vector \"b\" is left out",
    ] {
        ensure!(plan.contains(note), "no {note:?} in {plan}");
    }
    world.succeed(&restore).await?;

    let after = objects(world, "Copy", None).await?;
    ensure!(after.len() == before.len(), "{} objects", after.len());
    for (id, was) in &before {
        let (was, is) = (&was["properties"], &after[id]["properties"]);
        ensure!(is["headline"] == was["title"] && is["day"] == was["day"], "{is}");
        ensure!(is.get("gone").is_none() && is.get("title").is_none(), "{is}");
        if let Some(count) = was["count"].as_u64() {
            ensure!(is["count"] == json!(count.to_string()), "{is}");
            let numbers = |list: &Value| {
                let texts = list.as_array().into_iter().flatten().filter_map(Value::as_str);
                texts.map(str::parse).collect::<Result<Vec<f64>, _>>()
            };
            ensure!(numbers(&is["scores"])? == [0.5, count as f64, -1e30], "{is}");
        }
        let beacons =
            |list: &Value| list[0]["beacon"].as_str().map(|beacon| beacon.replace("/Shaped/", "/Copy/"));
        ensure!(beacons(&is["loves"]) == beacons(&was["likes"]), "{is}");
    }
    for (id, was) in &before {
        let is = &after[id]["vectors"];
        ensure!(is["main"] == was["vectors"]["a"] && is.get("b").is_none(), "{is}");
    }

    // What was reshaped is the same when it comes again.
    let merge =
        [&["--json", "restore", "b", "--rename", "Shaped=Copy", "--if-exists", "merge"][..], &SHAPE].concat();
    let job = summary(&world.succeed(&merge).await?)?;
    let counts = &job["collections"][0]["merge"];
    ensure!(counts["objects_identical"] == json!(OBJECTS as u64), "{job}");
    // And what was changed since does not pass.
    world
        .rest
        .call(
            reqwest::Method::PATCH,
            &format!("/v1/objects/Copy/{}", Uuid::from_u128(9)),
            Some(&json!({
                "class": "Copy", "properties": {"headline": "other"}
            })),
        )
        .await?;
    ensure!(world.reason(&merge[1..]).await? == "OBJECT_CONFLICT");
    Ok(())
}

/// Somebody meddles between writing and comparing.
pub async fn what_is_not_what_it_should_be_fails(world: &mut World) -> anyhow::Result<()> {
    seed_named(world).await?;
    world.rest.drop_all().await?;
    let id = Uuid::from_u128(9);
    let object = json!({"class": "Shaped", "id": id, "properties": {"headline": "another"}});
    let meddle = move |contents: &Contents| contents.put(object.clone());
    world.stand_in().faults().on(Call::grpc("Aggregate")).before(meddle);
    let text = "differs from what was written into it";
    let ran = world.refuse(&[&["restore", "b"][..], &SHAPE].concat(), 6, text).await?;
    ensure!(ran.err.contains(&id.to_string()), "{}", ran.err);
    Ok(())
}

pub async fn an_unnamed_vector_gets_a_name(world: &mut World) -> anyhow::Result<()> {
    world.rest.create(&json!({"class": "Old", "vectorIndexConfig": {"distance": "dot"}})).await?;
    let object = |number: u128| json!({"class": "Old", "id": Uuid::from_u128(number), "vector": [number, 2]});
    world.rest.write(&(1..=20).map(object).collect::<Vec<_>>()).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.succeed(&["restore", "b", "--rename", "Old=New", "--rename-vector", "=main"]).await?;
    let (before, after) = (objects(world, "Old", None).await?, objects(world, "New", None).await?);
    for (id, was) in &before {
        ensure!(after[id]["vectors"]["main"] == was["vector"], "{} is not {was}", after[id]);
    }
    let schema = world.rest.get("/v1/schema/New").await?;
    ensure!(schema["vectorConfig"]["main"]["vectorIndexConfig"]["distance"] == "dot", "{schema}");

    world.succeed(&["restore", "b", "--rename", "Old=Bare", "--drop-vector", ""]).await?;
    let bare = objects(world, "Bare", None).await?;
    ensure!(bare.len() == 20 && bare.values().all(|object| object["vector"].is_null()), "{bare:?}");
    Ok(())
}

pub async fn objects_move_in_and_out_of_tenants(world: &mut World) -> anyhow::Result<()> {
    let property = |name: &str, kind: &str| json!({"name": name, "dataType": [kind]});
    let properties = json!([property("customer", "text"), property("number", "int")]);
    world.rest.create(&json!({"class": "Order", "properties": properties})).await?;
    let object = |number: u128| {
        let customer = ["acme", "Zeta_2", "third-one"][number as usize % 3];
        let properties = json!({"customer": customer, "number": number % 2});
        json!({"class": "Order", "id": Uuid::from_u128(number), "properties": properties, "vector": [number]})
    };
    world.rest.write(&(1..=90).map(object).collect::<Vec<_>>()).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let before = objects(world, "Order", None).await?;

    world.succeed(&["restore", "b", "--rename", "Order=ByCustomer", "--tenant-from", "customer"]).await?;
    world.succeed(&["restore", "b", "--rename", "Order=ByNumber", "--tenant-from", "number"]).await?;
    world.succeed(&["restore", "b", "--rename", "Order=InOne", "--into-tenant", "all"]).await?;
    let mut found = BTreeMap::new();
    for tenant in ["acme", "Zeta_2", "third-one"] {
        let here = objects(world, "ByCustomer", Some(tenant)).await?;
        ensure!(
            here.len() == 30 && here.values().all(|one| one["properties"]["customer"] == tenant),
            "{tenant}"
        );
        found.extend(here);
    }
    ensure!(found == before, "what came into tenants is not what was there");
    ensure!(world.rest.count("ByNumber", Some("0")).await? == 45);
    ensure!(
        objects(world, "InOne", Some("all")).await? == before,
        "what came into one tenant is not what was there"
    );

    world.succeed(&["backup", "ByCustomer", "--id", "c"]).await?;
    world.succeed(&["restore", "c", "--rename", "ByCustomer=Out", "--from-tenant", "acme"]).await?;
    ensure!(objects(world, "Out", None).await? == objects(world, "ByCustomer", Some("acme")).await?);
    let renamed =
        ["--rename", "ByCustomer=Renamed", "--rename-tenant", "acme=new", "--rename-tenant", "Zeta_2=acme"];
    world.succeed(&[&["restore", "c"][..], &renamed].concat()).await?;
    for (old, new) in [("acme", "new"), ("Zeta_2", "acme"), ("third-one", "third-one")] {
        let (was, is) =
            (objects(world, "ByCustomer", Some(old)).await?, objects(world, "Renamed", Some(new)).await?);
        ensure!(was == is, "tenant {old} did not become {new}");
    }
    Ok(())
}

pub async fn a_shape_that_does_not_fit_changes_nothing(world: &mut World) -> anyhow::Result<()> {
    seed_named(world).await?;
    world.rest.drop_all().await?;
    for (shape, text) in [
        (&["--drop-property", "nope"][..], "has a property \"nope\""),
        (&["--rename-property", "Other.title=x"], "has a property \"Other.title\""),
        (&["--rename-property", "title=count"], "two of property \"count\""),
        (&["--rename-property", "title=Count"], "cannot be the name of a property"),
        (&["--coerce", "likes=text"], "cannot become texts"),
        (&["--coerce", "title=int"], "cannot become \"int\""),
        (&["--drop-vector", "c"], "has a vector \"c\""),
        (&["--rename-vector", "a=b"], "two of vector \"b\""),
        (&["--from-tenant", "t"], "has no tenants"),
        (&["--tenant-from", "scores"], "cannot name tenants"),
        (&["--tenant-from", "title"], "belongs to no tenant"),
        (&["--rename-tenant", "a=b"], "\"a\" is to be renamed"),
    ] {
        let ran = world.run(&[&["restore", "b"][..], shape].concat()).await;
        ensure!(ran.code != 0 && ran.err.contains(text), "{shape:?}: no {text:?} in {}", ran.err);
    }
    ensure!(world.rest.classes().await?.is_empty());
    Ok(())
}
