//! What a verification found amiss.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a verification found amiss.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Findings {
    /// The first of them.
    pub listed: Vec<Finding>,
    pub total: u64,
    /// How many are listed at most.
    limit: usize,
    /// Those that are described, by kind.
    kinds: Vec<(FindingKind, u64)>,
}

impl Findings {
    /// Of which the first `limit` are listed, and the others counted.
    pub(crate) fn listing(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    pub(crate) fn add(&mut self, finding: Finding) {
        self.total += 1;
        self.count(finding.kind, 1);
        if self.listed.len() < self.limit {
            self.listed.push(finding);
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.total += other.total;
        for (kind, count) in other.kinds {
            self.count(kind, count);
        }
        let room = self.limit.saturating_sub(self.listed.len());
        self.listed.extend(other.listed.into_iter().take(room));
    }

    fn count(&mut self, kind: FindingKind, more: u64) {
        match self.kinds.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, count)) => *count += more,
            None => self.kinds.push((kind, more)),
        }
    }

    /// Counts some that are not described.
    pub(crate) fn add_undescribed(&mut self, count: u64) {
        self.total += count;
    }

    /// Whether there are any, and all are of this kind.
    pub(crate) fn are_only(&self, kind: FindingKind) -> bool {
        self.total > 0 && self.kinds.iter().all(|(other, count)| *other == kind && *count == self.total)
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub kind: FindingKind,
    /// Empty if it is about the backup as a whole.
    pub collection: String,
    pub tenant: Option<String>,
    pub object: Option<Uuid>,
    /// The property, vector, setting or file. May be empty.
    pub part: String,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    FileMissing,
    FileExtra,
    FileTruncated,
    FileAltered,
    RowsUnsound,
    NotRestorable,
    CollectionMissing,
    TenantMissing,
    ObjectMissing,
    TenantExtra,
    ObjectExtra,
    ObjectChanged,
    SchemaChanged,
    TenantUnreadable,
}
