//! `/v1/nodes`: one node, and what it holds.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::{Value, json};

use super::{Caller, Parameters, Server};
use crate::stand_in::contents::Class;
use crate::stand_in::refusal::Refusal;
use crate::stand_in::rights::{Asked, Rights};
use crate::stand_in::schema::class_name;
use crate::stand_in::tenants::Status;
use crate::stand_in::{Shared, json};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/v1/nodes", get(all)).route("/v1/nodes/{class}", get(one))
}

/// Of the log that the nodes share. While a node starts, it does not say whether it is ready.
pub(super) async fn statistics(State(shared): Server, Extension(rights): Caller) -> Response {
    if let Err(refusal) = rights.demand("read", Asked::Cluster) {
        return refusal.into_response();
    }
    let mut node = json!({"name": "stand-in", "status": "HEALTHY", "isVoter": true, "open": true});
    if !shared.contents.is_starting() {
        node["ready"] = json!(true);
        node["dbLoaded"] = json!(true);
    }
    json::respond(&json!({"statistics": [node], "synchronized": true}))
}

async fn all(State(shared): Server, Extension(rights): Caller, Query(parameters): Parameters) -> Response {
    nodes(&shared, &rights, &parameters, None)
}

async fn one(
    State(shared): Server,
    Extension(rights): Caller,
    Path(class): Path<String>,
    Query(parameters): Parameters,
) -> Response {
    nodes(&shared, &rights, &parameters, Some(&class_name(&class)))
}

fn nodes(
    shared: &Shared,
    rights: &Rights,
    parameters: &std::collections::BTreeMap<String, String>,
    wanted: Option<&str>,
) -> Response {
    let output = parameters.get("output").map_or("minimal", String::as_str);
    if !["minimal", "verbose"].contains(&output) {
        let text = format!("invalid output: \"{output}\", possible values are: \"minimal\", \"verbose\"");
        return Refusal::invalid(text).into_response();
    }
    let asked = match (output, wanted) {
        ("minimal", _) => Some(Asked::MinimalNodes),
        (_, wanted) => wanted.map(Asked::VerboseNodes),
    };
    if let Some(Err(refusal)) = asked.map(|asked| rights.demand("read", asked)) {
        return refusal.into_response();
    }
    let store = shared.contents.lock();
    if let Some(name) = wanted.filter(|name| !store.classes.contains_key(*name)) {
        return Refusal::Said(404, format!("class \"{name}\" not found")).into_response();
    }
    let mut node = json!({
        "name": "stand-in", "status": "HEALTHY", "version": shared.options.version, "shards": null,
        "batchStats": {"queueLength": 0, "ratePerSecond": 0},
    });
    if shared.version.is_recent() {
        node["operationalMode"] = json!("ReadWrite");
    }
    if output == "verbose" {
        let classes =
            store.classes.values().filter(|class| wanted.is_none_or(|wanted| wanted == class.name()));
        let held = classes.clone().flat_map(shards).count();
        let seen = classes.filter(|class| rights.may("read", Asked::VerboseNodes(class.name())));
        let shards: Vec<Value> = seen.flat_map(shards).collect();
        let objects: u64 = shards.iter().filter_map(|shard| shard["objectCount"].as_u64()).sum();
        node["stats"] = json!({"objectCount": objects, "shardCount": shards.len()});
        // None at all is null, none that may be seen is an empty list.
        if held > 0 {
            node["shards"] = shards.into();
        }
    }
    json::respond(&json!({"nodes": [node]}))
}

/// Those that are there: a tenant that sleeps is not.
fn shards(class: &Class) -> Vec<Value> {
    let there = class
        .partitions
        .iter()
        .filter(|(name, partition)| partition.status == Status::Hot && !class.hidden.contains(*name));
    there
        .map(|(name, partition)| {
            json!({
                "class": class.name(), "name": name, "objectCount": partition.objects.len(), "loaded": true,
                "compressed": false, "vectorIndexingStatus": "READY", "vectorQueueLength": 0,
                "numberOfReplicas": 1, "replicationFactor": 1, "asyncReplicationStatus": [],
            })
        })
        .collect()
}
