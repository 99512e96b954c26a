//! Writing objects: requests of `BatchObjects`, and what became of each object.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use prost::Message;
use selvedge_proto::weaviate::vectors::VectorType;
use selvedge_proto::weaviate::{BatchObject, BatchObjectsRequest, Vectors as WireVectors};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Cluster, failure, json_to_properties};
use crate::error::{Error, Kind, Result};
use crate::model::{Batch, Collection, Property, VectorSpace, Vectors};

/// What a request should weigh at most, and hold at most. Larger ones are not faster, and each is in memory a few times
/// over while it is made and sent.
const REQUEST_BYTES: usize = 4 << 20;
const REQUEST_OBJECTS: usize = 500;
/// What an object takes in a message besides itself, at most.
const FRAMING: usize = 16;

/// Writes objects into one collection.
pub struct ObjectWriter {
    cluster: Cluster,
    collection: String,
    properties: Vec<Property>,
    spaces: Vec<VectorSpace>,
    max_message: usize,
}

/// An object that Weaviate refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub id: Uuid,
    /// Weaviate's own words.
    pub reason: String,
}

/// A request that is ready to be sent, as often as need be.
#[derive(Default)]
pub struct WriteRequest {
    ids: Vec<Uuid>,
    objects: Vec<BatchObject>,
    /// Encoded size.
    pub bytes: usize,
}

impl ObjectWriter {
    /// `spaces` are those that batches have columns for.
    pub async fn new(cluster: &Cluster, collection: &Collection, spaces: &[VectorSpace]) -> Result<Self> {
        Ok(Self {
            cluster: cluster.clone(),
            collection: collection.name.clone(),
            properties: collection.properties.clone(),
            spaces: spaces.to_vec(),
            max_message: cluster.connect().await?.max_message,
        })
    }

    /// Cuts a batch into runs of rows that make a request of a good size each.
    pub fn split(&self, batch: &Batch) -> Vec<Range<usize>> {
        let per_object = (batch.byte_len() / batch.len().max(1)).max(1);
        let step = (REQUEST_BYTES / per_object).clamp(1, REQUEST_OBJECTS);
        (0..batch.len()).step_by(step).map(|start| start..(start + step).min(batch.len())).collect()
    }

    /// Makes requests of some rows of a batch: one, unless that is more than Weaviate takes in a message. Also returns the
    /// objects that are too large even alone.
    pub fn requests(
        &self,
        tenant: Option<&str>,
        batch: &Batch,
        rows: Range<usize>,
    ) -> Result<(Vec<WriteRequest>, Vec<Refusal>)> {
        let (mut requests, mut refusals) = (Vec::new(), Vec::new());
        let mut open = WriteRequest::default();
        for row in rows {
            let (id, object) = (batch.ids[row], self.object(tenant, batch, row)?);
            let bytes = object.encoded_len() + FRAMING;
            if bytes > self.max_message {
                let reason = format!(
                    "it has {bytes} bytes, more than Weaviate takes in one message ({})",
                    self.max_message
                );
                refusals.push(Refusal { id, reason });
                continue;
            }
            if open.bytes + bytes > self.max_message {
                requests.push(std::mem::take(&mut open));
            }
            open.bytes += bytes;
            open.ids.push(id);
            open.objects.push(object);
        }
        if open.len() > 0 {
            requests.push(open);
        }
        Ok((requests, refusals))
    }

    fn object(&self, tenant: Option<&str>, batch: &Batch, row: usize) -> Result<BatchObject> {
        let id = batch.ids[row];
        let json = batch.properties.get(row);
        let properties = json_to_properties::object_properties(&self.properties, json).map_err(|error| {
            let collection = &self.collection;
            Error::new(
                Kind::BackupCorrupt,
                format!("object {id} does not fit collection \"{collection}\": {}", error.0),
            )
        })?;
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

    /// Writes a request, and repeats what fails in a way that may pass, until `stop` is cancelled or patience ends.
    /// Returns the objects that were refused for good. Writing an object twice does no harm: the id decides.
    pub async fn write(&self, mut request: WriteRequest, stop: &CancellationToken) -> Result<Vec<Refusal>> {
        let mut refused = Vec::new();
        let mut pauses = self.cluster.pauses();
        loop {
            let error = match self.send(&request).await {
                Ok(errors) => {
                    let (later, never): (Vec<_>, Vec<_>) =
                        errors.into_iter().partition(|(_, reason)| failure::is_transient_text(reason));
                    refused.extend(
                        never.into_iter().map(|(index, reason)| Refusal { id: request.ids[index], reason }),
                    );
                    let Some((_, reason)) = later.first() else {
                        self.cluster.observe_proceeding();
                        return Ok(refused);
                    };
                    let error = Error::new(Kind::WeaviateOverloaded, format!("{}: {reason}", self.action()));
                    request.keep(later.iter().map(|(index, _)| *index));
                    error
                }
                Err(error) if error.is_transient() => error,
                Err(error) => return Err(error),
            };
            let Some(pause) = pauses.next() else { return Err(error) };
            self.cluster.observe_retry(&error, pause);
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Err(error);
            }
        }
    }

    /// Sends once. Returns the place in the request and the reason of each object that was refused.
    async fn send(&self, request: &WriteRequest) -> Result<Vec<(usize, String)>> {
        // Cheap: vectors are shared, not copied.
        let message = BatchObjectsRequest { objects: request.objects.clone(), consistency_level: None };
        let reply = self.cluster.grpc().batch_objects(Cluster::request(message)).await;
        let reply = reply.map_err(|status| self.cluster.failed(&self.action(), status))?.into_inner();
        // By place, so that an object that is reported twice counts once.
        let errors: BTreeMap<_, _> =
            reply.errors.into_iter().map(|error| (error.index, error.error)).collect();
        errors
            .into_iter()
            .map(|(index, text)| match usize::try_from(index) {
                Ok(place) if place < request.ids.len() => Ok((place, text)),
                _ => Err(Error::new(
                    Kind::WeaviateUnintelligible,
                    format!(
                        "{}: Weaviate reports an error for object {} of {}",
                        self.action(),
                        index,
                        request.ids.len()
                    ),
                )),
            })
            .collect()
    }

    fn action(&self) -> String {
        format!("write to collection \"{}\"", self.collection)
    }
}

impl WriteRequest {
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Keeps only the objects at these places.
    fn keep(&mut self, places: impl Iterator<Item = usize>) {
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        places.dedup();
        self.ids = places.iter().map(|place| self.ids[*place]).collect();
        self.objects = places.iter().map(|place| std::mem::take(&mut self.objects[*place])).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_keeps_ids_and_objects_together() {
        let id = Uuid::from_u128;
        let object = |n| BatchObject { uuid: id(n).to_string(), ..BatchObject::default() };
        let mut request =
            WriteRequest { ids: (0..4).map(id).collect(), objects: (0..4).map(object).collect(), bytes: 0 };
        request.keep([3, 1, 3].into_iter());
        assert_eq!(request.ids, [id(1), id(3)]);
        assert_eq!(request.objects, [object(1), object(3)]);
    }
}
