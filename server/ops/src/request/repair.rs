//! Bringing back what differs, and nothing else.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{IfExists, OnConflict, RestoreRequest};

/// What is brought back of collections that are there. The default is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Repair {
    /// Objects that are not as the backup has them in one of these ways.
    pub only: BTreeSet<Deviation>,
    /// Only these objects; empty for all.
    pub ids: Vec<Uuid>,
    /// The job that is undone by it, if one is.
    pub undoes: Option<String>,
}

/// How an object of a cluster is not as a backup has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deviation {
    /// Only the backup has it: it is written.
    Missing,
    /// Both have it: it becomes what the backup has.
    Changed,
    /// Only the cluster has it: it is deleted.
    Extra,
}

impl Repair {
    /// Of all that differs.
    pub fn whole() -> Self {
        Self { only: [Deviation::Missing, Deviation::Changed, Deviation::Extra].into(), ..Self::default() }
    }

    /// Whether objects of the cluster may be deleted.
    pub fn deletes(&self) -> bool {
        self.only.contains(&Deviation::Extra)
    }
}

impl RestoreRequest {
    /// Writes what differs into collections that are there, once it is saved what they hold of it.
    pub fn repairing(self, repair: Repair) -> Self {
        Self {
            if_exists: IfExists::Merge,
            on_conflict: OnConflict::Overwrite,
            data_only: true,
            undoable: true,
            repair: Some(repair),
            ..self
        }
    }

    /// What is compared and saved before anything is merged; None if nothing is.
    pub(crate) fn saves(&self) -> Option<Repair> {
        let merge = || Repair { only: [Deviation::Missing, Deviation::Changed].into(), ..Repair::default() };
        let is_merge = self.undoable && (self.data_only || self.if_exists == IfExists::Merge);
        self.repair.clone().or_else(|| is_merge.then(merge))
    }
}
