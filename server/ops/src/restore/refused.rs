//! What Weaviate refused of a restore for good.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use crate::Context;
use selvedge_archive::Repository;
use selvedge_model::Content;
use selvedge_model::error::{Error, Result};
use selvedge_weaviate::Refusal;

/// Refusals that are listed; all are counted.
const LISTED: usize = 10_000;
const FILE: &str = "refused.jsonl";

/// How many there are, and the first of them.
#[derive(Debug, Default)]
pub struct Refused {
    pub objects: u64,
    pub references: u64,
    pub altered: u64,
    collections: BTreeMap<String, RefusedOfCollection>,
    listed: Vec<Listed>,
}

/// What was refused of one collection.
#[derive(Debug, Default)]
pub struct RefusedOfCollection {
    /// Of the objects that are missing.
    pub missing: Content,
    /// Which these are, by tenant.
    pub ids: Arc<BTreeSet<(Option<String>, Uuid)>>,
    /// Objects that are missing, references that are, and objects that lack something.
    pub objects: u64,
    pub references: u64,
    pub altered: u64,
}

impl RefusedOfCollection {
    pub fn is_whole(&self) -> bool {
        self.objects + self.references + self.altered == 0
    }

    /// Whether everything that is there should be as it was.
    pub fn is_comparable(&self) -> bool {
        self.references + self.altered == 0
    }
}

/// What was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Object,
    Reference,
    /// The object was stored without it.
    PartOfObject,
}

#[derive(Debug, Serialize)]
struct Listed {
    collection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    id: Uuid,
    what: What,
    reason: String,
}

impl Refused {
    pub fn add(&mut self, collection: &str, tenant: Option<&str>, what: What, refusal: Refusal) {
        let of_collection = self.collections.entry(collection.to_owned()).or_default();
        let (total, count) = match what {
            What::Object => (&mut self.objects, &mut of_collection.objects),
            What::Reference => (&mut self.references, &mut of_collection.references),
            What::PartOfObject => (&mut self.altered, &mut of_collection.altered),
        };
        *total += 1;
        *count += 1;
        if what == What::Object {
            Arc::make_mut(&mut of_collection.ids).insert((tenant.map(str::to_owned), refusal.id));
        }
        if self.listed.len() < LISTED {
            let (collection, tenant) = (collection.to_owned(), tenant.map(str::to_owned));
            self.listed.push(Listed { collection, tenant, id: refusal.id, what, reason: refusal.reason });
        }
    }

    /// Takes note of the content of objects that are missing.
    pub fn add_missing(&mut self, collection: &str, missing: Content) {
        self.collections.entry(collection.to_owned()).or_default().missing.merge(missing);
    }

    pub fn of(&self, collection: &str) -> &RefusedOfCollection {
        static NOTHING: std::sync::LazyLock<RefusedOfCollection> = std::sync::LazyLock::new(Default::default);
        self.collections.get(collection).unwrap_or(&NOTHING)
    }

    /// Writes the list into the repository, one JSON object a line, and says where; None if there is nothing to list. That it
    /// cannot be written is no reason for a restore to fail that did all it could.
    pub async fn save(&self, repository: &Repository, job: &Context) -> Option<String> {
        if self.listed.is_empty() {
            return None;
        }
        match self.try_to_save(repository, &job.job_id).await {
            Ok(list) => Some(list),
            Err(error) => {
                let text = format!("the list of what Weaviate refused could not be saved: {error}");
                job.progress.warn("refusals_not_listed", text, "");
                None
            }
        }
    }

    async fn try_to_save(&self, repository: &Repository, job_id: &str) -> Result<String> {
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
