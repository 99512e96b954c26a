//! What a person should know of how whole a collection's backup is.

use crate::Context;
use selvedge_archive::Completeness;

/// Sentences, each with a stable reason in lower snake case.
#[derive(Debug, Clone, Default)]
pub struct Remarks {
    /// What was asked for and is missing.
    gaps: Vec<Remark>,
    /// What else there is to know.
    notes: Vec<Remark>,
}

type Remark = (&'static str, String);

impl Remarks {
    pub fn gap(&mut self, reason: &'static str, text: impl Into<String>) {
        self.gaps.push((reason, text.into()));
    }

    pub fn note(&mut self, reason: &'static str, text: impl Into<String>) {
        self.notes.push((reason, text.into()));
    }

    pub fn extend(&mut self, other: Self) {
        self.gaps.extend(other.gaps);
        self.notes.extend(other.notes);
    }

    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.gaps.iter().chain(&self.notes).map(|(_, text)| text.as_str())
    }

    /// Among the job's warnings.
    pub fn warn(&self, job: &Context, collection: &str) {
        for (reason, text) in self.gaps.iter().chain(&self.notes) {
            job.progress.warn(reason, text.clone(), collection);
        }
    }

    /// In the backup.
    pub fn into_completeness(self) -> Completeness {
        let texts = |remarks: Vec<Remark>| remarks.into_iter().map(|(_, text)| text).collect();
        Completeness { gaps: texts(self.gaps), notes: texts(self.notes) }
    }
}
