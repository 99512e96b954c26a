//! The progress of a job: counters that workers bump without a lock, and the rest, which changes rarely, behind one.

mod counters;
mod outage;
mod passage;
mod totals;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::engine::Piece;
use selvedge_model::error::Error;
use selvedge_weaviate::RetryObserver;
use tracing::Span;

pub use counters::{CollectionCounters, CollectionSnapshot, CollectionState, Counts, MergeCounts};
use counters::{total, touch};
use outage::Outage;
pub use passage::Passage;
pub use totals::Totals;

/// The target of spans that are for traces only, and no part of a log.
pub const TRACED: &str = "selvedge::traced";

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
    /// Of the phase, for traces. None unless they are wanted.
    span: Option<Span>,
    collections: Vec<Arc<CollectionCounters>>,
    warnings: Vec<Warning>,
    waiting: Option<Wait>,
    outage: Outage,
    /// What no collection counts: those that were forgotten, and what was tried again.
    beside: Totals,
}

/// What keeps a job from going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    pub since: DateTime<Utc>,
    /// After which it is given up; None if it cannot last.
    pub limit: Option<Duration>,
    /// What is waited for, or what went wrong.
    pub what: String,
}

/// Something a person should know although it did not stop the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// A stable identifier in lower snake case.
    pub reason: String,
    pub text: String,
    pub subjects: Vec<String>,
    pub count: u64,
    /// Something is missing: it is, or may be, among what makes the job partial.
    #[serde(default)]
    pub is_gap: bool,
}

/// The progress at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProgressSnapshot {
    pub phase: Phase,
    pub total: Counts,
    pub collections: Vec<CollectionSnapshot>,
    pub warnings: Vec<Warning>,
    pub waiting: Option<Wait>,
    pub retries: u64,
    /// Of a backup's files that are looked at as files.
    pub bytes_checked: u64,
    pub bytes_to_check: u64,
    pub vectors_to_index: u64,
    pub moved: Option<DateTime<Utc>>,
}

impl Phase {
    fn span(self) -> Span {
        // A span's name cannot be told when it runs; OpenTelemetry takes it from this field.
        tracing::info_span!(target: TRACED, "phase", otel.name = ?self)
    }
}

impl Slow {
    /// Of one wait, the reason may change.
    fn wait_for(&mut self, what: String, limit: Option<Duration>) {
        let since = self.waiting.take().map_or_else(Utc::now, |wait| wait.since);
        self.waiting = Some(Wait { since, limit, what });
    }
}

/// Phases that are traced.
pub(crate) struct Phases<'p>(&'p Progress);

impl Drop for Phases<'_> {
    fn drop(&mut self) {
        self.0.slow().span = None;
    }
}

impl Progress {
    fn slow(&self) -> MutexGuard<'_, Slow> {
        // Whoever panicked while holding it left plain data that is still the best there is to show.
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_phase(&self, phase: Phase) {
        let mut slow = self.slow();
        slow.phase = phase;
        if slow.span.is_some() {
            slow.span = Some(phase.span());
        }
        slow.collections.iter().for_each(|counters| counters.begin_phase(0));
        touch(&self.moved);
    }

    /// From now on there is a span for each phase, until what is returned is dropped. To be called where the job's is the current one.
    pub(crate) fn trace_phases(&self) -> Phases<'_> {
        let mut slow = self.slow();
        slow.span = Some(slow.phase.span());
        Phases(self)
    }

    /// Of a task in this phase.
    pub(crate) fn task_span(&self, collection: &str, piece: &Piece) -> Span {
        let slow = self.slow();
        match &slow.span {
            Some(phase) => tracing::info_span!(target: TRACED, parent: phase, "task", collection, %piece),
            None => Span::none(),
        }
    }

    /// What is said while nothing can be done, at most for so long.
    pub fn wait_for(&self, what: impl Into<String>, limit: Option<Duration>) {
        self.slow().wait_for(what.into(), limit);
    }

    /// The same of what has been waited for since then, whatever else was in between.
    pub fn wait_since(&self, since: DateTime<Utc>, what: String, limit: Duration) {
        self.slow().waiting = Some(Wait { since, limit: Some(limit), what });
    }

    /// It goes on.
    pub fn end_wait(&self) {
        self.slow().waiting = None;
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

    /// Forgets the collections: what follows is other work, and counted by itself.
    pub fn begin_anew(&self) {
        let mut slow = self.slow();
        for counters in std::mem::take(&mut slow.collections) {
            slow.beside.add(&counters.counts());
        }
    }

    /// What it has moved so far, whether or not that is shown any more.
    pub fn totals(&self) -> Totals {
        let slow = self.slow();
        let mut totals = slow.beside.clone();
        for counters in &slow.collections {
            totals.add(&counters.counts());
        }
        totals
    }

    /// Whether nothing can be done now.
    pub fn is_waiting(&self) -> bool {
        self.slow().waiting.is_some()
    }

    /// Counts a warning; those with the same reason and text are one, with the subjects of the first few: empty for one of its own
    /// that the text names. Texts can quote
    /// values, and so be all different: those that come after many others of the same reason are counted together.
    pub fn warn(&self, reason: &'static str, text: impl Into<String>, subject: impl Into<String>) {
        self.add_warning(reason, text.into(), subject.into(), false);
    }

    /// The same of something that is missing.
    pub fn warn_of_gap(&self, reason: &'static str, text: impl Into<String>, subject: impl Into<String>) {
        self.add_warning(reason, text.into(), subject.into(), true);
    }

    fn add_warning(&self, reason: &'static str, mut text: String, subject: String, is_gap: bool) {
        if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS) {
            text.replace_range(end.., "…");
        }
        let warnings = &mut self.slow().warnings;
        let is_alike = |warning: &&Warning| warning.reason == reason && warning.is_gap == is_gap;
        let of_reason = || warnings.iter().filter(is_alike);
        if of_reason().count() >= TEXTS && of_reason().all(|warning| warning.text != text) {
            "others, each for a reason of its own".clone_into(&mut text);
        }
        match warnings.iter_mut().find(|warning| is_alike(&&**warning) && warning.text == text) {
            Some(warning) => {
                warning.count += 1;
                let is_new = !subject.is_empty() && !warning.subjects.contains(&subject);
                if warning.subjects.len() < SAMPLES && is_new {
                    warning.subjects.push(subject);
                }
            }
            None => {
                let subjects = Some(subject).filter(|subject| !subject.is_empty()).into_iter().collect();
                warnings.push(Warning { reason: reason.to_owned(), text, subjects, count: 1, is_gap });
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
            waiting: slow.waiting.clone(),
            retries: slow.beside.retries.values().sum(),
            bytes_checked: self.bytes_checked.load(Relaxed),
            bytes_to_check: self.bytes_to_check.load(Relaxed),
            vectors_to_index: self.vectors_to_index.load(Relaxed),
            moved: i64::try_from(moved).ok().filter(|ms| *ms > 0).and_then(DateTime::from_timestamp_millis),
            collections,
        }
    }
}

impl RetryObserver for Progress {
    fn retrying(&self, error: &Error, pause: Duration, limit: Duration) {
        let is_new = {
            let mut slow = self.slow();
            *slow.beside.retries.entry(error.kind()).or_default() += 1;
            slow.wait_for(format!("{error}; next try in {:.1} s", pause.as_secs_f64()), Some(limit));
            slow.outage.goes_on(pause)
        };
        if is_new {
            tracing::warn!(%error, "the job waits, and tries again until it is answered or patience ends");
        }
    }

    fn proceeding(&self) {
        let outage = {
            let mut slow = self.slow();
            slow.waiting = None;
            slow.outage.end()
        };
        if let Some(outage) = outage {
            tracing::info!(seconds = outage.as_secs_f64(), "the job was answered, and goes on");
        }
    }
}

#[cfg(test)]
mod tests {
    use selvedge_model::error::Kind;

    use super::*;

    #[test]
    fn warnings_are_counted_and_sampled() {
        let progress = Progress::default();
        for n in 0..20 {
            progress.warn("setting_added", "a setting is added", format!("Article/{n}"));
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
    fn totals_only_grow() {
        let progress = Progress::default();
        progress.add_collection("A", "").add_objects(3);
        progress.begin_anew();
        progress.add_collection("A", "").add_objects(2);
        let before = progress.totals();
        let error = Error::new(Kind::WeaviateOverloaded, "not now");
        progress.retrying(&error, Duration::ZERO, Duration::from_secs(9));
        let wait = progress.snapshot().waiting.unwrap();
        assert_eq!(wait.limit, Some(Duration::from_secs(9)));
        let gain = progress.totals().since(&before);
        assert_eq!((before.objects, gain.objects), (5, 0));
        assert_eq!(gain.retries, [(Kind::WeaviateOverloaded, 1)].into());
        assert_eq!((progress.snapshot().total.objects_done, progress.snapshot().retries), (2, 1));
    }

    #[test]
    fn there_is_no_total_while_one_is_not_counted() {
        let progress = Progress::default();
        let (a, b) = (progress.add_collection("A", ""), progress.add_collection("B", ""));
        let expected = || progress.snapshot().total.objects_expected;
        a.expect_objects(10, true);
        assert_eq!(expected(), 0, "of B nothing is known");
        b.expect_objects(0, false);
        b.expect_uncounted(true);
        b.expect_more_objects(5);
        assert_eq!((expected(), progress.snapshot().passage().expected), (0, 0), "of B only what was read");
        b.set_state(CollectionState::Done);
        assert_eq!(expected(), 15);
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
