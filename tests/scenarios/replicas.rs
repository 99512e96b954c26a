//! The replicas of a collection, compared object by object.

use std::sync::Arc;

use anyhow::ensure;
use selvedge_tests::harness::seed::{self, Dice};
use selvedge_tests::harness::weaviate::cluster_of_three;
use selvedge_tests::harness::world::{Serving, World};
use serde_json::{Value, json};

use crate::clusters::await_missing_node;

/// Nobody mends what a replica has missed, unless it is read.
fn replicated(name: &str, factor: u64, tenants: bool) -> Value {
    let mut class = json!({"class": name, "vectorIndexType": "flat",
        "replicationConfig": {"factor": factor, "asyncEnabled": false},
        "properties": [{"name": "text", "dataType": ["text"]}]});
    match tenants {
        true => class["multiTenancyConfig"] = json!({"enabled": true}),
        false => class["shardingConfig"] = json!({"desiredCount": 3}),
    }
    class
}

fn object(class: &str, tenant: Option<&str>, id: &str, text: &str) -> Value {
    let mut object = json!({"class": class, "id": id, "properties": {"text": text}});
    if let Some(tenant) = tenant {
        object["tenant"] = tenant.into();
    }
    object
}

/// To as many replicas as there are.
async fn write(world: &World, objects: &[Value]) -> anyhow::Result<()> {
    let answer =
        world.rest.post("/v1/batch/objects?consistency_level=ONE", &json!({"objects": objects})).await?;
    let refused =
        answer.as_array().into_iter().flatten().find(|object| !object["result"]["errors"].is_null());
    ensure!(refused.is_none(), "{refused:?}");
    Ok(())
}

pub async fn what_is_alone_is_not_compared(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Every", 4).await?;
    world.refuse(&["verify", "--replicas", "Every"], 2, "one replica of each object").await?;
    world.refuse(&["verify", "--replicas", "Evry"], 7, "there is no collection \"Evry\"").await?;
    world.refuse(&["verify", "b", "--replicas", "Every"], 2, "cannot be used with").await.map(drop)
}

pub async fn what_one_of_them_missed_is_told() -> anyhow::Result<()> {
    let [first, mut second, third] = cluster_of_three().await?;
    let mut world = World::new(Arc::new(first)).await?;
    let classes = [("Everywhere", 3, false), ("Some", 2, false), ("Tenanted", 2, true)];
    for (name, factor, tenants) in classes {
        world.rest.create(&replicated(name, factor, tenants)).await?;
    }
    let names: Vec<_> = (0..6).map(|number| format!("tenant-{number}")).collect();
    let tenants: Value = names.iter().map(|name| json!({"name": name})).collect();
    world.rest.post("/v1/schema/Tenanted/tenants", &tenants).await?;
    let mut dice = Dice::of("replicas");
    let ids: Vec<String> = (0..60).map(|_| dice.uuid()).collect();
    let all = |text: &str, ids: &[String]| {
        let plain = |class| ids.iter().map(move |id| object(class, None, id, text));
        let tenanted = ids.iter().zip(names.iter().cycle());
        let tenanted = tenanted.map(|(id, tenant)| object("Tenanted", Some(tenant), id, text));
        plain("Everywhere").chain(plain("Some")).chain(tenanted).collect::<Vec<_>>()
    };
    write(&world, &all("both", &ids[..40])).await?;
    for (name, ..) in classes {
        let out = world.succeed(&["verify", "--replicas", name]).await?.out;
        ensure!(
            out.contains(&format!("replicas of {name} are the same: 40 objects on node1, node2, node3")),
            "{out}"
        );
    }

    second.kill().await?;
    await_missing_node(&world).await?;
    world.refuse(&["verify", "--replicas", "Some"], 8, "not all replicas").await?;
    write(&world, &all("changed", &ids[..10])).await?;
    write(&world, &all("new", &ids[40..])).await?;
    second.restart().await?;

    let through = ("third".to_owned(), third.rest_url(), third.grpc_url());
    let own = ("second".to_owned(), second.rest_url(), second.grpc_url());
    world.serve_with(Serving { others: vec![own, through], ..Serving::default() }).await?;
    // The node that is asked has what the second missed.
    let found = compared(&world, &["verify", "--replicas", "Everywhere", "--max-findings", "1000"]).await?;
    ensure!(found.len() == 30, "{} differ: {found:?}", found.len());

    for object in &found {
        let place = ids.iter().position(|id| object["object_id"] == id.as_str());
        let is_missing = object["nodes"][1]["update_time"].is_null();
        ensure!(
            object["nodes"][1]["node"] == "node2" && is_missing == place.is_some_and(|place| place >= 40),
            "{object}"
        );
    }
    // The second does not list what it missed; others do.
    let alone = ["--cluster", "second", "verify", "--replicas", "Everywhere"];
    ensure!(compared(&world, &alone).await?.len() == 10);
    let with_others = [&alone[..], &["--through", "third", "--max-findings", "1000"]].concat();
    ensure!(compared(&world, &with_others).await?.len() == 30);
    for name in ["Some", "Tenanted"] {
        let found =
            compared(&world, &["verify", "--replicas", name, "--through", "second", "--through", "third"])
                .await?;
        ensure!(
            found.iter().all(|object| object["nodes"].as_array().is_some_and(|nodes| nodes.len() == 2)),
            "{found:?}"
        );
        // Those of shards that the second has no replica of are the same.
        ensure!((1..30).contains(&found.len()), "{name}: {}", found.len());
    }
    Ok(())
}

/// The objects that differ, which there must be.
async fn compared(world: &World, arguments: &[&str]) -> anyhow::Result<Vec<Value>> {
    let ran = world.run(&[&["--json"], arguments].concat()).await;
    ensure!(ran.code == 6, "{ran:?}");
    let lines: Vec<Value> = ran.out.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    Ok(lines.into_iter().filter(|line| !line["object_id"].is_null()).collect())
}
