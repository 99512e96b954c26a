//! What `--json` prints: the contract's messages in snake case, enum values as lower-case words.
//!
//! Fields are only ever added. A field without a value is left out or null, never renamed.

mod backup;
mod check;
mod collection;
mod contents;
mod difference;
mod job;
mod leftover;
mod object_failure;
mod replicas;
mod status;

use serde::Serialize;

pub use backup::{Backup, DamagedBackup};
pub use check::CheckLine;
pub use collection::Collection;
pub use contents::CollectionOfBackup;
pub use difference::{CollectionDifference, ObjectDifference};
pub use job::Job;
pub use leftover::{IncompleteBackup, Prune};
pub use object_failure::ObjectFailure;
pub use replicas::{CollectionOnReplicas, ObjectOnReplicas};
pub use status::Status;

use crate::failure::Failure;

/// A line about a job that was started or followed from here.
#[derive(Serialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
pub enum Message {
    /// How far it is.
    Status(Job),
    /// How it ended. If that is no success, an error follows.
    Summary(Job),
    /// Why the command failed; always the last line.
    Error(Error),
}

#[derive(Serialize)]
pub struct Error {
    exit_code: u8,
    /// As in `google.rpc.ErrorInfo`, such as `COLLECTION_NOT_FOUND`; null if the failure is not the server's.
    reason: Option<String>,
    message: String,
    /// What to do next; may be empty.
    hint: String,
}

impl From<&Failure> for Error {
    fn from(failure: &Failure) -> Self {
        Self {
            exit_code: failure.exit.code(),
            reason: failure.reason.clone(),
            message: failure.message.clone(),
            hint: failure.hint.clone(),
        }
    }
}

/// One line of JSON.
pub fn line(value: &impl Serialize) -> String {
    // Only maps with odd keys and failing writers can fail, and there are neither.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{example, snapshot};

    fn pretty(value: &impl Serialize) -> String {
        serde_json::to_string_pretty(value).expect("serialises")
    }

    #[test]
    fn every_view() {
        snapshot("json_status", pretty(&Message::Status(Job::from(&example::running()))));
        snapshot("json_summary", pretty(&Message::Summary(Job::from(&example::partial()))));
        snapshot("json_findings", pretty(&Message::Summary(Job::from(&example::differing()))));
        snapshot("json_planned", pretty(&Job::from(&example::unconfirmed())));
        snapshot("json_backup", pretty(&Backup::from(&example::backup())));
        snapshot("json_incomplete", pretty(&IncompleteBackup::from(&example::incomplete()[0])));
        let status = example::status(2);
        snapshot("json_status_of_all", pretty(&Status::new(&status, &[], &[&status.collections[0]])));
        snapshot("json_prune", pretty(&Prune::new(&example::prunable(), true)));
        snapshot("json_object_failure", pretty(&ObjectFailure::from(&example::refused()[0])));
        let collections = example::collections();
        snapshot("json_collection", pretty(&collections.iter().map(Collection::from).collect::<Vec<_>>()));
    }

    #[test]
    fn an_error() {
        let error = Message::Error(Error::from(&Failure::of_job(&example::partial())));
        snapshot("json_error", pretty(&error));
    }
}
