//! How much of its work a job has done. Each phase counts its own: a percentage of something else would stand still.

use selvedge_proto::v1::{CollectionProgress, CollectionState, Job, JobKind, JobPhase, JobState, Progress};

use crate::{format, words};

/// How much is done of how much.
pub struct Amount {
    pub percent: Option<u64>,
    /// `12,345 of ~27,000`
    pub numbers: String,
    /// What the numbers count; empty if they say it themselves.
    unit: &'static str,
    /// Characters that the numbers take at most, as far as that is known before.
    widest: usize,
}

const OBJECTS: &str = "objects";

impl Amount {
    /// None while nothing is known.
    fn of_objects(progress: &Progress, whole: bool) -> Option<Self> {
        if progress.objects_done == 0 && progress.objects_expected == 0 {
            return None;
        }
        let numbers = objects(progress);
        let all = Progress { objects_done: progress.objects_expected, ..*progress };
        let widest = numbers.chars().count().max(objects(&all).chars().count());
        // Never 100 before success: there may be more objects than expected, and something may come after the last one.
        let percent = if whole { Some(100) } else { share(progress.objects_done, progress.objects_expected) };
        Some(Self { percent, numbers, unit: OBJECTS, widest })
    }

    fn of_phase(progress: &Progress, unit: &'static str) -> Self {
        let Progress { phase_done: done, phase_total: all, .. } = *progress;
        Self { unit, ..Self::of(share(done, all), &format::count(done.min(all)), &format::count(all)) }
    }

    fn of(percent: Option<u64>, done: &str, all: &str) -> Self {
        let numbers = format!("{done} of {all}");
        let widest = numbers.chars().count().max(format!("{all} of {all}").chars().count());
        Self { percent, numbers, unit: "", widest }
    }

    /// With what is counted.
    pub fn in_words(&self) -> String {
        format!("{} {}", self.numbers, self.unit).trim_end().to_owned()
    }

    /// Characters that it takes in short at most.
    pub fn room(&self) -> usize {
        self.widest + self.in_short().chars().count() - self.numbers.chars().count()
    }

    /// On a terminal it goes without saying that objects are counted.
    pub fn in_short(&self) -> String {
        if self.unit == OBJECTS { self.numbers.clone() } else { self.in_words() }
    }
}

/// What a phase counts.
enum Counted {
    Nothing,
    /// Those that the job is about.
    Objects,
    /// They are gone through once more.
    ObjectsOfPhase,
    PartsOfPhase(&'static str),
    Bytes,
    VectorsLeft,
}

fn counted(job: &Job) -> Counted {
    let progress = job.progress.unwrap_or_default();
    let (has_ended, has_own) = (words::has_ended(job.state()), progress.phase_total > 0);
    let is_written = progress.objects_done + progress.objects_refused >= progress.objects_expected;
    match job.phase() {
        JobPhase::CheckingBackup if !has_ended && progress.bytes_to_check > 0 => Counted::Bytes,
        // It counts what there is to do and does none of it, so a percentage would mean nothing.
        _ if job.dry_run || job.state() == JobState::Pending => Counted::Nothing,
        _ if has_ended => Counted::Objects,
        JobPhase::Indexing => Counted::VectorsLeft,
        JobPhase::CreatingSchema if has_own => Counted::PartsOfPhase("steps"),
        JobPhase::Finishing if has_own => Counted::PartsOfPhase("collections"),
        JobPhase::WritingReferences | JobPhase::Checking if has_own => Counted::ObjectsOfPhase,
        // Only counts are compared, or the server is too old to say how far it is.
        JobPhase::Checking if job.kind() == JobKind::Restore && is_written => Counted::Nothing,
        JobPhase::Reading | JobPhase::Writing | JobPhase::Clearing | JobPhase::Checking => Counted::Objects,
        JobPhase::Unspecified
        | JobPhase::Planning
        | JobPhase::CreatingSchema
        | JobPhase::Committing
        | JobPhase::WritingReferences
        | JobPhase::Finishing
        | JobPhase::CheckingBackup => Counted::Nothing,
    }
}

/// What the phase has done; `None` where it counts nothing, or does not know yet.
pub fn of_job(job: &Job) -> Option<Amount> {
    let progress = job.progress.unwrap_or_default();
    match counted(job) {
        Counted::Nothing => None,
        Counted::Objects => {
            let amount = Amount::of_objects(&progress, job.state() == JobState::Succeeded)?;
            Some(Amount { percent: amount.percent.or_else(|| share_of_parts(job)), ..amount })
        }
        Counted::ObjectsOfPhase => Some(Amount::of_phase(&progress, OBJECTS)),
        Counted::PartsOfPhase(unit) => Some(Amount::of_phase(&progress, unit)),
        Counted::Bytes => {
            let Progress { bytes_checked: done, bytes_to_check: all, .. } = progress;
            Some(Amount::of(share(done, all), &format::bytes(done), &format::bytes(all)))
        }
        Counted::VectorsLeft => {
            let numbers = format!("{} left", format::quantity(progress.vectors_to_index, "vector"));
            let widest = numbers.chars().count();
            Some(Amount { percent: None, numbers, unit: "", widest })
        }
    }
}

/// What the phase has done of one collection.
pub fn of_collection(job: &Job, collection: &CollectionProgress) -> Option<Amount> {
    let progress = collection.progress.unwrap_or_default();
    match counted(job) {
        Counted::Objects => {
            let amount = Amount::of_objects(&progress, false)?;
            let percent = amount.percent.or_else(|| share(progress.tenants_done, progress.tenants_expected));
            Some(Amount { percent, ..amount })
        }
        Counted::ObjectsOfPhase => Some(Amount::of_phase(&progress, OBJECTS)),
        Counted::Nothing | Counted::PartsOfPhase(_) | Counted::Bytes | Counted::VectorsLeft => None,
    }
}

/// `9 of 21 collections`, where there are several and the phase works through them.
pub fn collections(job: &Job) -> Option<String> {
    let is_concerned = |collection: &&CollectionProgress| match counted(job) {
        Counted::Objects => true,
        Counted::ObjectsOfPhase => collection.progress.is_some_and(|progress| progress.phase_total > 0),
        Counted::Nothing | Counted::PartsOfPhase(_) | Counted::Bytes | Counted::VectorsLeft => false,
    };
    let concerned: Vec<_> = job.collections.iter().filter(is_concerned).collect();
    let done = concerned.iter().filter(|collection| is_done(job, collection)).count() as u64;
    let all = concerned.len() as u64;
    (all > 1 && !words::has_ended(job.state()))
        .then(|| format!("{} of {} collections", format::count(done), format::count(all)))
}

/// Whether the phase is at work on it.
pub fn is_at_work(job: &Job, collection: &CollectionProgress) -> bool {
    matches!(counted(job), Counted::Objects | Counted::ObjectsOfPhase)
        && collection.state() == CollectionState::Running
        && !is_done(job, collection)
}

fn is_done(job: &Job, collection: &CollectionProgress) -> bool {
    let progress = collection.progress.unwrap_or_default();
    match (collection.state(), counted(job)) {
        (CollectionState::Done | CollectionState::Partial | CollectionState::Failed, _) => true,
        (_, Counted::ObjectsOfPhase) => progress.phase_done >= progress.phase_total,
        // It is not done before it was checked, which is another phase.
        (CollectionState::Running, Counted::Objects) if job.phase() == JobPhase::Writing => {
            progress.objects_done + progress.objects_refused >= progress.objects_expected
        }
        _ => false,
    }
}

/// Rate and time left, as far as they are known, while objects move.
pub fn pace(job: &Job) -> Vec<String> {
    let progress = job.progress.unwrap_or_default();
    let mut parts = Vec::new();
    let is_moving = matches!(counted(job), Counted::Objects | Counted::ObjectsOfPhase);
    if !is_moving || words::has_ended(job.state()) {
        return parts;
    }
    if progress.objects_per_second > 0.0 {
        parts.push(format!("{}/s", format::count(progress.objects_per_second.round() as u64)));
    }
    // A job that is being cancelled has an end that nobody can reckon, and a second is over before it is read.
    let seconds = progress.seconds_remaining.filter(|seconds| *seconds >= 1.5);
    if let (Some(seconds), JobState::Running) = (seconds, job.state()) {
        parts.push(format!("{} left", format::remaining(seconds)));
    }
    parts
}

/// `3 of 1,200 tenants`
pub fn tenants(job: &Job, progress: &Progress) -> Option<String> {
    let (done, expected) = (format::count(progress.tenants_done), format::count(progress.tenants_expected));
    (progress.tenants_expected > 0 && matches!(counted(job), Counted::Objects))
        .then(|| format!("{done} of {expected} tenants"))
}

/// `12,345 of ~27,000`
pub fn objects(progress: &Progress) -> String {
    let (done, expected) = (format::count(progress.objects_done), format::count(progress.objects_expected));
    match (progress.objects_expected, progress.objects_expected_exact) {
        (0, false) => done,
        (_, true) => format!("{done} of {expected}"),
        (_, false) => format!("{done} of ~{expected}"),
    }
}

/// Of collections, or of the tenants of a single one: for a job of which nobody has counted the objects.
fn share_of_parts(job: &Job) -> Option<u64> {
    match job.collections.as_slice() {
        [one] => of_collection(job, one)?.percent,
        all => share(all.iter().filter(|one| is_done(job, one)).count() as u64, all.len() as u64),
    }
}

fn share(done: u64, all: u64) -> Option<u64> {
    (all > 0).then(|| (u128::from(done) * 100 / u128::from(all)).min(99) as u64)
}

#[cfg(test)]
#[path = "work/tests.rs"]
mod tests;
