//! The REST half.

mod aliases;
mod nodes;
mod objects;
mod references;
mod roles;
mod schema;
mod tenants;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Router};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::refusal::{Outcome, Refusal};
use super::rights::Rights;
use super::{Shared, graphql, json};

type Server = State<Arc<Shared>>;
/// The gate has found out who calls.
type Caller = Extension<Rights>;
/// A request's parameters, unparsed.
type Parameters = Query<BTreeMap<String, String>>;

pub(crate) fn routes(shared: Arc<Shared>) -> Router {
    let mut routes = Router::new()
        .route("/v1/meta", get(meta))
        .route("/v1/.well-known/live", get(well))
        .route("/v1/.well-known/ready", get(ready))
        .route("/v1/cluster/statistics", get(nodes::statistics))
        .route("/v1/graphql", post(graphql::answer))
        .route("/v1/batch/references", post(references::add))
        .merge(schema::routes())
        .merge(tenants::routes())
        .merge(objects::routes())
        .merge(nodes::routes());
    if shared.version.has_aliases() {
        routes = routes.merge(aliases::routes());
    }
    if shared.version.has_own_info() {
        routes = routes.route("/v1/users/own-info", get(own_info)).merge(roles::routes(shared.version));
    }
    if shared.version.drops_vectors() {
        routes = routes.route("/v1/schema/{class}/vectors/{vector}/index", delete(schema::drop_vector));
    }
    // The server has no limit for a body.
    routes.layer(DefaultBodyLimit::disable()).fallback(not_found).with_state(shared)
}

async fn meta(State(shared): Server) -> Response {
    let modules: BTreeMap<&String, Value> =
        shared.options.modules.iter().map(|name| (name, json!({"name": name}))).collect();
    json::respond(&json!({
        "hostname": shared.rest_url,
        "version": shared.options.version,
        "modules": modules,
        "grpcMaxMessageSize": shared.options.max_message_bytes,
        "standIn": true,
    }))
}

async fn well() {}

async fn ready(State(shared): Server) -> StatusCode {
    if shared.contents.is_starting() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}

async fn own_info(State(shared): Server, Extension(rights): Caller) -> Response {
    let is_controlled = !shared.options.keys.is_empty();
    if shared.options.api_key.is_none() && !is_controlled {
        return Refusal::Bare(401).into_response();
    }
    json::respond(&rights.own_info(is_controlled))
}

async fn not_found(uri: Uri) -> Refusal {
    Refusal::Coded(404, 404, format!("path {} was not found", uri.path()))
}

/// A body as JSON; `what` is how the server calls it.
fn parse<T: DeserializeOwned>(body: &Bytes, what: &str) -> Outcome<T> {
    serde_json::from_slice(body).map_err(|error| {
        Refusal::Coded(400, 400, format!("parsing {what} body from \"\" failed, because {error}"))
    })
}

/// What most handlers end with.
fn answer(result: Outcome<Value>) -> Response {
    match result {
        Ok(value) => json::respond(&value),
        Err(refusal) => refusal.into_response(),
    }
}
