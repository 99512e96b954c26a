//! A page of objects as the REST API lists them, with every number as exact as it was printed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::references::without_links;
use super::{Object, Vector};

#[derive(Deserialize)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    pub objects: Vec<Listed<'a>>,
}

/// Vectors are parsed as the 32-bit floats they are: by way of 64 bits they might be rounded twice.
#[derive(Deserialize)]
pub(super) struct Listed<'a> {
    pub id: String,
    properties: Option<BTreeMap<String, Value>>,
    vector: Option<Vec<f32>>,
    #[serde(borrow)]
    vectors: Option<BTreeMap<String, &'a RawValue>>,
}

impl<'a> Page<'a> {
    pub fn parse(text: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }
}

impl TryFrom<Listed<'_>> for Object {
    type Error = serde_json::Error;

    fn try_from(listed: Listed<'_>) -> serde_json::Result<Self> {
        let properties = listed.properties.unwrap_or_default().into_iter();
        let mut vectors = BTreeMap::new();
        if let Some(vector) = listed.vector {
            vectors.insert(String::new(), Vector::Single(bits(&vector)));
        }
        for (name, json) in listed.vectors.unwrap_or_default() {
            vectors.insert(name, vector(json.get())?);
        }
        let properties = properties.map(|(name, value)| (name, without_links(value).to_string()));
        Ok(Self { properties: properties.collect(), vectors })
    }
}

fn vector(json: &str) -> serde_json::Result<Vector> {
    // Only a list of lists starts with two brackets; Weaviate prints no space between them.
    if json.starts_with("[[") {
        let vectors: Vec<Vec<f32>> = serde_json::from_str(json)?;
        return Ok(Vector::Multi(vectors.iter().map(|vector| bits(vector)).collect()));
    }
    let vector: Vec<f32> = serde_json::from_str(json)?;
    Ok(Vector::Single(bits(&vector)))
}

fn bits(vector: &[f32]) -> Vec<u32> {
    vector.iter().map(|float| float.to_bits()).collect()
}
