//! The collections of a cluster on their way out.

use selvedge_proto::v1;

use selvedge_model::VectorSpace;
use selvedge_ops::CollectionSummary;
use selvedge_weaviate::Cluster;

pub fn collections(
    cluster: &Cluster,
    weaviate_version: String,
    summaries: Vec<CollectionSummary>,
) -> v1::ListCollectionsResponse {
    let collections = summaries.into_iter().map(collection).collect();
    let (cluster, cluster_address) = (cluster.name().to_owned(), cluster.rest_url().to_owned());
    v1::ListCollectionsResponse { collections, weaviate_version, cluster, cluster_address }
}

fn collection(summary: CollectionSummary) -> v1::Collection {
    let CollectionSummary { collection, description, objects, tenants, active_tenants } = summary;
    v1::Collection {
        name: collection.name,
        description,
        objects,
        multi_tenant: collection.multi_tenant,
        tenants,
        active_tenants,
        shards: collection.shards,
        replication_factor: collection.replication_factor,
        vectors: collection.vector_spaces.into_iter().map(vector).collect(),
        properties: collection.properties.into_iter().map(|property| property.name).collect(),
    }
}

fn vector(space: VectorSpace) -> v1::VectorDescription {
    let VectorSpace { name, multi, vectorizer, index_type } = space;
    v1::VectorDescription { name: name.unwrap_or_default(), index_type, vectorizer, multi_vector: multi }
}
