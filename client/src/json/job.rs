//! A job as JSON.

use selvedge_proto::v1;
use serde::Serialize;

use super::backup::NewestBackup;
use crate::{format, words};

#[derive(Serialize)]
pub struct Job {
    id: String,
    kind: String,
    state: String,
    phase: String,
    summary: String,
    dry_run: bool,
    cluster: String,
    repository: String,
    backup_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    first_backup_id: String,
    create_time: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
    progress_time: Option<String>,
    progress: Progress,
    collections: Vec<CollectionProgress>,
    retries: u64,
    waiting_for: String,
    /// While it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_limit_seconds: Option<u64>,
    warnings: Vec<Warning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<JobFailure>,
    findings: Vec<Finding>,
    /// More than there are findings if not all are listed.
    findings_total: u64,
    /// 0 while it has not been begun.
    attempts: u32,
    resumable: bool,
    jobs_ahead: u32,
    owner: String,
    caller: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    against_live: bool,
}

impl From<&v1::Job> for Job {
    fn from(job: &v1::Job) -> Self {
        Self {
            id: job.id.clone(),
            kind: words::kind(job.kind()),
            state: words::state(job.state()),
            phase: words::phase(job.phase()),
            summary: job.summary.clone(),
            dry_run: job.dry_run,
            cluster: job.cluster.clone(),
            repository: job.repository.clone(),
            backup_id: job.backup_id.clone(),
            first_backup_id: job.first_backup_id.clone(),
            create_time: format::rfc3339(job.create_time.as_ref()),
            start_time: format::rfc3339(job.start_time.as_ref()),
            end_time: format::rfc3339(job.end_time.as_ref()),
            progress_time: format::rfc3339(job.progress_time.as_ref()),
            progress: job.progress.as_ref().map(Progress::from).unwrap_or_default(),
            collections: job.collections.iter().map(CollectionProgress::from).collect(),
            retries: job.retries,
            waiting_for: job.waiting_for.clone(),
            waiting_seconds: (!job.waiting_for.is_empty()).then_some(job.waiting_seconds),
            waiting_limit_seconds: job.waiting_limit_seconds,
            warnings: job.warnings.iter().map(Warning::from).collect(),
            plan: job.plan.as_ref().map(Plan::from),
            failure: job.failure.as_ref().map(JobFailure::from),
            findings: job.findings.iter().map(Finding::from).collect(),
            findings_total: job.findings_total,
            attempts: job.attempts,
            resumable: job.resumable,
            jobs_ahead: job.jobs_ahead,
            owner: job.owner.clone(),
            caller: job.caller.clone(),
            against_live: job.against_live,
        }
    }
}

#[derive(Default, Serialize)]
struct Progress {
    objects_done: u64,
    objects_expected: u64,
    objects_expected_exact: bool,
    bytes_read: u64,
    bytes_written: u64,
    tenants_done: u64,
    tenants_expected: u64,
    objects_refused: u64,
    objects_per_second: f64,
    seconds_remaining: Option<f64>,
    /// Of the backup, before a restore creates anything.
    bytes_checked: u64,
    bytes_to_check: u64,
    /// While a restore waits for the indexes.
    vectors_to_index: u64,
    /// What the phase counts by itself.
    phase_done: u64,
    phase_total: u64,
}

impl From<&v1::Progress> for Progress {
    fn from(progress: &v1::Progress) -> Self {
        Self {
            objects_done: progress.objects_done,
            objects_expected: progress.objects_expected,
            objects_expected_exact: progress.objects_expected_exact,
            bytes_read: progress.bytes_read,
            bytes_written: progress.bytes_written,
            tenants_done: progress.tenants_done,
            tenants_expected: progress.tenants_expected,
            objects_refused: progress.objects_refused,
            objects_per_second: progress.objects_per_second,
            seconds_remaining: progress.seconds_remaining,
            bytes_checked: progress.bytes_checked,
            bytes_to_check: progress.bytes_to_check,
            vectors_to_index: progress.vectors_to_index,
            phase_done: progress.phase_done,
            phase_total: progress.phase_total,
        }
    }
}

#[derive(Serialize)]
struct CollectionProgress {
    collection: String,
    target: String,
    state: String,
    progress: Progress,
    #[serde(skip_serializing_if = "Option::is_none")]
    merge: Option<MergeCounts>,
}

/// Of a collection that is merged into.
#[derive(Serialize)]
struct MergeCounts {
    objects_new: u64,
    objects_identical: u64,
    objects_overwritten: u64,
    objects_skipped: u64,
    objects_conflicting: u64,
    objects_deleted: u64,
}

impl From<&v1::MergeCounts> for MergeCounts {
    fn from(merge: &v1::MergeCounts) -> Self {
        Self {
            objects_new: merge.objects_new,
            objects_identical: merge.objects_identical,
            objects_overwritten: merge.objects_overwritten,
            objects_skipped: merge.objects_skipped,
            objects_conflicting: merge.objects_conflicting,
            objects_deleted: merge.objects_deleted,
        }
    }
}

impl From<&v1::CollectionProgress> for CollectionProgress {
    fn from(collection: &v1::CollectionProgress) -> Self {
        Self {
            collection: collection.collection.clone(),
            target: collection.target.clone(),
            state: words::collection_state(collection.state()),
            progress: collection.progress.as_ref().map(Progress::from).unwrap_or_default(),
            merge: collection.merge.as_ref().map(MergeCounts::from),
        }
    }
}

#[derive(Serialize)]
struct Warning {
    reason: String,
    text: String,
    subjects: Vec<String>,
    count: u64,
    is_gap: bool,
}

impl From<&v1::Warning> for Warning {
    fn from(warning: &v1::Warning) -> Self {
        Self {
            reason: warning.reason.clone(),
            text: warning.text.clone(),
            subjects: warning.subjects.clone(),
            count: warning.count,
            is_gap: warning.is_gap,
        }
    }
}

#[derive(Serialize)]
pub struct JobFailure {
    /// As in `google.rpc.ErrorInfo`, such as `COLLECTION_NOT_FOUND`.
    reason: &'static str,
    message: String,
    hint: String,
}

impl From<&v1::JobFailure> for JobFailure {
    fn from(failure: &v1::JobFailure) -> Self {
        Self { reason: failure.reason().id(), message: failure.message.clone(), hint: failure.hint.clone() }
    }
}

#[derive(Serialize)]
struct Finding {
    kind: String,
    collection: String,
    tenant: String,
    object_id: String,
    part: String,
    text: String,
}

impl From<&v1::Finding> for Finding {
    fn from(finding: &v1::Finding) -> Self {
        Self {
            kind: words::finding_kind(finding.kind()),
            collection: finding.collection.clone(),
            tenant: finding.tenant.clone(),
            object_id: finding.object_id.clone(),
            part: finding.part.clone(),
            text: finding.text.clone(),
        }
    }
}

#[derive(Serialize)]
struct Plan {
    collections: Vec<PlannedCollection>,
    confirmation: Vec<String>,
    notes: Vec<String>,
    /// Very roughly.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_seconds: Option<u64>,
}

impl From<&v1::Plan> for Plan {
    fn from(plan: &v1::Plan) -> Self {
        Self {
            collections: plan.collections.iter().map(PlannedCollection::from).collect(),
            confirmation: plan.confirmation.clone(),
            notes: plan.notes.clone(),
            estimated_seconds: plan.estimated_seconds,
        }
    }
}

#[derive(Serialize)]
struct PlannedCollection {
    collection: String,
    target: String,
    action: String,
    objects: u64,
    objects_exact: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    tenants: u64,
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merge: Option<MergeCounts>,
    /// Where objects would be destroyed.
    #[serde(skip_serializing_if = "Option::is_none")]
    newest_backup: Option<NewestBackup>,
}

impl From<&v1::PlannedCollection> for PlannedCollection {
    fn from(planned: &v1::PlannedCollection) -> Self {
        Self {
            collection: planned.collection.clone(),
            target: planned.target.clone(),
            action: planned.action.clone(),
            objects: planned.objects,
            objects_exact: planned.objects_exact,
            bytes: planned.bytes,
            tenants: planned.tenants,
            notes: planned.notes.clone(),
            merge: planned.merge.as_ref().map(MergeCounts::from),
            newest_backup: planned.newest_backup.as_ref().map(NewestBackup::from),
        }
    }
}
