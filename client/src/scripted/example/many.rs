//! Jobs of many collections, whose names are long and differ at the end.

use selvedge_proto::v1::*;

use super::{collection, running};

/// A backup of so many collections, of which some are done and some are at work.
pub fn many(all: usize, done: usize, at_work: usize) -> Job {
    let one = |index: usize| {
        let name = format!("ProductCatalogOfTheNorthernRegion{index:03}");
        let (state, objects) = match index {
            _ if index < done => (CollectionState::Done, 2_000),
            _ if index < done + at_work => (CollectionState::Running, 100 + 10 * index as u64 % 1_500),
            _ => (CollectionState::Pending, 0),
        };
        collection(&name, state, objects, 2_000)
    };
    let collections: Vec<_> = (0..all).map(one).collect();
    let counts = collections.iter().filter_map(|collection| collection.progress);
    let progress = Progress {
        objects_done: counts.map(|progress| progress.objects_done).sum(),
        objects_expected: 2_000 * all as u64,
        objects_expected_exact: true,
        objects_per_second: 14_564.2,
        seconds_remaining: Some(61.0),
        ..Progress::default()
    };
    Job { progress: Some(progress), collections, ..running() }
}

/// A restore of them, under other names, that has written all and reads so many of them back.
pub fn checking(all: usize, done: usize, at_work: usize) -> Job {
    let mut job = many(all, done, at_work);
    job.kind = JobKind::Restore.into();
    job.phase = JobPhase::Checking.into();
    for collection in &mut job.collections {
        collection.state = CollectionState::Running.into();
        collection.target = format!("{}Copy", collection.collection);
        let reads = collection.progress.get_or_insert_default();
        (reads.phase_done, reads.phase_total) = (reads.objects_done, reads.objects_expected);
        reads.objects_done = reads.objects_expected;
    }
    let sum = job.progress.get_or_insert_default();
    (sum.phase_done, sum.phase_total) = (sum.objects_done, sum.objects_expected);
    sum.objects_done = sum.objects_expected;
    job
}
