//! The counters of the collections of a job.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::Utc;
use serde::{Deserialize, Serialize};

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

impl CollectionState {
    fn has_ended(self) -> bool {
        match self {
            Self::Done | Self::Partial | Self::Failed => true,
            Self::Pending | Self::Running => false,
        }
    }
}

/// The counters of one collection.
#[derive(Debug)]
pub struct CollectionCounters {
    pub collection: String,
    /// For restore, the name on the target; otherwise empty.
    pub target: String,
    state: AtomicU8,
    objects_done: Arc<AtomicU64>,
    objects_expected: AtomicU64,
    objects_expected_exact: AtomicBool,
    /// How many there are is learned by reading: until then what is expected would only be what was read.
    uncounted: AtomicBool,
    objects_refused: AtomicU64,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    tenants_done: AtomicU64,
    tenants_expected: AtomicU64,
    /// What the phase counts by itself, from 0.
    phase_done: Arc<AtomicU64>,
    phase_total: AtomicU64,
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
    /// Objects that the backup does not have, and that are deleted for it.
    pub deleted: u64,
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
        self.deleted += other.deleted;
    }
}

/// A copy of the counters of a collection or of a whole job. No objects are expected, and not exactly so, while it is not known
/// how many there are.
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
    /// What the phase counts by itself.
    pub phase_done: u64,
    pub phase_total: u64,
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

/// Of all collections.
pub fn total(collections: &[CollectionSnapshot]) -> Counts {
    let exact = Counts { objects_expected_exact: true, ..Counts::default() };
    let sum = collections.iter().fold(exact, |sum, collection| {
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
            phase_done: sum.phase_done + counts.phase_done,
            phase_total: sum.phase_total + counts.phase_total,
        }
    });
    let objects_expected =
        if collections.iter().all(CollectionSnapshot::is_known) { sum.objects_expected } else { 0 };
    Counts { objects_expected, ..sum }
}

impl CollectionSnapshot {
    /// Whether it is known how many objects it has.
    fn is_known(&self) -> bool {
        let Counts { objects_expected, objects_expected_exact, .. } = self.counts;
        objects_expected > 0 || objects_expected_exact || self.state.has_ended()
    }
}

impl CollectionCounters {
    pub(super) fn new(collection: &str, target: &str, moved: Arc<AtomicU64>) -> Self {
        Self {
            collection: collection.to_owned(),
            target: target.to_owned(),
            state: AtomicU8::new(CollectionState::Pending as u8),
            objects_done: Arc::default(),
            objects_expected: AtomicU64::new(0),
            objects_expected_exact: AtomicBool::new(false),
            uncounted: AtomicBool::new(false),
            objects_refused: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
            tenants_done: AtomicU64::new(0),
            tenants_expected: AtomicU64::new(0),
            phase_done: Arc::default(),
            phase_total: AtomicU64::new(0),
            merge: Mutex::default(),
            moved,
        }
    }

    /// For work that nobody watches.
    pub fn unseen() -> Self {
        Self::new("", "", Arc::default())
    }

    /// For work on it that only its phase counts: no object is done twice.
    pub fn of_phase(&self) -> Self {
        let moved = Arc::clone(&self.moved);
        Self {
            objects_done: Arc::clone(&self.phase_done),
            ..Self::new(&self.collection, &self.target, moved)
        }
    }

    /// A phase begins, and has to do so much of it; 0 if it counts what `expect_objects` says, or nothing.
    pub fn begin_phase(&self, total: u64) {
        self.phase_done.store(0, Relaxed);
        self.phase_total.store(total, Relaxed);
    }

    pub fn add_of_phase(&self, count: u64) {
        self.phase_done.fetch_add(count, Relaxed);
        touch(&self.moved);
    }

    /// The phase is done with it, also with what there was no need to count.
    pub fn end_phase(&self) {
        self.phase_done.store(self.phase_total.load(Relaxed), Relaxed);
        touch(&self.moved);
    }

    pub fn set_state(&self, state: CollectionState) {
        self.state.store(state as u8, Relaxed);
        touch(&self.moved);
    }

    pub fn expect_objects(&self, count: u64, exact: bool) {
        self.objects_expected.store(count, Relaxed);
        self.objects_expected_exact.store(exact, Relaxed);
    }

    /// Says whether that is of all there are.
    pub fn expect_uncounted(&self, uncounted: bool) {
        self.uncounted.store(uncounted, Relaxed);
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
        let is_known = !self.uncounted.load(Relaxed) || self.state().has_ended();
        Counts {
            objects_done: self.objects_done.load(Relaxed),
            objects_expected: if is_known { self.objects_expected.load(Relaxed) } else { 0 },
            objects_expected_exact: self.objects_expected_exact.load(Relaxed),
            objects_refused: self.objects_refused.load(Relaxed),
            bytes_read: self.bytes_read.load(Relaxed),
            bytes_written: self.bytes_written.load(Relaxed),
            tenants_done: self.tenants_done.load(Relaxed),
            tenants_expected: self.tenants_expected.load(Relaxed),
            phase_done: self.phase_done.load(Relaxed),
            phase_total: self.phase_total.load(Relaxed),
        }
    }

    fn state(&self) -> CollectionState {
        const STATES: [CollectionState; 5] = [
            CollectionState::Pending,
            CollectionState::Running,
            CollectionState::Done,
            CollectionState::Partial,
            CollectionState::Failed,
        ];
        STATES[usize::from(self.state.load(Relaxed)) % STATES.len()]
    }

    pub(super) fn snapshot(&self) -> CollectionSnapshot {
        CollectionSnapshot {
            collection: self.collection.clone(),
            target: self.target.clone(),
            state: self.state(),
            counts: self.counts(),
            merge: self.merged(),
        }
    }
}

/// Something has moved.
pub fn touch(moved: &AtomicU64) {
    moved.store(u64::try_from(Utc::now().timestamp_millis()).unwrap_or(0), Relaxed);
}
