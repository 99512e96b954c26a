use super::*;
use crate::scripted::{example, snapshot};

#[test]
fn plain_lines() {
    let pending = Job { state: JobState::Pending.into(), progress: None, ..example::running() };
    let waiting = Job { waiting_for: "Weaviate (503), next try in 4 s".to_owned(), ..example::running() };
    let jobs = [pending, example::running(), waiting, example::succeeded(), example::partial()];
    snapshot("progress_lines", jobs.each_ref().map(plain).join("\n"));
}

#[test]
fn a_job_that_waits_says_how_many_are_before_it() {
    let pending = Job { state: JobState::Pending.into(), progress: None, ..example::running() };
    let third = Job { jobs_ahead: 2, ..pending };
    assert_eq!(plain(&third), "waits for its turn, 2 before it");
    assert_eq!(screen(&third, 100), ["waits for its turn, 2 before it"]);
}

#[test]
fn screens() {
    let mut job = example::running();
    job.waiting_for = "Weaviate at http://localhost:8080 (503), next try in 4 s".to_owned();
    let mut screens = String::new();
    for width in [100, 60, 30] {
        screens += &format!("{width} columns\n{}\n\n", screen(&job, width).join("\n"));
    }
    snapshot("progress_screens", screens);
}

#[test]
fn a_backup_that_is_being_checked_is_counted_in_bytes() {
    let progress = Progress { bytes_checked: 12_000_000, bytes_to_check: 47_396_000, ..Progress::default() };
    let phase = JobPhase::CheckingBackup.into();
    let mut job = Job { phase, progress: Some(progress), ..example::running() };
    assert_eq!(plain(&job), "checking the backup: 25 %, 11.4 MiB of 45.2 MiB");
    let first = screen(&job, 100).swap_remove(0);
    assert!(first.starts_with("checking the backup   ███████░"), "{first}");
    assert!(first.ends_with("  25 %  11.4 MiB of 45.2 MiB"), "{first}");
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
    assert!(screen(&job, 100)[0].ends_with("12,345 vectors left"), "{:?}", screen(&job, 100));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let mut job = example::running();
    job.waiting_for = "something\nwith a break ".repeat(20);
    for width in 0..150 {
        for line in screen(&job, width) {
            assert!(line.chars().count() <= width && !line.contains('\n'), "{width}: {line}");
        }
    }
}

#[test]
fn many_collections_are_counted() {
    let mut job = example::running();
    let collection = job.collections.iter().find(|collection| collection.state() == CollectionState::Running);
    job.collections = vec![collection.cloned().expect("one runs"); 20];
    let lines = screen(&job, 100);
    assert_eq!(lines.len(), 10);
    assert_eq!(lines[9], "  and 12 collections more");
}

#[test]
fn a_hundred_percent_is_success_only() {
    let progress = |objects_done| Progress { objects_done, objects_expected: 10, ..Progress::default() };
    assert_eq!(percent(&progress(10), false), Some(99));
    assert_eq!(percent(&progress(99), false), Some(99));
    assert_eq!(percent(&progress(5), false), Some(50));
    assert_eq!(percent(&progress(10), true), Some(100));
    assert_eq!(percent(&Progress::default(), false), None);
}
