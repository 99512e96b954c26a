//! Reading objects: pages in the order of ids, as columnar batches.
//!
//! gRPC is the fast way, and exact for nearly everything. REST is the way for what gRPC does not show as it is: references,
//! expired objects, names it does not find, and pages with a value that Weaviate misreads.

mod by_id;
mod failure;
mod grpc;
mod range;
mod rest;
mod unreadable;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use selvedge_proto::weaviate::SearchRequest;
use uuid::Uuid;

use super::misread::{Misreading, Traps};
use super::version::Feature;
use super::wire::Malformed;
use super::{Cluster, Version};
pub use by_id::IdReader;
pub use range::{Fetched, MAX_PAGE_OBJECTS, RangeReader};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, Collection, Property, VectorSpace};
pub use unreadable::on_id;

/// Reads the objects of one collection.
pub struct ObjectReader {
    cluster: Cluster,
    collection: Collection,
    source: Source,
    /// What REST shows of vectors cannot be trusted: take them from gRPC, whatever the rest comes from. Also set when there
    /// are vectors that REST cannot print: infinities, and what is not a number.
    vectors_over_grpc: AtomicBool,
    /// Vectors that are not kept, because their index was dropped.
    dropped: Vec<String>,
    /// Everything of a gRPC request but where it starts.
    template: SearchRequest,
    spaces: Vec<VectorSpace>,
    traps: Traps,
    /// Set when the servers cannot agree, as with a replica that is down: from then on any one replica will do.
    at_one: AtomicBool,
    /// Set when a page was read over REST, which asks one replica.
    over_rest: AtomicBool,
    /// Objects that a page has at most, wherever that is no slower.
    largest_page: u32,
    /// Objects that a page may have: less than we would like on a server with a low `QUERY_MAXIMUM_RESULTS`.
    most_objects: AtomicU32,
    /// Objects that would have filled the last page that was read of any range. 0 before there was one.
    usual_objects: AtomicU32,
}

/// Of ids and times. Measured (100,000 objects): a comparison with pages of 4,000 takes four fifths of the time that it takes with
/// pages of 1,000.
const MAX_PAGE_KEYS: u32 = 4_000;

/// Where objects come from. A page that gRPC cannot show comes from REST in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Grpc,
    Rest,
}

/// A page of objects.
#[derive(Debug)]
pub struct Page {
    pub batch: Batch,
    /// Bytes of Weaviate's answer.
    pub bytes: usize,
    /// How many objects Weaviate listed: some may be gone, and not in the batch.
    listed: usize,
    /// Where the next page starts: behind the last object that was listed. None if there was none.
    last: Option<Uuid>,
    /// Whether there is nothing behind it.
    is_last: bool,
    /// Values that may not be what is stored.
    pub misread: Vec<Misreading>,
    /// Objects that Weaviate could not show at all, and that are not in the batch.
    pub unreadable: Vec<Misreading>,
}

impl ObjectReader {
    /// With `vectors` false, objects come without any.
    pub async fn open(cluster: &Cluster, collection: &Collection, vectors: bool) -> Result<Self> {
        let version = cluster.connect().await?.version;
        let spaces = if vectors { collection.vector_spaces.clone() } else { Vec::new() };
        Ok(Self {
            cluster: cluster.clone(),
            source: Source::of(collection, version),
            vectors_over_grpc: AtomicBool::new(
                spaces.iter().any(|space| space.name.is_some())
                    && version.has(Feature::LosesNamedVectorsOverRest),
            ),
            dropped: collection.dropped_vectors().into_iter().map(str::to_owned).collect(),
            template: grpc::template(collection, vectors),
            spaces,
            traps: Traps::of(&collection.properties),
            at_one: AtomicBool::new(false),
            over_rest: AtomicBool::new(false),
            largest_page: range::MAX_PAGE_OBJECTS,
            most_objects: AtomicU32::new(range::MAX_PAGE_OBJECTS),
            usual_objects: AtomicU32::new(0),
            collection: collection.clone(),
        })
    }

    /// One that reads ids and times only: of what it reads besides, nothing is to be believed.
    pub async fn open_keys(cluster: &Cluster, collection: &Collection) -> Result<Self> {
        let reader = Self::open(cluster, collection, false).await?;
        // A search leaves out those that have expired.
        let source = if collection.hides_expired_objects() { Source::Rest } else { Source::Grpc };
        let template = grpc::template_of_keys(collection);
        let most_objects = AtomicU32::new(MAX_PAGE_KEYS);
        Ok(Self { source, template, largest_page: MAX_PAGE_KEYS, most_objects, ..reader })
    }

    /// One that asks any one replica, and lets no other mend what it has.
    pub async fn open_keys_of_one_replica(cluster: &Cluster, collection: &Collection) -> Result<Self> {
        let reader = Self::open_keys(cluster, collection).await?;
        reader.at_one.store(true, Relaxed);
        Ok(reader)
    }

    /// The vector spaces that its batches have columns for.
    pub fn spaces(&self) -> &[VectorSpace] {
        &self.spaces
    }

    /// Whether replicas were not asked to agree although there are several.
    pub fn read_at_one(&self) -> bool {
        let at_one = self.at_one.load(Relaxed) || self.over_rest.load(Relaxed);
        self.collection.replication_factor > 1 && at_one
    }

    fn batch(&self) -> Batch {
        Batch::new(&self.spaces, self.collection.has_references())
    }

    fn action(&self, tenant: &str) -> String {
        let name = &self.collection.name;
        match tenant {
            "" => format!("read collection \"{name}\""),
            tenant => format!("read tenant \"{tenant}\" of collection \"{name}\""),
        }
    }

    fn undecodable(&self, tenant: &str, id: impl std::fmt::Display, error: Malformed) -> Error {
        Error::new(
            Kind::WeaviateUnintelligible,
            format!("cannot {}: object {id}: {}", self.action(tenant), error.0),
        )
        .hint("change the object, or leave the collection out")
    }
}

impl Source {
    fn of(collection: &Collection, version: Version) -> Self {
        let over_rest = collection.has_references()
            || collection.hides_expired_objects()
            || collection.properties.iter().any(|property| is_hidden(property, version));
        if over_rest { Self::Rest } else { Self::Grpc }
    }
}

/// Whether gRPC does not show all of an object: see `grpc::properties_request`.
fn is_hidden(property: &Property, version: Version) -> bool {
    property.has_capital_parts()
        && (property.any_nested(&Property::is_blob) || !version.has(Feature::ShowsWholeObjects))
}

/// An id as the cursor: `after` is exclusive and need not exist.
fn cursor(after: Option<Uuid>) -> String {
    after.map(|id| id.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn grpc_is_left_only_where_it_must_be() {
        let source = |schema: serde_json::Value, version: &str| {
            let collection = Collection::from_schema(schema).unwrap();
            Source::of(&collection, Version::parse(version).unwrap())
        };
        let named = json!({"v": {"vectorIndexType": "hnsw", "vectorizer": {"none": {}}}});
        let plain =
            json!({"class": "A", "properties": [{"name": "t", "dataType": ["text"]}], "vectorConfig": named});
        let references =
            json!({"class": "A", "properties": [{"name": "r", "dataType": ["A"]}], "vectorConfig": named});
        assert_eq!(source(plain.clone(), "1.38.0"), Source::Grpc);
        assert_eq!(source(references, "1.39.0"), Source::Rest);
        let mut expiring = plain;
        expiring["objectTtlConfig"] = json!({"enabled": true, "filterExpiredObjects": true});
        assert_eq!(source(expiring, "1.39.0"), Source::Rest);
    }
}
