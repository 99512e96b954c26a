//! What cannot be copied exactly, and is said.

use selvedge_model::{Collection, ValueKind};

/// What a backup of this collection lacks however whole it is, a sentence each.
pub fn losses_of_backup(collection: &Collection) -> Vec<String> {
    let dropped = collection.dropped_vectors();
    if dropped.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "the index of {} was dropped, so its vectors are on their way out of Weaviate and are not in the backup",
        dropped.iter().map(|name| format!("vector \"{name}\"")).collect::<Vec<_>>().join(" and ")
    )]
}

/// Whether it has values of which Weaviate keeps only a hash, and takes nothing but the original.
pub fn has_hashes(collection: &Collection) -> bool {
    collection.has(ValueKind::BlobHash)
}
