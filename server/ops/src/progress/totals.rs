//! What a job has moved in all.

use std::collections::HashMap;

use selvedge_model::error::Kind;

use super::Counts;

/// What a job has moved in all, for whoever sums up jobs. None of it ever gets less.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    pub objects: u64,
    pub bytes_read: u64,
    pub bytes_written: u64,
    /// Calls that were repeated, by what had failed.
    pub retries: HashMap<Kind, u64>,
}

impl Totals {
    pub(super) fn add(&mut self, counts: &Counts) {
        self.objects += counts.objects_done;
        self.bytes_read += counts.bytes_read;
        self.bytes_written += counts.bytes_written;
    }

    /// What has come since they were `before`.
    pub fn since(&self, before: &Self) -> Self {
        let retries = self.retries.iter().map(|(kind, count)| {
            let known = before.retries.get(kind).copied().unwrap_or_default();
            (*kind, count.saturating_sub(known))
        });
        Self {
            objects: self.objects.saturating_sub(before.objects),
            bytes_read: self.bytes_read.saturating_sub(before.bytes_read),
            bytes_written: self.bytes_written.saturating_sub(before.bytes_written),
            retries: retries.filter(|(_, count)| *count > 0).collect(),
        }
    }
}
