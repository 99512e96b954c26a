//! What can be backed up and restored exactly, and what is refused because it cannot.

use crate::error::{Error, Kind, Result};
use crate::model::{Collection, ValueKind};

/// Refuses a collection whose objects this version would lose a part of.
pub fn check_exact(collection: &Collection) -> Result<()> {
    let reason = if collection.has_references() {
        "it has cross-references"
    } else if collection.has(ValueKind::BlobHash) {
        "it has a blobHash property, of which Weaviate keeps only the hash"
    } else if collection.schema["objectTtlConfig"]["enabled"] == true {
        "its objects expire (objectTtlConfig)"
    } else {
        return Ok(());
    };
    let name = &collection.name;
    Err(Error::new(Kind::CollectionUnsupported, format!("collection \"{name}\" cannot be backed up exactly yet: {reason}"))
        .hint(format!("leave it out with --exclude {name}")))
}
