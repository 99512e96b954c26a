//! What differs, as JSON.

use selvedge_proto::v1;
use serde::Serialize;

use crate::words;

#[derive(Serialize)]
pub struct ObjectDifference {
    collection: String,
    tenant: String,
    object_id: String,
    change: String,
    parts: Vec<ChangedPart>,
}

#[derive(Serialize)]
struct ChangedPart {
    kind: String,
    name: String,
    text: String,
}

#[derive(Serialize)]
pub struct CollectionDifference {
    name: String,
    other_name: String,
    added: u64,
    removed: u64,
    changed: u64,
    same: u64,
    schema: Vec<String>,
    unread_tenants: Vec<String>,
    unread_tenant_count: u64,
}

impl From<&v1::ObjectDifference> for ObjectDifference {
    fn from(object: &v1::ObjectDifference) -> Self {
        let part = |part: &v1::ChangedPart| ChangedPart {
            kind: words::changed_part_kind(part.kind()),
            name: part.name.clone(),
            text: part.text.clone(),
        };
        Self {
            collection: object.collection.clone(),
            tenant: object.tenant.clone(),
            object_id: object.id.clone(),
            change: words::object_change(object.change()),
            parts: object.parts.iter().map(part).collect(),
        }
    }
}

impl From<&v1::CollectionDifference> for CollectionDifference {
    fn from(collection: &v1::CollectionDifference) -> Self {
        Self {
            name: collection.name.clone(),
            other_name: collection.other_name.clone(),
            added: collection.added,
            removed: collection.removed,
            changed: collection.changed,
            same: collection.same,
            schema: collection.schema.clone(),
            unread_tenants: collection.unread_tenants.clone(),
            unread_tenant_count: collection.unread_tenant_count,
        }
    }
}
