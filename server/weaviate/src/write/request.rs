//! Some objects on their way to Weaviate.

use std::collections::BTreeMap;

use selvedge_proto::weaviate::{BatchObject, batch_object};
use serde_json::value::RawValue;

use super::{EmptyLists, Key, Refusal};

/// A request that is ready to be sent, as often as need be.
pub struct WriteRequest {
    keys: Vec<Key>,
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
        Self { keys: Vec::new(), body: Body::Grpc(Vec::new()), bytes: 0 }
    }

    pub(super) fn rest() -> Self {
        Self { keys: Vec::new(), body: Body::Rest(Vec::new()), bytes: 0 }
    }

    pub(super) fn push(&mut self, key: Key, object: BatchObject, bytes: usize) {
        if let Body::Grpc(objects) = &mut self.body {
            objects.push(object);
            self.keys.push(key);
            self.bytes += bytes;
        }
    }

    pub(super) fn push_json(&mut self, key: Key, object: Box<RawValue>) {
        if let Body::Rest(objects) = &mut self.body {
            self.bytes += object.get().len();
            objects.push(object);
            self.keys.push(key);
        }
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn refusal(&self, place: usize, reason: String) -> Refusal {
        let (tenant, id) = self.keys[place].clone();
        Refusal::new(tenant, id, reason)
    }

    /// Keeps only the objects at these places.
    pub(super) fn keep(&mut self, places: impl Iterator<Item = usize>) {
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        places.dedup();
        self.keys = places.iter().map(|place| self.keys[*place].clone()).collect();
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
        let objects = match &mut self.body {
            Body::Grpc(objects) => objects,
            Body::Rest(objects) => {
                let (json, dropped) = without_empty_lists(&objects[place], properties)?;
                objects[place] = json;
                return Some(EmptyLists { key: self.keys[place].clone(), properties: dropped });
            }
        };
        let object = &mut objects[place];
        let batch_object::Properties { empty_list_props, .. } = object.properties.as_mut()?;
        let (dropped, kept): (Vec<_>, Vec<_>) = std::mem::take(empty_list_props)
            .into_iter()
            .partition(|name| properties.contains(&name.as_str()));
        *empty_list_props = kept;
        let lists = EmptyLists { key: self.keys[place].clone(), properties: dropped };
        (!lists.properties.is_empty()).then_some(lists)
    }
}

/// An object in JSON without empty lists of these properties, and the names of those it had.
fn without_empty_lists(object: &RawValue, properties: &[&str]) -> Option<(Box<RawValue>, Vec<String>)> {
    type Members = BTreeMap<String, Box<RawValue>>;
    let mut members: Members = serde_json::from_str(object.get()).ok()?;
    let mut values: Members = serde_json::from_str(members.get("properties")?.get()).ok()?;
    let is_empty = |name: &&String| properties.contains(&name.as_str()) && values[*name].get() == "[]";
    let dropped: Vec<_> = values.keys().filter(is_empty).cloned().collect();
    values.retain(|name, _| !dropped.contains(name));
    members.insert("properties".to_owned(), serde_json::value::to_raw_value(&values).ok()?);
    let json = serde_json::value::to_raw_value(&members).ok()?;
    (!dropped.is_empty()).then_some((json, dropped))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_repeated_keeps_ids_and_objects_together() {
        let id = Uuid::from_u128;
        let object = |n| BatchObject { uuid: id(n).to_string(), ..BatchObject::default() };
        let mut request = WriteRequest::grpc();
        (0..4).for_each(|n| request.push((None, id(n)), object(n), 1));
        request.keep([3, 1, 3].into_iter());
        assert_eq!(request.keys, [(None, id(1)), (None, id(3))]);
        let Body::Grpc(objects) = &request.body else { panic!() };
        assert_eq!(*objects, [object(1), object(3)]);
    }
}
