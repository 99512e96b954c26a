//! `/v1/schema/{class}/tenants`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::Value;

use super::{Caller, Server, answer, parse};
use crate::stand_in::refusal::{Outcome, Refusal};
use crate::stand_in::rights::{Asked, Rights};
use crate::stand_in::schema::class_name;
use crate::stand_in::{Shared, json, tenants};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/schema/{class}/tenants", get(all).post(add).put(update).delete(delete))
        .route("/v1/schema/{class}/tenants/{tenant}", get(one))
}

/// Without a word about tenants that the caller may not see.
async fn all(State(shared): Server, Extension(rights): Caller, Path(class): Path<String>) -> Response {
    let store = shared.contents.lock();
    answer(tenants::of(&store, &class).map(|class| {
        class
            .partitions
            .iter()
            .filter(|(name, _)| rights.may("read", Asked::Tenant(class.name(), name)))
            .map(|(name, partition)| tenants::show(name, partition))
            .collect::<Vec<_>>()
            .into()
    }))
}

/// HEAD is the same without the body, and all that older servers have.
async fn one(
    State(shared): Server,
    Extension(rights): Caller,
    method: Method,
    Path((class, tenant)): Path<(String, String)>,
) -> Response {
    if method == Method::GET && !shared.version.is_recent() {
        return Refusal::Coded(405, 405, "method GET is not allowed, but [HEAD] are".into()).into_response();
    }
    let store = shared.contents.lock();
    if let Err(refusal) = rights.demand("read", Asked::Tenant(&store.name_of(&class), &tenant)) {
        return refusal.into_response();
    }
    match tenants::of(&store, &class).map(|class| class.partitions.get(&tenant)) {
        Ok(Some(partition)) => json::respond(&tenants::show(&tenant, partition)),
        Ok(None) => Refusal::Bare(404).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn add(
    State(shared): Server,
    Extension(rights): Caller,
    Path(class): Path<String>,
    body: Bytes,
) -> Response {
    let add = |body: Value| {
        demand_all(&rights, "create", &class, &body)?;
        tenants::add(&mut shared.contents.lock(), &class, &body)
    };
    answer(parse(&body, "body").and_then(add))
}

async fn update(
    State(shared): Server,
    Extension(rights): Caller,
    Path(class): Path<String>,
    body: Bytes,
) -> Response {
    let update = |body: Value| {
        demand_all(&rights, "update", &class, &body)?;
        tenants::update(&mut shared.contents.lock(), &class, &body)
    };
    answer(parse(&body, "body").and_then(update))
}

async fn delete(
    State(shared): Server,
    Extension(rights): Caller,
    Path(class): Path<String>,
    body: Bytes,
) -> Response {
    let delete = |body: Value| {
        demand_all(&rights, "delete", &class, &body)?;
        tenants::delete(&mut shared.contents.lock(), &class, &body)
    };
    match parse(&body, "tenants").and_then(delete) {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// For each tenant of a body: a list of names, or of objects that have one.
fn demand_all(rights: &Rights, verb: &str, class: &str, body: &Value) -> Outcome<()> {
    body.as_array().into_iter().flatten().try_for_each(|tenant| {
        let name = tenant.as_str().or_else(|| tenant["name"].as_str()).unwrap_or_default();
        rights.demand(verb, Asked::Tenant(&class_name(class), name))
    })
}
