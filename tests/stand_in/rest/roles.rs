//! `/v1/authz`: roles, and who has them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde_json::{Value, json};

use super::{Caller, Server, answer, parse};
use crate::stand_in::refusal::{Outcome, Refusal};
use crate::stand_in::rights::{Asked, BUILT_IN, Rights, Subject};
use crate::stand_in::{Shared, Version, json};

const LONGEST_NAME: usize = 64;

pub(super) fn routes(version: Version) -> Router<Arc<Shared>> {
    let routes = Router::new()
        .route("/v1/authz/roles", get(all).post(create))
        .route("/v1/authz/roles/{role}", get(one).delete(remove))
        .route("/v1/authz/roles/{role}/user-assignments", get(users))
        .route("/v1/authz/users/{user}/assign", post(assign_user))
        .route("/v1/authz/groups/{group}/assign", post(assign_group));
    match version.tells_groups() {
        true => routes.route("/v1/authz/roles/{role}/group-assignments", get(groups)),
        false => routes,
    }
}

fn show(name: &str, permissions: &[Value]) -> Value {
    json!({"name": name, "permissions": permissions})
}

/// Without a word about roles that the caller may not see.
async fn all(State(shared): Server, Extension(rights): Caller) -> Response {
    let store = shared.contents.lock();
    let is_seen = |name: &str| (name != "root" || rights.is_root()) && rights.may("read", Asked::Role(name));
    let seen = store.roles.all().filter(|(name, _)| is_seen(name));
    json::respond(&seen.map(|(name, permissions)| show(name, permissions)).collect::<Vec<_>>())
}

async fn one(State(shared): Server, Extension(rights): Caller, Path(role): Path<String>) -> Response {
    let found = demand(&rights, "read", &role).and_then(|()| {
        let store = shared.contents.lock();
        store.roles.get(&role).map(|permissions| show(&role, permissions)).ok_or(Refusal::Bare(404))
    });
    answer(found)
}

async fn create(State(shared): Server, Extension(rights): Caller, body: Bytes) -> Response {
    let create = |body: Value| {
        let name = body["name"].as_str().unwrap_or_default();
        if !is_name(name) {
            return Err(Refusal::Said(400, "role name is invalid".into()));
        }
        if BUILT_IN.contains(&name) {
            let text = format!("you cannot create role with the same name as built-in role {name}");
            return Err(Refusal::Said(400, text));
        }
        demand(&rights, "create", name)?;
        let store = &mut shared.contents.lock();
        if store.roles.get(name).is_some() {
            return Err(Refusal::Said(409, format!("role with name {name} already exists")));
        }
        let permissions = body["permissions"].as_array().map_or(&[][..], Vec::as_slice);
        store.roles.create(name, permissions);
        Ok(())
    };
    done(StatusCode::CREATED, parse(&body, "body").and_then(create))
}

async fn remove(State(shared): Server, Extension(rights): Caller, Path(role): Path<String>) -> Response {
    if BUILT_IN.contains(&role.as_str()) {
        let text = format!("you can not delete built-in role {role}");
        return Refusal::Said(400, text).into_response();
    }
    let removed = demand(&rights, "delete", &role);
    done(StatusCode::NO_CONTENT, removed.map(|()| shared.contents.lock().roles.delete(&role)))
}

/// Nobody, for a role that there is not.
async fn users(State(shared): Server, Extension(rights): Caller, Path(role): Path<String>) -> Response {
    answer(demand_assignments(&rights, &role).map(|()| {
        let store = shared.contents.lock();
        let of = |subject, kind: &'static str| {
            store.roles.holders(subject, &role).into_iter().map(move |user| (user, kind))
        };
        let held = of(Subject::Oidc, "oidc").chain(of(Subject::Db, "db_env_user"));
        let seen = held.filter(|(user, _)| rights.is_of(user) || rights.may("read", Asked::User(user)));
        seen.map(|(user, kind)| json!({"userId": user, "userType": kind})).collect()
    }))
}

async fn groups(State(shared): Server, Extension(rights): Caller, Path(role): Path<String>) -> Response {
    answer(demand_assignments(&rights, &role).map(|()| {
        let store = shared.contents.lock();
        let held = store.roles.holders(Subject::Group, &role).into_iter();
        let seen = held.filter(|group| rights.may("read", Asked::Group(group)));
        seen.map(|group| json!({"groupId": group, "groupType": "oidc"})).collect()
    }))
}

async fn assign_user(
    State(shared): Server,
    Extension(rights): Caller,
    Path(user): Path<String>,
    body: Bytes,
) -> Response {
    let assign = |body: Value| {
        let roles = wanted(&body)?;
        rights.demand("assign_and_revoke", Asked::User(&user))?;
        let store = &mut shared.contents.lock();
        if roles.iter().any(|role| store.roles.get(role).is_none()) {
            return Err(Refusal::Said(404, "one or more of the roles requested doesn't exist".into()));
        }
        // Without a word on which, both are meant.
        let subjects: &[Subject] = match body["userType"].as_str().unwrap_or_default() {
            "oidc" => return Err(Refusal::Said(500, "user exists: oidc is not enabled".into())),
            "db" => &[Subject::Db],
            _ => &[Subject::Oidc, Subject::Db],
        };
        if !store.roles.is_user(&user) {
            return Err(Refusal::Said(404, "username to assign role to doesn't exist".into()));
        }
        subjects.iter().for_each(|subject| store.roles.give(*subject, &user, &roles));
        Ok(())
    };
    done(StatusCode::OK, parse(&body, "body").and_then(assign))
}

/// Nobody knows which groups there are.
async fn assign_group(
    State(shared): Server,
    Extension(rights): Caller,
    Path(group): Path<String>,
    body: Bytes,
) -> Response {
    let assign = |body: Value| {
        let roles = wanted(&body)?;
        let kind = body["groupType"].as_str().unwrap_or_default();
        if kind != "oidc" {
            return Err(Refusal::Said(400, format!("unknown groupType: {kind}")));
        }
        rights.demand("assign_and_revoke", Asked::Group(&group))?;
        let store = &mut shared.contents.lock();
        if roles.iter().any(|role| store.roles.get(role).is_none()) {
            return Err(Refusal::Bare(404));
        }
        store.roles.give(Subject::Group, &group, &roles);
        Ok(())
    };
    done(StatusCode::OK, parse(&body, "body").and_then(assign))
}

/// The roles that are to be given to somebody.
fn wanted(body: &Value) -> Outcome<Vec<String>> {
    let roles = body["roles"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let roles: Vec<_> = roles.map(str::to_owned).collect();
    if let Some(role) = roles.iter().find(|role| is_of_environment(role)) {
        let text = format!("assigning: modifying '{role}' role or changing its assignments is not allowed");
        return Err(Refusal::Said(403, text));
    }
    match roles.is_empty() {
        true => Err(Refusal::Said(400, "roles can not be empty".into())),
        false => Ok(roles),
    }
}

fn demand_assignments(rights: &Rights, role: &str) -> Outcome<()> {
    if is_of_environment(role) && !rights.is_root() {
        let text = format!("modifying '{role}' role or changing its assignments is not allowed");
        return Err(Refusal::Said(403, text));
    }
    demand(rights, "read", role)
}

fn demand(rights: &Rights, verb: &str, role: &str) -> Outcome<()> {
    let demanded = rights.demand(verb, Asked::Role(role));
    demanded.map_err(|refusal| {
        refusal.within(|text| {
            format!("can only create roles with less or equal permissions as the current user: {text}")
        })
    })
}

/// Whether a role is given by the server's environment alone.
fn is_of_environment(role: &str) -> bool {
    ["read-only", "root"].contains(&role)
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(fits)
}

fn done(status: StatusCode, result: Outcome<()>) -> Response {
    match result {
        Ok(()) => status.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}
