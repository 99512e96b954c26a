//! Writing objects: requests of `BatchObjects`, and what became of each object.

mod over_rest;
mod request;
mod split;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use selvedge_proto::weaviate::vectors::VectorType;
use selvedge_proto::weaviate::{BatchObject, BatchObjectsRequest, Vectors as WireVectors};
use serde_json::json;
use uuid::Uuid;

use super::cancel::Effect;
use super::fault::{Fault, Outlook};
use super::{Cluster, failure, grpc, json_to_properties, texts};
use request::{Body, WriteRequest};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, Collection, Property, ValueKind, VectorSpace, Vectors, parse_references};
pub use split::{Parcel, Run};

/// What a request should weigh at most, and hold at most. Larger ones are not faster, and each is in memory a few times
/// over while it is made and sent.
const REQUEST_BYTES: usize = 2 << 20;
const REQUEST_OBJECTS: usize = 500;
/// Weaviate quotes values, which can be of any length. So many characters of what it says are kept.
const LONGEST_REASON: usize = 2_000;
/// What an object takes in a message besides itself, at most.
const FRAMING: usize = 16;

/// Writes objects into one collection.
pub struct ObjectWriter {
    cluster: Cluster,
    collection: String,
    properties: Vec<Property>,
    spaces: Vec<VectorSpace>,
    /// Whether a module would make a legacy vector for an object that comes without one.
    makes_vectors: bool,
    max_message: usize,
}

/// Some rows of a batch, whose objects are of one tenant; None without multi-tenancy.
#[derive(Debug, Clone)]
pub struct Slice {
    pub tenant: Option<Arc<str>>,
    pub batch: Arc<Batch>,
    pub rows: Range<usize>,
}

/// An object that Weaviate refused for good, or a reference of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub tenant: Option<Arc<str>>,
    pub id: Uuid,
    /// Weaviate's own words, or the beginning of them.
    pub reason: String,
}

impl Refusal {
    pub(super) fn new(tenant: Option<Arc<str>>, id: Uuid, mut reason: String) -> Self {
        if let Some((end, _)) = reason.char_indices().nth(LONGEST_REASON) {
            reason.truncate(end);
            reason.shrink_to_fit();
        }
        Self { tenant, id, reason }
    }
}

/// What became of the objects of a request that were not simply stored.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Not stored.
    pub refused: Vec<Refusal>,
    /// Stored without something that Weaviate does not take.
    pub altered: Vec<Refusal>,
}

/// Empty lists that an object is to get after it was stored.
pub(super) struct EmptyLists {
    pub key: Key,
    pub properties: Vec<String>,
}

/// An object by its tenant, and its id.
pub(super) type Key = (Option<Arc<str>>, Uuid);

impl ObjectWriter {
    /// `spaces` are those that batches have columns for.
    pub async fn new(cluster: &Cluster, collection: &Collection, spaces: &[VectorSpace]) -> Result<Self> {
        let is_made = |space: &VectorSpace| space.name.is_none() && space.vectorizer != "none";
        Ok(Self {
            cluster: cluster.clone(),
            collection: collection.name.clone(),
            properties: collection.properties.clone(),
            spaces: spaces.to_vec(),
            makes_vectors: collection.vector_spaces.iter().any(is_made),
            max_message: cluster.connect().await?.max_message,
        })
    }

    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub(super) fn collection(&self) -> &str {
        &self.collection
    }

    pub(super) fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// Makes requests of some objects: one, unless that is more than Weaviate takes in a message, or some of them can only be
    /// written over REST.
    pub fn requests(&self, slices: &[Slice]) -> Result<Vec<WriteRequest>> {
        let mut requests = Vec::new();
        let (mut over_grpc, mut over_rest) = (WriteRequest::grpc(), WriteRequest::rest());
        for Slice { tenant, batch, rows } in slices {
            for row in rows.clone() {
                let (key, tenant) = ((tenant.clone(), batch.ids[row]), tenant.as_deref());
                let object =
                    if self.needs_rest(batch, row) { None } else { Some(self.object(tenant, batch, row)?) };
                // Over REST, nothing limits how large an object may be.
                let object = object.map(|object| (object.encoded_len() + FRAMING, object));
                let Some((bytes, object)) = object.filter(|(bytes, _)| *bytes <= self.max_message) else {
                    over_rest.push_json(key, self.object_json(tenant, batch, row)?);
                    if over_rest.bytes >= REQUEST_BYTES {
                        requests.push(std::mem::replace(&mut over_rest, WriteRequest::rest()));
                    }
                    continue;
                };
                if over_grpc.bytes + bytes > self.max_message {
                    requests.push(std::mem::replace(&mut over_grpc, WriteRequest::grpc()));
                }
                over_grpc.push(key, object, bytes);
            }
        }
        requests.extend([over_grpc, over_rest].into_iter().filter(|request| !request.is_empty()));
        Ok(requests)
    }

    fn object(&self, tenant: Option<&str>, batch: &Batch, row: usize) -> Result<BatchObject> {
        let id = batch.ids[row];
        let json = batch.properties.get(row);
        let mut properties = json_to_properties::object_properties(&self.properties, json)
            .map_err(|error| self.unfit(id, &error.0))?;
        properties.empty_list_props.extend(self.empty_references(batch, row)?);
        let mut object = BatchObject {
            uuid: id.to_string(),
            properties: Some(properties),
            collection: self.collection.clone(),
            tenant: tenant.unwrap_or_default().to_owned(),
            ..BatchObject::default()
        };
        for (space, column) in self.spaces.iter().zip(&batch.vectors) {
            let Some((bytes, kind)) = encode_vector(column, row) else { continue };
            match &space.name {
                None => object.vector_bytes = bytes,
                Some(name) => object.vectors.push(WireVectors {
                    name: name.clone(),
                    vector_bytes: bytes,
                    r#type: kind.into(),
                }),
            }
        }
        Ok(object)
    }

    /// The reference properties of an object that hold an empty list. The others come later, in requests of their own.
    fn empty_references(&self, batch: &Batch, row: usize) -> Result<Vec<String>> {
        let Some(column) = &batch.references else { return Ok(Vec::new()) };
        let lists = parse_references(column.get(row)).map_err(|text| self.unfit(batch.ids[row], &text))?;
        let empty = lists.into_iter().filter(|(name, list)| list.is_empty() && self.property(name).is_some());
        Ok(empty.map(|(name, _)| name).collect())
    }

    pub(super) fn unfit(&self, id: Uuid, text: &str) -> Error {
        let collection = &self.collection;
        Error::new(
            Kind::BackupCorrupt,
            format!("object {id} does not fit collection \"{collection}\": {text}"),
        )
    }

    /// Writes a request, and repeats what fails in a way that may pass, until the job is cancelled or patience ends. Writing
    /// an object twice does no harm: the id decides.
    pub async fn write(&self, mut request: WriteRequest) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut lists = Vec::new();
        let mut tries = self.cluster.tries();
        loop {
            let error = match tries.make(self.send(&request)).await {
                Ok(errors) => {
                    let (again, never) = self.sort(&mut request, errors, &mut lists);
                    outcome.refused.extend(never);
                    let Some((_, reason)) = again.first() else {
                        tries.done();
                        outcome.altered = self.add_empty_lists(lists).await?;
                        return Ok(outcome);
                    };
                    let fault = match Fault::of_text(reason) {
                        Some(Fault::CollectionMissing) => Fault::CollectionMissing,
                        _ => Fault::Busy,
                    };
                    let error = failure::error(fault, format!("cannot {}: {reason}", self.action()));
                    request.keep(again.iter().map(|(index, _)| *index));
                    error
                }
                Err(error) => error,
            };
            let error = tries.make(self.cluster.unless_behind(error, &self.collection)).await;
            tries.again(error).await?;
        }
    }

    /// Those that are worth another try, and those that are not.
    fn sort(
        &self,
        request: &mut WriteRequest,
        errors: Vec<(usize, String)>,
        lists: &mut Vec<EmptyLists>,
    ) -> (Vec<(usize, String)>, Vec<Refusal>) {
        // Weaviate reports a read-only shard for the first of its objects only: the others are not stored either.
        if let Some((_, reason)) = errors.iter().find(|(_, reason)| texts::is_read_only(reason)) {
            let (reason, all) = (reason.clone(), 0..request.len());
            return (all.map(|index| (index, reason.clone())).collect(), Vec::new());
        }
        let dropped = self.drop_empty_dates(request, &errors);
        let (mut again, mut never) = (Vec::new(), Vec::new());
        for (index, reason) in errors {
            let may_pass = match Fault::of_text(&reason) {
                Some(Fault::EmptyDates) => !dropped.is_empty(),
                // The node that refused it may not know the collection yet.
                Some(Fault::CollectionMissing) => true,
                fault => fault.is_some_and(|fault| fault.outlook() == Outlook::MayPass),
            };
            if may_pass {
                again.push((index, reason));
            } else {
                never.push(request.refusal(index, reason));
            }
        }
        lists.extend(dropped);
        (again, never)
    }

    /// On a node other than the one that is asked, Weaviate cannot store a new object with an empty list of dates, and refuses
    /// all objects of the same shard with the one that has it. But it can add the list to an object that is there.
    fn drop_empty_dates(&self, request: &mut WriteRequest, errors: &[(usize, String)]) -> Vec<EmptyLists> {
        let is_about_dates = |reason: &str| Fault::of_text(reason) == Some(Fault::EmptyDates);
        let about_dates = errors.iter().filter(|(_, reason)| is_about_dates(reason));
        about_dates.filter_map(|(index, _)| request.drop_empty_lists(*index, &self.date_lists())).collect()
    }

    /// Adds empty lists to objects that were stored without them. Returns those that still lack them.
    async fn add_empty_lists(&self, lists: Vec<EmptyLists>) -> Result<Vec<Refusal>> {
        let mut lacking = Vec::new();
        for EmptyLists { key: (tenant, id), properties } in lists {
            let empty: BTreeMap<_, _> = properties.iter().map(|name| (name.as_str(), json!([]))).collect();
            let mut body = json!({"class": self.collection, "id": id, "properties": empty});
            if let Some(tenant) = &tenant {
                body["tenant"] = json!(**tenant);
            }
            let action = format!("{}: add empty lists", self.action());
            let path = format!("/v1/objects/{}/{id}", self.collection);
            match self.cluster.retrying(|| self.cluster.rest.patch(&action, &path, &body)).await {
                Ok(_) => {}
                Err(error) if error.is_transient() || error.kind() == Kind::Cancelled => return Err(error),
                Err(error) => {
                    let reason = format!("stored without its empty list of dates: {error}");
                    lacking.push(Refusal::new(tenant, id, reason));
                }
            }
        }
        Ok(lacking)
    }

    fn date_lists(&self) -> Vec<&str> {
        let is_dates = |property: &&Property| property.kind == ValueKind::Date && property.list;
        self.properties.iter().filter(is_dates).map(|property| property.name.as_str()).collect()
    }

    /// Sends once. Returns the place in the request and the reason of each object that was refused.
    async fn send(&self, request: &WriteRequest) -> Result<Vec<(usize, String)>> {
        let objects = match &request.body {
            // Cheap: vectors are shared, not copied.
            Body::Grpc(objects) => objects.clone(),
            Body::Rest(objects) => return self.send_json(objects).await,
        };
        let message = BatchObjectsRequest { objects, consistency_level: None };
        let call = |line| async move { grpc(line).batch_objects(message).await };
        let reply = self.cluster.call(Effect::Changes, call).await;
        let reply = reply.map_err(|status| self.cluster.failed(&self.action(), status))?;
        // By place, so that an object that is reported twice counts once.
        let errors: BTreeMap<_, _> =
            reply.errors.into_iter().map(|error| (error.index, error.error)).collect();
        errors
            .into_iter()
            .map(|(index, text)| match usize::try_from(index) {
                Ok(place) if place < request.len() => Ok((place, text)),
                _ => Err(Error::new(
                    Kind::WeaviateUnintelligible,
                    format!(
                        "{}: Weaviate reports an error for object {} of {}",
                        self.action(),
                        index,
                        request.len()
                    ),
                )),
            })
            .collect()
    }

    fn action(&self) -> String {
        format!("write to collection \"{}\"", self.collection)
    }
}

fn encode_vector(column: &Vectors, row: usize) -> Option<(Bytes, VectorType)> {
    match column {
        Vectors::Single(column) => {
            let vector = column.get(row)?;
            let mut bytes = Vec::with_capacity(size_of_val(vector));
            extend_le(&mut bytes, vector);
            Some((bytes.into(), VectorType::SingleFp32))
        }
        Vectors::Multi(column) => {
            let mut bytes = Vec::new();
            for vector in column.get(row)? {
                if bytes.is_empty() {
                    // Weaviate refuses vectors of more than 65535 dimensions.
                    let dimension = u16::try_from(vector.len()).unwrap_or(u16::MAX);
                    bytes.extend_from_slice(&dimension.to_le_bytes());
                }
                extend_le(&mut bytes, vector);
            }
            Some((bytes.into(), VectorType::MultiFp32))
        }
    }
}

fn extend_le(bytes: &mut Vec<u8>, vector: &[f32]) {
    for float in vector {
        bytes.extend_from_slice(&float.to_le_bytes());
    }
}
