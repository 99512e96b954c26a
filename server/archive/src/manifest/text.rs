//! The text of a `backup.json`, which tells whether it is as it was written.

use serde::{Deserialize, Serialize};

use super::{FORMAT_1, NEWEST};
use crate::backup_id::BackupId;
use crate::checksum::Checksum;
use selvedge_model::error::{Error, Kind, Result};

/// Its field `blake3` is the hash of the text with zeros in the hash's own place.
pub fn with_checksum(value: &impl Serialize) -> Result<String> {
    let checked = Checked { value, blake3: UNCHECKED };
    let text = serde_json::to_string_pretty(&checked)
        .map_err(|error| Error::internal("a manifest cannot be written as JSON").caused_by(error))?;
    let checksum = Checksum::of(text.as_bytes()).to_string();
    Ok(replace_last(&text, UNCHECKED, &checksum))
}

pub fn unknown_format(id: &BackupId, outline: &Outline) -> Error {
    let version = outline.format_version;
    let message = format!(
        "backup {id} has format version {version}, and this Selvedge reads versions {FORMAT_1} to {NEWEST}"
    );
    Error::new(Kind::BackupFormatUnknown, message).hint(match &outline.selvedge_version {
        Some(writer) => format!("use Selvedge {writer}, which wrote it, or a newer one"),
        None => "use the version of Selvedge that wrote it, or a newer one".to_owned(),
    })
}

/// As long as a checksum in hex.
pub const UNCHECKED: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[derive(Serialize)]
struct Checked<'a, T> {
    #[serde(flatten)]
    value: &'a T,
    blake3: &'a str,
}

/// What must be known of a manifest before anything else in it means something.
#[derive(Deserialize)]
pub struct Outline {
    pub format_version: u32,
    selvedge_version: Option<String>,
    pub blake3: Option<Checksum>,
}

impl Outline {
    pub fn is_checksum_of(&self, bytes: &[u8]) -> bool {
        let (Some(checksum), Ok(text)) = (self.blake3, str::from_utf8(bytes)) else { return false };
        Checksum::of(replace_last(text, &checksum.to_string(), UNCHECKED).as_bytes()) == checksum
    }
}

/// The last one: a manifest's own hash comes after all it lists.
fn replace_last(text: &str, old: &str, new: &str) -> String {
    match text.rsplit_once(old) {
        Some((before, after)) => [before, new, after].concat(),
        None => text.to_owned(),
    }
}
