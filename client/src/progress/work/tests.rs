use super::*;
use crate::progress::text::plain;
use crate::scripted::example;

#[test]
fn a_hundred_percent_is_success_only() {
    let percent = |objects_done, whole| {
        let progress = Progress { objects_done, objects_expected: 10, ..Progress::default() };
        Amount::of_objects(&progress, whole).and_then(|amount| amount.percent)
    };
    assert_eq!(percent(10, false), Some(99));
    assert_eq!(percent(99, false), Some(99));
    assert_eq!(percent(5, false), Some(50));
    assert_eq!(percent(10, true), Some(100));
    assert!(Amount::of_objects(&Progress::default(), false).is_none());
}

fn restoring(phase: JobPhase, phase_done: u64, phase_total: u64) -> Job {
    let progress = Progress {
        objects_done: 90,
        objects_refused: 10,
        objects_expected: 100,
        objects_expected_exact: true,
        objects_per_second: 7.0,
        phase_done,
        phase_total,
        ..Progress::default()
    };
    let (kind, phase) = (JobKind::Restore.into(), phase.into());
    Job { kind, phase, progress: Some(progress), collections: Vec::new(), ..example::running() }
}

#[test]
fn each_phase_counts_its_own_work() {
    let said = |phase, done, total| plain(&restoring(phase, done, total));
    assert_eq!(said(JobPhase::CreatingSchema, 14, 42), "creating schema: 33 %, 14 of 42 steps");
    assert_eq!(said(JobPhase::Writing, 0, 0), "writing: 90 %, 90 of 100 objects, 7/s");
    assert_eq!(said(JobPhase::WritingReferences, 5, 50), "writing references: 10 %, 5 of 50 objects, 7/s");
    assert_eq!(said(JobPhase::Checking, 42, 100), "checking: 42 %, 42 of 100 objects, 7/s");
    assert_eq!(said(JobPhase::Finishing, 8, 20), "finishing: 40 %, 8 of 20 collections");
}

#[test]
fn a_phase_that_counts_nothing_has_no_percentage() {
    for (phase, said) in [
        (JobPhase::Planning, "planning"),
        (JobPhase::CreatingSchema, "creating schema"),
        (JobPhase::Checking, "checking"),
        (JobPhase::Finishing, "finishing"),
        (JobPhase::Committing, "committing"),
    ] {
        assert_eq!(plain(&restoring(phase, 0, 0)), said);
    }
}

#[test]
fn there_is_no_time_left_while_a_job_is_cancelled_nor_in_the_last_second() {
    let mut job = example::running();
    assert_eq!(pace(&job), ["2,345/s", "6 s left"]);
    job.state = JobState::Cancelling.into();
    assert_eq!(pace(&job), ["2,345/s"]);
    job.state = JobState::Running.into();
    job.progress.get_or_insert_default().seconds_remaining = Some(1.2);
    assert_eq!(pace(&job), ["2,345/s"]);
}

#[test]
fn where_no_objects_were_counted_collections_or_tenants_are() {
    let mut many = example::many(300, 120, 30);
    let progress = many.progress.get_or_insert_default();
    (progress.objects_expected, progress.objects_expected_exact) = (0, false);
    progress.seconds_remaining = None;
    assert_eq!(plain(&many), "reading: 40 %, 283,350 objects, 120 of 300 collections, 14,564/s");
    let mut one = example::many(1, 0, 1);
    let tenants =
        Progress { objects_done: 700, tenants_done: 500, tenants_expected: 2_000, ..Progress::default() };
    one.progress = Some(tenants);
    one.collections[0].progress = Some(tenants);
    assert_eq!(plain(&one), "reading: 25 %, 700 objects, 500 of 2,000 tenants");
}

#[test]
fn what_is_written_or_read_back_is_done() {
    let mut writing = example::many(3, 0, 3);
    writing.phase = JobPhase::Writing.into();
    writing.collections[1].progress = Some(Progress {
        objects_done: 1_999,
        objects_refused: 1,
        objects_expected: 2_000,
        ..Progress::default()
    });
    assert_eq!(collections(&writing).as_deref(), Some("1 of 3 collections"));
    assert!(!is_at_work(&writing, &writing.collections[1]));
    let checking = example::checking(21, 9, 2);
    assert_eq!(collections(&checking).as_deref(), Some("9 of 21 collections"));
    assert_eq!(collections(&example::many(1, 0, 1)), None);
}
