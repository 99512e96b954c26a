//! `BatchObjects`.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes};
use prost_types::value::Kind;
use selvedge_proto::weaviate::batch_objects_reply::BatchError;
use selvedge_proto::weaviate::vectors::VectorType;
use selvedge_proto::weaviate::{
    BatchObject, BatchObjectsReply, BatchObjectsRequest, ObjectPropertiesValue, Vectors, batch_object,
};
use serde_json::Value;
use uuid::Uuid;

use crate::stand_in::Shared;
use crate::stand_in::faults::RefusedObjects;
use crate::stand_in::objects::{Incoming, Vector, put_all};
use crate::stand_in::rights::{Asked, Rights};
use crate::stand_in::schema::Fields;

pub(super) fn store(
    shared: &Shared,
    request: BatchObjectsRequest,
    refused: &RefusedObjects,
    rights: &Rights,
) -> BatchObjectsReply {
    let mut store = shared.contents.lock();
    // Other than everywhere else, a missing right is an error of the object.
    let allowed = |incoming: Incoming| {
        let class = store.name_of(&incoming.class);
        let asked = Asked::Data(&class, &incoming.tenant, "*");
        let outcome = rights.demand("update", asked).and_then(|()| rights.demand("create", asked));
        outcome.map(|()| incoming).map_err(|refusal| refusal.text())
    };
    let incoming = request.objects.into_iter().map(|object| read(object).and_then(allowed)).collect();
    let outcomes = put_all(&mut store, incoming, refused);
    let refusals =
        outcomes.into_iter().enumerate().filter_map(|(index, outcome)| Some((index, outcome.err()?)));
    BatchObjectsReply {
        errors: refusals.map(|(index, error)| BatchError { index: index as i32, error }).collect(),
    }
}

fn read(object: BatchObject) -> Result<Incoming, String> {
    let id =
        Uuid::parse_str(&object.uuid).map_err(|_| format!("invalid UUID length: {}", object.uuid.len()))?;
    let mut vectors = BTreeMap::new();
    for vector in &object.vectors {
        vectors.insert(vector.name.clone(), Some(read_vector(vector)?));
    }
    Ok(Incoming {
        class: object.collection,
        id: Some(id),
        tenant: object.tenant,
        properties: object.properties.map(|properties| fields(nested_alike(properties))),
        vector: (!object.vector_bytes.is_empty()).then(|| floats(object.vector_bytes)),
        vectors: Some(vectors),
        is_grpc: true,
    })
}

fn read_vector(vector: &Vectors) -> Result<Vector, String> {
    let mut bytes = vector.vector_bytes.clone();
    if vector.r#type() != VectorType::MultiFp32 {
        return Ok(Vector::Single(floats(bytes)));
    }
    if bytes.len() < 2 {
        return Ok(Vector::Multi(Vec::new()));
    }
    let dimension = usize::from(bytes.get_u16_le());
    if dimension == 0 {
        return Err("dimension cannot be 0".into());
    }
    Ok(Vector::Multi(floats(bytes).chunks(dimension).map(<[f32]>::to_vec).collect()))
}

fn floats(mut bytes: Bytes) -> Vec<f32> {
    let mut values = Vec::with_capacity(bytes.len() / size_of::<f32>());
    while bytes.remaining() >= size_of::<f32>() {
        values.push(bytes.get_f32_le());
    }
    values
}

/// The outer properties have other numbers but the same parts as nested ones.
fn nested_alike(properties: batch_object::Properties) -> ObjectPropertiesValue {
    ObjectPropertiesValue {
        non_ref_properties: properties.non_ref_properties,
        number_array_properties: properties.number_array_properties,
        int_array_properties: properties.int_array_properties,
        text_array_properties: properties.text_array_properties,
        boolean_array_properties: properties.boolean_array_properties,
        object_properties: properties.object_properties,
        object_array_properties: properties.object_array_properties,
        empty_list_props: properties.empty_list_props,
    }
}

fn fields(properties: ObjectPropertiesValue) -> Fields {
    let mut fields = properties.non_ref_properties.map(from_struct).unwrap_or_default();
    for array in properties.boolean_array_properties {
        fields.insert(array.prop_name, array.values.into());
    }
    for array in properties.number_array_properties {
        let mut bytes = array.values_bytes;
        let mut values = Vec::with_capacity(bytes.len() / size_of::<f64>());
        while bytes.remaining() >= size_of::<f64>() {
            values.push(Value::from(bytes.get_f64_le()));
        }
        fields.insert(array.prop_name, values.into());
    }
    for array in properties.text_array_properties {
        fields.insert(array.prop_name, array.values.into());
    }
    for array in properties.int_array_properties {
        fields.insert(array.prop_name, array.values.into());
    }
    for object in properties.object_properties {
        let value = object.value.map(self::fields).unwrap_or_default();
        fields.insert(object.prop_name, value.into());
    }
    for array in properties.object_array_properties {
        let values: Vec<Value> = array.values.into_iter().map(|value| self::fields(value).into()).collect();
        fields.insert(array.prop_name, values.into());
    }
    for name in properties.empty_list_props {
        fields.insert(name, Value::Array(Vec::new()));
    }
    fields
}

fn from_struct(fields: prost_types::Struct) -> Fields {
    fields.fields.into_iter().map(|(name, value)| (name, from_value(value))).collect()
}

fn from_value(value: prost_types::Value) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::NumberValue(number)) => number.into(),
        Some(Kind::StringValue(text)) => text.into(),
        Some(Kind::BoolValue(is_true)) => is_true.into(),
        Some(Kind::StructValue(fields)) => from_struct(fields).into(),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(from_value).collect::<Vec<_>>().into(),
    }
}
