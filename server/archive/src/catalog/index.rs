//! `catalog/index.jsonl`: a line with the checksum of the rest, then one for each backup.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::checksum::Checksum;
use crate::{BackupId, Manifest};
use selvedge_model::error::{Error, Result};

/// Of the index, not of what is in it.
const FORMAT: u32 = 1;
/// A longer manifest would take the room of many.
const LONGEST: usize = 256 << 10;
/// Of all texts together: what a list reads and holds does not grow without end.
pub const MOST: usize = 16 << 20;

pub type Entries = BTreeMap<BackupId, Arc<Entry>>;

/// What is known of a committed backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub id: BackupId,
    /// By its own account: what the store says of files is as old as the last copy of them.
    pub made: DateTime<Utc>,
    /// `backup.json` as it is stored, so that nothing can be read here that cannot be read there. None if there is no room
    /// for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: u32,
    /// Of all lines after this one.
    blake3: Checksum,
}

impl Entry {
    /// Of the text of a `backup.json`.
    pub fn read(id: &BackupId, text: &[u8]) -> Result<Self> {
        let made = Manifest::parse(id, text)?.end_time();
        let kept = str::from_utf8(text).ok().filter(|text| text.len() <= LONGEST);
        Ok(Self { id: id.clone(), made, text: kept.map(str::to_owned) })
    }

    /// Whether it is of the same backup, and has left its text out.
    pub fn is_without_text_of(&self, other: &Self) -> bool {
        self.text.is_none() && self.made == other.made
    }

    /// Of its text.
    pub fn length(&self) -> usize {
        self.text.as_ref().map_or(0, String::len)
    }
}

pub fn to_text(entries: &Entries) -> Result<Bytes> {
    let failed = |error: serde_json::Error| {
        Error::internal("the index of backups cannot be written as JSON").caused_by(error)
    };
    let mut lines = Vec::new();
    for entry in entries.values() {
        serde_json::to_writer(&mut lines, &**entry).map_err(failed)?;
        lines.push(b'\n');
    }
    let head = Head { format: FORMAT, blake3: Checksum::of(&lines) };
    let mut text = serde_json::to_vec(&head).map_err(failed)?;
    text.push(b'\n');
    text.append(&mut lines);
    Ok(text.into())
}

/// None if it is damaged, or of another version.
pub fn from_text(text: &[u8]) -> Option<Entries> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    let (head, lines) = (&text[..end], &text[end + 1..]);
    let head: Head = serde_json::from_slice(head).ok()?;
    if head.format != FORMAT || head.blake3 != Checksum::of(lines) {
        return None;
    }
    let entry = |line: &[u8]| {
        let entry: Entry = serde_json::from_slice(line).ok()?;
        Some((entry.id.clone(), Arc::new(entry)))
    };
    lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(entry).collect()
}

/// Leaves the texts of the newest, as many as have room.
pub fn shorten(entries: &mut Entries, most: usize) {
    if entries.values().map(|entry| entry.length()).sum::<usize>() <= most {
        return;
    }
    let mut newest_first: Vec<_> = entries.values_mut().collect();
    newest_first.sort_unstable_by_key(|entry| Reverse(entry.made));
    let mut left = most;
    for entry in newest_first {
        match left.checked_sub(entry.length()) {
            Some(rest) => left = rest,
            None => {
                left = 0;
                let (id, made) = (entry.id.clone(), entry.made);
                *entry = Arc::new(Entry { id, made, text: None });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Entries {
        let entry = |second: i64| {
            let id: BackupId = format!("b{second}").parse().unwrap();
            let made = DateTime::from_timestamp(second, 0).unwrap();
            (id.clone(), Arc::new(Entry { id, made, text: Some("ten\nbytes!".to_owned()) }))
        };
        (0..5).map(entry).collect()
    }

    #[test]
    fn it_comes_back_and_no_altered_or_shortened_text_passes() {
        let text = to_text(&entries()).unwrap();
        assert_eq!(from_text(&text), Some(entries()));
        assert_eq!(from_text(&to_text(&Entries::new()).unwrap()), Some(Entries::new()));
        for at in 0..text.len() {
            assert_eq!(from_text(&text[..at]), None, "cut at {at}");
            let mut altered = text.to_vec();
            altered[at] ^= 1;
            assert_ne!(from_text(&altered), Some(entries()), "altered at {at}");
        }
    }

    #[test]
    fn the_newest_keep_their_texts() {
        let mut entries = entries();
        shorten(&mut entries, 50);
        assert!(entries.values().all(|entry| entry.text.is_some()));
        shorten(&mut entries, 29);
        let kept: Vec<_> = entries.values().filter(|entry| entry.text.is_some()).collect();
        assert_eq!(kept.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), ["b3", "b4"]);
        assert_eq!(entries.len(), 5);
    }
}
