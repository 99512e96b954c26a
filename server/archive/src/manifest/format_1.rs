//! Reading the manifest of a backup of format 1, which has texts where there are remarks now.

use serde::Deserialize;

use super::{BackupKind, Manifest};
use selvedge_model::{Reason, Remark};

/// What a manifest of format 1 has instead of remarks.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    gaps: Vec<String>,
    #[serde(default)]
    notes: Vec<String>,
    collections: Vec<Texts>,
}

#[derive(Deserialize)]
struct Texts {
    #[serde(default)]
    gaps: Vec<String>,
    #[serde(default)]
    notes: Vec<String>,
}

/// Makes remarks of the texts. Before gaps were told apart, they were among the notes, of which there were no others for a
/// selection as a whole.
pub fn tell(manifest: &mut Manifest, json: &[u8]) -> serde_json::Result<()> {
    let Told { mut gaps, mut notes, collections } = serde_json::from_slice(json)?;
    let of_selection = manifest.collections.iter().all(|collection| collection.complete);
    if manifest.kind == BackupKind::Partial && gaps.is_empty() && of_selection {
        gaps = std::mem::take(&mut notes);
    }
    manifest.remarks = remarks(gaps, notes);
    for (collection, Texts { mut gaps, mut notes }) in manifest.collections.iter_mut().zip(collections) {
        if !collection.complete && gaps.is_empty() {
            gaps = std::mem::take(&mut notes);
        }
        collection.remarks = remarks(gaps, notes);
    }
    Ok(())
}

fn remarks(gaps: Vec<String>, notes: Vec<String>) -> Vec<Remark> {
    let told = |text: String| Reason::Told { text };
    let notes = notes.into_iter().map(|text| Remark::note(told(text)));
    gaps.into_iter().map(|text| Remark::gap(told(text))).chain(notes).collect()
}
