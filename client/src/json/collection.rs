//! A collection of a cluster as JSON.

use selvedge_proto::v1;
use serde::Serialize;

#[derive(Serialize)]
pub struct Collection {
    name: String,
    description: String,
    /// Null if they cannot be counted.
    objects: Option<u64>,
    multi_tenant: bool,
    tenants: u64,
    active_tenants: u64,
    shards: u64,
    replication_factor: u64,
    vectors: Vec<Vector>,
    properties: Vec<String>,
}

impl From<&v1::Collection> for Collection {
    fn from(collection: &v1::Collection) -> Self {
        Self {
            name: collection.name.clone(),
            description: collection.description.clone(),
            objects: collection.objects,
            multi_tenant: collection.multi_tenant,
            tenants: collection.tenants,
            active_tenants: collection.active_tenants,
            shards: collection.shards,
            replication_factor: collection.replication_factor,
            vectors: collection.vectors.iter().map(Vector::from).collect(),
            properties: collection.properties.clone(),
        }
    }
}

#[derive(Serialize)]
struct Vector {
    name: String,
    index_type: String,
    vectorizer: String,
    multi_vector: bool,
}

impl From<&v1::VectorDescription> for Vector {
    fn from(vector: &v1::VectorDescription) -> Self {
        Self {
            name: vector.name.clone(),
            index_type: vector.index_type.clone(),
            vectorizer: vector.vectorizer.clone(),
            multi_vector: vector.multi_vector,
        }
    }
}
