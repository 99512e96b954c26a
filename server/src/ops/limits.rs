//! What can be backed up and restored exactly, and what is refused because it cannot.

use crate::error::{Error, Kind, Result};
use crate::model::{Collection, Property, ValueKind};
use crate::weaviate::Version;

/// Refuses a collection whose objects this version of Selvedge would lose a part of.
pub fn check_exact(collection: &Collection) -> Result<()> {
    if collection.has_references() {
        Err(unsupported(collection, "it has cross-references"))
    } else if collection.has(ValueKind::BlobHash) {
        Err(unsupported(collection, "it has a blobHash property, of which Weaviate keeps only the hash"))
    } else if collection.vector_spaces.iter().any(|space| space.index_type == "none") {
        Err(unsupported(
            collection,
            "the index of one of its vectors was dropped, and Weaviate cannot create it so",
        ))
    } else if collection.schema["objectTtlConfig"]["enabled"] == true {
        Err(unsupported(collection, "its objects expire (objectTtlConfig)"))
    } else {
        Ok(())
    }
}

/// Refuses a collection whose objects Weaviate would not show all of; see `properties_request` of `weaviate::read`.
pub fn check_visible(collection: &Collection, version: Version) -> Result<()> {
    let hidden = |property: &&Property| {
        property.has_capital_parts()
            && (property.any_nested(&Property::is_blob) || !version.shows_whole_objects())
    };
    let Some(property) = collection.properties.iter().find(hidden) else { return Ok(()) };
    let reason = format!(
        "Weaviate {version} does not show all parts of property \"{}\", whose names begin with a capital",
        property.name
    );
    Err(unsupported(collection, &reason))
}

fn unsupported(collection: &Collection, reason: &str) -> Error {
    let name = &collection.name;
    Error::new(
        Kind::CollectionUnsupported,
        format!("collection \"{name}\" cannot be copied exactly yet: {reason}"),
    )
    .hint(format!("leave it out with --exclude {name}"))
}
