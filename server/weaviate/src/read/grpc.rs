//! Pages over gRPC: `Search` with the cursor.

use std::sync::atomic::Ordering::Relaxed;

use prost::Message;
use selvedge_proto::weaviate::vectors::VectorType;
use selvedge_proto::weaviate::{
    ConsistencyLevel, MetadataRequest, MetadataResult, ObjectPropertiesRequest, PropertiesRequest,
    SearchReply, SearchRequest, SearchResult,
};
use uuid::Uuid;

use super::failure::{Failure, fewer};
use super::{ObjectReader, Page, cursor};
use crate::cancel::Effect;
use crate::fault::Fault;
use crate::properties_to_json::{self, AMBIGUOUS_INTEGER};
use crate::wire::Malformed;
use crate::{MAX_REPLY, grpc};
use selvedge_model::error::{Error, Kind};
use selvedge_model::{Batch, Collection, Property, ValueKind, VectorSpace, Vectors};

/// Everything of a request but where it starts.
pub fn template(collection: &Collection, vectors: bool) -> SearchRequest {
    let level =
        if collection.replication_factor > 1 { ConsistencyLevel::Quorum } else { ConsistencyLevel::One };
    SearchRequest {
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
    }
}

/// The same, for ids and times only.
pub fn template_of_keys(collection: &Collection) -> SearchRequest {
    SearchRequest { properties: Some(PropertiesRequest::default()), ..template(collection, false) }
}

impl ObjectReader {
    /// `room` is what the reply may weigh.
    pub async fn grpc_page(
        &self,
        tenant: &str,
        after: Option<Uuid>,
        limit: u32,
        room: usize,
    ) -> Result<Page, Failure> {
        let request =
            SearchRequest { tenant: tenant.to_owned(), after: cursor(after), limit, ..self.template.clone() };
        let reply = self.search(tenant, request, room).await?;
        let bytes = reply.encoded_len();
        let batch = self.decode(tenant, reply, after)?;
        let listed = batch.len();
        let (last, is_last) = (batch.ids.last().copied(), (listed as u64) < u64::from(limit));
        Ok(Page { batch, bytes, listed, last, is_last, misread: Vec::new(), unreadable: Vec::new() })
    }

    /// Objects in the order of their ids, all of them behind `after`.
    pub(super) fn decode(
        &self,
        tenant: &str,
        reply: SearchReply,
        after: Option<Uuid>,
    ) -> Result<Batch, Failure> {
        let mut batch = self.batch();
        for (space, column) in self.spaces.iter().zip(&mut batch.vectors) {
            let found = reply.results.iter().filter_map(|result| result.metadata.as_ref());
            column.reserve(found.map(|metadata| vector_of(metadata, space).0.len()).sum());
        }
        let mut last = after;
        for result in reply.results {
            let id = result.metadata.as_ref().map_or("", |metadata| metadata.id.as_str()).to_owned();
            match self.decode_object(&mut batch, result, &mut last) {
                Ok(()) => {}
                Err(Malformed(text)) if text.contains(AMBIGUOUS_INTEGER) => {
                    return Err(Failure::OnlyOverRest);
                }
                Err(error) => return Err(Failure::Other(self.undecodable(tenant, id, error))),
            }
        }
        Ok(batch)
    }

    /// Sends a search, whose reply may weigh so much.
    pub(super) async fn search(
        &self,
        tenant: &str,
        mut request: SearchRequest,
        room: usize,
    ) -> Result<SearchReply, Failure> {
        let limit = request.limit;
        let at_one = self.at_one.load(Relaxed);
        if at_one {
            request.consistency_level = Some(ConsistencyLevel::One.into());
        }
        let most = room.min(MAX_REPLY);
        let call = |line| async move { grpc(line).max_decoding_message_size(most).search(request).await };
        let status = match self.cluster.call(Effect::Reads, call).await {
            Ok(reply) => return Ok(reply),
            Err(status) => status,
        };
        match Fault::of_status(&status) {
            Fault::LargerThanMessage if limit > 1 => return Err(Failure::TooLarge(0)),
            Fault::LargerThanRoom(bytes) if limit > 1 || room < MAX_REPLY => {
                return Err(Failure::TooLarge(bytes));
            }
            // An object that no message can hold; REST has no such limit.
            Fault::LargerThanMessage | Fault::LargerThanRoom(_) => return Err(Failure::OnlyOverRest),
            Fault::Misread => return Err(Failure::OnlyOverRest),
            Fault::TooMany(told) => {
                if let Some(most) = fewer(limit, told) {
                    return Err(Failure::TooMany(most));
                }
            }
            Fault::ReplicasDisagree | Fault::TooFewReplicas if !at_one => {
                self.at_one.store(true, Relaxed);
                // Some replica is down, and another one has all that there is.
                let error = self.cluster.failed(&self.action(tenant), status);
                let text = format!("{error}; reading from any one replica instead");
                return Err(Failure::Other(Error::new(Kind::WeaviateOverloaded, text)));
            }
            _ => {}
        }
        let error = self.cluster.failed(&self.action(tenant), status);
        Err(self.cluster.unless_behind(error, &self.collection.name).await.into())
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
        self.push_vectors(batch, &metadata)
    }

    /// Appends an object's vectors.
    pub(super) fn push_vectors(&self, batch: &mut Batch, metadata: &MetadataResult) -> Result<(), Malformed> {
        let (legacy, named) = (legacy_vector(metadata), &metadata.vectors);
        let mut taken = 0;
        for (space, column) in self.spaces.iter().zip(&mut batch.vectors) {
            let (bytes, kind) = vector_of(metadata, space);
            if bytes.is_empty() {
                column.push_absent();
            } else {
                taken += 1;
                push_vector(column, bytes, kind)
                    .map_err(|text| Malformed(format!("{}: {text}", space.label())))?;
            }
        }
        let sent =
            named.iter().filter(|vector| !vector.vector_bytes.is_empty() && self.is_kept(&vector.name));
        if !self.spaces.is_empty() && taken != sent.count() + usize::from(!legacy.is_empty()) {
            return Err(Malformed("a vector that the collection's schema does not have".to_owned()));
        }
        Ok(())
    }

    /// False for a vector whose index was dropped.
    pub(super) fn is_kept(&self, vector: &str) -> bool {
        !self.dropped.iter().any(|name| name == vector)
    }
}

/// The unnamed vector. Before 1.27.14, 1.28.8 and 1.29.1, only the field that was deprecated since is filled.
fn legacy_vector(metadata: &MetadataResult) -> &[u8] {
    if metadata.vector_bytes.is_empty() { &metadata.vector } else { &metadata.vector_bytes }
}

/// An object's vector in this space, empty if it has none, and how it is written.
fn vector_of<'m>(metadata: &'m MetadataResult, space: &VectorSpace) -> (&'m [u8], VectorType) {
    let Some(name) = &space.name else { return (legacy_vector(metadata), VectorType::SingleFp32) };
    match metadata.vectors.iter().find(|vector| vector.name == *name) {
        Some(vector) => (&vector.vector_bytes, vector.r#type()),
        None => (&[], VectorType::Unspecified),
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
/// blobs, on versions that can do it; what neither way shows whole is read over REST.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_is_named_and_objects_by_their_parts_unless_these_have_capitals() {
        let leaf = |name: &str, kind| Property::new(name, kind, false);
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
