//! What went wrong in the object store, in the words of the core.

mod answer;

use std::error::Error as StdError;
use std::io;

use object_store::path::Path;

pub use self::answer::Answer;
use crate::backup_id::BackupId;
use selvedge_model::error::{Error, Kind};

/// `action` is what was tried: "write", "read", "list"… `place` names the repository and where it is.
pub fn store_error(action: &str, path: &Path, place: &str, error: object_store::Error) -> Error {
    let message = format!("cannot {action} {path} in {place}");
    if let Some(answer) = Answer::of(&error) {
        return answer.into_error(message);
    }
    let (kind, hint) = match io_kind(&error) {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            (Kind::RepositoryFull, "free space there, or use another repository; then start the job again")
        }
        Some(io::ErrorKind::ReadOnlyFilesystem) => {
            (Kind::RepositoryUnavailable, "the file system is mounted read-only: mount it writable")
        }
        Some(io::ErrorKind::PermissionDenied) => {
            (Kind::RepositoryUnavailable, "let the user that the server runs as read and write there")
        }
        _ => (
            Kind::RepositoryUnavailable,
            "check that the repository can be reached, and its path, permissions and space",
        ),
    };
    Error::new(kind, message).hint(hint).caused_by(error)
}

/// The most telling I/O error among the causes.
fn io_kind(error: &object_store::Error) -> Option<io::ErrorKind> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    let mut found = None;
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            found = Some(io.kind());
            // What an `io::Error` wraps is not its source, but the source's parent.
            if let Some(inner) = io.get_ref() {
                cause = Some(inner);
                continue;
            }
        }
        cause = error.source();
    }
    found
}

/// A backup that does not hold what it says it holds. `what` names the file and what is wrong with it.
pub fn corrupt(id: &BackupId, what: impl std::fmt::Display) -> Error {
    Error::new(Kind::BackupCorrupt, format!("backup {id} is damaged: {what}"))
        .hint("use another backup, or bring the file back from a copy of the repository")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(kind: io::ErrorKind) -> object_store::Error {
        let inner = io::Error::new(kind, "the disk says no");
        object_store::Error::Generic { store: "test", source: Box::new(io::Error::other(inner)) }
    }

    #[test]
    fn a_full_disk_is_told_from_other_trouble_however_deep() {
        let kind = |kind| store_error("write", &Path::from("a/b"), "repository \"r\"", wrapped(kind)).kind();
        assert_eq!(kind(io::ErrorKind::StorageFull), Kind::RepositoryFull);
        assert_eq!(kind(io::ErrorKind::QuotaExceeded), Kind::RepositoryFull);
        assert_eq!(kind(io::ErrorKind::PermissionDenied), Kind::RepositoryUnavailable);
        let error =
            store_error("write", &Path::from("a/b"), "repository \"r\"", wrapped(io::ErrorKind::NotFound));
        assert!(error.to_string().starts_with("cannot write a/b in repository \"r\": "), "{error}");
    }
}
