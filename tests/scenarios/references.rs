//! Cross-references: beacons in their order, doubles and dangling ones included.

use anyhow::ensure;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::weaviate::WeaviateOptions;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::faults::{Call, Objects};
use serde_json::{Value, json};
use uuid::Uuid;

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
    faults.on(Call::rest("PUT", "/v1/objects/*/*/references/*")).lose_answer();
    world.succeed(&["restore", "b"]).await?;
    same(&before, &Census::take(&world.rest, &names).await?)
}

/// A node that is behind does not know the collection yet that they point to.
pub async fn those_refused_for_a_moment_are_written(world: &mut World) -> anyhow::Result<()> {
    let names = seed::references(&world.rest, "Book", 30).await?;
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    let faults = world.stand_in().faults();
    let replacing = Call::rest("PUT", "/v1/objects/*/*/references/*");
    faults.on(replacing).always().refuse_objects(Objects::All, "something new");
    let appending = || Call::rest("POST", "/v1/batch/references");
    faults.on(appending()).times(2).refuse_objects(Objects::All, "target class not found");
    world.succeed(&["restore", "b"]).await?;
    ensure!(faults.count(&appending()) > 3, "nothing was tried again");
    same(&before, &Census::take(&world.rest, &names).await?)
}

pub async fn those_refused_for_good_make_the_job_partial(world: &mut World) -> anyhow::Result<()> {
    let names = seed::references(&world.rest, "Book", 30).await?;
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    let faults = world.stand_in().faults();
    let owner: Vec<_> =
        before.owners("Book").into_iter().take(1).map(|id| id.parse()).collect::<Result<_, _>>()?;
    for call in
        [Call::rest("POST", "/v1/batch/references"), Call::rest("PUT", "/v1/objects/*/*/references/*")]
    {
        faults.on(call).always().refuse_objects(Objects::Ids(owner.clone()), "target class not found");
    }
    let ran = world.refuse(&["restore", "b"], 5, "Weaviate refused").await?;
    ensure!(ran.err.contains("target class not found"), "{}", ran.err);
    for name in names {
        ensure!(world.rest.count(&name, None).await? == 30, "{name} lacks objects");
    }
    Ok(())
}

/// Appending them one by one takes longer than Weaviate lets a request take. What cannot be replaced, since something is
/// missing that it points to, comes back all the same.
pub async fn thousands_of_one_object_come_back(world: &mut World) -> anyhow::Result<()> {
    const MANY: u128 = 2_000;
    const FEW: u128 = 300;
    let names = ["to", "first", "middle"];
    let references = names.map(|name| json!({"name": name, "dataType": ["Hub"]}));
    let properties = [&[json!({"name": "text", "dataType": ["text"]})], &references[..]].concat();
    world.rest.create(&json!({"class": "Hub", "properties": properties})).await?;
    let id = Uuid::from_u128;
    let objects: Vec<_> = (1..=MANY).map(|number| json!({"class": "Hub", "id": id(number)})).collect();
    world.rest.write(&objects).await?;
    let beacon = |number| json!({"beacon": format!("weaviate://localhost/Hub/{}", id(number))});
    // The last object will be missing.
    let middle = (1..=FEW / 2).chain([MANY]).chain(FEW / 2..FEW);
    let lists: [Value; 3] = [
        (1..MANY).rev().map(beacon).collect(),
        (0..FEW).map(|number| beacon(MANY - number)).collect(),
        middle.map(beacon).collect(),
    ];
    for (owner, name, list) in
        [(1, "to", &lists[0]), (1, "first", &lists[1]), (2, "middle", &lists[2]), (3, "to", &lists[2])]
    {
        world.rest.put(&format!("/v1/objects/Hub/{}/references/{name}", id(owner)), list).await?;
    }
    world.rest.delete(&format!("/v1/objects/Hub/{}", id(MANY))).await?;
    let before = Census::take(&world.rest, &["Hub"]).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    same(&before, &Census::take(&world.rest, &["Hub"]).await?)
}

/// Weaviate keeps the capitals of an id only where a beacon has no class and the property several targets.
pub async fn the_spelling_of_an_id_is_no_content(world: &mut World) -> anyhow::Result<()> {
    world.rest.create(&json!({"class": "Tgt"})).await?;
    let property = json!({"name": "to", "dataType": ["Tgt", "Src"]});
    let text = json!({"name": "text", "dataType": ["text"]});
    world.rest.create(&json!({"class": "Src", "properties": [text]})).await?;
    world.rest.post("/v1/schema/Src/properties", &property).await?;
    let id = Uuid::from_u128(0x720E_8D55_0000_0000_0000_0000_0000_ABCD);
    let objects = ["Tgt", "Src"].map(|class| json!({"class": class, "id": id}));
    world.rest.write(&objects).await?;
    let capitals = id.to_string().to_uppercase();
    let beacons = [format!("weaviate://localhost/{capitals}"), format!("weaviate://localhost/Tgt/{id}")];
    let beacons: Value = beacons.iter().map(|beacon| json!({"beacon": beacon})).collect();
    world.rest.put(&format!("/v1/objects/Src/{id}/references/to"), &beacons).await?;
    let stored = world.rest.get(&format!("/v1/objects/Src/{id}")).await?;
    ensure!(
        stored["properties"]["to"][0]["beacon"].as_str().is_some_and(|beacon| beacon.ends_with(&capitals)),
        "{stored}"
    );
    world.succeed(&["backup", "--id", "b"]).await?;
    world.succeed(&["verify", "b", "--against-live"]).await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    world.succeed(&["verify", "b", "--against-live"]).await?;
    let restored = world.rest.get(&format!("/v1/objects/Src/{id}")).await?;
    let lower = |stored: &Value| stored["properties"]["to"].to_string().to_lowercase();
    ensure!(lower(&restored) == lower(&stored), "{restored}, not {stored}");
    Ok(())
}

/// Weaviate writes none that points to an object which is not there, from within a tenant.
pub async fn dangling_ones_of_a_tenant_are_named(world: &mut World) -> anyhow::Result<()> {
    let property = |name: &str, kind: &str| json!({"name": name, "dataType": [kind]});
    world.rest.create(&json!({"class": "Tgt"})).await?;
    world
        .rest
        .create(&json!({"class": "Own", "multiTenancyConfig": {"enabled": true},
        "properties": [property("text", "text"), property("to", "Tgt")]}))
        .await?;
    world.rest.post("/v1/schema/Own/tenants", &json!([{"name": "a"}])).await?;
    let ids = (1..=4).map(Uuid::from_u128).collect::<Vec<_>>();
    let target = |id: &Uuid| json!({"class": "Tgt", "id": id});
    let owner = |id: &Uuid| json!({"class": "Own", "tenant": "a", "id": id, "properties": {"text": "t"}});
    world.rest.write(&ids.iter().map(target).chain(ids.iter().map(owner)).collect::<Vec<_>>()).await?;
    let link = |id: &Uuid| {
        json!({"from": format!("weaviate://localhost/Own/{id}/to"),
        "to": format!("weaviate://localhost/Tgt/{id}"), "tenant": "a"})
    };
    world.rest.link(&ids.iter().map(link).collect::<Vec<_>>()).await?;
    let gone = &ids[2];
    world.rest.delete(&format!("/v1/objects/Tgt/{gone}")).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    let ran = world.refuse(&["restore", "b"], 5, "refused 1 reference").await?;
    ensure!(ran.err.contains(&format!("weaviate://localhost/Tgt/{gone}")), "{}", ran.err);
    for id in &ids {
        let restored = world.rest.get(&format!("/v1/objects/Own/{id}?tenant=a")).await?;
        let count = restored["properties"]["to"].as_array().map_or(0, Vec::len);
        ensure!(count == usize::from(id != gone), "{restored}");
    }
    Ok(())
}

/// Each refers to the other, and neither can be created without the text that comes after the reference.
pub async fn a_circle_of_classes_with_a_vectorizer_comes_back(world: &mut World) -> anyhow::Result<()> {
    // Older servers have no module that they are not told of.
    let env = vec![("ENABLE_MODULES".to_owned(), "text2vec-openai".to_owned())];
    let own = world.beside(WeaviateOptions { env, ..WeaviateOptions::default() }).await?;
    let module = json!({"text2vec-openai": {"vectorizeClassName": false}});
    let class = |name: &str, properties: Value| json!({"class": name, "vectorizer": "text2vec-openai", "moduleConfig": module, "properties": properties});
    let property = |name: &str, kind: &str| json!({"name": name, "dataType": [kind]});
    own.rest.create(&json!({"class": "East"})).await?;
    let west = json!([property("across", "East"), property("text", "text"), property("number", "int")]);
    own.rest.create(&class("West", west)).await?;
    own.rest.drop_class("East").await?;
    let east = json!([
        property("across", "West"),
        property("zone", "text"),
        property("again", "West"),
        property("area", "int")
    ]);
    own.rest.create(&class("East", east)).await?;
    let id = Uuid::from_u128(7);
    let object = |class: &str| json!({"class": class, "id": id, "vector": [1, 2], "properties": {}});
    own.rest.write(&[object("West"), object("East")]).await?;
    let link = |from: &str, to: &str| json!({"from": format!("weaviate://localhost/{from}/{id}/across"), "to": format!("weaviate://localhost/{to}/{id}")});
    own.rest.link(&[link("West", "East"), link("East", "West")]).await?;
    let before = Census::take(&own.rest, &["East", "West"]).await?;
    own.succeed(&["backup", "--id", "b"]).await?;
    own.rest.drop_all().await?;
    own.succeed(&["restore", "b"]).await?;
    same(&before, &Census::take(&own.rest, &["East", "West"]).await?)?;
    ensure!(own.rest.classes().await?.len() == 2, "something is left over");
    own.succeed(&["clear", "East", "--yes"]).await?;
    same(&before.only(&["East"]).emptied(), &Census::take(&own.rest, &["East"]).await?)
}
