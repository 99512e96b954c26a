//! `/v1/batch/references`.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::{Parameters, Server, answer, parse};
use crate::stand_in::faults::RefusedObjects;
use crate::stand_in::objects::{Link, Linked, is_uri, link_all};
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
