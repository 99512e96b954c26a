//! What progress says in a line of plain text.

use selvedge_proto::v1::{CollectionProgress, Job};

use super::work;
pub use super::work::objects;
use crate::{format, words};

/// Between the name in the backup and the one on the target.
pub const BECOMES: &str = " → ";

/// The line of a log: `reading: 45 %, 12,345 of ~27,000 objects, 2,345/s, 12 s left`.
pub fn plain(job: &Job) -> String {
    let mut parts = Vec::new();
    if let Some(amount) = work::of_job(job) {
        parts.extend(amount.percent.map(|percent| format!("{percent} %")));
        parts.push(amount.in_words());
    }
    parts.extend(work::collections(job));
    parts.extend(work::tenants(job, &job.progress.unwrap_or_default()));
    parts.extend(work::pace(job));
    let mut text = words::activity(job);
    if !parts.is_empty() {
        text += &format!(": {}", parts.join(", "));
    }
    text.extend(wait(job).map(|wait| format!("; {wait}")));
    text
}

/// `waiting 12 s of 10 min: no answer…`: what may be cut off comes last.
pub fn wait(job: &Job) -> Option<String> {
    if job.waiting_for.is_empty() {
        return None;
    }
    let seconds = format::remaining(job.waiting_seconds as f64);
    let limit = job.waiting_limit_seconds.map(|limit| format!(" of {}", format::limit(limit)));
    Some(format!("waiting {seconds}{}: {}", limit.unwrap_or_default(), one_line(&job.waiting_for)))
}

/// `Article`, or `Article → ArticleCopy` if it gets another name.
pub fn name(collection: &CollectionProgress) -> String {
    let CollectionProgress { collection, target, .. } = collection;
    if target.is_empty() || target == collection {
        collection.clone()
    } else {
        format!("{collection}{BECOMES}{target}")
    }
}

pub fn one_line(text: &str) -> String {
    format::clean(text).replace('\n', " ")
}

#[cfg(test)]
#[path = "text/tests.rs"]
mod tests;
