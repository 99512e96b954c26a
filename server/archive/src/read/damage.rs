use std::fmt;

use object_store::path::Path;

use crate::backup_id::BackupId;
use crate::store_error::corrupt;
use selvedge_model::error::Error;

/// One thing that is wrong with a file. A restore stops at the first damage, a verification goes on; both say the same of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    pub kind: DamageKind,
    /// Its key in the repository.
    pub file: String,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    Missing,
    /// The backup does not list it.
    Extra,
    Truncated,
    Altered,
    /// Its bytes are as they were written, but its rows are not what the lists say.
    Unsound,
}

impl Damage {
    pub(crate) fn new(kind: DamageKind, file: &Path, what: impl fmt::Display) -> Self {
        Self { kind, file: file.to_string(), text: format!("{file} {what}") }
    }

    pub(crate) fn missing(file: &Path) -> Self {
        Self::new(DamageKind::Missing, file, "is missing")
    }

    /// Its bytes are not those whose checksum is in `list`.
    pub(crate) fn altered(file: &Path, list: &str) -> Self {
        let what = format_args!("was altered: its checksum is not the one in {list}");
        Self::new(DamageKind::Altered, file, what)
    }

    /// A data file that is not as long as it was. `found` is its size now, None if it is gone.
    pub(crate) fn misfit(file: &Path, bytes: u64, found: Option<u64>) -> Self {
        match found {
            None => Self::missing(file),
            Some(found) if found < bytes => {
                let what = format_args!("is truncated: {found} of {bytes} bytes are left");
                Self::new(DamageKind::Truncated, file, what)
            }
            Some(found) => {
                let what = format_args!("was altered: it has {found} bytes, and had {bytes}");
                Self::new(DamageKind::Altered, file, what)
            }
        }
    }

    pub(crate) fn error(&self, backup: &BackupId) -> Error {
        corrupt(backup, &self.text)
    }
}
