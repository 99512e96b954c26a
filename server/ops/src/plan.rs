//! What a job would do, before it does it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::MergeCounts;

/// The plan of a job: sent by dry runs, and shown before something is destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    pub collections: Vec<PlannedCollection>,
    /// What the request's `confirm` must repeat.
    pub confirmation: Vec<String>,
    /// Of the whole, a sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// How long it is likely to take, roughly.
    #[serde(default)]
    pub seconds: Option<u64>,
}

impl Plan {
    pub(crate) fn of(collections: Vec<PlannedCollection>) -> Self {
        Self { collections, ..Self::default() }
    }

    pub(crate) fn taking(self, time: Duration) -> Self {
        // Whoever waits for less than a second does not ask.
        Self { seconds: Some(time.as_secs().max(1)), ..self }
    }
}

/// The plan for one collection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PlannedCollection {
    pub collection: String,
    /// For restore, the name on the target; otherwise empty.
    pub target: String,
    /// In words, such as "create and fill".
    pub action: String,
    pub objects: u64,
    pub objects_exact: bool,
    /// Of the backup's files, as far as they are wanted. None where that is not known before.
    pub bytes: Option<u64>,
    pub tenants: u64,
    /// For a collection that would be merged into: how the backup's objects stand to those that are there.
    pub merge: Option<MergeCounts>,
    /// What would be lost or left out, a sentence each.
    pub notes: Vec<String>,
}
