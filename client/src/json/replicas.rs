//! What differs between replicas, as JSON.

use selvedge_proto::v1;
use serde::Serialize;

use crate::format;

#[derive(Serialize)]
pub struct ObjectOnReplicas {
    collection: String,
    tenant: String,
    object_id: String,
    nodes: Vec<ObjectOnNode>,
}

#[derive(Serialize)]
struct ObjectOnNode {
    node: String,
    create_time: Option<String>,
    update_time: Option<String>,
}

#[derive(Serialize)]
pub struct CollectionOnReplicas {
    name: String,
    nodes: Vec<String>,
    same: u64,
    differing: u64,
    unread_tenants: Vec<String>,
    unread_tenant_count: u64,
}

impl From<&v1::ObjectOnReplicas> for ObjectOnReplicas {
    fn from(object: &v1::ObjectOnReplicas) -> Self {
        let on = |on: &v1::ObjectOnNode| ObjectOnNode {
            node: on.node.clone(),
            create_time: format::rfc3339(on.create_time.as_ref()),
            update_time: format::rfc3339(on.update_time.as_ref()),
        };
        Self {
            collection: object.collection.clone(),
            tenant: object.tenant.clone(),
            object_id: object.id.clone(),
            nodes: object.nodes.iter().map(on).collect(),
        }
    }
}

impl From<&v1::CollectionOnReplicas> for CollectionOnReplicas {
    fn from(collection: &v1::CollectionOnReplicas) -> Self {
        Self {
            name: collection.name.clone(),
            nodes: collection.nodes.clone(),
            same: collection.same,
            differing: collection.differing,
            unread_tenants: collection.unread_tenants.clone(),
            unread_tenant_count: collection.unread_tenant_count,
        }
    }
}
