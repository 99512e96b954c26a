use std::time::Duration;

use selvedge_proto::v1::{JobPhase, Progress};

use super::*;
use crate::progress::movement::Movement;
use crate::scripted::{example, snapshot};

fn drawn(job: &Job, width: usize) -> Vec<String> {
    lines(job, &Movement::default().rows(job, Duration::ZERO), width)
}

/// Named drawings, for terminals of 80 and of 140 columns.
fn drawings(jobs: &[(&str, Job)]) -> String {
    let mut text = String::new();
    for width in [80, 140] {
        for (name, job) in jobs {
            text += &format!("-- {name}, {width} columns\n{}\n\n", drawn(job, width - 1).join("\n"));
        }
    }
    text
}

fn unmeasured(mut job: Job) -> Job {
    let progress = job.progress.get_or_insert_default();
    (progress.objects_per_second, progress.seconds_remaining) = (0.0, None);
    job
}

#[test]
fn one_twenty_and_three_hundred_collections() {
    snapshot(
        "progress_screens_middle",
        drawings(&[
            ("1", example::many(1, 0, 1)),
            ("20", example::many(20, 9, 4)),
            ("300", example::many(300, 120, 30)),
            ("300 that are read back", example::checking(300, 120, 30)),
        ]),
    );
}

#[test]
fn the_beginning_and_the_end() {
    let planning = Job {
        phase: JobPhase::Planning.into(),
        progress: None,
        collections: Vec::new(),
        ..example::running()
    };
    let mut creating = Job { phase: JobPhase::CreatingSchema.into(), ..unmeasured(example::many(13, 0, 0)) };
    let progress = creating.progress.get_or_insert_default();
    (progress.phase_done, progress.phase_total) = (4, 26);
    let committing = Job { phase: JobPhase::Committing.into(), ..example::many(20, 20, 0) };
    snapshot(
        "progress_screens_ends",
        drawings(&[
            ("planning", planning),
            ("creating", creating),
            ("1 at the beginning", unmeasured(example::many(1, 0, 1))),
            ("20 at the beginning", unmeasured(example::many(20, 0, 2))),
            ("300 at the beginning", unmeasured(example::many(300, 0, 30))),
            ("300 at the end", example::many(300, 299, 1)),
            ("committing", committing),
        ]),
    );
}

#[test]
fn a_wait_and_a_cancel() {
    let mut waiting = unmeasured(example::many(20, 9, 4));
    waiting.waiting_for =
        "cannot write to collection \"Article\": no answer from Weaviate's gRPC; next try in 4.0 s"
            .to_owned();
    (waiting.waiting_seconds, waiting.waiting_limit_seconds) = (12, Some(600));
    let cancelling = Job { state: JobState::Cancelling.into(), ..example::many(20, 9, 4) };
    snapshot("progress_screens_waiting", drawings(&[("waiting", waiting), ("cancelling", cancelling)]));
}

#[test]
fn tenants_and_narrow_terminals() {
    let mut screens = String::new();
    for width in [100, 60, 30] {
        screens += &format!("{width} columns\n{}\n\n", drawn(&example::running(), width).join("\n"));
    }
    snapshot("progress_screens_tenants", screens);
}

#[test]
fn a_job_that_waits_for_its_turn_is_one_line() {
    let pending = Job { state: JobState::Pending.into(), jobs_ahead: 2, ..example::running() };
    assert_eq!(drawn(&pending, 100), ["waits for its turn, 2 before it"]);
}

#[test]
fn a_job_that_has_ended_is_not_drawn() {
    assert!(drawn(&example::succeeded(), 100).is_empty());
}

#[test]
fn bytes_have_a_bar_and_vectors_have_none() {
    let of = |phase: JobPhase, progress| Job {
        phase: phase.into(),
        progress: Some(progress),
        ..example::running()
    };
    let progress = Progress { bytes_checked: 12_000_000, bytes_to_check: 47_396_000, ..Progress::default() };
    let lines = drawn(&of(JobPhase::CheckingBackup, progress), 100);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("checking the backup   ███████░"), "{lines:?}");
    assert!(lines[0].ends_with("  25 %  11.4 MiB of 45.2 MiB"), "{lines:?}");
    let progress = Progress { vectors_to_index: 12_345, ..Progress::default() };
    let lines = drawn(&of(JobPhase::Indexing, progress), 100);
    assert!(lines[0].starts_with("indexing   ") && lines[0].ends_with("12,345 vectors left"), "{lines:?}");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let mut waiting = example::running();
    waiting.waiting_for = "something\nwith a break ".repeat(20);
    for job in [waiting, example::many(20, 9, 4), example::checking(300, 120, 30)] {
        for width in 0..150 {
            for line in drawn(&job, width) {
                assert!(line.chars().count() <= width && !line.contains('\n'), "{width}: {line}");
            }
        }
    }
}

#[test]
fn names_are_cut_in_the_middle_and_only_where_they_must_be() {
    let job = example::checking(1, 0, 1);
    let collection = &job.collections[0];
    let name = "ProductCatalogOfTheNorthernRegion000";
    assert_eq!(fitting_name(collection, 79), format!("{name} → {name}Copy"));
    assert_eq!(fitting_name(collection, 35), "ProductC…gion000 → ProductC…000Copy");
    let short = CollectionProgress { target: "B".to_owned(), ..collection.clone() };
    assert_eq!(fitting_name(&short, 34), "ProductCatalogO…thernRegion000 → B");
    let same = CollectionProgress { target: String::new(), ..collection.clone() };
    assert_eq!(fitting_name(&same, 21), "ProductCat…nRegion000");
}
