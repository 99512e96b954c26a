//! A page of objects as the REST API lists them, into a batch.

use serde::Deserialize;

use super::misread::{Misreading, Traps};
use super::wire::Malformed;
use selvedge_model::{Batch, Collection, Property, RestObject, VectorSpace};

#[derive(Deserialize)]
pub struct RestPage<'a> {
    #[serde(borrow)]
    pub objects: Vec<RestObject<'a>>,
}

/// What a page turns into.
pub struct Columns<'c> {
    pub properties: &'c [Property],
    pub spaces: &'c [VectorSpace],
    pub traps: &'c Traps,
    /// Vectors that are not kept, because their index was dropped.
    dropped: Vec<&'c str>,
}

impl<'c> Columns<'c> {
    pub fn new(collection: &'c Collection, spaces: &'c [VectorSpace], traps: &'c Traps) -> Self {
        Self { properties: &collection.properties, spaces, traps, dropped: collection.dropped_vectors() }
    }

    /// Appends an object without its vectors, and notes what cannot have been shown as it is.
    pub fn push(
        &self,
        batch: &mut Batch,
        object: &RestObject<'_>,
        misread: &mut Vec<Misreading>,
    ) -> Result<(), Malformed> {
        let pushed = object.push(batch, self.properties, |name, value, text| {
            match self.traps.without_links(name, value) {
                Some(cleaned) => text.push_str(&cleaned),
                None => text.push_str(value.get()),
            }
            misread.extend(self.traps.check(object.id, name, value));
            Ok(())
        });
        pushed.map_err(Malformed)
    }

    /// Appends the vectors that came with an object.
    pub fn push_vectors(&self, batch: &mut Batch, object: &RestObject<'_>) -> Result<(), Malformed> {
        object.push_vectors(batch, self.spaces, &self.dropped, true).map_err(Malformed)
    }
}
