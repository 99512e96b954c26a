use std::fmt;
use std::str::FromStr;

use chrono::Utc;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use selvedge_model::error::{Error, Result};

/// The name of a backup in its repository: 1 to 100 of `a-z`, `0-9`, `_`, `-`, the first a letter or a digit. It is a
/// folder name, and has no capitals because some file systems do not tell them apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupId(String);

const MAX_LENGTH: usize = 100;

impl BackupId {
    /// An id from the time (UTC), such as `20261123-160000-0a1b`; the end is random.
    pub fn generate() -> Self {
        let [high, low, ..] = Uuid::new_v4().into_bytes();
        Self(format!("{}-{high:02x}{low:02x}", Utc::now().format("%Y%m%d-%H%M%S")))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BackupId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        let well_formed = text.len() <= MAX_LENGTH
            && text.bytes().all(inner)
            && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        if well_formed {
            return Ok(Self(text));
        }
        Err(Error::invalid("backup_id", format!("\"{}\" cannot be a backup's id", text.escape_debug())).hint(
            format!(
                "use 1 to {MAX_LENGTH} lower-case letters, digits, - and _, starting with a letter or a digit"
            ),
        ))
    }
}

impl FromStr for BackupId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.to_owned().try_into()
    }
}

impl From<BackupId> for String {
    fn from(id: BackupId) -> Self {
        id.0
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_safe_as_folder_names() {
        let longest = "a".repeat(MAX_LENGTH);
        for good in ["a", "0", "nightly_2026-11-23", &longest, BackupId::generate().as_str()] {
            assert_eq!(good.parse::<BackupId>().unwrap().to_string(), good);
        }
        let too_long = "a".repeat(MAX_LENGTH + 1);
        for bad in ["", "-a", "_a", "A", "a/b", "..", "a.b", "a b", "ä", "a\n", &too_long] {
            assert_eq!(bad.parse::<BackupId>().unwrap_err().field(), Some("backup_id"), "{bad:?}");
        }
        assert!(serde_json::from_str::<BackupId>("\"../up\"").is_err());
    }
}
