//! Why there is no page.

use crate::failure::Failed;
use crate::fault::Fault;
use crate::texts;
use selvedge_model::error::{Error, Result};

/// Why there is no page, or not a single object.
pub enum Failure {
    /// It weighs more than there is room for, or than a message may: at least this many bytes, 0 if that is unknown.
    TooLarge(usize),
    /// It would have more objects than a page may have: this many.
    TooMany(u32),
    /// There is something in it that gRPC does not show, or not as it is.
    OnlyOverRest,
    /// There is an object in it that cannot be shown at all.
    Unreadable {
        /// The property that Weaviate names.
        property: Option<String>,
        error: Error,
    },
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Failure {
    /// Of a page of so many objects over REST, or of a single one.
    pub fn of_rest(failed: Failed, limit: u32) -> Self {
        let Failed { fault, words, error } = failed;
        match fault {
            Fault::LargerThanRoom(bytes) => Self::TooLarge(bytes),
            Fault::TooMany(told) => fewer(limit, told).map_or(Self::Other(error), Self::TooMany),
            Fault::Misread => {
                Self::Unreadable { property: texts::property(&words).map(str::to_owned), error }
            }
            _ => Self::Other(error),
        }
    }

    /// The same, where what there was no room for came on top of so many bytes.
    pub fn besides(self, held: usize) -> Self {
        match self {
            Self::TooLarge(bytes) if bytes > 0 => Self::TooLarge(bytes.saturating_add(held)),
            other => other,
        }
    }

    /// As an error, where nothing smaller can be asked for.
    pub fn into_error(self, action: &str) -> Error {
        match self {
            Self::Other(error) | Self::Unreadable { error, .. } => error,
            Self::TooLarge(_) | Self::TooMany(_) | Self::OnlyOverRest => {
                Error::internal(format!("cannot {action}: no page is small enough"))
            }
        }
    }
}

/// The most objects that a page should have after `asked` were too many. None if there is no asking for fewer.
pub fn fewer(asked: u32, told: Option<u32>) -> Option<u32> {
    (asked > 1).then(|| told.unwrap_or(asked / 2)).filter(|most| *most < asked)
}

/// What can only be tried again as an error; what something else can be done about as an answer.
pub fn apart<T>(outcome: Result<T, Failure>) -> Result<Result<T, Failure>> {
    match outcome {
        Err(Failure::Other(error)) => Err(error),
        other => Ok(other),
    }
}
