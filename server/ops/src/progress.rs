//! The progress of a job: counters that workers bump without a lock, and the rest, which changes rarely, behind one.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use selvedge_model::error::Error;
use selvedge_weaviate::RetryObserver;

/// Samples kept of each kind of warning.
const SAMPLES: usize = 5;
/// Different texts kept for each reason, and characters of each.
const TEXTS: usize = 20;
const TEXT_CHARS: usize = 500;

/// What a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    #[default]
    Planning,
    /// A restore reads all of the backup's data, before anything is created.
    CheckingBackup,
    Reading,
    CreatingSchema,
    Writing,
    Clearing,
    Checking,
    Committing,
    WritingReferences,
    Finishing,
    /// A restore waits for the vector indexes.
    Indexing,
}

/// The live progress of one job, shared by its workers and its watchers.
#[derive(Debug, Default)]
pub struct Progress {
    slow: Mutex<Slow>,
    retries: AtomicU64,
    /// Of a backup's files.
    bytes_checked: AtomicU64,
    bytes_to_check: AtomicU64,
    /// Those that Weaviate has not indexed yet.
    vectors_to_index: AtomicU64,
    /// Milliseconds since 1970 of the last movement of a counter; 0 before the first.
    moved: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Slow {
    phase: Phase,
    collections: Vec<Arc<CollectionCounters>>,
    warnings: Vec<Warning>,
    waiting_for: String,
}

/// Something a person should know although it did not stop the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// A stable identifier in lower snake case.
    pub reason: String,
    pub text: String,
    pub subjects: Vec<String>,
    pub count: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum CollectionState {
    Pending,
    Running,
    Done,
    Partial,
    Failed,
}

/// The counters of one collection.
#[derive(Debug)]
pub struct CollectionCounters {
    pub collection: String,
    /// For restore, the name on the target; otherwise empty.
    pub target: String,
    state: AtomicU8,
    objects_done: AtomicU64,
    objects_expected: AtomicU64,
    objects_expected_exact: AtomicBool,
    objects_refused: AtomicU64,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    tenants_done: AtomicU64,
    tenants_expected: AtomicU64,
    /// None unless it is merged into.
    merge: Mutex<Option<MergeCounts>>,
    moved: Arc<AtomicU64>,
}

/// How the objects of a backup stand to those of the collection that they are merged into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MergeCounts {
    /// They are not there.
    pub new: u64,
    /// They are there, and the same.
    pub identical: u64,
    /// They are there, differ, and become what the backup has.
    pub overwritten: u64,
    /// They are there, differ, and stay as they are.
    pub skipped: u64,
    /// They are there, differ, and forbid the merge.
    pub conflicting: u64,
}

impl MergeCounts {
    /// Whether anything is written.
    pub fn writes(self) -> bool {
        self.new + self.overwritten > 0
    }
}

impl AddAssign for MergeCounts {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.identical += other.identical;
        self.overwritten += other.overwritten;
        self.skipped += other.skipped;
        self.conflicting += other.conflicting;
    }
}

/// A copy of the counters of a collection or of a whole job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    pub objects_done: u64,
    pub objects_expected: u64,
    pub objects_expected_exact: bool,
    pub objects_refused: u64,
    pub bytes_read: u64,
    pub bytes_written: u64,
    pub tenants_done: u64,
    pub tenants_expected: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionSnapshot {
    pub collection: String,
    pub target: String,
    pub state: CollectionState,
    pub counts: Counts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<MergeCounts>,
}

/// The progress at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProgressSnapshot {
    pub phase: Phase,
    pub total: Counts,
    pub collections: Vec<CollectionSnapshot>,
    pub warnings: Vec<Warning>,
    pub waiting_for: String,
    pub retries: u64,
    /// Of a backup's files that are looked at as files.
    pub bytes_checked: u64,
    pub bytes_to_check: u64,
    pub vectors_to_index: u64,
    pub moved: Option<DateTime<Utc>>,
}

impl Progress {
    fn slow(&self) -> MutexGuard<'_, Slow> {
        // Whoever panicked while holding it left plain data that is still the best there is to show.
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_phase(&self, phase: Phase) {
        self.slow().phase = phase;
        touch(&self.moved);
    }

    /// What is said while nothing can be done; empty when it goes on.
    pub fn wait_for(&self, what: impl Into<String>) {
        self.slow().waiting_for = what.into();
    }

    /// So many bytes more of a backup's files are to be looked at.
    pub fn expect_check(&self, bytes: u64) {
        self.bytes_to_check.fetch_add(bytes, Relaxed);
    }

    pub fn add_checked(&self, bytes: u64) {
        self.bytes_checked.fetch_add(bytes, Relaxed);
        touch(&self.moved);
    }

    pub fn set_vectors_to_index(&self, vectors: u64) {
        if self.vectors_to_index.swap(vectors, Relaxed) != vectors {
            touch(&self.moved);
        }
    }

    /// Adds a collection to the job. For backup and clear, `target` is empty.
    pub fn add_collection(&self, collection: &str, target: &str) -> Arc<CollectionCounters> {
        let counters = Arc::new(CollectionCounters::new(collection, target, Arc::clone(&self.moved)));
        self.slow().collections.push(Arc::clone(&counters));
        counters
    }

    /// Counts a warning; those with the same reason and text are one, with the subjects of the first few. Texts can quote
    /// values, and so be all different: those that come after many others of the same reason are counted together.
    pub fn warn(&self, reason: &'static str, text: impl Into<String>, subject: impl Into<String>) {
        let (mut text, subject) = (text.into(), subject.into());
        if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS) {
            text.replace_range(end.., "…");
        }
        let warnings = &mut self.slow().warnings;
        let of_reason = || warnings.iter().filter(|warning| warning.reason == reason);
        if of_reason().count() >= TEXTS && of_reason().all(|warning| warning.text != text) {
            "others, each for a reason of its own".clone_into(&mut text);
        }
        match warnings.iter_mut().find(|warning| warning.reason == reason && warning.text == text) {
            Some(warning) => {
                warning.count += 1;
                if warning.subjects.len() < SAMPLES && !warning.subjects.contains(&subject) {
                    warning.subjects.push(subject);
                }
            }
            None => {
                warnings.push(Warning { reason: reason.to_owned(), text, subjects: vec![subject], count: 1 });
            }
        }
    }

    pub fn snapshot(&self) -> ProgressSnapshot {
        let slow = self.slow();
        let collections: Vec<_> = slow.collections.iter().map(|counters| counters.snapshot()).collect();
        let moved = self.moved.load(Relaxed);
        ProgressSnapshot {
            phase: slow.phase,
            total: total(&collections),
            warnings: slow.warnings.clone(),
            waiting_for: slow.waiting_for.clone(),
            retries: self.retries.load(Relaxed),
            bytes_checked: self.bytes_checked.load(Relaxed),
            bytes_to_check: self.bytes_to_check.load(Relaxed),
            vectors_to_index: self.vectors_to_index.load(Relaxed),
            moved: i64::try_from(moved).ok().filter(|ms| *ms > 0).and_then(DateTime::from_timestamp_millis),
            collections,
        }
    }
}

impl RetryObserver for Progress {
    fn retrying(&self, error: &Error, pause: Duration) {
        self.retries.fetch_add(1, Relaxed);
        self.slow().waiting_for = format!("{error}; next try in {:.1} s", pause.as_secs_f64());
    }

    fn proceeding(&self) {
        self.slow().waiting_for.clear();
    }
}

fn total(collections: &[CollectionSnapshot]) -> Counts {
    let exact = Counts { objects_expected_exact: true, ..Counts::default() };
    collections.iter().fold(exact, |sum, collection| {
        let counts = collection.counts;
        Counts {
            objects_done: sum.objects_done + counts.objects_done,
            objects_expected: sum.objects_expected + counts.objects_expected,
            objects_expected_exact: sum.objects_expected_exact && counts.objects_expected_exact,
            objects_refused: sum.objects_refused + counts.objects_refused,
            bytes_read: sum.bytes_read + counts.bytes_read,
            bytes_written: sum.bytes_written + counts.bytes_written,
            tenants_done: sum.tenants_done + counts.tenants_done,
            tenants_expected: sum.tenants_expected + counts.tenants_expected,
        }
    })
}

impl CollectionCounters {
    fn new(collection: &str, target: &str, moved: Arc<AtomicU64>) -> Self {
        Self {
            collection: collection.to_owned(),
            target: target.to_owned(),
            state: AtomicU8::new(CollectionState::Pending as u8),
            objects_done: AtomicU64::new(0),
            objects_expected: AtomicU64::new(0),
            objects_expected_exact: AtomicBool::new(false),
            objects_refused: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
            tenants_done: AtomicU64::new(0),
            tenants_expected: AtomicU64::new(0),
            merge: Mutex::default(),
            moved,
        }
    }

    /// For work that nobody watches.
    pub fn unseen() -> Self {
        Self::new("", "", Arc::default())
    }

    pub fn set_state(&self, state: CollectionState) {
        self.state.store(state as u8, Relaxed);
        touch(&self.moved);
    }

    pub fn expect_objects(&self, count: u64, exact: bool) {
        self.objects_expected.store(count, Relaxed);
        self.objects_expected_exact.store(exact, Relaxed);
    }

    /// Some are looked at once more.
    pub fn expect_more_objects(&self, count: u64) {
        self.objects_expected.fetch_add(count, Relaxed);
    }

    pub fn expect_tenants(&self, count: u64) {
        self.tenants_expected.store(count, Relaxed);
    }

    pub fn add_objects(&self, count: u64) {
        self.objects_done.fetch_add(count, Relaxed);
        touch(&self.moved);
    }

    pub fn add_refused(&self, count: u64) {
        self.objects_refused.fetch_add(count, Relaxed);
        touch(&self.moved);
    }

    pub fn add_bytes_read(&self, count: u64) {
        self.bytes_read.fetch_add(count, Relaxed);
    }

    pub fn add_bytes_written(&self, count: u64) {
        self.bytes_written.fetch_add(count, Relaxed);
    }

    pub fn add_tenants(&self, count: u64) {
        self.tenants_done.fetch_add(count, Relaxed);
        touch(&self.moved);
    }

    /// It is merged into, and so many objects of the backup were looked at.
    pub fn add_merged(&self, counts: MergeCounts) {
        *self.merge().get_or_insert_default() += counts;
    }

    /// None unless it is merged into.
    pub fn merged(&self) -> Option<MergeCounts> {
        *self.merge()
    }

    fn merge(&self) -> MutexGuard<'_, Option<MergeCounts>> {
        self.merge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn counts(&self) -> Counts {
        Counts {
            objects_done: self.objects_done.load(Relaxed),
            objects_expected: self.objects_expected.load(Relaxed),
            objects_expected_exact: self.objects_expected_exact.load(Relaxed),
            objects_refused: self.objects_refused.load(Relaxed),
            bytes_read: self.bytes_read.load(Relaxed),
            bytes_written: self.bytes_written.load(Relaxed),
            tenants_done: self.tenants_done.load(Relaxed),
            tenants_expected: self.tenants_expected.load(Relaxed),
        }
    }

    fn snapshot(&self) -> CollectionSnapshot {
        const STATES: [CollectionState; 5] = [
            CollectionState::Pending,
            CollectionState::Running,
            CollectionState::Done,
            CollectionState::Partial,
            CollectionState::Failed,
        ];
        CollectionSnapshot {
            collection: self.collection.clone(),
            target: self.target.clone(),
            state: STATES[usize::from(self.state.load(Relaxed)) % STATES.len()],
            counts: self.counts(),
            merge: self.merged(),
        }
    }
}

fn touch(moved: &AtomicU64) {
    moved.store(u64::try_from(Utc::now().timestamp_millis()).unwrap_or(0), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_counted_and_sampled() {
        let progress = Progress::default();
        for n in 0..20 {
            progress.warn("timestamps_not_restored", "times change", format!("Article/{n}"));
        }
        let warnings = progress.snapshot().warnings;
        assert_eq!(warnings.len(), 1);
        assert_eq!((warnings[0].count, warnings[0].subjects.len()), (20, SAMPLES));
    }

    #[test]
    fn warnings_stay_few_however_different_their_texts_are() {
        let progress = Progress::default();
        for n in 0..1000 {
            progress.warn(
                "object_refused",
                format!("value {n} {}", "x".repeat(10_000)),
                format!("Article/{n}"),
            );
        }
        let warnings = progress.snapshot().warnings;
        assert_eq!(warnings.len(), TEXTS + 1);
        assert_eq!(warnings.iter().map(|warning| warning.count).sum::<u64>(), 1000);
        assert!(warnings.iter().all(|warning| warning.text.chars().count() <= TEXT_CHARS + 1));
    }

    #[test]
    fn the_total_is_exact_only_if_all_are() {
        let progress = Progress::default();
        progress.add_collection("A", "").expect_objects(10, true);
        let b = progress.add_collection("B", "");
        b.expect_objects(5, false);
        b.add_objects(2);
        let total = progress.snapshot().total;
        assert_eq!(
            (total.objects_expected, total.objects_expected_exact, total.objects_done),
            (15, false, 2)
        );
    }
}
