//! The objects of a restore that Weaviate refused for good.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use crate::archive::Repository;
use crate::error::{Error, Result};
use crate::weaviate::Refusal;

/// Refusals that are listed; all are counted.
const LISTED: usize = 10_000;
const FILE: &str = "refused.jsonl";

/// How many there are, and the first of them.
#[derive(Debug, Default)]
pub struct Refused {
    pub total: u64,
    /// By collection and tenant.
    counts: BTreeMap<(String, Option<String>), u64>,
    listed: Vec<RefusedObject>,
}

#[derive(Debug, Serialize)]
struct RefusedObject {
    collection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    id: Uuid,
    reason: String,
}

impl Refused {
    pub fn add(&mut self, collection: &str, tenant: Option<String>, refusal: Refusal) {
        self.total += 1;
        *self.counts.entry((collection.to_owned(), tenant.clone())).or_default() += 1;
        if self.listed.len() < LISTED {
            let collection = collection.to_owned();
            self.listed.push(RefusedObject { collection, tenant, id: refusal.id, reason: refusal.reason });
        }
    }

    /// How many objects of a collection without tenants, or of a tenant, were refused.
    pub fn of(&self, collection: &str, tenant: Option<&str>) -> u64 {
        let key = (collection.to_owned(), tenant.map(str::to_owned));
        self.counts.get(&key).copied().unwrap_or(0)
    }

    /// Writes the list into the repository, one JSON object a line, and says where.
    pub async fn save(&self, repository: &Repository, job_id: &str) -> Result<String> {
        let mut text = String::new();
        for object in &self.listed {
            let line = serde_json::to_string(object)
                .map_err(|error| Error::internal("a refusal cannot be written as JSON").caused_by(error))?;
            text.push_str(&line);
            text.push('\n');
        }
        repository.put_job_file(job_id, FILE, Bytes::from(text)).await?;
        Ok(format!("jobs/{job_id}/{FILE}"))
    }
}
