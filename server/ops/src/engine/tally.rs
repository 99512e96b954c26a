//! What was read of a collection on a cluster: adds up.

use std::collections::{BTreeMap, BTreeSet};

use selvedge_weaviate::Misreading;
use serde::{Deserialize, Serialize};

use super::{Changes, pairs};

/// Misread values that are kept; the others are counted.
const MISREADINGS: usize = 100;

/// What was read.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// By tenant, or under `None`.
    #[serde(with = "pairs")]
    pub parts: BTreeMap<Option<String>, PartTally>,
    /// Tenants that could not be read any more when their turn came, or in the middle of it: deleted or deactivated.
    pub lost: BTreeSet<String>,
    pub misread: Misreadings,
    /// What became of the objects of the backup that it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

/// What was read of a collection without tenants, or of a tenant.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub struct PartTally {
    /// All objects there were.
    pub rows: u64,
    /// How many of them are as they are in the backup that it was compared with, and were not read.
    #[serde(default)]
    pub kept: u64,
    /// Objects that were written after reading had begun, as far as Weaviate's clock agrees with ours.
    pub young: u64,
    /// Objects that Weaviate could not show.
    pub unreadable: u64,
    /// How many there were, if that was counted when it was begun.
    pub before: Option<u64>,
}

/// Values that Weaviate has not shown as they are, or not at all.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Misreadings {
    pub total: u64,
    /// The first of them.
    pub samples: Vec<Misreading>,
}

impl Tally {
    /// Rows of all parts that were read.
    pub fn rows_read(&self) -> u64 {
        self.parts.values().map(|part| part.rows - part.kept).sum()
    }

    pub fn add(&mut self, other: Self) {
        for (tenant, read) in other.parts {
            let part = self.parts.entry(tenant).or_default();
            part.rows += read.rows;
            part.kept += read.kept;
            part.young += read.young;
            part.unreadable += read.unreadable;
            part.before = part.before.or(read.before);
        }
        if let Some(changes) = other.changes {
            self.changes.get_or_insert_default().merge(changes);
        }
        self.lost.extend(other.lost);
        self.misread.total += other.misread.total;
        let room = MISREADINGS.saturating_sub(self.misread.samples.len());
        self.misread.samples.extend(other.misread.samples.into_iter().take(room));
    }
}

impl Misreadings {
    pub fn extend(&mut self, found: impl Iterator<Item = Misreading>) {
        for misreading in found {
            self.total += 1;
            if self.samples.len() < MISREADINGS {
                self.samples.push(misreading);
            }
        }
    }
}
