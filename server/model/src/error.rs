//! The core's error: what failed, on what, why, and what to do next. It knows nothing of gRPC or HTTP.

use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The result of anything in the core.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is. Each has one reason and one status code on the wire; see `grpc::status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    InvalidRequest,
    CollectionNotFound,
    TenantNotFound,
    BackupNotFound,
    JobNotFound,
    ClusterUnknown,
    RepositoryUnknown,
    CollectionExists,
    BackupExists,
    RequestIdReused,
    CollectionBusy,
    TooManyJobs,
    ConfirmationRequired,
    CollectionUnsupported,
    TenantInactive,
    WeaviateUnreachable,
    WeaviateUnauthenticated,
    WeaviatePermissionDenied,
    WeaviateVersionUnsupported,
    WeaviateRefused,
    WeaviateOverloaded,
    WeaviateUnintelligible,
    ShardsUnavailable,
    SchemaChanged,
    SchemaMismatch,
    CountMismatch,
    ObjectsRefused,
    BackupIncomplete,
    RestoreIncomplete,
    ContentMismatch,
    DifferencesFound,
    ReferenceTargetMissing,
    BackupCorrupt,
    BackupFormatUnknown,
    RepositoryNotFound,
    RepositoryUnavailable,
    RepositoryFull,
    Cancelled,
    ServerStopped,
    JobNotResumable,
    JobSuperseded,
    ObjectConflict,
    BackupHeld,
    BackupInUse,
    CallerUnknown,
    CallerNotAllowed,
    KeyMissing,
    Internal,
}

/// A failure: a sentence on what happened and to what, a hint on what to do, and the cause.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    hint: Option<String>,
    /// The field of the request that is at fault, for `InvalidRequest`.
    field: Option<&'static str>,
    unclear: bool,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// `message` says what happened and to what, without a full stop at the end.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: cut(message.into()), hint: None, field: None, unclear: false, cause: None }
    }

    /// A request that cannot be right, whatever the state of the cluster.
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self { field: Some(field), ..Self::new(Kind::InvalidRequest, message) }
    }

    /// A state that only a defect of Selvedge can bring about.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
            .hint("this is a defect of Selvedge; please report it with the server's log")
    }

    /// What to do next, as a sentence.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(cut(hint.into()));
        self
    }

    /// One more thing to do next, after what the hint says already.
    pub fn also(mut self, hint: impl Into<String>) -> Self {
        let more = hint.into();
        self.hint = Some(cut(self.hint.take().map_or(more.clone(), |first| format!("{first}; {more}"))));
        self
    }

    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Puts what was being done before the message: "context: message".
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = cut(format!("{context}: {}", self.message));
        self
    }

    /// Nobody can tell from what was answered whether it passes or not. A kind that says so goes before this.
    pub fn unclear(mut self) -> Self {
        self.unclear = true;
        self
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn field(&self) -> Option<&'static str> {
        self.field
    }

    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, Kind::WeaviateUnreachable | Kind::WeaviateOverloaded)
    }

    /// Whether nobody can tell if the same call may succeed a little later.
    pub fn is_unclear(&self) -> bool {
        self.unclear && self.kind == Kind::WeaviateRefused
    }
}

/// Texts quote names and values of others, which can be of any length. A message has to be read.
const LONGEST_TEXT: usize = 2_000;

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_TEXT) {
        text.replace_range(end.., "…");
    }
    text
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut cause = self.cause.as_deref().map(|cause| cause as &dyn StdError);
        let mut last = self.message.clone();
        while let Some(error) = cause {
            let text = error.to_string();
            // Wrapping errors of other libraries often repeat the text of what they wrap.
            if !last.contains(&text) {
                write!(f, ": {text}")?;
            }
            last = text;
            cause = error.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}

/// "1 object", "2 objects".
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// The first few of some names: "A, B and 3 more".
pub fn listed(names: &[impl AsRef<str>]) -> String {
    first_of(names, names.len() as u64)
}

/// As [`listed`], of `count` names of which only the first are known.
pub fn first_of(names: &[impl AsRef<str>], count: u64) -> String {
    const SPELLED_OUT: usize = 5;
    let spelled: Vec<_> = names.iter().take(SPELLED_OUT).map(AsRef::as_ref).collect();
    let more = count.saturating_sub(spelled.len() as u64);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    spelled.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_are_cut() {
        let error = Error::new(Kind::CollectionNotFound, "ü".repeat(1 << 20)).hint("x".repeat(1 << 20));
        let error = error.context("y".repeat(1 << 20)).also("z");
        assert!(error.to_string().chars().count() <= LONGEST_TEXT + 1);
        assert!(error.hint_text().is_some_and(|hint| hint.chars().count() <= LONGEST_TEXT + 1));
    }

    #[test]
    fn the_text_holds_the_whole_chain_once() {
        let inner = std::io::Error::other("disk on fire");
        let error =
            Error::new(Kind::RepositoryUnavailable, "cannot write backups/x/backup.json").caused_by(inner);
        assert_eq!(error.to_string(), "cannot write backups/x/backup.json: disk on fire");
        assert_eq!(
            error.context("backup x").to_string(),
            "backup x: cannot write backups/x/backup.json: disk on fire"
        );
    }
}
