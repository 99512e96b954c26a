//! `/v1/objects` and `/v1/batch/objects`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Caller, Parameters, Server, parse, references};
use crate::stand_in::contents::Class;
use crate::stand_in::faults::{RefusedObjects, Rewound};
use crate::stand_in::objects::{
    Incoming, Object, Shown, as_rest_reads, merge_into, page, put_all, shown, with_hrefs,
};
use crate::stand_in::refusal::{Outcome, Refusal};
use crate::stand_in::rights::Asked;
use crate::stand_in::{Shared, json};

/// `QUERY_DEFAULTS_LIMIT` over REST.
const DEFAULT_LIMIT: usize = 10;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/batch/objects", post(batch))
        .route("/v1/objects", get(list))
        .route("/v1/objects/{class}/{id}", get(one).delete(delete).patch(merge))
        .route("/v1/objects/{class}/{id}/references/{property}", put(references::replace))
}

#[derive(Deserialize)]
struct Batch {
    #[serde(default)]
    objects: Vec<Value>,
}

/// Echoes what it was sent, with a result for each.
async fn batch(State(shared): Server, refused: Option<Extension<RefusedObjects>>, body: Bytes) -> Response {
    let objects = match parse::<Batch>(&body, "body") {
        Ok(batch) => batch.objects,
        Err(refusal) => return refusal.into_response(),
    };
    if objects.is_empty() {
        let text = "invalid param 'objects': cannot be empty, need at least one object for batching";
        return Refusal::invalid(text).into_response();
    }
    let refused = refused.map(|Extension(refused)| refused).unwrap_or_default();
    let incoming: Outcome<Vec<Incoming>> =
        objects.iter().enumerate().map(|(index, object)| read(index, object)).collect();
    let incoming = match incoming {
        Ok(incoming) => incoming.into_iter().map(Ok).collect(),
        Err(refusal) => return refusal.into_response(),
    };
    let outcomes = put_all(&mut shared.contents.lock(), incoming, &refused);
    json::respond(
        &objects.into_iter().zip(outcomes).map(|(echo, outcome)| result(echo, outcome)).collect::<Vec<_>>(),
    )
}

/// What is not an object at all fails the whole batch.
fn read(index: usize, object: &Value) -> Outcome<Incoming> {
    if let Some(id) = object["id"].as_str().filter(|id| Uuid::parse_str(id).is_err()) {
        let text = format!("body.objects.{index}.id in body must be of type uuid: \"{id}\"");
        return Err(Refusal::Coded(422, 601, text));
    }
    let finite = |number: &Value| number.as_f64().is_some_and(|float| (float as f32).is_finite());
    if let Some(number) = object["vector"].as_array().into_iter().flatten().find(|number| !finite(number)) {
        let text = format!(
            "parsing body body from \"\" failed, because json: cannot unmarshal {number} into Go struct field Object.objects.vector of type float32"
        );
        return Err(Refusal::Coded(400, 400, text));
    }
    serde_json::from_value(object.clone()).map_err(|error| {
        Refusal::Coded(400, 400, format!("parsing body body from \"\" failed, because {error}"))
    })
}

fn result(mut echo: Value, outcome: Result<Object, String>) -> Value {
    match outcome {
        Ok(object) => {
            if echo["id"].is_null() {
                echo["id"] = json!(object.id);
            }
            if object.vector.is_none() && !object.vectors.is_empty() {
                echo.as_object_mut().map(|echo| echo.remove("vector"));
                echo["vectors"] = serde_json::from_str(&json::encode(&object.vectors)).expect("valid JSON");
            }
            echo["creationTimeUnix"] = json!(object.created);
            echo["lastUpdateTimeUnix"] = json!(object.updated);
            echo["properties"] = object.properties.into();
            echo["result"] = json!({"status": "SUCCESS"});
        }
        Err(text) => {
            if echo["vector"].as_array().is_some_and(Vec::is_empty) {
                echo.as_object_mut().map(|echo| echo.remove("vector"));
            }
            echo["result"] = json!({"status": "FAILED", "errors": {"error": [{"message": text}]}});
        }
    }
    echo
}

async fn list(
    State(shared): Server,
    Extension(rights): Caller,
    rewound: Option<Extension<Rewound>>,
    Query(parameters): Parameters,
) -> Response {
    let parameter = |name: &str| parameters.get(name).map_or("", String::as_str);
    let (name, tenant) = (parameter("class"), parameter("tenant"));
    let mut store = shared.contents.lock();
    // The right on one tenant is not enough, not even for that tenant.
    if let Err(refusal) = rights.demand("read", Asked::Data(&store.name_of(name), "*", "*")) {
        return refusal.within(|text| format!("msg:{text} code:403 err:{text}")).into_response();
    }
    let Some(class) = store.resolve_mut(name) else { return Refusal::Bare(404).into_response() };
    let after = if rewound.is_some() { "" } else { parameter("after") };
    let (after, limit) = match bounds(after, parameters.get("limit"), shared.options.max_results) {
        Ok(bounds) => bounds,
        Err(refusal) => return refusal.into_response(),
    };
    let index = class.name().to_lowercase();
    let found = match page(class, tenant, after, limit) {
        Ok(found) => found,
        Err(refusal) => {
            let status = if matches!(refusal, Refusal::Said(500, _)) { 500 } else { 422 };
            let whole = |text: &str| format!("msg:search index {index} code:{status} err:{text}");
            return refusal.within(whole).into_response();
        }
    };
    let vectors = parameter("include").split(',').any(|part| part == "vector");
    let class = &*class;
    // A listing does not tell the tenant.
    let show = |(at, object)| show(class, "", object, vectors, at);
    let shown: Outcome<Vec<Shown>> = found.iter().enumerate().map(show).collect();
    match shown {
        Ok(objects) => respond_page(&objects),
        Err(refusal) => refusal.into_response(),
    }
}

fn respond_page(objects: &[Shown<'_>]) -> Response {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Page<'a> {
        deprecations: [(); 0],
        objects: &'a [Shown<'a>],
        #[serde(skip_serializing_if = "Option::is_none")]
        total_results: Option<usize>,
    }
    if !objects.iter().all(Shown::is_finite) {
        return unprintable();
    }
    let total_results = (!objects.is_empty()).then_some(objects.len());
    json::respond(&Page { deprecations: [], objects, total_results })
}

/// JSON has no word for NaN and the infinities. The server finds out when it has said 200 already.
fn unprintable() -> Response {
    StatusCode::OK.into_response()
}

fn bounds(after: &str, limit: Option<&String>, most: usize) -> Outcome<(Option<Uuid>, usize)> {
    let given: Option<usize> = limit.and_then(|limit| limit.parse().ok());
    let cursor = |text: &str| {
        Refusal::invalid(format!("msg:cursor api: invalid 'after' parameter code:400 err:{text}"))
    };
    let after = match after {
        "" => None,
        text => Some(Uuid::parse_str(text).map_err(|_| {
            cursor(&format!(
                "after parameter '{text}' is not a valid uuid: invalid UUID length: {}",
                text.len()
            ))
        })?),
    };
    if after.is_some() && given.is_none() {
        return Err(cursor("limit parameter must be set"));
    }
    let limit = given.unwrap_or(DEFAULT_LIMIT);
    if limit > most {
        return Err(Refusal::invalid(format!(
            "msg:offset or limit code:400 err:query maximum results exceeded: the total limit calculated from the \
             provided offset '0' and limit '{limit}' exceeds the configured value for QUERY_MAXIMUM_RESULTS '{most}'. \
             If you've supplied a negative offset or limit, this may be an underflow error"
        )));
    }
    Ok((after, limit))
}

fn show<'a>(
    class: &'a Class,
    tenant: &'a str,
    object: &'a Object,
    vectors: bool,
    at: usize,
) -> Outcome<Shown<'a>> {
    let mut properties = as_rest_reads(&class.properties, &object.properties).map_err(|text| {
        let index = class.name().to_lowercase();
        Refusal::Said(
            500,
            format!(
                "msg:search index {index} code:500 err:local shard object search {index}: unmarshal item {at}: enrich \
                 schema datatypes: {text}"
            ),
        )
    })?;
    with_hrefs(&mut properties);
    Ok(shown(class.name(), tenant, object, vectors).with_properties(properties))
}

async fn one(
    State(shared): Server,
    Extension(rights): Caller,
    Path((name, id)): Path<(String, String)>,
    Query(parameters): Parameters,
) -> Response {
    let Ok(id) = Uuid::parse_str(&id) else { return not_an_id(&id) };
    let tenant = parameters.get("tenant").map_or("", String::as_str);
    let vectors =
        parameters.get("include").is_some_and(|include| include.split(',').any(|part| part == "vector"));
    let mut store = shared.contents.lock();
    let asked_id = id.to_string();
    if let Err(refusal) = rights.demand("read", Asked::Data(&store.name_of(&name), tenant, &asked_id)) {
        return refusal.into_response();
    }
    let Some(class) = store.resolve_mut(&name) else { return Refusal::Bare(404).into_response() };
    let found = match class.readable(tenant) {
        Ok(partitions) => partitions.iter().find_map(|partition| partition.objects.get(&id)).cloned(),
        Err(refusal) => {
            let index = class.name().to_lowercase();
            let whole =
                |text: &str| format!("repo: object by id: search index {index}: determine shard: {text}");
            return refusal.within(whole).into_response();
        }
    };
    let Some(object) = found else { return Refusal::Bare(404).into_response() };
    match show(class, tenant, &object, vectors, 0) {
        Ok(shown) if !shown.is_finite() => unprintable(),
        Ok(shown) => json::respond(&shown),
        Err(refusal) => refusal.into_response(),
    }
}

/// Sets the properties that are named, and leaves the others.
async fn merge(State(shared): Server, Path((class, id)): Path<(String, String)>, body: Bytes) -> Response {
    let Ok(id) = Uuid::parse_str(&id) else { return not_an_id(&id) };
    let incoming = match parse::<Incoming>(&body, "body") {
        Ok(incoming) => Incoming { class, id: Some(id), ..incoming },
        Err(refusal) => return refusal.into_response(),
    };
    match merge_into(&mut shared.contents.lock(), &incoming) {
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => Refusal::Bare(404).into_response(),
        Err(text) => Refusal::invalid(text).into_response(),
    }
}

async fn delete(
    State(shared): Server,
    Path((name, id)): Path<(String, String)>,
    Query(parameters): Parameters,
) -> Response {
    let Ok(id) = Uuid::parse_str(&id) else { return not_an_id(&id) };
    let tenant = parameters.get("tenant").map_or("", String::as_str);
    let mut store = shared.contents.lock();
    let Some(class) = store.resolve_mut(&name) else {
        let text =
            format!("could not delete object from vector repo: delete from non-existing index for {name}");
        return Refusal::Said(500, text).into_response();
    };
    if let Err(refusal) = class.check_tenant(tenant) {
        let index = class.name().to_lowercase();
        let whole = |text: &str| {
            format!("delete object from vector repo: delete from index \"{index}\": determine shard: {text}")
        };
        return refusal.within(whole).into_response();
    }
    for partition in class.partitions.iter_mut().filter(|(held, _)| tenant.is_empty() || *held == tenant) {
        partition.1.objects.remove(&id);
    }
    StatusCode::NO_CONTENT.into_response()
}

pub(super) fn not_an_id(id: &str) -> Response {
    Refusal::Coded(422, 601, format!("id in path must be of type uuid: \"{id}\"")).into_response()
}
