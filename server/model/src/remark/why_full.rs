//! Why a collection was read as a whole, although only what has changed since another backup was to be read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Serialized under its `why`, in lower snake case. `backup` is the one that does not do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum WhyFull {
    /// No backup of this cluster holds all of the collection.
    NoBackup,
    NotInBackup {
        backup: String,
    },
    /// It does not hold all of the collection.
    Incomplete {
        backup: String,
    },
    /// It is of another cluster, whose times tell nothing of this one.
    OtherCluster {
        backup: String,
    },
    /// The collection has another shape by now.
    Schema {
        backup: String,
        difference: String,
    },
    /// Its data files do not tell what it takes: they are of another data format, or of an older version.
    Format {
        backup: String,
    },
    /// One of the two is encrypted, and the other is not.
    Encryption {
        backup: String,
    },
    /// Vectors of a space have, or would have, several dimensions.
    Dimensions {
        backup: String,
    },
    /// It is damaged, or there is no key for it.
    Unreadable {
        backup: String,
        error: String,
    },
    /// A newer Selvedge knows.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for WhyFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBackup => f.write_str("no backup of this cluster holds all of it"),
            Self::NotInBackup { backup } => write!(f, "backup {backup} does not have it"),
            Self::Incomplete { backup } => write!(f, "backup {backup} does not hold all of it"),
            Self::OtherCluster { backup } => write!(f, "backup {backup} is of another cluster"),
            Self::Schema { backup, difference } => {
                write!(f, "its schema is not what it was in backup {backup}: {difference}")
            }
            Self::Format { backup } => {
                write!(f, "backup {backup} is of another data format, or of an older version")
            }
            Self::Encryption { backup } => {
                write!(f, "either backup {backup} or this one is encrypted, and the other is not")
            }
            Self::Dimensions { backup } => {
                write!(f, "its vectors do not have one dimension together with those in backup {backup}")
            }
            Self::Unreadable { backup, error } => write!(f, "backup {backup} cannot be read: {error}"),
            Self::Unknown => f.write_str("a newer Selvedge knows why"),
        }
    }
}
