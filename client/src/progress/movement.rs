//! Which collections are drawn: those that move.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use selvedge_proto::v1::{CollectionProgress, Job};

use super::{text, work};

/// More collections than this are only counted.
const ROWS: usize = 8;
/// One that is drawn keeps its line for so long although it stands still: lines that come and go cannot be read.
const STILL: Duration = Duration::from_secs(3);

/// What was seen of a job, from state to state.
#[derive(Default)]
pub struct Movement {
    seen: HashMap<String, Seen>,
    drawn: Vec<String>,
}

struct Seen {
    counters: [u64; 4],
    /// When it last moved; None if it never did while it was looked at.
    moved: Option<Duration>,
}

impl Movement {
    /// The collections to be drawn, in the order of the job.
    pub fn rows<'j>(&mut self, job: &'j Job, at: Duration) -> Vec<&'j CollectionProgress> {
        let mut at_work: Vec<_> = job
            .collections
            .iter()
            .filter(|collection| work::is_at_work(job, collection))
            .map(|collection| (text::name(collection), collection))
            .collect();
        for (name, collection) in &at_work {
            self.look(name, collection, at);
        }
        if at_work.len() > ROWS {
            let mut order: Vec<_> = (0..at_work.len()).collect();
            order.sort_by_key(|index| Reverse(self.rank(&at_work[*index].0, at)));
            order.truncate(ROWS);
            order.sort_unstable();
            at_work = order.into_iter().map(|index| at_work[index].clone()).collect();
        }
        self.drawn = at_work.iter().map(|(name, _)| name.clone()).collect();
        at_work.into_iter().map(|(_, collection)| collection).collect()
    }

    fn look(&mut self, name: &str, collection: &CollectionProgress, at: Duration) {
        let progress = collection.progress.unwrap_or_default();
        let bytes = progress.bytes_read + progress.bytes_written;
        let counters = [progress.objects_done, progress.phase_done, progress.tenants_done, bytes];
        match self.seen.get_mut(name) {
            Some(seen) if seen.counters == counters => {}
            Some(seen) => *seen = Seen { counters, moved: Some(at) },
            None => {
                self.seen.insert(name.to_owned(), Seen { counters, moved: None });
            }
        }
    }

    /// What is drawn and has moved lately stays; then comes what moved last.
    fn rank(&self, name: &str, at: Duration) -> (bool, Option<Duration>) {
        let moved = self.seen.get(name).and_then(|seen| seen.moved);
        let is_lively = moved.is_some_and(|moved| at.saturating_sub(moved) < STILL);
        (is_lively && self.drawn.iter().any(|drawn| drawn == name), moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::example;

    fn names(rows: &[&CollectionProgress]) -> Vec<String> {
        rows.iter().map(|collection| collection.collection.clone()).collect()
    }

    fn moves(job: &mut Job, index: usize) {
        if let Some(progress) = &mut job.collections[index].progress {
            progress.objects_done += 1;
        }
    }

    #[test]
    fn a_few_are_all_drawn() {
        let job = example::many(20, 12, 3);
        let rows = Movement::default().rows(&job, Duration::ZERO).len();
        assert_eq!(rows, 3, "those that are done, and those that have not begun, are not");
    }

    #[test]
    fn of_many_those_are_drawn_that_move() {
        let (mut job, mut movement) = (example::many(300, 0, 100), Movement::default());
        let at = |seconds| Duration::from_secs(seconds);
        assert_eq!(movement.rows(&job, at(0)).len(), ROWS);
        for index in 50..60 {
            moves(&mut job, index);
        }
        let first = names(&movement.rows(&job, at(1)));
        assert_eq!(first[0], job.collections[50].collection);
        // One that moves later does not push out any that still moves.
        moves(&mut job, 99);
        assert_eq!(names(&movement.rows(&job, at(2))), first);
        moves(&mut job, 99);
        assert!(names(&movement.rows(&job, at(9))).contains(&job.collections[99].collection));
    }
}
