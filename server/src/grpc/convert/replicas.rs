//! Replicas: what is asked for, and what is told.

use chrono::DateTime;
use prost_types::Timestamp;
use selvedge_model::error::{Error, Result};
use selvedge_ops::{CollectionOnReplicas, ObjectOnReplicas, ReplicaFinding, ReplicasRequest};
use selvedge_proto::v1;
use selvedge_proto::v1::compare_replicas_response::Finding as Wire;

use super::names::{check_name, check_names};
use super::timestamp;

/// What is asked for, but for the clusters, which the server knows by name.
pub fn replicas(wire: &v1::CompareReplicasRequest) -> Result<ReplicasRequest> {
    check_name("cluster", &wire.cluster)?;
    check_name("collection", &wire.collection)?;
    check_names("through", &wire.through)?;
    if wire.collection.is_empty() {
        return Err(Error::invalid("collection", "it has to be said whose replicas are compared")
            .hint("name a collection"));
    }
    Ok(ReplicasRequest { collection: wire.collection.clone(), through: Vec::new(), limit: wire.limit })
}

pub fn replica_finding(finding: ReplicaFinding) -> v1::CompareReplicasResponse {
    let finding = match finding {
        ReplicaFinding::Object(object) => Wire::Object(of_object(object)),
        ReplicaFinding::Collection(collection) => Wire::Collection(of_collection(collection)),
    };
    v1::CompareReplicasResponse { finding: Some(finding) }
}

fn of_object(object: ObjectOnReplicas) -> v1::ObjectOnReplicas {
    let ObjectOnReplicas { collection, tenant, id, nodes } = object;
    let nodes = nodes.into_iter().map(|(node, times)| v1::ObjectOnNode {
        node,
        create_time: times.and_then(|times| of_millis(times.created)),
        update_time: times.and_then(|times| of_millis(times.updated)),
    });
    v1::ObjectOnReplicas {
        collection,
        tenant: tenant.unwrap_or_default(),
        id: id.to_string(),
        nodes: nodes.collect(),
    }
}

fn of_collection(collection: CollectionOnReplicas) -> v1::CollectionOnReplicas {
    let CollectionOnReplicas { name, nodes, same, differing, unread } = collection;
    let (unread_tenants, unread_tenant_count) =
        unread.map(|unread| (unread.names, unread.count)).unwrap_or_default();
    v1::CollectionOnReplicas { name, nodes, same, differing, unread_tenants, unread_tenant_count }
}

fn of_millis(time: i64) -> Option<Timestamp> {
    DateTime::from_timestamp_millis(time).map(timestamp)
}
