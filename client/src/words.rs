//! The contract's enum values as lower-case words.

use selvedge_proto::v1::{
    BackupKind, BackupTenant, ChangedPartKind, CollectionState, DataFormat, FindingKind,
    IncompleteBackupState, Job, JobKind, JobPhase, JobState, LeftOut, NewestBackup, ObjectChange,
    ObjectFailureKind, RemarkKind, RemarkReason,
};

use crate::format;

/// `backup`, `restore`, `clear`, `verify`
pub fn kind(kind: JobKind) -> String {
    word(kind.as_str_name(), "JOB_KIND_")
}

/// `running`, `succeeded`…
pub fn state(state: JobState) -> String {
    word(state.as_str_name(), "JOB_STATE_")
}

/// `reading`, `creating_schema`…
pub fn phase(phase: JobPhase) -> String {
    word(phase.as_str_name(), "JOB_PHASE_")
}

pub fn collection_state(state: CollectionState) -> String {
    word(state.as_str_name(), "COLLECTION_STATE_")
}

/// `full`, `schema`, `subset`, `partial`
pub fn backup_kind(kind: BackupKind) -> String {
    word(kind.as_str_name(), "BACKUP_KIND_")
}

/// `parquet`, `json_lines`, `json_lines_zstd`
pub fn data_format(format: DataFormat) -> String {
    word(format.as_str_name(), "DATA_FORMAT_")
}

/// `added`, `removed`, `changed`
pub fn object_change(change: ObjectChange) -> String {
    word(change.as_str_name(), "OBJECT_CHANGE_")
}

/// `property`, `reference`, `vector`
pub fn changed_part_kind(kind: ChangedPartKind) -> String {
    word(kind.as_str_name(), "CHANGED_PART_KIND_")
}

/// `running`, `resumable`, `young`, `garbage`
pub fn incomplete_state(state: IncompleteBackupState) -> String {
    word(state.as_str_name(), "INCOMPLETE_BACKUP_STATE_")
}

/// `object`, `reference`, `part_of_object`
pub fn object_failure_kind(kind: ObjectFailureKind) -> String {
    word(kind.as_str_name(), "OBJECT_FAILURE_KIND_")
}

/// `object_missing`, `file_truncated`…
pub fn finding_kind(kind: FindingKind) -> String {
    word(kind.as_str_name(), "FINDING_KIND_")
}

/// `gap`, `note`
pub fn remark_kind(kind: RemarkKind) -> String {
    word(kind.as_str_name(), "REMARK_KIND_")
}

/// `tenants_left_out`, `value_misread`…
pub fn remark_reason(reason: RemarkReason) -> String {
    word(reason.as_str_name(), "REMARK_REASON_")
}

/// `inactive`, `not_chosen`…; None if the backup has the tenant's objects, or if nobody knows.
pub fn left_out(tenant: &BackupTenant) -> Option<String> {
    match tenant.left_out() {
        LeftOut::Unspecified => None,
        why => Some(word(why.as_str_name(), "LEFT_OUT_")),
    }
}

/// `nightly, 2026-11-23 16:00:00 UTC, 12,345 objects`
pub fn newest(newest: &NewestBackup) -> String {
    let NewestBackup { backup_id, time, objects, tenants_covered, tenants_total } = newest;
    let tenants = match tenants_covered < tenants_total {
        true => {
            format!(" of {} of {} tenants", format::count(*tenants_covered), format::count(*tenants_total))
        }
        false => String::new(),
    };
    format!("{backup_id}, {}, {}{tenants}", format::time(time.as_ref()), format::quantity(*objects, "object"))
}

fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_ascii_lowercase()
}

/// What the job is doing, for people: its phase while it runs, how many are before it while it waits, else its state.
pub fn activity(job: &Job) -> String {
    match job.state() {
        JobState::Pending if job.jobs_ahead > 0 => {
            format!("waits for its turn, {} before it", format::count(job.jobs_ahead.into()))
        }
        JobState::Pending => "waits for its turn".to_owned(),
        JobState::Running if job.phase() == JobPhase::CheckingBackup => "checking the backup".to_owned(),
        JobState::Running if job.phase() != JobPhase::Unspecified => phase(job.phase()).replace('_', " "),
        other => state(other),
    }
}

/// True if the job has ended, one way or another.
pub fn has_ended(state: JobState) -> bool {
    match state {
        JobState::Unspecified | JobState::Pending | JobState::Running | JobState::Cancelling => false,
        JobState::Succeeded
        | JobState::Partial
        | JobState::Failed
        | JobState::Cancelled
        | JobState::Interrupted
        | JobState::Refused => true,
    }
}
