//! `/v1/aliases`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::{Value, json};

use super::{Caller, Parameters, Server, answer, parse};
use crate::stand_in::contents::Store;
use crate::stand_in::refusal::{Outcome, Refusal};
use crate::stand_in::rights::Asked;
use crate::stand_in::schema::class_name;
use crate::stand_in::{Shared, json};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/aliases", get(all).post(add))
        .route("/v1/aliases/{alias}", get(one).put(update).delete(delete))
}

fn show(alias: &str, class: &str) -> Value {
    json!({"alias": alias, "class": class})
}

/// Without a word about aliases that the caller may not see.
async fn all(State(shared): Server, Extension(rights): Caller, Query(parameters): Parameters) -> Response {
    let wanted = parameters.get("class").map(|name| class_name(name));
    let store = shared.contents.lock();
    let asked_for =
        store.aliases.iter().filter(|(_, class)| wanted.as_ref().is_none_or(|wanted| wanted == *class));
    let aliases = asked_for.filter(|(alias, class)| rights.may("read", Asked::Alias(class, alias)));
    json::respond(&json!({"aliases": aliases.map(|(alias, class)| show(alias, class)).collect::<Vec<_>>()}))
}

async fn one(State(shared): Server, Extension(rights): Caller, Path(alias): Path<String>) -> Response {
    let alias = class_name(&alias);
    let store = shared.contents.lock();
    let found = store.aliases.get(&alias).ok_or(Refusal::Bare(404));
    answer(found.and_then(|class| {
        rights.demand("read", Asked::Alias(class, &alias))?;
        Ok(show(&alias, class))
    }))
}

async fn add(State(shared): Server, body: Bytes) -> Response {
    let add = |body: Value| {
        let store = &mut shared.contents.lock();
        let alias = class_name(body["alias"].as_str().unwrap_or_default());
        let class = target(store, &body)?;
        let fits = |c: char| c == '_' || c.is_ascii_alphanumeric();
        if !alias.starts_with(|first: char| first.is_ascii_uppercase()) || !alias.chars().all(fits) {
            return Err(Refusal::invalid(format!("validation: '{alias}' is not a valid alias name")));
        }
        if store.classes.contains_key(&alias) {
            let text =
                format!("updating schema: TYPE_CREATE_ALIAS: create alias: class {alias} already exists");
            return Err(Refusal::Said(500, text));
        }
        if store.aliases.contains_key(&alias) {
            return Err(Refusal::invalid(format!(
                "validation: updating schema: TYPE_CREATE_ALIAS: create alias: {alias}, alias already exists"
            )));
        }
        store.aliases.insert(alias.clone(), class.clone());
        Ok(show(&alias, &class))
    };
    answer(parse(&body, "body").and_then(add))
}

async fn update(State(shared): Server, Path(alias): Path<String>, body: Bytes) -> Response {
    let alias = class_name(&alias);
    let update = |body: Value| {
        let store = &mut shared.contents.lock();
        if !store.aliases.contains_key(&alias) {
            return Err(Refusal::Bare(404));
        }
        let class = target(store, &body)?;
        store.aliases.insert(alias.clone(), class.clone());
        Ok(show(&alias, &class))
    };
    answer(parse(&body, "body").and_then(update))
}

async fn delete(State(shared): Server, Path(alias): Path<String>) -> Response {
    match shared.contents.lock().aliases.remove(&class_name(&alias)) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => Refusal::Bare(404).into_response(),
    }
}

fn target(store: &Store, body: &Value) -> Outcome<String> {
    let class = class_name(body["class"].as_str().unwrap_or_default());
    if !store.classes.contains_key(&class) {
        return Err(Refusal::invalid(format!("validation: target class \"{class}\" does not exist")));
    }
    Ok(class)
}
