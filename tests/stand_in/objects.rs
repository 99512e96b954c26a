//! Objects: what is stored, written and read, whichever API asks.

mod beacon;
mod date;
mod link;
mod misread;
mod page;
mod phone;
mod reference;
mod value;
mod vector;

use std::collections::{BTreeMap, BTreeSet};

use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::contents::{Class, Partition, Store};
use super::faults::RefusedObjects;
use super::schema::{self, Fields, property_name};

pub(crate) use beacon::is_uri;
pub(crate) use link::{Link, Linked, link_all, replace_links};
pub(crate) use misread::{as_rest_reads, misread};
pub(crate) use page::page;
pub(crate) use reference::with_hrefs;
pub(crate) use vector::Vector;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object {
    pub id: Uuid,
    /// Milliseconds since 1970, as is the next.
    pub created: i64,
    pub updated: i64,
    pub properties: Fields,
    pub vector: Option<Vec<f32>>,
    pub vectors: BTreeMap<String, Vector>,
}

/// An object that is to be stored, in the shape of the REST API.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Incoming {
    pub class: String,
    pub id: Option<Uuid>,
    pub tenant: String,
    pub properties: Option<Fields>,
    /// Empty means: none, and do not make one.
    pub vector: Option<Vec<f32>>,
    pub vectors: Option<BTreeMap<String, Option<Vector>>>,
    /// Whether numbers came as Protobuf's and not as JSON's, which are checked differently.
    #[serde(skip)]
    pub is_grpc: bool,
}

/// An object as REST shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown<'a> {
    class: &'a str,
    creation_time_unix: i64,
    id: Uuid,
    last_update_time_unix: i64,
    properties: Value,
    #[serde(skip_serializing_if = "str::is_empty")]
    tenant: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<&'a [f32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vectors: Option<&'a BTreeMap<String, Vector>>,
    vector_weights: Option<()>,
}

pub(crate) fn shown<'a>(class: &'a str, tenant: &'a str, object: &'a Object, vectors: bool) -> Shown<'a> {
    Shown {
        class,
        creation_time_unix: object.created,
        id: object.id,
        last_update_time_unix: object.updated,
        properties: object.properties.clone().into(),
        tenant,
        vector: object.vector.as_deref().filter(|_| vectors),
        vectors: Some(&object.vectors).filter(|named| vectors && !named.is_empty()),
        vector_weights: None,
    }
}

impl Shown<'_> {
    pub fn is_finite(&self) -> bool {
        let mut legacy = self.vector.iter().copied().flatten();
        let mut named = self.vectors.iter().flat_map(|named| named.values());
        legacy.all(|value| value.is_finite()) && named.all(Vector::is_finite)
    }

    pub fn with_properties(mut self, properties: Fields) -> Self {
        self.properties = properties.into();
        self
    }
}

/// Stores the objects of a batch, each replacing one of the same id, and returns them; or says why not.
pub(crate) fn put_all(
    store: &mut Store,
    batch: Vec<Result<Incoming, String>>,
    refused: &RefusedObjects,
) -> Vec<Result<Object, String>> {
    let mut checked: Vec<Result<Checked, String>> = Vec::new();
    for (index, incoming) in batch.into_iter().enumerate() {
        checked.push(incoming.and_then(|incoming| match refused.text(index, incoming.id) {
            Some(text) => Err(text.to_owned()),
            None => check(store, incoming),
        }));
    }
    // The module is asked once for all objects of a class, and its failure is that of all of them.
    let failing: Vec<String> =
        checked.iter().flatten().filter(|one| one.wants_vector).map(|one| one.class.clone()).collect();
    let spoiled: BTreeSet<Place> =
        checked.iter().flatten().filter(|one| one.spoils(store)).map(|one| one.place(store)).collect();
    let mut put_one = |one: Checked| {
        if failing.contains(&one.class) {
            return Err(
                "panic occurred: runtime error: invalid memory address or nil pointer dereference".to_owned()
            );
        }
        if !spoiled.is_empty() && spoiled.contains(&one.place(store)) {
            return Err("parse as time array, expected []interface{} got []interface {}".to_owned());
        }
        put(store, one)
    };
    checked.into_iter().map(|one| one.and_then(&mut put_one)).collect()
}

/// Gives an object that is there other properties and vectors; one that is null is taken away. False if it is not there.
pub(crate) fn merge_into(store: &mut Store, incoming: &Incoming) -> Result<bool, String> {
    let name = schema::class_name(&incoming.class);
    let Some(class) = store.resolve(&name) else {
        return Err(format!("class '{name}' not present in schema"));
    };
    let more = properties(store, class, incoming)?;
    let (vector, vectors) = vector::accept(class, incoming)?.into_parts();
    let nulls = incoming.properties.iter().flatten().filter(|(_, value)| value.is_null());
    let nulls: Vec<_> = nulls.map(|(name, _)| property_name(name)).collect();
    let id = incoming.id.unwrap_or_default();
    let Some(class) = store.resolve_mut(&name) else { return Ok(false) };
    let shard = if incoming.tenant.is_empty() { class.shard_of(id) } else { incoming.tenant.clone() };
    let found = class.partitions.get_mut(&shard).and_then(|partition| partition.objects.get_mut(&id));
    let Some(object) = found else { return Ok(false) };
    object.properties.extend(more);
    nulls.iter().for_each(|name| drop(object.properties.remove(name)));
    object.vector = vector.or(object.vector.take());
    object.vectors.extend(vectors);
    object.updated = Utc::now().timestamp_millis();
    Ok(true)
}

/// An object that fits the schema.
struct Checked {
    class: String,
    tenant: String,
    id: Uuid,
    properties: Fields,
    vectors: vector::Accepted,
    wants_vector: bool,
}

/// A class and a shard of it.
type Place = (String, String);

impl Checked {
    fn place(&self, store: &Store) -> Place {
        let class = &store.classes[&self.class];
        let is_sharded = self.tenant.is_empty() && !class.partitions.is_empty();
        let shard = if is_sharded { class.shard_of(self.id) } else { self.tenant.clone() };
        (self.class.clone(), shard)
    }

    /// Whether it is refused, with all that goes to the same shard in the same batch, for an empty list of dates: a node
    /// that passes objects on to another does not make dates of them first, and the other one cannot.
    fn spoils(&self, store: &Store) -> bool {
        let class = &store.classes[&self.class];
        let mut dates = class.properties.iter().filter(|property| property.kind == schema::Kind::DateArray);
        class.is_remote && dates.any(|property| self.properties.get(&property.name) == Some(&json!([])))
    }
}

fn check(store: &Store, incoming: Incoming) -> Result<Checked, String> {
    if incoming.class.is_empty() {
        return Err("object has an empty class".into());
    }
    let name = schema::class_name(&incoming.class);
    let Some(class) = store.resolve(&name) else {
        return Err(format!("class '{name}' not present in schema"));
    };
    let vectors = vector::accept(class, &incoming)?;
    Ok(Checked {
        class: class.name().to_owned(),
        id: incoming.id.unwrap_or_else(Uuid::new_v4),
        properties: properties(store, class, &incoming)?,
        wants_vector: wants_vector(class, &incoming, &vectors),
        tenant: incoming.tenant,
        vectors,
    })
}

fn put(store: &mut Store, object: Checked) -> Result<Object, String> {
    let Checked { class, tenant, id, properties, vectors, wants_vector: _ } = object;
    let moves_times = store.version.restamps();
    let class = store.classes.get_mut(&class).expect("checked a moment ago");
    if schema::tenancy(&class.config, "autoTenantCreation") && !tenant.is_empty() {
        class.partitions.entry(tenant.clone()).or_default();
    }
    class.check_tenant(&tenant).map_err(|refusal| refusal.text())?;
    let shard = if tenant.is_empty() { class.shard_of(id) } else { tenant };
    if class.hidden.contains(&shard) {
        return Err(format!("put objects: shard {shard}: cannot reach enough replicas"));
    }
    let partition = class.partitions.get_mut(&shard).expect("an existing shard");
    vector::check_dimensions(&mut partition.dimensions, id, &vectors, &class.config)?;
    let now = Utc::now().timestamp_millis();
    let (vector, vectors) = vectors.into_parts();
    let mut object = Object { id, created: now, updated: now, properties, vector, vectors };
    keep_times(partition, &mut object, moves_times);
    partition.objects.insert(id, object.clone());
    partition.documents += 1;
    // The server finds this out when the object is stored already.
    vector::check_kinds(&class.config, &object.vectors, partition.documents - 1).map(|()| object)
}

/// Older servers did not touch an object that was sent again as it was.
fn keep_times(partition: &Partition, object: &mut Object, moves_times: bool) {
    if moves_times {
        return;
    }
    if let Some(old) = partition.objects.get(&object.id) {
        let same = Object { created: old.created, updated: old.updated, ..object.clone() };
        if same == *old {
            *object = same;
        }
    }
}

fn properties(store: &Store, class: &Class, incoming: &Incoming) -> Result<Fields, String> {
    let mut stored = Fields::new();
    for (name, value) in incoming.properties.iter().flatten().filter(|(_, value)| !value.is_null()) {
        let name = property_name(name);
        let Some(property) = class.properties.iter().find(|property| property.name == name) else {
            return Err(no_such_property(&name, class.name()));
        };
        let writer = value::Writer { class: class.name(), is_grpc: incoming.is_grpc };
        let value = match property.kind {
            schema::Kind::Reference => reference::accept(store, class, property, value, &incoming.tenant)?,
            kind => writer.accept(&name, kind, &property.nested, value)?,
        };
        stored.insert(name, value);
    }
    Ok(stored)
}

pub(crate) fn no_such_property(name: &str, class: &str) -> String {
    format!(
        "no such prop with name '{name}' found in class '{class}' in the schema. Check your schema files for which \
         properties in this class are available"
    )
}

/// Modules that ask nobody for a vector.
const QUIET: [&str; 2] = ["none", "ref2vec-centroid"];

/// Whether a module would have to make a vector.
fn wants_vector(class: &Class, incoming: &Incoming, vectors: &vector::Accepted) -> bool {
    let legacy = class.config.get("vectorizer").and_then(Value::as_str).unwrap_or("none");
    let wants_legacy = !QUIET.contains(&legacy) && incoming.vector.is_none() && vectors.legacy.is_none();
    wants_legacy
        || schema::vector_names(&class.config).iter().any(|name| {
            let module =
                schema::vector_settings(&class.config, name).map_or("none", |settings| settings.vectorizer);
            !QUIET.contains(&module) && !vectors.named.contains_key(name)
        })
}
