use selvedge_proto::v1::{JobPhase, JobState, Progress};

use super::*;
use crate::scripted::{example, snapshot};

#[test]
fn plain_lines() {
    let pending = Job { state: JobState::Pending.into(), progress: None, ..example::running() };
    let waiting = example::waiting();
    let cancelling = Job { state: JobState::Cancelling.into(), ..example::running() };
    let checking = example::checking(21, 9, 2);
    let jobs = [
        pending,
        example::running(),
        waiting,
        cancelling,
        checking,
        example::succeeded(),
        example::partial(),
    ];
    snapshot("progress_lines", jobs.each_ref().map(plain).join("\n"));
}

#[test]
fn a_job_that_waits_says_how_many_are_before_it() {
    let pending = Job { state: JobState::Pending.into(), progress: None, ..example::running() };
    assert_eq!(plain(&Job { jobs_ahead: 2, ..pending }), "waits for its turn, 2 before it");
}

#[test]
fn a_backup_that_is_being_checked_is_counted_in_bytes() {
    let progress = Progress { bytes_checked: 12_000_000, bytes_to_check: 47_396_000, ..Progress::default() };
    let phase = JobPhase::CheckingBackup.into();
    let mut job = Job { phase, progress: Some(progress), ..example::running() };
    assert_eq!(plain(&job), "checking the backup: 25 %, 11.4 MiB of 45.2 MiB");
    // Until it is known how much there is, and once the job has ended, this says nothing.
    job.progress = Some(Progress::default());
    assert_eq!(plain(&job), "checking the backup");
    let failed = Job { state: JobState::Failed.into(), progress: Some(progress), ..job };
    assert_eq!(plain(&failed), "failed");
}

#[test]
fn while_vectors_are_indexed_they_are_counted() {
    let progress = Progress { vectors_to_index: 12_345, ..Progress::default() };
    let job = Job { phase: JobPhase::Indexing.into(), progress: Some(progress), ..example::running() };
    assert_eq!(plain(&job), "indexing: 12,345 vectors left");
}

#[test]
fn a_dry_run_has_no_percentage() {
    assert_eq!(plain(&Job { dry_run: true, ..example::running() }), "reading");
}
