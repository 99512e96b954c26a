//! Vector indexes: their settings with defaults, by version.

use serde_json::{Value, json};

use super::Fields;
use crate::stand_in::Version;

const DISTANCES: [&str; 5] = ["cosine", "dot", "l2-squared", "manhattan", "hamming"];
const QUANTIZERS: [&str; 4] = ["pq", "bq", "sq", "rq"];
/// How a setting is called in refusals, and where it is; quantizers may be turned on later only where they are not here.
const FIXED_HNSW: [(&str, &str); 6] = [
    ("efConstruction", "/efConstruction"),
    ("maxConnections", "/maxConnections"),
    ("cleanupIntervalSeconds", "/cleanupIntervalSeconds"),
    ("distance", "/distance"),
    ("multivector enabled", "/multivector/enabled"),
    ("muvera enabled", "/multivector/muvera/enabled"),
];
const FIXED_FLAT: [(&str, &str); 6] = [
    ("distance", "/distance"),
    ("pq.cache", "/pq/cache"),
    ("pq", "/pq/enabled"),
    ("bq", "/bq/enabled"),
    ("rq", "/rq/enabled"),
    ("rq.bits", "/rq/bits"),
];
const FIXED_HFRESH: [(&str, &str); 2] = [("distance", "/distance"), ("replicas", "/replicas")];
const CACHE: u64 = 1_000_000_000_000;

/// The settings as they are stored: unknown ones dropped, missing ones added.
pub(super) fn complete(kind: &str, given: Option<&Value>, version: Version) -> Result<Value, String> {
    let given = match given {
        None | Some(Value::Null) => &Fields::new(),
        Some(Value::Object(fields)) => fields,
        Some(_) => {
            return Err(
                "parse vector index config: parse vector index config: input must be a non-nil map".into()
            );
        }
    };
    let defaults = match kind {
        "hnsw" => hnsw(version),
        "flat" => flat(version),
        "hfresh" if version.is_recent() => hfresh(),
        "dynamic" => {
            return Err("the dynamic index can only be created when async indexing is enabled".into());
        }
        _ => return Err(format!("unrecognized or unsupported vectorIndexType \"{kind}\"")),
    };
    let mut settings = merge(defaults, given).map_err(|what| {
        format!(
            "class.VectorIndexConfig can not parse: parse vector index config: invalid {kind} config: {what}"
        )
    })?;
    if kind == "hnsw"
        && settings["rq"]["bits"] == json!(1)
        && given.get("rq").is_none_or(|rq| rq.get("rescoreLimit").is_none())
    {
        settings["rq"]["rescoreLimit"] = json!(512);
    }
    let enabled = QUANTIZERS.iter().filter(|name| settings[**name]["enabled"] == json!(true)).count();
    if enabled > 1 && kind != "hfresh" {
        return Err(format!(
            "class.VectorIndexConfig can not parse: parse vector index config: invalid {kind} config: more than a \
             single compression methods enabled"
        ));
    }
    match settings["distance"].as_str() {
        Some(distance) if DISTANCES.contains(&distance) => Ok(settings),
        distance => Err(format!(
            "updating db: TYPE_ADD_CLASS: apply add class: create index: init shard: init vector index: unrecognized \
             distance metric {distance:?},choose one of [\"cosine\", \"dot\", \"l2-squared\", \"manhattan\",\"hamming\"]"
        )),
    }
}

/// What must not change in an update, with the first difference.
pub(super) fn immutable_change(kind: &str, old: &Value, new: &Value) -> Option<String> {
    let fixed: &[(&str, &str)] = match kind {
        "flat" => &FIXED_FLAT,
        "hfresh" => &FIXED_HFRESH,
        _ => &FIXED_HNSW,
    };
    let on = |settings: &Value| settings["rq"]["enabled"] == json!(true);
    let bits = kind == "hnsw" && on(old) && on(new);
    fixed.iter().chain(bits.then_some(&("rq bits", "/rq/bits"))).find_map(|(name, path)| {
        let (old, new) = (old.pointer(path), new.pointer(path));
        let shown = |value: Option<&Value>| {
            value
                .map(|value| value.as_str().map_or_else(|| value.to_string(), String::from))
                .unwrap_or_default()
        };
        (old != new).then(|| {
            format!("{name} is immutable: attempted change from \"{}\" to \"{}\"", shown(old), shown(new))
        })
    })
}

fn merge(defaults: Value, given: &Fields) -> Result<Value, String> {
    let Value::Object(mut defaults) = defaults else { return Ok(defaults) };
    for (name, default) in &mut defaults {
        match (given.get(name), &*default) {
            (None | Some(Value::Null), _) => {}
            (Some(Value::Object(inner)), Value::Object(_)) => *default = merge(default.take(), inner)?,
            (Some(value), default) if std::mem::discriminant(value) != std::mem::discriminant(default) => {
                return Err(format!("{name} has a value of the wrong type"));
            }
            (Some(value), _) => *default = value.clone(),
        }
    }
    Ok(defaults.into())
}

fn hnsw(version: Version) -> Value {
    let mut settings = json!({
        "skip": false, "cleanupIntervalSeconds": 300, "maxConnections": 32, "efConstruction": 128, "ef": -1,
        "dynamicEfMin": 100, "dynamicEfMax": 500, "dynamicEfFactor": 8, "vectorCacheMaxObjects": CACHE,
        "flatSearchCutoff": 40000, "distance": "cosine",
        "pq": {
            "enabled": false, "bitCompression": false, "segments": 0, "centroids": 256, "trainingLimit": 100_000,
            "encoder": {"type": "kmeans", "distribution": "log-normal"},
        },
        "bq": {"enabled": false},
        "sq": {"enabled": false, "trainingLimit": 100_000, "rescoreLimit": 20},
        "filterStrategy": "sweeping",
    });
    if version.is_recent() {
        settings["filterStrategy"] = json!("acorn");
        settings["rq"] = json!({"enabled": false, "bits": 8, "rescoreLimit": 20});
        settings["multivector"] = json!({
            "enabled": false, "aggregation": "maxSim",
            "muvera": {"enabled": false, "ksim": 4, "dprojections": 16, "repetitions": 10},
        });
        settings["skipDefaultQuantization"] = json!(false);
        settings["trackDefaultQuantization"] = json!(false);
    }
    settings
}

fn flat(version: Version) -> Value {
    let quantizer = json!({"enabled": false, "rescoreLimit": -1, "cache": false});
    let mut settings = json!({
        "distance": "cosine", "vectorCacheMaxObjects": CACHE, "pq": quantizer, "bq": quantizer, "sq": quantizer,
    });
    if version.is_recent() {
        settings["rq"] = json!({"enabled": false, "rescoreLimit": -1, "cache": false, "bits": 8});
        settings["skipDefaultQuantization"] = json!(false);
        settings["trackDefaultQuantization"] = json!(false);
    }
    settings
}

fn hfresh() -> Value {
    json!({
        "maxPostingSizeKB": 48, "replicas": 4, "searchProbe": 256, "distance": "cosine",
        "rq": {"enabled": true, "bits": 1, "rescoreLimit": 350},
    })
}
