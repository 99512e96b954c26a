//! What a terminal shows of a job, as a pure function: all together, what is waited for, and the collections that move.

use selvedge_proto::v1::{CollectionProgress, Job, JobState};

use super::text::{self, BECOMES, one_line};
use super::work::{self, Amount};
use crate::{format, words};

/// What a job does is never cut.
const LABEL: usize = 20;
const MIN_LABEL: usize = 12;
const MAX_BAR: usize = 30;
const MIN_BAR: usize = 10;
/// `99 %`
const PERCENT: usize = 4;
const GAP: usize = 2;
const INDENT: &str = "  ";

/// The lines for a job that has not ended; `rows` are the collections to be shown of those that are at work.
pub fn lines(job: &Job, rows: &[&CollectionProgress], width: usize) -> Vec<String> {
    let activity = words::activity(job);
    if words::has_ended(job.state()) {
        return Vec::new();
    }
    if job.state() == JobState::Pending {
        // There is nothing to draw a bar of, and its label would be cut.
        return vec![format::shorten(&activity, width)];
    }
    let columns = Columns::of(job, width);
    let mut lines = vec![columns.line(&format::shorten(&activity, columns.label), work::of_job(job), None)];
    lines.extend(totals(job, width));
    lines.extend(text::wait(job).map(|wait| format::shorten(&format!("{INDENT}{wait}"), width)));
    lines.extend(rows.iter().map(|collection| columns.row(job, collection)));
    let at_work = job.collections.iter().filter(|collection| work::is_at_work(job, collection)).count();
    if at_work > rows.len() {
        let more = format::quantity((at_work - rows.len()) as u64, "collection");
        lines.push(format::shorten(&format!("{INDENT}and {more} more"), width));
    }
    lines
}

/// `9 of 21 collections, 2,345/s, 12 s left`; what does not fit is left out, not cut.
fn totals(job: &Job, width: usize) -> Option<String> {
    let mut parts: Vec<_> = work::collections(job).into_iter().chain(work::pace(job)).collect();
    if job.collections.len() > 1 {
        // Of a single one, its own line says it.
        parts.extend(work::tenants(job, &job.progress.unwrap_or_default()));
    }
    let mut line = String::new();
    for part in parts {
        let longer = match line.as_str() {
            "" => format!("{INDENT}{part}"),
            line => format!("{line}, {part}"),
        };
        if longer.chars().count() <= width {
            line = longer;
        }
    }
    (!line.is_empty()).then_some(line)
}

/// A label, a bar if there is room for one, a percentage, numbers. How wide they are follows from the whole job and not from the
/// collections that are shown, so that nothing jumps when others are.
struct Columns {
    label: usize,
    /// 0 without bars.
    bar: usize,
    width: usize,
}

impl Columns {
    fn of(job: &Job, width: usize) -> Self {
        let names = job.collections.iter().map(|one| INDENT.len() + text::name(one).chars().count());
        let wanted = names.max().unwrap_or_default().max(LABEL);
        let amounts = job.collections.iter().filter_map(|one| work::of_collection(job, one));
        let numbers = amounts.chain(work::of_job(job)).map(|amount| amount.room()).max().unwrap_or_default();
        let beside = GAP + PERCENT + GAP + numbers;
        // Names come first, then what is said of tenants, then the length of bars.
        let room = width.saturating_sub(beside + GAP + MIN_BAR);
        if room < MIN_LABEL {
            let label = wanted.min(width.saturating_sub(beside).max(MIN_LABEL));
            return Self { label, bar: 0, width };
        }
        let label = wanted.min(room);
        let tenants = job.collections.iter().filter_map(|one| note(job, one));
        let tenants = tenants.map(|note| GAP + note.chars().count()).max().unwrap_or_default();
        let bar = width.saturating_sub(label + GAP + beside + tenants).clamp(MIN_BAR, MAX_BAR);
        Self { label, bar, width }
    }

    fn row(&self, job: &Job, collection: &CollectionProgress) -> String {
        let name = fitting_name(collection, self.label.saturating_sub(INDENT.len()));
        self.line(&format!("{INDENT}{name}"), work::of_collection(job, collection), note(job, collection))
    }

    fn line(&self, label: &str, amount: Option<Amount>, note: Option<String>) -> String {
        let Some(amount) = amount else { return format::shorten(label, self.width) };
        let mut line = format!("{label:<0$}", self.label);
        if self.bar > 0 {
            let filled = amount.percent.map(|percent| self.bar * percent as usize / 100);
            let bar = filled.map_or_else(
                || " ".repeat(self.bar),
                |filled| format!("{}{}", "█".repeat(filled), "░".repeat(self.bar - filled)),
            );
            line += &format!("  {bar}");
        }
        let percent = amount.percent.map_or_else(String::new, |percent| format!("{percent:>2} %"));
        line += &format!("  {percent:<PERCENT$}  {}", amount.in_short());
        if let Some(note) = note {
            let longer = format!("{line}  {note}");
            if longer.chars().count() <= self.width {
                line = longer;
            }
        }
        format::shorten(line.trim_end(), self.width)
    }
}

fn note(job: &Job, collection: &CollectionProgress) -> Option<String> {
    work::tenants(job, &collection.progress.unwrap_or_default())
}

/// Names are cut in the middle: what they differ in is often at the end.
fn fitting_name(collection: &CollectionProgress, room: usize) -> String {
    let name = one_line(&text::name(collection));
    let Some((from, to)) = name.split_once(BECOMES) else { return format::shorten_middle(&name, room) };
    if name.chars().count() <= room {
        return name;
    }
    let room = room.saturating_sub(BECOMES.chars().count());
    let (from_wants, to_wants) = (from.chars().count(), to.chars().count());
    // What one of them does not need is the other's.
    let to_gets = to_wants.min((room / 2).max(room.saturating_sub(from_wants)));
    let (from, to) = (format::shorten_middle(from, room - to_gets), format::shorten_middle(to, to_gets));
    format!("{from}{BECOMES}{to}")
}

#[cfg(test)]
#[path = "drawing/tests.rs"]
mod tests;
