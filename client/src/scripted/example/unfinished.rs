//! What is not whole: jobs that stopped, and what they left.

use selvedge_proto::v1::*;

use super::{at, failed};

/// A backup whose server was stopped, in its second attempt.
pub fn interrupted() -> Job {
    Job {
        state: JobState::Interrupted.into(),
        attempts: 2,
        resumable: true,
        ..failed(FailureReason::ServerStopped, "the server was stopped before the job was done", "")
    }
}

pub fn incomplete() -> Vec<IncompleteBackup> {
    vec![
        IncompleteBackup {
            id: "nightly".to_owned(),
            job_id: "0193-0001".to_owned(),
            claim_time: at(0),
            files: 12,
            bytes: 47_396_000,
            state: IncompleteBackupState::Resumable.into(),
        },
        IncompleteBackup {
            id: "odd".to_owned(),
            files: 1,
            bytes: 17,
            state: IncompleteBackupState::Garbage.into(),
            ..IncompleteBackup::default()
        },
    ]
}

/// What a prune removes, or would remove.
pub fn prunable() -> PruneBackupsResponse {
    let leftover = |path: &str, why: &str, files, bytes| PrunedLeftover {
        path: path.to_owned(),
        why: why.to_owned(),
        files,
        bytes,
    };
    PruneBackupsResponse {
        decisions: Vec::new(),
        pruned: vec![
            leftover("backups/nightly", "job 0193-0001 was cancelled", 12, 47_396_000),
            leftover("backups/odd", "nobody knows its job", 1, 17),
        ],
        files: 13,
        bytes: 47_396_017,
        kept: vec!["backups/weekly: job 0193-0002 can be resumed".to_owned()],
    }
}

/// What Weaviate refused of a restore.
pub fn refused() -> Vec<ObjectFailure> {
    let failure = |number: u8, tenant: &str, kind: ObjectFailureKind, reason: &str| ObjectFailure {
        collection: "Article".to_owned(),
        tenant: tenant.to_owned(),
        object_id: format!("00000000-0000-4000-8000-{number:012x}"),
        kind: kind.into(),
        reason: reason.to_owned(),
    };
    vec![
        failure(42, "", ObjectFailureKind::Object, "vector lengths don't match: 3 vs 2"),
        failure(43, "t7", ObjectFailureKind::Reference, "no such prop: writtenBy"),
        failure(44, "", ObjectFailureKind::PartOfObject, "vector \"face\" was not stored"),
    ]
}
