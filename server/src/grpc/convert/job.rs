//! A job on its way out.

use chrono::{DateTime, Utc};
use selvedge_proto::v1;

use super::timestamp;
use crate::grpc::status;
use crate::jobs::{Rate, Snapshot, State};
use selvedge_model::error::Error;
use selvedge_ops::{
    CollectionSnapshot, CollectionState, Counts, FailureKind, FailurePage, Finding, FindingKind, Level,
    MergeCounts, ObjectFailure, Operation, Phase, Plan, PlannedCollection, ProgressSnapshot, Warning,
};

pub fn job(job: &Snapshot) -> v1::Job {
    let Snapshot { request, progress, lifecycle, .. } = job;
    let report = &lifecycle.report;
    let waiting = progress.waiting.as_ref();
    v1::Job {
        id: job.id.to_string(),
        kind: kind(&request.operation).into(),
        state: state(lifecycle.state).into(),
        phase: phase(progress.phase).into(),
        summary: request.to_string(),
        dry_run: request.operation.is_dry_run(),
        cluster: request.cluster.clone(),
        repository: request.repository.clone(),
        backup_id: request.operation.backup_id().map(ToString::to_string).unwrap_or_default(),
        first_backup_id: report.backed_up.as_ref().map(ToString::to_string).unwrap_or_default(),
        create_time: Some(timestamp(job.created)),
        start_time: lifecycle.started.map(timestamp),
        end_time: lifecycle.ended.map(timestamp),
        progress_time: progress.moved.map(timestamp),
        progress: Some(total(progress, job.rate)),
        collections: progress.collections.iter().map(collection).collect(),
        retries: progress.retries,
        waiting_for: waiting.map(|wait| wait.what.clone()).unwrap_or_default(),
        waiting_seconds: waiting.map(|wait| seconds_since(wait.since)).unwrap_or_default(),
        waiting_limit_seconds: waiting.and_then(|wait| wait.limit).map(|limit| limit.as_secs()),
        warnings: progress.warnings.iter().map(warning).collect(),
        plan: report.plan.as_ref().map(plan),
        failure: lifecycle.failure.as_deref().map(failure),
        findings: report.findings.listed.iter().map(finding).collect(),
        findings_total: report.findings.total,
        attempts: job.attempts,
        resumable: job.resumable,
        jobs_ahead: job.jobs_ahead,
        owner: job.owner.clone(),
        caller: job.caller.clone().unwrap_or_default(),
        against_live: is_comparison(&request.operation),
    }
}

fn seconds_since(time: DateTime<Utc>) -> u64 {
    (Utc::now() - time).num_seconds().try_into().unwrap_or_default()
}

fn is_comparison(operation: &Operation) -> bool {
    matches!(operation, Operation::Verify(verify) if verify.level == Level::AgainstLive)
}

/// Failures are small, but their reasons are Weaviate's.
pub fn failures(page: FailurePage) -> v1::ListFailuresResponse {
    let FailurePage { failures, next } = page;
    let next_page_token = next.unwrap_or_default();
    v1::ListFailuresResponse { failures: failures.into_iter().map(object_failure).collect(), next_page_token }
}

fn object_failure(failure: ObjectFailure) -> v1::ObjectFailure {
    let ObjectFailure { collection, tenant, object, kind, reason } = failure;
    let kind = match kind {
        FailureKind::Object => v1::ObjectFailureKind::Object,
        FailureKind::Reference => v1::ObjectFailureKind::Reference,
        FailureKind::PartOfObject => v1::ObjectFailureKind::PartOfObject,
    };
    let (tenant, object_id) = (tenant.unwrap_or_default(), object.to_string());
    v1::ObjectFailure { collection, tenant, object_id, kind: kind.into(), reason }
}

fn kind(operation: &Operation) -> v1::JobKind {
    match operation {
        Operation::Backup(_) => v1::JobKind::Backup,
        Operation::Restore(_) => v1::JobKind::Restore,
        Operation::Clear(_) => v1::JobKind::Clear,
        Operation::Verify(_) => v1::JobKind::Verify,
        Operation::Repair(_) => v1::JobKind::Repair,
        Operation::Copy(_) => v1::JobKind::Copy,
    }
}

fn state(state: State) -> v1::JobState {
    match state {
        State::Pending => v1::JobState::Pending,
        State::Running => v1::JobState::Running,
        State::Cancelling => v1::JobState::Cancelling,
        State::Succeeded => v1::JobState::Succeeded,
        State::Partial => v1::JobState::Partial,
        State::Failed => v1::JobState::Failed,
        State::Cancelled => v1::JobState::Cancelled,
        State::Interrupted => v1::JobState::Interrupted,
        State::Refused => v1::JobState::Refused,
    }
}

fn phase(phase: Phase) -> v1::JobPhase {
    match phase {
        Phase::Planning => v1::JobPhase::Planning,
        Phase::Reading => v1::JobPhase::Reading,
        Phase::CreatingSchema => v1::JobPhase::CreatingSchema,
        Phase::Writing => v1::JobPhase::Writing,
        Phase::Clearing => v1::JobPhase::Clearing,
        Phase::Checking => v1::JobPhase::Checking,
        Phase::Committing => v1::JobPhase::Committing,
        Phase::WritingReferences => v1::JobPhase::WritingReferences,
        Phase::Finishing => v1::JobPhase::Finishing,
        Phase::CheckingBackup => v1::JobPhase::CheckingBackup,
        Phase::Indexing => v1::JobPhase::Indexing,
    }
}

fn counts(counts: &Counts) -> v1::Progress {
    let Counts {
        objects_done,
        objects_expected,
        objects_expected_exact,
        objects_refused,
        bytes_read,
        bytes_written,
        tenants_done,
        tenants_expected,
        phase_done,
        phase_total,
    } = *counts;
    v1::Progress {
        objects_done,
        objects_expected,
        objects_expected_exact,
        bytes_read,
        bytes_written,
        tenants_done,
        tenants_expected,
        objects_refused,
        objects_per_second: 0.0,
        seconds_remaining: None,
        bytes_checked: 0,
        bytes_to_check: 0,
        vectors_to_index: 0,
        phase_done,
        phase_total,
    }
}

/// The counts of the job as a whole, with what is counted for no collection alone.
fn total(progress: &ProgressSnapshot, rate: Rate) -> v1::Progress {
    let Rate { objects_per_second, seconds_remaining } = rate;
    v1::Progress {
        objects_per_second,
        seconds_remaining,
        bytes_checked: progress.bytes_checked,
        bytes_to_check: progress.bytes_to_check,
        vectors_to_index: progress.vectors_to_index,
        ..counts(&progress.total)
    }
}

fn collection(snapshot: &CollectionSnapshot) -> v1::CollectionProgress {
    let state = match snapshot.state {
        CollectionState::Pending => v1::CollectionState::Pending,
        CollectionState::Running => v1::CollectionState::Running,
        CollectionState::Done => v1::CollectionState::Done,
        CollectionState::Partial => v1::CollectionState::Partial,
        CollectionState::Failed => v1::CollectionState::Failed,
    };
    v1::CollectionProgress {
        collection: snapshot.collection.clone(),
        target: snapshot.target.clone(),
        state: state.into(),
        progress: Some(counts(&snapshot.counts)),
        merge: snapshot.merge.as_ref().map(merge),
    }
}

fn merge(counts: &MergeCounts) -> v1::MergeCounts {
    let MergeCounts { new, identical, overwritten, skipped, conflicting, deleted } = *counts;
    v1::MergeCounts {
        objects_new: new,
        objects_identical: identical,
        objects_overwritten: overwritten,
        objects_skipped: skipped,
        objects_conflicting: conflicting,
        objects_deleted: deleted,
    }
}

fn warning(warning: &Warning) -> v1::Warning {
    let Warning { reason, text, subjects, count, is_gap } = warning;
    let (reason, text, subjects) = (reason.clone(), text.clone(), subjects.clone());
    v1::Warning { reason, text, subjects, count: *count, is_gap: *is_gap }
}

fn finding(finding: &Finding) -> v1::Finding {
    let Finding { kind, collection, tenant, object, part, text } = finding.clone();
    v1::Finding {
        kind: finding_kind(kind).into(),
        collection,
        tenant: tenant.unwrap_or_default(),
        object_id: object.map(|id| id.to_string()).unwrap_or_default(),
        part,
        text,
    }
}

fn finding_kind(kind: FindingKind) -> v1::FindingKind {
    match kind {
        FindingKind::FileMissing => v1::FindingKind::FileMissing,
        FindingKind::FileExtra => v1::FindingKind::FileExtra,
        FindingKind::FileTruncated => v1::FindingKind::FileTruncated,
        FindingKind::FileAltered => v1::FindingKind::FileAltered,
        FindingKind::RowsUnsound => v1::FindingKind::RowsUnsound,
        FindingKind::NotRestorable => v1::FindingKind::NotRestorable,
        FindingKind::CollectionMissing => v1::FindingKind::CollectionMissing,
        FindingKind::TenantMissing => v1::FindingKind::TenantMissing,
        FindingKind::ObjectMissing => v1::FindingKind::ObjectMissing,
        FindingKind::TenantExtra => v1::FindingKind::TenantExtra,
        FindingKind::ObjectExtra => v1::FindingKind::ObjectExtra,
        FindingKind::ObjectChanged => v1::FindingKind::ObjectChanged,
        FindingKind::SchemaChanged => v1::FindingKind::SchemaChanged,
        FindingKind::TenantUnreadable => v1::FindingKind::TenantUnreadable,
    }
}

fn plan(plan: &Plan) -> v1::Plan {
    let collections = plan.collections.iter().map(planned).collect();
    let Plan { confirmation, notes, seconds, .. } = plan.clone();
    v1::Plan { collections, confirmation, notes, estimated_seconds: seconds }
}

fn planned(planned: &PlannedCollection) -> v1::PlannedCollection {
    let PlannedCollection {
        collection,
        target,
        action,
        objects,
        objects_exact,
        bytes,
        tenants,
        merge: counts,
        notes,
        newest_backup,
    } = planned.clone();
    v1::PlannedCollection {
        collection,
        target,
        action,
        objects,
        objects_exact,
        bytes,
        tenants,
        notes,
        merge: counts.as_ref().map(merge),
        newest_backup: newest_backup.map(super::backup::newest),
    }
}

pub fn failure(error: &Error) -> v1::JobFailure {
    let (_, reason) = status::table(error.kind());
    let hint = error.hint_text().unwrap_or_default().to_owned();
    v1::JobFailure { reason: reason.into(), message: error.to_string(), hint }
}
