//! `/v1/schema` but tenants.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde_json::{Value, json};
use std::sync::Arc;

use super::{Caller, Server, answer, parse};
use crate::stand_in::refusal::Refusal;
use crate::stand_in::rights::Asked;
use crate::stand_in::schema::{self, Fields, class_name};
use crate::stand_in::tenants::Status;
use crate::stand_in::{Shared, json};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/schema", get(all).post(create))
        .route("/v1/schema/{class}", get(one).put(update).delete(delete))
        .route("/v1/schema/{class}/properties", post(add_property))
        .route("/v1/schema/{class}/shards", get(shards))
}

/// Without a word about classes that the caller may not see.
async fn all(State(shared): Server, Extension(rights): Caller) -> Response {
    let store = shared.contents.lock();
    let seen = store.classes.values().filter(|class| rights.may("read", Asked::Collection(class.name())));
    let classes: Vec<&Fields> = seen.map(|class| &class.config).collect();
    json::respond(&json!({"classes": classes}))
}

async fn create(State(shared): Server, Extension(rights): Caller, body: Bytes) -> Response {
    let create = |body: Fields| {
        let name = class_name(body.get("class").and_then(Value::as_str).unwrap_or_default());
        rights.demand("create", Asked::Collection(&name))?;
        schema::create(&mut shared.contents.lock(), &body)
    };
    answer(parse::<Fields>(&body, "objectClass").and_then(create))
}

async fn one(State(shared): Server, Extension(rights): Caller, Path(name): Path<String>) -> Response {
    let store = shared.contents.lock();
    if let Err(refusal) = rights.demand("read", Asked::Collection(&store.name_of(&name))) {
        return refusal.into_response();
    }
    match store.resolve(&name) {
        Some(class) => json::respond(&class.config),
        None => Refusal::Bare(404).into_response(),
    }
}

/// Neither this nor `delete` knows aliases.
async fn update(State(shared): Server, Path(name): Path<String>, body: Bytes) -> Response {
    let update = |body| schema::update(&mut shared.contents.lock(), &class_name(&name), &body);
    answer(parse::<Fields>(&body, "objectClass").and_then(update))
}

/// Aliases of the class stay, and point nowhere.
async fn delete(State(shared): Server, Path(name): Path<String>) -> StatusCode {
    shared.contents.lock().classes.remove(&class_name(&name));
    StatusCode::OK
}

async fn add_property(State(shared): Server, Path(name): Path<String>, body: Bytes) -> Response {
    let add = |body: Value| schema::add_property(&mut shared.contents.lock(), &name, &body);
    answer(parse(&body, "body").and_then(add))
}

/// Where the server has it at all, it has to be switched on.
pub(super) async fn drop_vector(
    State(shared): Server,
    Path((class, vector)): Path<(String, String)>,
) -> Response {
    if !shared.options.drops_vectors {
        let text = "alter schema drop vector index endpoint is experimental and disabled by default, set the \
                    environment variable ENABLE_EXPERIMENTAL_ALTER_SCHEMA_DROP_VECTOR_INDEX_ENDPOINT=true to enable it";
        return Refusal::Said(500, text.into()).into_response();
    }
    match schema::drop_vector(&mut shared.contents.lock(), &class, &vector) {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn shards(State(shared): Server, Extension(rights): Caller, Path(name): Path<String>) -> Response {
    let store = shared.contents.lock();
    let name = class_name(&name);
    if let Err(refusal) = rights.demand("read", Asked::Tenant(&store.name_of(&name), "*")) {
        return refusal.into_response();
    }
    let Some(class) = store.resolve(&name) else {
        let text = format!("cannot get shards status for a non-existing index for {name}: not found");
        return Refusal::Said(404, text).into_response();
    };
    if let Some(shard) = class.partitions.keys().find(|shard| class.hidden.contains(*shard)) {
        let text = format!("shard {shard}: resolve node name \"node2\" to host");
        return Refusal::Said(500, text).into_response();
    }
    // A tenant that is not loaded is an error here, not a status.
    if let Some((tenant, _)) = class.partitions.iter().find(|(_, held)| held.status != Status::Hot) {
        let text = format!("shard {tenant}: status code: 500 body: (local {tenant} shard not found\n)");
        return Refusal::Said(500, text).into_response();
    }
    let show = |name: &String| json!({"name": name, "status": "READY", "vectorQueueSize": 0});
    json::respond(&class.partitions.keys().map(show).collect::<Vec<_>>())
}
