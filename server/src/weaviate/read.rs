//! Reading objects: pages of `Search` with the cursor, as columnar batches.

use std::sync::Arc;

use prost::Message;
use selvedge_proto::weaviate::vectors::VectorType;
use selvedge_proto::weaviate::{
    ConsistencyLevel, MetadataRequest, ObjectPropertiesRequest, PropertiesRequest, SearchReply,
    SearchRequest, SearchResult,
};
use tonic::{Code, Status};
use uuid::Uuid;

use super::wire::Malformed;
use super::{Cluster, properties_to_json};
use crate::error::{Error, Kind, Result};
use crate::model::{Batch, Collection, Property, UuidRange, ValueKind, VectorSpace, Vectors};

/// What a page should weigh. Large pages save Weaviate work, small ones keep memory flat and progress even.
const PAGE_BYTES: usize = 6 << 20;
/// Measured: larger pages are slower, whatever they weigh.
const MAX_PAGE_OBJECTS: u32 = 1000;
/// The first page tells how heavy objects are, so it must not assume that they are light.
const FIRST_PAGE_OBJECTS: u32 = 16;

/// Reads the objects of one collection.
pub struct ObjectReader {
    cluster: Cluster,
    collection: String,
    /// Everything of a request but where it starts.
    template: SearchRequest,
    spaces: Vec<VectorSpace>,
}

/// A page of objects.
#[derive(Debug)]
pub struct Page {
    pub batch: Batch,
    /// Bytes of Weaviate's answer.
    pub bytes: usize,
}

impl ObjectReader {
    /// With `vectors` false, objects come without any.
    pub fn new(cluster: &Cluster, collection: &Collection, vectors: bool) -> Self {
        let level =
            if collection.replication_factor > 1 { ConsistencyLevel::Quorum } else { ConsistencyLevel::One };
        let template = SearchRequest {
            collection: collection.name.clone(),
            consistency_level: Some(level.into()),
            properties: Some(properties_request(&collection.properties)),
            metadata: Some(MetadataRequest {
                uuid: true,
                vector: vectors,
                creation_time_unix: true,
                last_update_time_unix: true,
                vectors: Vec::new(),
            }),
            uses_123_api: true,
            uses_125_api: true,
            uses_127_api: true,
            ..SearchRequest::default()
        };
        let spaces = if vectors { collection.vector_spaces.clone() } else { Vec::new() };
        Self { cluster: cluster.clone(), collection: collection.name.clone(), template, spaces }
    }

    /// The vector spaces that its batches have columns for.
    pub fn spaces(&self) -> &[VectorSpace] {
        &self.spaces
    }

    /// Reads one range of a collection, or of one of its tenants.
    pub fn range(self: &Arc<Self>, tenant: Option<&str>, range: UuidRange) -> RangeReader {
        RangeReader {
            reader: Arc::clone(self),
            tenant: tenant.unwrap_or_default().to_owned(),
            range,
            after: range.cursor(),
            limit: FIRST_PAGE_OBJECTS,
            done: false,
        }
    }

    async fn search(&self, tenant: &str, after: Option<Uuid>, limit: u32) -> Result<SearchReply, Failure> {
        let message = SearchRequest {
            tenant: tenant.to_owned(),
            after: after.map(|id| id.to_string()).unwrap_or_default(),
            limit,
            ..self.template.clone()
        };
        match self.cluster.grpc().search(Cluster::request(message)).await {
            Ok(reply) => Ok(reply.into_inner()),
            Err(status) if limit > 1 && is_too_large(&status) => Err(Failure::TooLarge),
            Err(status) => {
                let error = self.explain(self.cluster.failed(&self.action(tenant), status));
                Err(Failure::Other(self.cluster.unless_starting(error, &self.collection).await))
            }
        }
    }

    fn action(&self, tenant: &str) -> String {
        match tenant {
            "" => format!("read collection \"{}\"", self.collection),
            tenant => format!("read tenant \"{tenant}\" of collection \"{}\"", self.collection),
        }
    }

    fn explain(&self, error: Error) -> Error {
        if error.kind() != Kind::CollectionUnsupported {
            return error;
        }
        Error::new(
            Kind::CollectionUnsupported,
            format!(
                "collection \"{}\" has an object value that Weaviate itself misreads: one with exactly the keys of \
                 geo coordinates, a phone number or a reference",
                self.collection
            ),
        )
        .hint(format!("leave it out with --exclude {}; this version cannot back it up exactly", self.collection))
        .caused_by(error)
    }

    fn decode(&self, reply: SearchReply, tenant: &str, after: Option<Uuid>) -> Result<Batch> {
        let mut batch = Batch::new(&self.spaces);
        let mut last = after;
        for result in reply.results {
            let id = result.metadata.as_ref().map_or("", |metadata| metadata.id.as_str()).to_owned();
            self.decode_object(&mut batch, result, &mut last)
                .map_err(|error| self.undecodable(tenant, &id, error))?;
        }
        Ok(batch)
    }

    fn decode_object(
        &self,
        batch: &mut Batch,
        result: SearchResult,
        last: &mut Option<Uuid>,
    ) -> Result<(), Malformed> {
        let metadata = result.metadata.ok_or_else(|| Malformed("no metadata".to_owned()))?;
        let id = Uuid::try_parse(&metadata.id).map_err(|error| Malformed(error.to_string()))?;
        if last.is_some_and(|last| id <= last) {
            return Err(Malformed("it comes out of order".to_owned()));
        }
        let properties = result.properties.map(|properties| properties.non_ref_props).unwrap_or_default();
        batch.properties.push_with(|text| properties_to_json::write_object(text, &properties))?;
        batch.ids.push(id);
        batch.creation_times.push(metadata.creation_time_unix);
        batch.update_times.push(metadata.last_update_time_unix);
        *last = Some(id);
        self.push_vectors(batch, &metadata.vector_bytes, &metadata.vectors)
    }

    fn push_vectors(
        &self,
        batch: &mut Batch,
        legacy: &[u8],
        named: &[selvedge_proto::weaviate::Vectors],
    ) -> Result<(), Malformed> {
        let mut taken = 0;
        for (space, column) in self.spaces.iter().zip(&mut batch.vectors) {
            let (bytes, kind) = match &space.name {
                None => (legacy, VectorType::SingleFp32),
                Some(name) => match named.iter().find(|vector| vector.name == *name) {
                    Some(vector) => (vector.vector_bytes.as_ref(), vector.r#type()),
                    None => (&[][..], VectorType::Unspecified),
                },
            };
            if bytes.is_empty() {
                column.push_absent();
            } else {
                taken += 1;
                push_vector(column, bytes, kind)
                    .map_err(|text| Malformed(format!("{}: {text}", space.label())))?;
            }
        }
        let sent = named.iter().filter(|vector| !vector.vector_bytes.is_empty()).count()
            + usize::from(!legacy.is_empty());
        if !self.spaces.is_empty() && taken != sent {
            return Err(Malformed("a vector that the collection's schema does not have".to_owned()));
        }
        Ok(())
    }

    fn undecodable(&self, tenant: &str, id: &str, error: Malformed) -> Error {
        Error::new(
            Kind::WeaviateUnintelligible,
            format!("cannot {}: object {id}: {}", self.action(tenant), error.0),
        )
        .hint(format!("change the object, or leave the collection out with --exclude {}", self.collection))
    }
}

fn push_vector(column: &mut Vectors, bytes: &[u8], kind: VectorType) -> Result<(), String> {
    match (column, kind) {
        (Vectors::Single(column), VectorType::SingleFp32 | VectorType::Unspecified)
            if bytes.len().is_multiple_of(4) =>
        {
            column.push_le_bytes(bytes);
            Ok(())
        }
        (Vectors::Multi(column), VectorType::MultiFp32) => {
            // The dimension comes first, as two bytes.
            let (dimension, floats) =
                bytes.split_first_chunk().ok_or("a multi-vector without a dimension")?;
            let dimension = usize::from(u16::from_le_bytes(*dimension));
            if dimension == 0 || !floats.len().is_multiple_of(dimension * 4) {
                return Err(format!("{} bytes are no vectors of dimension {dimension}", floats.len()));
            }
            column.push_le_bytes(dimension, floats);
            Ok(())
        }
        _ => Err(format!("{} bytes of type {kind:?} do not fit the schema", bytes.len())),
    }
}

/// Every property by name: Weaviate leaves out blobs that are not named.
///
/// An object is named by its parts, down to the leaves. But Weaviate turns the first letter of each of these names into a
/// small one, and then shows nothing of a part with a capital. Named as a whole, an object comes with all its parts except
/// blobs, on versions that can do it; `ops::limits` refuses what neither way shows whole.
fn properties_request(properties: &[Property]) -> PropertiesRequest {
    let readable = properties.iter().filter(|property| property.kind != ValueKind::Reference);
    let (in_parts, whole): (Vec<_>, Vec<_>) =
        readable.partition(|property| property.kind == ValueKind::Object && !property.has_capital_parts());
    PropertiesRequest {
        non_ref_properties: whole.into_iter().map(|property| property.name.clone()).collect(),
        object_properties: in_parts.into_iter().map(parts_of).collect(),
    }
}

fn parts_of(property: &Property) -> ObjectPropertiesRequest {
    let (objects, primitive): (Vec<_>, Vec<_>) =
        property.nested.iter().partition(|nested| nested.kind == ValueKind::Object);
    ObjectPropertiesRequest {
        prop_name: property.name.clone(),
        primitive_properties: primitive.into_iter().map(|nested| nested.name.clone()).collect(),
        object_properties: objects.into_iter().map(parts_of).collect(),
    }
}

/// Weaviate's limit for a message shows as the first, our own as the second.
fn is_too_large(status: &Status) -> bool {
    status.code() == Code::ResourceExhausted && status.message().contains("larger than max")
        || status.code() == Code::OutOfRange
}

enum Failure {
    TooLarge,
    Other(Error),
}

/// Reads the objects of one range, page by page, in the order of their ids.
pub struct RangeReader {
    reader: Arc<ObjectReader>,
    tenant: String,
    range: UuidRange,
    after: Option<Uuid>,
    limit: u32,
    done: bool,
}

impl RangeReader {
    /// The next page, or `None` at the end. Repeats what fails for a moment; may be dropped at any time.
    pub async fn next(&mut self) -> Result<Option<Page>> {
        if self.done {
            return Ok(None);
        }
        let reply = self.fetch().await?;
        if reply.results.is_empty() {
            self.done = true;
            return Ok(None);
        }
        let bytes = reply.encoded_len();
        let full = reply.results.len() as u32 >= self.limit;
        let mut batch = self.reader.decode(reply, &self.tenant, self.after)?;
        let previous = self.after.replace(batch.ids[batch.len() - 1]);
        self.limit = self.next_limit(previous, batch.len(), bytes);
        let inside = batch.ids.partition_point(|id| self.range.contains(id));
        // A short page is the last one; so is one that reaches beyond the range.
        self.done = !full || inside < batch.len() || self.after == Some(self.range.last);
        batch.truncate(inside);
        if batch.is_empty() { Ok(None) } else { Ok(Some(Page { batch, bytes })) }
    }

    async fn fetch(&mut self) -> Result<SearchReply> {
        loop {
            let (reader, tenant, after, limit) = (&self.reader, &self.tenant, self.after, self.limit);
            let outcome = reader
                .cluster
                .retrying(async || match reader.search(tenant, after, limit).await {
                    Ok(reply) => Ok(Some(reply)),
                    Err(Failure::TooLarge) => Ok(None),
                    Err(Failure::Other(error)) => Err(error),
                })
                .await?;
            match outcome {
                Some(reply) => return Ok(reply),
                None => self.limit = (self.limit / 2).max(1),
            }
        }
    }

    /// As many objects as weigh `PAGE_BYTES`, but not many more than the range seems to have left: what a page reads
    /// beyond its range is read in vain.
    fn next_limit(&self, previous: Option<Uuid>, objects: usize, bytes: usize) -> u32 {
        let by_weight = PAGE_BYTES / (bytes / objects.max(1)).max(1);
        let by_weight = u32::try_from(by_weight).unwrap_or(u32::MAX).clamp(1, MAX_PAGE_OBJECTS);
        let before = previous.map_or(1.0, |id| self.range.fraction_after(&id));
        let after = self.after.map_or(0.0, |id| self.range.fraction_after(&id));
        let read = before - after;
        if read <= 0.0 {
            return by_weight;
        }
        let left = objects as f64 * after / read;
        // A tenth and a few more, so that a range of evenly spread ids ends with this page.
        let by_range = (left * 1.1 + 32.0).min(f64::from(MAX_PAGE_OBJECTS));
        by_weight.min(by_range as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_is_named_and_objects_by_their_parts_unless_these_have_capitals() {
        let leaf =
            |name: &str, kind| Property { name: name.to_owned(), kind, list: false, nested: Vec::new() };
        let inner =
            Property { nested: vec![leaf("photo", ValueKind::Blob)], ..leaf("inner", ValueKind::Object) };
        let outer =
            Property { nested: vec![leaf("n", ValueKind::Int), inner], ..leaf("outer", ValueKind::Object) };
        let plain = Property { nested: vec![leaf("X", ValueKind::Int)], ..leaf("plain", ValueKind::Object) };
        let properties = [leaf("text", ValueKind::Text), outer, plain, leaf("ref", ValueKind::Reference)];
        let request = properties_request(&properties);
        assert_eq!(request.non_ref_properties, ["text", "plain"]);
        assert_eq!(request.object_properties[0].primitive_properties, ["n"]);
        assert_eq!(request.object_properties[0].object_properties[0].primitive_properties, ["photo"]);
    }

    #[test]
    fn vectors_of_the_wrong_shape_are_refused() {
        let space =
            |multi| VectorSpace { name: None, multi, vectorizer: "none".into(), index_type: "hnsw".into() };
        let mut single = Vectors::new(&space(false));
        assert!(push_vector(&mut single, &[0; 7], VectorType::SingleFp32).is_err());
        assert!(push_vector(&mut single, &[0; 8], VectorType::MultiFp32).is_err());
        let mut multi = Vectors::new(&space(true));
        assert!(push_vector(&mut multi, &[2, 0, 0, 0, 0, 0], VectorType::MultiFp32).is_err());
        assert!(push_vector(&mut multi, &[1, 0, 0, 0, 0, 0], VectorType::MultiFp32).is_ok());
    }
}
