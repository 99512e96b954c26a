//! Messages to render in tests.

mod contents;
mod many;
mod unfinished;

use prost_types::Timestamp;
use selvedge_proto::v1::*;

pub use contents::*;
pub use many::*;
pub use unfinished::*;

fn at(millis: i64) -> Option<Timestamp> {
    // 2026-11-23 16:00:00 UTC
    Some(Timestamp { seconds: 1_795_449_600 + millis / 1000, nanos: (millis % 1000) as i32 * 1_000_000 })
}

fn collection(name: &str, state: CollectionState, done: u64, expected: u64) -> CollectionProgress {
    let progress = Progress {
        objects_done: done,
        objects_expected: expected,
        objects_expected_exact: true,
        ..Progress::default()
    };
    CollectionProgress {
        collection: name.to_owned(),
        target: String::new(),
        state: state.into(),
        progress: Some(progress),
        merge: None,
    }
}

/// A restore into what was there.
pub fn merged() -> Job {
    let mut author = collection("Author", CollectionState::Done, 12_004, 12_004);
    "Author".clone_into(&mut author.target);
    author.merge = Some(MergeCounts {
        objects_new: 3,
        objects_identical: 12_000,
        objects_overwritten: 1,
        ..MergeCounts::default()
    });
    Job { kind: JobKind::Restore.into(), collections: vec![author], ..succeeded() }
}

/// A backup that is not answered.
pub fn waiting() -> Job {
    Job {
        waiting_for: "cannot read collection \"Article\": no answer from Weaviate; next try in 4.0 s"
            .to_owned(),
        waiting_seconds: 12,
        waiting_limit_seconds: Some(600),
        ..running()
    }
}

/// A backup in the middle of reading.
pub fn running() -> Job {
    let mut author = collection("Author", CollectionState::Running, 2_345, 17_000);
    author.progress = author.progress.map(|progress| Progress {
        objects_expected_exact: false,
        tenants_done: 3,
        tenants_expected: 1_200,
        ..progress
    });
    Job {
        id: "0193-0001".to_owned(),
        kind: JobKind::Backup.into(),
        state: JobState::Running.into(),
        phase: JobPhase::Reading.into(),
        summary: "back up Article, Author and Book".to_owned(),
        cluster: "default".to_owned(),
        repository: "default".to_owned(),
        backup_id: "20261123-160000-0a1b".to_owned(),
        create_time: at(0),
        start_time: at(100),
        progress_time: at(2_000),
        progress: Some(Progress {
            objects_done: 12_345,
            objects_expected: 27_000,
            bytes_read: 48_000_000,
            bytes_written: 47_396_000,
            tenants_done: 3,
            tenants_expected: 1_200,
            objects_per_second: 2_344.7,
            seconds_remaining: Some(6.25),
            ..Progress::default()
        }),
        collections: vec![
            collection("Article", CollectionState::Done, 10_000, 10_000),
            author,
            collection("Book", CollectionState::Pending, 0, 0),
        ],
        retries: 2,
        attempts: 1,
        owner: "backup-1, process 4711".to_owned(),
        caller: "nightly".to_owned(),
        ..Job::default()
    }
}

pub fn succeeded() -> Job {
    let done = |name, objects| collection(name, CollectionState::Done, objects, objects);
    let progress = Progress {
        objects_done: 12_345,
        objects_expected: 12_345,
        objects_expected_exact: true,
        tenants_done: 0,
        tenants_expected: 0,
        ..running().progress.unwrap_or_default()
    };
    Job {
        state: JobState::Succeeded.into(),
        phase: JobPhase::Committing.into(),
        end_time: at(3_300),
        progress: Some(progress),
        collections: vec![done("Article", 10_000), done("Author", 2_345), done("Book", 0)],
        ..running()
    }
}

/// A restore of which some objects were refused.
pub fn partial() -> Job {
    let mut job = succeeded();
    job.collections[0].state = CollectionState::Partial.into();
    job.collections[0].target = "ArticleCopy".to_owned();
    if let Some(progress) = &mut job.progress {
        progress.objects_done = 12_342;
        progress.objects_refused = 3;
    }
    Job {
        kind: JobKind::Restore.into(),
        state: JobState::Partial.into(),
        summary: "restore 20261123-160000-0a1b".to_owned(),
        warnings: vec![Warning {
            reason: "settings_not_applied".to_owned(),
            text: "the collection was there already, and keeps its own settings".to_owned(),
            subjects: vec!["Article".to_owned(), "Author".to_owned()],
            count: 3,
            is_gap: false,
        }],
        ..failed_with(job, FailureReason::ObjectsRefused, "Weaviate refused 3 of 12,345 objects", "")
    }
}

/// A verification that found nothing amiss.
pub fn verified() -> Job {
    Job {
        kind: JobKind::Verify.into(),
        phase: JobPhase::Checking.into(),
        summary: "verify the rows of 20261123-160000-0a1b".to_owned(),
        ..succeeded()
    }
}

/// A comparison with a live cluster that found more than it lists.
pub fn differing() -> Job {
    let finding = |kind: FindingKind, object_id: &str, part: &str, text: &str| Finding {
        kind: kind.into(),
        collection: "Article".to_owned(),
        object_id: object_id.to_owned(),
        part: part.to_owned(),
        text: text.to_owned(),
        ..Finding::default()
    };
    let id = "00000000-0000-4000-8000-00000000002a";
    let mut unreadable =
        finding(FindingKind::TenantUnreadable, "", "", "Author, tenant t7: it is not active");
    unreadable.collection = "Author".to_owned();
    unreadable.tenant = "t7".to_owned();
    let job = Job {
        summary: "compare cluster default with 20261123-160000-0a1b".to_owned(),
        findings: vec![
            finding(FindingKind::ObjectChanged, id, "title", &format!("Article/{id}: property \"title\"")),
            finding(FindingKind::ObjectMissing, id, "", &format!("Article/{id}")),
            unreadable,
        ],
        findings_total: 7,
        against_live: true,
        ..verified()
    };
    failed_with(job, FailureReason::DifferencesFound, "cluster \"default\" differs from the backup", "")
}

pub fn failed(reason: FailureReason, message: &str, hint: &str) -> Job {
    failed_with(running(), reason, message, hint)
}

fn failed_with(job: Job, reason: FailureReason, message: &str, hint: &str) -> Job {
    let failure = JobFailure { reason: reason.into(), message: message.to_owned(), hint: hint.to_owned() };
    Job { state: JobState::Failed.into(), end_time: at(3_300), failure: Some(failure), ..job }
}

/// A clear that lacks its confirmation.
pub fn unconfirmed() -> Job {
    let planned = |name: &str, objects, exact| PlannedCollection {
        collection: name.to_owned(),
        action: "drop and create again".to_owned(),
        objects,
        objects_exact: exact,
        ..PlannedCollection::default()
    };
    let mut article = planned("Article", 10_000, true);
    article.newest_backup = Some(NewestBackup {
        backup_id: "nightly".to_owned(),
        time: at(0),
        objects: 9_990,
        tenants_covered: 2,
        tenants_total: 3,
    });
    article.notes = vec!["10,000 objects are lost; no backup holds them".to_owned()];
    let hint = "set `confirm` to the names";
    Job {
        kind: JobKind::Clear.into(),
        state: JobState::Refused.into(),
        phase: JobPhase::Planning.into(),
        summary: "clear Article and Author".to_owned(),
        repository: String::new(),
        backup_id: String::new(),
        progress: None,
        collections: Vec::new(),
        plan: Some(Plan {
            collections: vec![article, planned("Author", 2_345, false)],
            confirmation: vec!["Article".to_owned(), "Author".to_owned()],
            ..Plan::default()
        }),
        ..failed(
            FailureReason::ConfirmationRequired,
            "clearing Article and Author needs to be confirmed",
            hint,
        )
    }
}

pub fn backup() -> Backup {
    let collection = |name: &str, objects, bytes, files| BackupCollection {
        name: name.to_owned(),
        objects,
        bytes,
        files,
        content_digest: "5f1d".repeat(16),
        complete: true,
        ..BackupCollection::default()
    };
    let mut author = collection("Author", 2_345, 3_396_000, 2);
    author.multi_tenant = true;
    author.tenants_covered = 1_190;
    author.tenants_total = 1_200;
    let text = "10 tenants are not active and were left out";
    author.remarks = vec![Remark {
        names: (0..10).map(|n| format!("t{n}")).collect(),
        count: 10,
        total: 1_200,
        status: "inactive".to_owned(),
        ..remark(RemarkKind::Gap, RemarkReason::TenantsLeftOut, text)
    }];
    author.complete = false;
    Backup {
        tags: vec!["nightly".to_owned()],
        held: true,
        encrypted: false,
        sealed: false,
        access: Some(BackupAccess { roles: 2, holders: 5 }),
        id: "20261123-160000-0a1b".to_owned(),
        kind: BackupKind::Partial.into(),
        start_time: at(0),
        end_time: at(3_300),
        cluster: "default".to_owned(),
        cluster_address: "http://localhost:8080".to_owned(),
        weaviate_version: "1.39.0".to_owned(),
        selvedge_version: "0.1.0".to_owned(),
        format_version: 2,
        without_vectors: false,
        format: DataFormat::Parquet.into(),
        objects: 12_345,
        bytes: 47_396_000,
        collections: vec![collection("Article", 10_000, 44_000_000, 3), author],
        remarks: vec![
            Remark {
                names: vec!["*".to_owned()],
                count: 1,
                ..remark(
                    RemarkKind::Gap,
                    RemarkReason::CollectionsUnseen,
                    "the server's key may not read all collections",
                )
            },
            Remark {
                names: vec!["New".to_owned()],
                count: 1,
                ..remark(
                    RemarkKind::Note,
                    RemarkReason::CollectionsCreated,
                    "1 collection created while the backup was made, and not in it: New",
                )
            },
        ],
    }
}

fn remark(kind: RemarkKind, reason: RemarkReason, text: &str) -> Remark {
    Remark { kind: kind.into(), reason: reason.into(), text: text.to_owned(), ..Remark::default() }
}

pub fn collections() -> Vec<Collection> {
    let vector = |name: &str, index: &str, vectorizer: &str, multi_vector| VectorDescription {
        name: name.to_owned(),
        index_type: index.to_owned(),
        vectorizer: vectorizer.to_owned(),
        multi_vector,
    };
    vec![
        Collection {
            name: "Article".to_owned(),
            description: "What was written".to_owned(),
            objects: Some(10_000),
            shards: 3,
            replication_factor: 1,
            vectors: vec![vector("", "hnsw", "none", false)],
            properties: vec!["title".to_owned(), "body".to_owned()],
            ..Collection::default()
        },
        Collection {
            name: "Author".to_owned(),
            objects: None,
            multi_tenant: true,
            tenants: 1_200,
            active_tenants: 1_190,
            replication_factor: 3,
            vectors: vec![vector("face", "flat", "none", false), vector("works", "hnsw", "none", true)],
            ..Collection::default()
        },
    ]
}
