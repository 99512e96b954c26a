//! What unfinished jobs left in a repository as JSON.

use selvedge_proto::v1;
use serde::Serialize;

use crate::{format, words};

#[derive(Serialize)]
pub struct IncompleteBackup {
    id: String,
    /// Empty if the claim cannot be read.
    job_id: String,
    claim_time: Option<String>,
    files: u64,
    bytes: u64,
    state: String,
}

impl From<&v1::IncompleteBackup> for IncompleteBackup {
    fn from(incomplete: &v1::IncompleteBackup) -> Self {
        Self {
            id: incomplete.id.clone(),
            job_id: incomplete.job_id.clone(),
            claim_time: format::rfc3339(incomplete.claim_time.as_ref()),
            files: incomplete.files,
            bytes: incomplete.bytes,
            state: words::incomplete_state(incomplete.state()),
        }
    }
}

/// What a prune removed, or would remove.
#[derive(Serialize)]
pub struct Prune {
    dry_run: bool,
    pruned: Vec<PrunedLeftover>,
    files: u64,
    bytes: u64,
    kept: Vec<String>,
    /// With a policy: what it says of each backup.
    decisions: Vec<Decision>,
}

#[derive(Serialize)]
struct Decision {
    backup_id: String,
    end_time: Option<String>,
    bytes: u64,
    /// Why it stays; empty if it goes.
    reasons: Vec<String>,
    removed: bool,
}

impl From<&v1::RetentionDecision> for Decision {
    fn from(decision: &v1::RetentionDecision) -> Self {
        let backup = decision.backup.clone().unwrap_or_default();
        Self {
            backup_id: backup.id,
            end_time: format::rfc3339(backup.end_time.as_ref()),
            bytes: backup.bytes,
            reasons: decision.reasons.clone(),
            removed: decision.removed,
        }
    }
}

impl Prune {
    pub fn new(response: &v1::PruneBackupsResponse, dry_run: bool) -> Self {
        Self {
            dry_run,
            pruned: response.pruned.iter().map(PrunedLeftover::from).collect(),
            files: response.files,
            bytes: response.bytes,
            kept: response.kept.clone(),
            decisions: response.decisions.iter().map(Decision::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct PrunedLeftover {
    path: String,
    why: String,
    files: u64,
    bytes: u64,
}

impl From<&v1::PrunedLeftover> for PrunedLeftover {
    fn from(leftover: &v1::PrunedLeftover) -> Self {
        Self {
            path: leftover.path.clone(),
            why: leftover.why.clone(),
            files: leftover.files,
            bytes: leftover.bytes,
        }
    }
}
