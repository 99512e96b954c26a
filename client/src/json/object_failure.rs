//! What Weaviate refused of a restore as JSON.

use selvedge_proto::v1;
use serde::Serialize;

use crate::words;

#[derive(Serialize)]
pub struct ObjectFailure {
    collection: String,
    tenant: String,
    object_id: String,
    kind: String,
    /// In Weaviate's words.
    reason: String,
}

impl From<&v1::ObjectFailure> for ObjectFailure {
    fn from(failure: &v1::ObjectFailure) -> Self {
        Self {
            collection: failure.collection.clone(),
            tenant: failure.tenant.clone(),
            object_id: failure.object_id.clone(),
            kind: words::object_failure_kind(failure.kind()),
            reason: failure.reason.clone(),
        }
    }
}
