//! REST calls, and their answers without names and times of a server's own making.

use anyhow::Context;
use reqwest::Method;
use selvedge_tests::harness::weaviate::{Weaviate, http_client};
use serde_json::{Value, json};

use super::Transcript;

/// What no two servers agree on.
const OWN: [&str; 7] = [
    "creationTimeUnix",
    "lastUpdateTimeUnix",
    "hostname",
    "modules",
    "deprecations",
    "ratePerSecond",
    "allowed",
];

pub async fn play(weaviate: &Weaviate, calls: &str) -> anyhow::Result<Transcript> {
    let client = http_client();
    let mut transcript = Transcript::new();
    for line in calls.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut parts = line.splitn(3, ' ');
        let method: Method = parts.next().unwrap_or_default().parse()?;
        let path = parts.next().with_context(|| format!("{line} has no path"))?;
        let mut request = client.request(method, format!("{}{path}", weaviate.rest_url()));
        if let Some(body) = parts.next() {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        let answer = request.send().await.with_context(|| line.to_owned())?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        let body = serde_json::from_str(&text)
            .map_or_else(|_| text.trim().to_owned(), |body| neutral(body, path).to_string());
        transcript.push((line.to_owned(), format!("{status} {body}")));
    }
    Ok(transcript)
}

fn neutral(mut body: Value, path: &str) -> Value {
    if path.contains("/shards") {
        for shard in body.as_array_mut().into_iter().flatten() {
            shard["name"] = json!("a shard");
        }
    }
    strip(&mut body);
    body
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !OWN.contains(&name.as_str()));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => {
            items.iter_mut().for_each(strip);
            // Tenants and aliases come in any order.
            if items.iter().all(|item| item["activityStatus"].is_string() || item["alias"].is_string()) {
                items.sort_by_key(ToString::to_string);
            }
        }
        _ => {}
    }
}
