//! `/v1/batch/references`, and the references of one object.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::objects::not_an_id;
use super::{Parameters, Server, answer, parse};
use crate::stand_in::faults::RefusedObjects;
use crate::stand_in::objects::{Link, Linked, is_uri, link_all, replace_links};
use crate::stand_in::refusal::{Outcome, Refusal};

const LEVELS: [&str; 3] = ["ONE", "QUORUM", "ALL"];

pub(super) async fn add(
    State(shared): Server,
    refused: Option<Extension<RefusedObjects>>,
    Query(parameters): Parameters,
    body: Bytes,
) -> Response {
    let refused = refused.map(|Extension(refused)| refused).unwrap_or_default();
    let level = parameters.get("consistency_level").map_or("ONE", String::as_str);
    answer(read(&body, level).map(|links| {
        let mut store = shared.contents.lock();
        let repeats_failed = store.version.is_recent();
        let linked = link_all(&mut store, &links, &refused);
        linked.into_iter().map(|linked| result(linked, repeats_failed)).collect::<Vec<_>>().into()
    }))
}

/// Puts a list of references in place of the one that an object's property holds.
pub(super) async fn replace(
    State(shared): Server,
    refused: Option<Extension<RefusedObjects>>,
    Path((class, id, property)): Path<(String, String, String)>,
    Query(parameters): Parameters,
    body: Bytes,
) -> Response {
    let Ok(id) = Uuid::parse_str(&id) else { return not_an_id(&id) };
    let beacons = match parse::<Vec<Single>>(&body, "body") {
        Ok(references) => references.into_iter().map(|reference| reference.beacon).collect::<Vec<_>>(),
        Err(refusal) => return refusal.into_response(),
    };
    let scripted = refused.and_then(|Extension(refused)| refused.text(0, Some(id)).map(str::to_owned));
    if let Some(text) = scripted {
        return Refusal::invalid(text).into_response();
    }
    let tenant = parameters.get("tenant").map_or("", String::as_str);
    match replace_links(&mut shared.contents.lock(), &class, id, &property, tenant, &beacons) {
        Ok(true) => StatusCode::OK.into_response(),
        Ok(false) => Refusal::Bare(404).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

#[derive(Deserialize)]
struct Single {
    beacon: String,
}

/// What is no list of URLs fails as a whole; all else, one by one.
fn read(body: &Bytes, level: &str) -> Outcome<Vec<Link>> {
    let links: Vec<Link> = parse(body, "body")?;
    for (name, url) in links.iter().flat_map(|link| [("from", &link.from), ("to", &link.to)]) {
        if !url.is_empty() && !is_uri(url) {
            return Err(Refusal::Coded(422, 601, format!("{name} in body must be of type uri: \"{url}\"")));
        }
    }
    if !LEVELS.contains(&level) {
        let text = format!(
            "unrecognized consistency level '{level}', try one of the following: ['ONE', 'QUORUM', 'ALL']"
        );
        return Err(Refusal::Said(400, text));
    }
    if links.is_empty() {
        let text = "invalid params: length cannot be 0, need at least one reference for batching";
        return Err(Refusal::invalid(text));
    }
    Ok(links)
}

fn result(linked: Linked, repeats_failed: bool) -> Value {
    let mut result = match &linked.outcome {
        Ok(()) => json!({"result": {"status": "SUCCESS"}}),
        Err(text) => json!({"result": {"status": "FAILED", "errors": {"error": [{"message": text}]}}}),
    };
    if linked.outcome.is_ok() || repeats_failed {
        for (name, end) in [("from", linked.from), ("to", linked.to)] {
            if let Some(end) = end {
                result[name] = json!(end);
            }
        }
    }
    result
}
