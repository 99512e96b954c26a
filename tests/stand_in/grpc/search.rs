//! `Search`: by cursor, or by id.

use std::collections::BTreeSet;

use bytes::{BufMut, Bytes, BytesMut};
use chrono::Utc;
use prost::Message;
use selvedge_proto::weaviate::filters::{Operator, TestValue};
use selvedge_proto::weaviate::vectors::VectorType;
use selvedge_proto::weaviate::{
    Filters, MetadataRequest, MetadataResult, PropertiesResult, SearchReply, SearchRequest, SearchResult,
    Vectors, filter_target,
};
use tonic::Status;
use uuid::Uuid;

use super::select::{Selected, select};
use super::{no_such_class, value};
use crate::stand_in::Shared;
use crate::stand_in::contents::Class;
use crate::stand_in::objects::{Object, Vector, misread, page};
use crate::stand_in::refusal::Outcome;
use crate::stand_in::rights::{Asked, Rights};
use crate::stand_in::schema::{has_expired, vector_names};

/// `QUERY_DEFAULTS_LIMIT`.
const DEFAULT_LIMIT: usize = 10;

pub(super) fn search(
    shared: &Shared,
    request: &SearchRequest,
    rights: &Rights,
) -> Result<SearchReply, Status> {
    let mut store = shared.contents.lock();
    rights.demand("read", Asked::Data(&store.name_of(&request.collection), &request.tenant, "*"))?;
    let class = store.resolve_mut(&request.collection).ok_or_else(|| no_such_class(&request.collection))?;
    let selected = select(class, request.properties.as_ref()).map_err(Status::unknown)?;
    let (after, limit) = bounds(request, shared.options.max_results)?;
    let index = class.name().to_lowercase();
    let refused = |text: &str| {
        Status::unknown(format!("explorer: list class: search: object search at index {index}: {text}"))
    };
    let found = match &request.filters {
        Some(filters) => filtered(class, request, condition(filters)?, limit),
        None => page(class, &request.tenant, after, limit),
    };
    let found = found.map_err(|refusal| refused(&refusal.text()))?;
    let class = &*class;
    if !asks_for_ids(request) {
        for (at, object) in found.iter().enumerate() {
            check_readable(class, object).map_err(|text| {
                refused(&format!("local shard object search {index}: unmarshal item {at}: {text}"))
            })?;
        }
    }
    answer(shared, class, &found, &selected, request.metadata.as_ref())
}

fn answer(
    shared: &Shared,
    class: &Class,
    found: &[Object],
    selected: &[Selected],
    metadata: Option<&MetadataRequest>,
) -> Result<SearchReply, Status> {
    let metadata = metadata.cloned().unwrap_or_default();
    // The page has been cut already: it may come back shorter than it was asked for, even empty.
    let now = Utc::now().timestamp_millis();
    let kept = found.iter().filter(|object| !has_expired(&class.config, object, now));
    let results = kept.map(|object| result(class, object, selected, &metadata));
    let mut results = results.collect::<Result<Vec<_>, _>>()?;
    if !shared.version.is_recent() {
        let vectors = results
            .iter_mut()
            .filter_map(|result| result.metadata.as_mut())
            .flat_map(|data| &mut data.vectors);
        vectors.for_each(|vector| vector.set_type(VectorType::Unspecified));
    }
    Ok(SearchReply { results })
}

fn bounds(request: &SearchRequest, most: usize) -> Result<(Option<Uuid>, usize), Status> {
    let after = match request.after.as_str() {
        "" => None,
        text => Some(Uuid::parse_str(text).map_err(|_| {
            Status::unknown(format!(
                "cursor api: invalid 'after' parameter: after parameter '{text}' is not a valid uuid: invalid UUID \
                 length: {}",
                text.len()
            ))
        })?),
    };
    let limit = match request.limit as usize {
        0 => DEFAULT_LIMIT,
        limit => limit,
    };
    if limit > most {
        return Err(Status::unknown(format!(
            "explorer: list class: search: invalid pagination params: query maximum results exceeded: the total limit \
             calculated from the provided offset '0' and limit '{limit}' exceeds the configured value for \
             QUERY_MAXIMUM_RESULTS '{most}'. If you've supplied a negative offset or limit, this may be an underflow error"
        )));
    }
    Ok((after, limit))
}

/// In no order: by shard, as they come.
fn filtered(
    class: &mut Class,
    request: &SearchRequest,
    fits: Condition,
    limit: usize,
) -> Outcome<Vec<Object>> {
    let held = class.readable(&request.tenant)?;
    let objects = held.into_iter().flat_map(|partition| partition.objects.iter().rev());
    Ok(objects.filter(|(id, _)| fits(id)).take(limit).map(|(_, object)| object.clone()).collect())
}

/// A search by id for nothing but ids does not read what objects hold.
fn asks_for_ids(request: &SearchRequest) -> bool {
    request.filters.is_some()
        && request.metadata.as_ref().is_some_and(|metadata| metadata.uuid && !metadata.vector)
        && request.properties.as_ref().is_some_and(|properties| properties.non_ref_properties.is_empty())
}

/// Whether an object with this id is meant.
pub(super) type Condition = Box<dyn Fn(&Uuid) -> bool>;

pub(super) fn condition(filter: &Filters) -> Result<Condition, Status> {
    let unsupported = || Status::unimplemented("the stand-in knows no such filter");
    if filter.operator() == Operator::And {
        let all: Vec<_> = filter.filters.iter().map(condition).collect::<Result<_, Status>>()?;
        return Ok(Box::new(move |id| all.iter().all(|fits| fits(id))));
    }
    let target = filter.target.as_ref().and_then(|target| target.target.as_ref());
    if target != Some(&filter_target::Target::Property("_id".to_owned())) {
        return Err(unsupported());
    }
    let parsed = |text: &String| Uuid::parse_str(text).map_err(|_| unsupported());
    match (filter.operator(), &filter.test_value) {
        (Operator::GreaterThan, Some(TestValue::ValueText(bound))) => {
            let bound = parsed(bound)?;
            Ok(Box::new(move |id| *id > bound))
        }
        (Operator::LessThanEqual, Some(TestValue::ValueText(bound))) => {
            let bound = parsed(bound)?;
            Ok(Box::new(move |id| *id <= bound))
        }
        (Operator::ContainsAny, Some(TestValue::ValueTextArray(ids))) => {
            let ids: BTreeSet<_> = ids.values.iter().map(parsed).collect::<Result<_, Status>>()?;
            Ok(Box::new(move |id| ids.contains(id)))
        }
        _ => Err(unsupported()),
    }
}

/// An object that cannot be read at all fails every page that it is on, whatever is asked for.
fn check_readable(class: &Class, object: &Object) -> Result<(), String> {
    for property in &class.properties {
        if let Some(value) = object.properties.get(&property.name) {
            misread(property, value).map_err(|text| format!("enrich schema datatypes: {text}"))?;
        }
    }
    Ok(())
}

fn result(
    class: &Class,
    object: &Object,
    selected: &[Selected],
    metadata: &MetadataRequest,
) -> Result<SearchResult, Status> {
    let properties = value::properties(class.name(), &class.properties, &object.properties, selected)
        .map_err(Status::unknown)?;
    let non_ref_props = Bytes::from(properties.encode_to_vec());
    Ok(SearchResult {
        properties: Some(PropertiesResult { non_ref_props }),
        metadata: Some(described(class, object, metadata)),
    })
}

fn described(class: &Class, object: &Object, asked: &MetadataRequest) -> MetadataResult {
    let mut metadata = MetadataResult::default();
    if asked.uuid {
        metadata.id = object.id.to_string();
    }
    if asked.creation_time_unix {
        metadata.creation_time_unix = object.created;
    }
    if asked.last_update_time_unix {
        metadata.last_update_time_unix = object.updated;
    }
    if asked.vector {
        metadata.vector_bytes = object.vector.as_deref().map(bytes_of).unwrap_or_default();
        // As packed floats, which are the same bytes.
        metadata.vector = metadata.vector_bytes.clone();
    }
    let names = if asked.vector { vector_names(&class.config) } else { asked.vectors.clone() };
    let held = names.iter().filter_map(|name| Some((name, object.vectors.get(name)?)));
    let sent = held.filter(|(_, vector)| !vector.is_empty());
    metadata.vectors = sent.map(|(name, vector)| named(name, vector)).collect();
    metadata
}

fn bytes_of(values: &[f32]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(size_of_val(values));
    values.iter().for_each(|value| bytes.put_f32_le(*value));
    bytes.freeze()
}

fn named(name: &str, vector: &Vector) -> Vectors {
    let (kind, vector_bytes) = match vector {
        Vector::Single(values) => (VectorType::SingleFp32, bytes_of(values)),
        Vector::Multi(vectors) => {
            let mut bytes = BytesMut::new();
            bytes.put_u16_le(vectors.first().map_or(0, Vec::len) as u16);
            vectors.iter().flatten().for_each(|value| bytes.put_f32_le(*value));
            (VectorType::MultiFp32, bytes.freeze())
        }
    };
    Vectors { name: name.into(), vector_bytes, r#type: kind.into() }
}
