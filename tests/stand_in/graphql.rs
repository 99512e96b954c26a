//! The one GraphQL query that counts: `{Aggregate{Class(tenant:"t"){meta{count}}}}`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::refusal::{Outcome, Refusal};
use super::rights::{Asked, Rights};
use super::{Shared, json};

struct Count {
    class: String,
    tenant: String,
}

pub(crate) async fn answer(
    State(shared): State<Arc<Shared>>,
    Extension(rights): Extension<Rights>,
    body: Bytes,
) -> Response {
    if let Err(refusal) = rights.demand("read", Asked::Collection("*")) {
        let whole = |text: &str| {
            format!(
                "due to GraphQL introspection, this role must have the permission to `read_collections` on `*` (all) \
                 collections: {text}"
            )
        };
        return refusal.within(whole).into_response();
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(count) = parse(body["query"].as_str().unwrap_or_default()) else {
        let text = "the stand-in knows {Aggregate{Class(tenant:\"t\"){meta{count}}}} only";
        return json::respond(&json!({"errors": [{"message": text, "path": null}]}));
    };
    let mut store = shared.contents.lock();
    let Some(class) = store.resolve_mut(&count.class) else {
        let text = format!("Cannot query field \"{}\" on type \"AggregateObjectsObj\".", count.class);
        return json::respond(&json!({"errors": [{"message": text, "path": null}]}));
    };
    if !count.tenant.is_empty() && !class.is_multi_tenant() {
        let text = format!(
            "Unknown argument \"tenant\" on field \"{}\" of type \"AggregateObjectsObj\".",
            count.class
        );
        return json::respond(&json!({"errors": [{"message": text, "path": null}]}));
    }
    let counted: Outcome<usize> =
        class.readable(&count.tenant).map(|held| held.iter().map(|partition| partition.objects.len()).sum());
    match counted {
        Ok(number) => {
            json::respond(&json!({"data": {"Aggregate": {count.class: [{"meta": {"count": number}}]}}}))
        }
        Err(refusal) => failed(&count.class, &refusal),
    }
}

fn failed(class: &str, refusal: &Refusal) -> Response {
    json::respond(&json!({
        "data": {"Aggregate": {class: null}},
        "errors": [{"message": refusal.text(), "path": ["Aggregate", class]}],
    }))
}

fn parse(query: &str) -> Option<Count> {
    let bare: String = query.split_whitespace().collect();
    let field = bare.strip_prefix("{Aggregate{")?.strip_suffix("{meta{count}}}}")?;
    let (class, arguments) = match field.split_once('(') {
        Some((class, arguments)) => (class, arguments.strip_suffix(')')?),
        None => (field, ""),
    };
    let tenant = arguments.split(',').find_map(|argument| argument.strip_prefix("tenant:"));
    Some(Count { class: class.into(), tenant: tenant.unwrap_or_default().trim_matches('"').into() })
}
