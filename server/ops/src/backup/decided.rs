//! What the first attempt at a backup has decided, and later ones keep to.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use selvedge_model::Collection;
use selvedge_model::error::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::subject::{Counted, Selected, Subject};
use crate::Context;

/// The name it is written down under.
const FILE: &str = "plan.json";

#[derive(Debug, Serialize, Deserialize)]
pub struct Decided {
    pub start_time: DateTime<Utc>,
    /// What bears an earlier time was written before the backup began, by the cluster's clock. None in plans of before this was
    /// noted.
    #[serde(default)]
    pub settled_before: Option<DateTime<Utc>>,
    /// All collections there were, meant or not.
    pub there: Vec<String>,
    /// Those that are backed up.
    collections: BTreeMap<String, Before>,
}

/// A collection as it was when it was planned first.
#[derive(Debug, Serialize, Deserialize)]
struct Before {
    schema: Value,
    /// What was counted then; that it was not is said too.
    counts: Vec<Counted>,
}

impl Decided {
    /// None for the first attempt.
    pub async fn earlier(job: &Context) -> Result<Option<Self>> {
        job.journal().read(FILE).await
    }

    pub fn now(selected: &Selected, subjects: &[Subject], settled_before: DateTime<Utc>) -> Self {
        let before = |subject: &Subject| {
            let (schema, counts) = (subject.collection.schema.clone(), subject.contents.parts.clone());
            (subject.collection.name.clone(), Before { schema, counts })
        };
        let (there, collections) = (selected.there.clone(), subjects.iter().map(before).collect());
        Self { start_time: Utc::now(), settled_before: Some(settled_before), there, collections }
    }

    pub async fn write(&self, job: &Context) -> Result<()> {
        job.journal().write(FILE, self).await
    }

    /// Leaves out what was not there when the backup was begun. Returns the names of what is gone since.
    pub fn confine(&self, selected: &mut Selected) -> Vec<String> {
        selected.schemas.retain(|name, _| self.collections.contains_key(name));
        selected.there.clone_from(&self.there);
        let is_gone = |name: &&String| !selected.schemas.contains_key(*name);
        self.collections.keys().filter(is_gone).cloned().collect()
    }

    /// Objects that were read with one schema may not fit another.
    pub fn refuse_changes(&self, subjects: &[Subject]) -> Result<()> {
        for subject in subjects {
            let Some(before) = self.collections.get(&subject.collection.name) else { continue };
            let before = Collection::from_schema(before.schema.clone())?;
            if before.shape() != subject.collection.shape() {
                let name = &before.name;
                return Err(Error::new(
                    Kind::JobNotResumable,
                    format!("the schema of collection \"{name}\" has changed since the backup was begun"),
                )
                .hint("start a new backup"));
            }
        }
        Ok(())
    }

    /// What was written since the backup was begun need not be in what was read of it before: so a part is expected to hold no
    /// more than it held then.
    pub fn lower_counts(&self, subject: &mut Subject) {
        let Some(before) = self.collections.get(&subject.collection.name) else { return };
        let before: BTreeMap<_, _> =
            before.counts.iter().map(|part| (part.tenant.as_ref(), part.objects)).collect();
        for part in &mut subject.contents.parts {
            if let Some(counted) = before.get(&part.tenant.as_ref()) {
                // One that was empty then is read all the same.
                part.objects = counted.zip(part.objects).map(|(then, now)| then.max(1).min(now));
            }
        }
    }
}
