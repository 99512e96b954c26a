//! What Weaviate could not hold as it was, found out from the backup's lists.

use std::collections::BTreeSet;

use selvedge_archive::{CollectionReader, DataFile};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, VectorSpace};

use crate::reshape::Shape;

/// The tenants that are restored; None for all.
type Chosen<'a> = Option<&'a BTreeSet<String>>;

/// The vectorizer that makes an object's vector from those of the objects that it refers to.
const CENTROIDS: &str = "ref2vec-centroid";

/// Weaviate makes such vectors anew whenever references are written, and throws away those that come with objects. What is
/// in the backup may be of references that have changed since.
pub fn refuse_centroids(source: &CollectionReader, target: &Collection) -> Result<()> {
    let makes = |space: &VectorSpace| space.vectorizer == CENTROIDS;
    if !target.vector_spaces.iter().any(makes) || source.files().is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Kind::CollectionUnsupported,
        format!(
            "collection \"{}\" has the vectorizer {CENTROIDS}, which would make other vectors than those in the backup",
            target.name
        ),
    )
    .hint("restore it with the setting vectorizer=none, which keeps the vectors as they are and makes none, now or later"))
}

/// Weaviate would make a vector for each object that comes without one, so the copy would not equal the original. For the
/// unnamed vector it can be told not to; for a named one it cannot.
pub fn refuse_vectorizing(
    source: &CollectionReader,
    shape: Option<&Shape>,
    target: &Collection,
    chosen: Chosen<'_>,
) -> Result<()> {
    let holds = |file: &&DataFile| {
        chosen.is_none_or(|chosen| file.tenants.iter().any(|span| chosen.contains(&span.tenant)))
    };
    let files = || source.files().iter().filter(holds);
    let written: BTreeSet<_> =
        source.spaces().iter().map(|space| space.name.as_deref().unwrap_or_default()).collect();
    let is_made = |space: &&VectorSpace| space.vectorizer != "none";
    for space in target.vector_spaces.iter().filter(is_made) {
        let Some(name) = space.name.as_deref() else { continue };
        let old = shape.map_or(Some(name), |shape| shape.old_vector(name));
        let old = old.filter(|old| written.contains(old));
        let rows = if let Some(old) = old {
            files().filter_map(|file| file.without_vector.get(old)).sum()
        } else {
            files().map(DataFile::objects).sum::<u64>()
        };
        if rows > 0 {
            return Err(Error::new(
                Kind::CollectionUnsupported,
                format!(
                    "{rows} objects of collection \"{}\" are in the backup without {}, and {} would make them one",
                    target.name,
                    space.label(),
                    space.vectorizer
                ),
            )
            .hint("restore it with the setting vectorizer=none, which makes no vectors, now or later"));
        }
    }
    Ok(())
}

/// Whether a vector of this name, empty for the unnamed one, gets into an index.
pub fn is_indexed(collection: &Collection, vector: &str) -> bool {
    let owner = match vector {
        "" => &collection.schema,
        name => &collection.schema["vectorConfig"][name],
    };
    owner["vectorIndexConfig"]["skip"] != true
}

/// An index takes vectors of one dimension only.
pub fn refuse_mixed_dimensions(
    source: &CollectionReader,
    shape: Option<&Shape>,
    target: &Collection,
    chosen: Chosen<'_>,
) -> Result<()> {
    let indexed = |vector: &str| {
        let new = shape.map_or(Some(vector), |shape| shape.new_vector(vector));
        new.is_some_and(|new| is_indexed(target, new))
    };
    let is_chosen = |tenant: &String| chosen.is_none_or(|chosen| chosen.contains(tenant));
    let mut mixed = source.mixed_dimensions().iter();
    let Some(odd) = mixed.find(|count| indexed(&count.vector) && is_chosen(&count.tenant)) else {
        return Ok(());
    };
    let vector =
        if odd.vector.is_empty() { "the vector".to_owned() } else { format!("vector \"{}\"", odd.vector) };
    let tenant = if odd.tenant.is_empty() { String::new() } else { format!(" of tenant \"{}\"", odd.tenant) };
    Err(Error::new(
        Kind::CollectionUnsupported,
        format!(
            "{vector} has {} dimensions in {} objects of collection \"{}\", such as {}{tenant}, and another number in the \
             rest: an index takes only one",
            odd.dimension, odd.objects, target.name, odd.sample
        ),
    )
    .hint("mend these objects in the source and back the collection up again, or make a backup without vectors"))
}
