//! Values and objects that Weaviate holds, and does not show as they are, or not at all.

use anyhow::ensure;
use selvedge_proto::weaviate::weaviate_client::WeaviateClient;
use selvedge_proto::weaviate::{BatchObject, BatchObjectsRequest, MetadataRequest, SearchRequest, Vectors};
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed::Dice;
use selvedge_tests::harness::world::World;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::odd_collections::nested;
use crate::round_trip::same;

/// Over gRPC a page with one of these fails; over REST they are shown, but not all of them whole.
pub async fn values_that_weaviate_misreads_are_told_by_id_and_property(
    world: &mut World,
) -> anyhow::Result<()> {
    let place = nested(&[("latitude", "number"), ("longitude", "number"), ("name", "text")]);
    let links = nested(&[("beacon", "text"), ("label", "text")]);
    let properties = json!([
        {"name": "place", "dataType": ["object"], "nestedProperties": place},
        {"name": "links", "dataType": ["object[]"], "nestedProperties": links},
    ]);
    world.rest.create(&json!({"class": "Trap", "properties": properties})).await?;
    let object = |number: u128, properties: Value| json!({"class": "Trap", "id": Uuid::from_u128(number << 64), "properties": properties});
    let mut objects: Vec<_> =
        (0..40).map(|n| object(n, json!({"place": {"latitude": 1.5, "name": "x"}}))).collect();
    objects.push(object(50, json!({"place": {"latitude": 1.000_000_001, "longitude": 2.5}})));
    objects.push(object(51, json!({"links": [{"beacon": "x", "label": "y"}]})));
    objects.push(object(52, json!({"links": [{"beacon": "x", "label": "y"}, {"label": "z"}]})));
    world.rest.write(&objects).await?;
    let before = Census::take(&world.rest, &["Trap"]).await?;
    let ran = world.refuse(&["backup", "--id", "b"], 5, "does not hold all of Trap").await?;
    for (number, property) in [(50_u128, "place"), (51, "links")] {
        let told = format!("object {}, property \"{property}\"", Uuid::from_u128(number << 64));
        ensure!(ran.err.contains(&told), "{told} is not in:\n{}", ran.err);
    }
    ensure!(
        !ran.err.contains(&Uuid::from_u128(52 << 64).to_string()),
        "a sound value is doubted: {}",
        ran.err
    );
    let shown = world.succeed(&["show", "b"]).await?.out;
    ensure!(shown.contains("partial") && shown.contains("property \"place\""), "{shown}");
    // What the backup lacks, its copy lacks; unless somebody says that this is well.
    for (more, code) in [(&[][..], 5), (&["--allow-partial"], 0)] {
        world.rest.drop_all().await?;
        let ran = world.run(&[&["restore", "b"][..], more].concat()).await;
        ensure!(ran.code == code && ran.err.contains("property \"place\""), "{ran:?}");
        same(&before, &Census::take(&world.rest, &["Trap"]).await?)?;
    }
    // What is shown of them is the same.
    let merged = world.succeed(&["restore", "b", "--if-exists", "merge", "--allow-partial"]).await?;
    ensure!(merged.out.contains("merged into Trap: 0 new, 43 identical"), "{merged:?}");
    ensure!(merged.err.contains("only what it shows was compared"), "{merged:?}");
    world.refuse(&["restore", "b", "--rename", "Trap=Other"], 5, "backup b is partial").await?;
    let verified = world.succeed(&["verify", "b"]).await?;
    ensure!(verified.err.contains("not whole"), "verify does not say it: {}", verified.err);
    Ok(())
}

/// A text where Weaviate looks for a number keeps it from reading the whole object.
fn unreadable(class: &str) -> Value {
    let trap = nested(&[("latitude", "number"), ("longitude", "text")]);
    let properties = json!([
        {"name": "text", "dataType": ["text"]},
        {"name": "o", "dataType": ["object"], "nestedProperties": trap},
    ]);
    json!({"class": class, "properties": properties})
}

pub async fn objects_that_weaviate_cannot_show_are_told_by_id(world: &mut World) -> anyhow::Result<()> {
    let mut plain = unreadable("Plain");
    plain["shardingConfig"] = json!({"desiredCount": 3});
    let mut tenanted = unreadable("Tenanted");
    tenanted["multiTenancyConfig"] = json!({"enabled": true});
    // Read over REST from the start.
    let mut slow = unreadable("Slow");
    let capital = nested(&[("Capital", "text")]);
    let capital = json!({"name": "c", "dataType": ["object"], "nestedProperties": capital});
    slow["properties"].as_array_mut().into_iter().for_each(|properties| properties.push(capital.clone()));
    for class in [&plain, &tenanted, &slow] {
        world.rest.create(class).await?;
    }
    world.rest.post("/v1/schema/Tenanted/tenants", &json!([{"name": "a"}, {"name": "b"}])).await?;
    let names = ["Plain", "Tenanted", "Slow"];
    let mut dice = Dice::of("unreadable");
    let mut ids: Vec<_> = (0..400).map(|_| dice.uuid()).collect();
    ids.sort_unstable();
    // At the start, at the end, beside each other, and apart.
    let bad = [0, 50, 51, 200, 399];
    for class in names {
        let object = |(at, id): (usize, &String)| {
            let place = bad.contains(&at).then(|| json!({"latitude": 1.5, "longitude": "x"}));
            let properties = json!({"text": format!("text {at}"), "o": place});
            let mut object = json!({"class": class, "id": id, "properties": properties, "vector": [1, at]});
            if class == "Tenanted" {
                object["tenant"] = json!("a");
            }
            object
        };
        world.rest.write(&ids.iter().enumerate().map(object).collect::<Vec<_>>()).await?;
    }
    let ran = world.refuse(&["backup", "--id", "b"], 5, "cannot show the object at all").await?;
    let shown = world.succeed(&["show", "b"]).await?.out;
    ensure!(ran.err.contains("like it: `selvedge jobs show "), "{}", ran.err);
    let job = world.succeed(&["jobs", "show", "last"]).await?.out;
    for at in bad {
        let id = &ids[at];
        ensure!(job.contains(id) && shown.contains(id), "{id} is not told: {job}\n{shown}");
    }
    // Whatever can be compared is the same.
    let ran = world.succeed(&["verify", "b", "--against-live"]).await?;
    let job = world.succeed(&["jobs", "show", "last"]).await?.out;
    ensure!(ran.out.contains("a partial backup") && job.contains(&ids[50]), "{ran:?}{job}");
    world.rest.drop_all().await?;
    world.refuse(&["restore", "b"], 5, "backup b is partial").await?;
    for class in names {
        let tenant = (class == "Tenanted").then_some("a");
        let count = world.rest.count(class, tenant).await?;
        ensure!(count == ids.len() - bad.len(), "{count} objects in {class}");
    }
    let of_tenant = "/v1/objects/Tenanted";
    let good = world.rest.get(&format!("{of_tenant}/{}?tenant=a&include=vector", ids[52])).await?;
    ensure!(good["properties"]["text"] == "text 52" && good["vector"] == json!([1, 52]), "{good}");
    Ok(())
}

/// JSON has no word for them, so Weaviate shows nothing at all over REST.
pub async fn vectors_that_are_no_numbers_come_back(world: &mut World) -> anyhow::Result<()> {
    let capital = nested(&[("Capital", "text")]);
    let properties = json!([{"name": "o", "dataType": ["object"], "nestedProperties": capital}]);
    let named = json!({"v": {"vectorizer": {"none": {}}, "vectorIndexType": "flat"}});
    for class in [
        json!({"class": "Slow", "vectorIndexType": "flat", "properties": properties}),
        json!({"class": "Named", "vectorConfig": named, "properties": properties}),
        json!({"class": "Fast", "vectorIndexType": "flat"}),
    ] {
        world.rest.create(&class).await?;
    }
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0];
    let bytes = |at: usize| -> Vec<u8> {
        let floats = if at % 5 == 1 { odd } else { [at as f32, 1.0, 2.0, 3.0] };
        floats.iter().flat_map(|float| float.to_le_bytes()).collect()
    };
    let mut client = WeaviateClient::connect(world.weaviate.grpc_url()).await?;
    for class in ["Slow", "Named", "Fast"] {
        let object = |at: usize| {
            let vectors =
                vec![Vectors { name: "v".into(), vector_bytes: bytes(at).into(), ..Vectors::default() }];
            let is_named = class == "Named";
            BatchObject {
                uuid: Uuid::from_u128(at as u128).to_string(),
                collection: class.into(),
                vector_bytes: if is_named { Vec::new() } else { bytes(at) }.into(),
                vectors: if is_named { vectors } else { Vec::new() },
                ..BatchObject::default()
            }
        };
        let objects = (0..30).map(object).collect();
        let reply = client.batch_objects(BatchObjectsRequest { objects, consistency_level: None }).await?;
        ensure!(reply.get_ref().errors.is_empty(), "{reply:?}");
    }
    world.succeed(&["backup", "--id", "b"]).await?;
    world.succeed(&["verify", "b", "--against-live"]).await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    for class in ["Slow", "Named", "Fast"] {
        let metadata = MetadataRequest { uuid: true, vector: true, ..MetadataRequest::default() };
        let request = SearchRequest {
            collection: class.into(),
            limit: 100,
            metadata: Some(metadata),
            ..SearchRequest::default()
        };
        let found = client.search(request).await?.into_inner().results;
        ensure!(found.len() == 30, "{} objects in {class}", found.len());
        for result in found {
            let metadata = result.metadata.unwrap_or_default();
            let at = Uuid::parse_str(&metadata.id)?.as_u128() as usize;
            let got = metadata.vectors.first().map_or(&metadata.vector_bytes, |vector| &vector.vector_bytes);
            ensure!(got.as_ref() == bytes(at), "{class} {at}: {got:?}");
        }
    }
    Ok(())
}
