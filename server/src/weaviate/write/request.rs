//! Some objects on their way to Weaviate.

use selvedge_proto::weaviate::{BatchObject, batch_object};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::EmptyLists;

/// A request that is ready to be sent, as often as need be.
pub struct WriteRequest {
    pub(super) ids: Vec<Uuid>,
    pub(super) body: Body,
    /// Encoded size.
    pub bytes: usize,
}

pub(super) enum Body {
    Grpc(Vec<BatchObject>),
    /// In the shape of the REST API.
    Rest(Vec<Box<RawValue>>),
}

impl WriteRequest {
    pub(super) fn grpc() -> Self {
        Self { ids: Vec::new(), body: Body::Grpc(Vec::new()), bytes: 0 }
    }

    pub(super) fn rest() -> Self {
        Self { ids: Vec::new(), body: Body::Rest(Vec::new()), bytes: 0 }
    }

    pub(super) fn push(&mut self, id: Uuid, object: BatchObject, bytes: usize) {
        if let Body::Grpc(objects) = &mut self.body {
            objects.push(object);
            self.ids.push(id);
            self.bytes += bytes;
        }
    }

    pub(super) fn push_json(&mut self, id: Uuid, object: Box<RawValue>) {
        if let Body::Rest(objects) = &mut self.body {
            self.bytes += object.get().len();
            objects.push(object);
            self.ids.push(id);
        }
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Keeps only the objects at these places.
    pub(super) fn keep(&mut self, places: impl Iterator<Item = usize>) {
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        places.dedup();
        self.ids = places.iter().map(|place| self.ids[*place]).collect();
        match &mut self.body {
            Body::Grpc(objects) => {
                *objects = places.iter().map(|place| std::mem::take(&mut objects[*place])).collect();
            }
            Body::Rest(objects) => {
                *objects = places.iter().map(|place| objects[*place].clone()).collect();
            }
        }
    }

    /// Takes empty lists of these properties out of an object. None if there are none.
    pub(super) fn drop_empty_lists(&mut self, place: usize, properties: &[&str]) -> Option<EmptyLists> {
        let Body::Grpc(objects) = &mut self.body else { return None };
        let object = &mut objects[place];
        let batch_object::Properties { empty_list_props, .. } = object.properties.as_mut()?;
        let (dropped, kept): (Vec<_>, Vec<_>) = std::mem::take(empty_list_props)
            .into_iter()
            .partition(|name| properties.contains(&name.as_str()));
        *empty_list_props = kept;
        let lists = EmptyLists { id: self.ids[place], tenant: object.tenant.clone(), properties: dropped };
        (!lists.properties.is_empty()).then_some(lists)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_keeps_ids_and_objects_together() {
        let id = Uuid::from_u128;
        let object = |n| BatchObject { uuid: id(n).to_string(), ..BatchObject::default() };
        let mut request = WriteRequest::grpc();
        (0..4).for_each(|n| request.push(id(n), object(n), 1));
        request.keep([3, 1, 3].into_iter());
        assert_eq!(request.ids, [id(1), id(3)]);
        let Body::Grpc(objects) = &request.body else { panic!() };
        assert_eq!(*objects, [object(1), object(3)]);
    }
}
