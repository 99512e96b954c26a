//! What cannot be copied exactly, and is said.

use selvedge_model::{Collection, Reason, Remark, ValueKind};

/// What a backup of this collection lacks however whole it is.
pub fn losses_of_backup(collection: &Collection) -> Option<Remark> {
    let vectors: Vec<_> = collection.dropped_vectors().into_iter().map(str::to_owned).collect();
    (!vectors.is_empty()).then(|| Remark::note(Reason::VectorsDropped { vectors }))
}

/// Whether it has values of which Weaviate keeps only a hash, and takes nothing but the original.
pub fn has_hashes(collection: &Collection) -> bool {
    collection.has(ValueKind::BlobHash)
}
