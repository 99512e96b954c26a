//! What a job would do, before it does it.

use serde::{Deserialize, Serialize};

use crate::MergeCounts;

/// The plan of a job: sent by dry runs, and shown before something is destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    pub collections: Vec<PlannedCollection>,
    /// What the request's `confirm` must repeat.
    pub confirmation: Vec<String>,
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
    pub tenants: u64,
    /// For a collection that would be merged into: how the backup's objects stand to those that are there.
    pub merge: Option<MergeCounts>,
    /// What would be lost or left out, a sentence each.
    pub notes: Vec<String>,
}
