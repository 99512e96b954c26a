//! What progress says, as pure functions of the job.

use selvedge_proto::v1::{CollectionProgress, CollectionState, Job, JobPhase, JobState, Progress};

use crate::{format, words};

/// More running collections than this are only counted.
const MAX_BARS: usize = 8;
const LABEL_WIDTH: usize = 20;
const BAR_WIDTH: usize = 30;
const MIN_BAR_WIDTH: usize = 8;

/// The line of a log: `reading: 45 %, 12,345 of ~27,000 objects, 2,345/s, 12 s left`.
pub fn plain(job: &Job) -> String {
    if job.dry_run {
        // It counts what there is to do and does none of it, so a percentage would mean nothing.
        return words::activity(job);
    }
    let parts: Vec<_> = match of_its_own(job) {
        Some(Amount { percent, numbers }) => percent.map(per_cent).into_iter().chain([numbers]).collect(),
        None => of_objects(job),
    };
    let mut text = words::activity(job);
    if !parts.is_empty() {
        text += &format!(": {}", parts.join(", "));
    }
    if !job.waiting_for.is_empty() {
        text += &format!("; waiting for {}", job.waiting_for);
    }
    text
}

fn of_objects(job: &Job) -> Vec<String> {
    let progress = job.progress.unwrap_or_default();
    let mut parts = Vec::new();
    parts.extend(percent(&progress, job.state() == JobState::Succeeded).map(per_cent));
    if progress.objects_done > 0 || progress.objects_expected > 0 {
        parts.push(format!("{} objects", objects(&progress)));
    }
    parts.extend(tenants(&progress));
    parts.extend(pace(job));
    parts
}

/// The lines of a terminal: all together, what is waited for, and the running collections.
pub fn screen(job: &Job, width: usize) -> Vec<String> {
    if job.state() == JobState::Pending {
        // There is nothing to draw a bar of, and its label would be cut.
        return vec![format::shorten(&words::activity(job), width)];
    }
    let progress = job.progress.unwrap_or_default();
    let mut notes = Vec::new();
    let amount = of_its_own(job).unwrap_or_else(|| {
        notes.extend(pace(job));
        notes.extend(tenants(&progress));
        Amount::of_objects(&progress, job.state() == JobState::Succeeded)
    });
    let mut lines = vec![bar(&words::activity(job), amount, &notes, width)];
    if !job.waiting_for.is_empty() {
        lines.push(format::shorten(&format!("  waiting for {}", one_line(&job.waiting_for)), width));
    }
    let running: Vec<_> =
        job.collections.iter().filter(|collection| collection.state() == CollectionState::Running).collect();
    for collection in running.iter().take(MAX_BARS) {
        let progress = collection.progress.unwrap_or_default();
        let notes: Vec<_> = tenants(&progress).into_iter().collect();
        let amount = Amount::of_objects(&progress, false);
        lines.push(bar(&format!("  {}", name(collection)), amount, &notes, width));
    }
    if running.len() > MAX_BARS {
        let more = format::quantity((running.len() - MAX_BARS) as u64, "collection");
        lines.push(format::shorten(&format!("  and {more} more"), width));
    }
    lines
}

/// How much is done of how much.
struct Amount {
    percent: Option<u64>,
    numbers: String,
}

impl Amount {
    fn of_objects(progress: &Progress, whole: bool) -> Self {
        Self { percent: percent(progress, whole), numbers: objects(progress) }
    }
}

/// What a phase has to do that counts something else than objects.
fn of_its_own(job: &Job) -> Option<Amount> {
    let Progress { bytes_checked: done, bytes_to_check: all, vectors_to_index, .. } = job.progress?;
    if words::has_ended(job.state()) {
        return None;
    }
    match job.phase() {
        JobPhase::CheckingBackup if all > 0 => Some(Amount {
            percent: share(done, all),
            numbers: format!("{} of {}", format::bytes(done), format::bytes(all)),
        }),
        JobPhase::Indexing => {
            let numbers = format!("{} left", format::quantity(vectors_to_index, "vector"));
            Some(Amount { percent: None, numbers })
        }
        _ => None,
    }
}

/// A label, a bar if there is room for one, numbers.
fn bar(label: &str, amount: Amount, notes: &[String], width: usize) -> String {
    let label = format!("{:<LABEL_WIDTH$}", format::shorten(&one_line(label), LABEL_WIDTH));
    let Amount { percent, numbers } = amount;
    let share = percent.map_or_else(|| "    ".to_owned(), |percent| format!("{percent:>2} %"));
    let mut numbers = format!("{share}  {numbers}");
    let room = |numbers: &str| width.saturating_sub(LABEL_WIDTH + numbers.chars().count() + 4);
    for note in notes {
        let longer = format!("{numbers}  {note}");
        // What does not fit beside a short bar is left out, not cut in the middle.
        if room(&longer) >= MIN_BAR_WIDTH {
            numbers = longer;
        }
    }
    let room = room(&numbers).min(BAR_WIDTH);
    let line = match percent {
        Some(percent) if room >= MIN_BAR_WIDTH => {
            let filled = room * percent as usize / 100;
            format!("{label}  {}{}  {numbers}", "█".repeat(filled), "░".repeat(room - filled))
        }
        _ => format!("{label}  {numbers}"),
    };
    format::shorten(line.trim_end(), width)
}

/// Never 100 before success: there may be more objects than expected, and something may come after the last one.
fn percent(progress: &Progress, whole: bool) -> Option<u64> {
    if whole {
        return Some(100);
    }
    share(progress.objects_done, progress.objects_expected)
}

fn share(done: u64, all: u64) -> Option<u64> {
    (all > 0).then(|| (u128::from(done) * 100 / u128::from(all)).min(99) as u64)
}

fn per_cent(percent: u64) -> String {
    format!("{percent} %")
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

fn tenants(progress: &Progress) -> Option<String> {
    let (done, expected) = (format::count(progress.tenants_done), format::count(progress.tenants_expected));
    (progress.tenants_expected > 0).then(|| format!("{done} of {expected} tenants"))
}

/// Rate and time left, as far as known and while it runs.
fn pace(job: &Job) -> Vec<String> {
    let mut parts = Vec::new();
    let Some(progress) = job.progress.as_ref().filter(|_| !words::has_ended(job.state())) else {
        return parts;
    };
    if progress.objects_per_second > 0.0 {
        parts.push(format!("{}/s", format::count(progress.objects_per_second.round() as u64)));
    }
    if let Some(seconds) = progress.seconds_remaining {
        parts.push(format!("{} left", format::remaining(seconds)));
    }
    parts
}

/// `Article`, or `Article → ArticleCopy` if it gets another name.
pub fn name(collection: &CollectionProgress) -> String {
    let CollectionProgress { collection, target, .. } = collection;
    if target.is_empty() || target == collection {
        collection.clone()
    } else {
        format!("{collection} → {target}")
    }
}

fn one_line(text: &str) -> String {
    format::clean(text).replace('\n', " ")
}

#[cfg(test)]
#[path = "text/tests.rs"]
mod tests;
