//! What a Weaviate holds, and how two such holdings differ.
//!
//! Reads by REST alone and shares no code with Selvedge, so that a round trip is not judged by what made it. Left out is
//! what Weaviate does not let anybody set: times, and the parts of a schema that it computes.

mod difference;
mod page;
mod parts;
mod references;

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::rest::Rest;
use page::Page;

/// Small enough for any server's limit.
const PAGE: usize = 100;
const TENANTS_AT_ONCE: usize = 4;

/// Computed by the server from the number of its nodes.
const COMPUTED: [&str; 3] = ["actualCount", "actualVirtualCount", "desiredVirtualCount"];

/// Collections with all their contents, in memory.
#[derive(Clone, Debug)]
pub struct Census {
    collections: BTreeMap<String, Collection>,
}

#[derive(Clone, Debug)]
struct Collection {
    /// Without its name, which is the key, and without what is computed.
    schema: Value,
    /// Statuses by name, as the server spells them.
    tenants: BTreeMap<String, String>,
    /// Only those of active tenants: the others cannot be read.
    objects: BTreeMap<Key, Object>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// Empty without multi-tenancy.
    tenant: String,
    id: String,
}

#[derive(Clone, Debug, PartialEq)]
struct Object {
    /// Their JSON texts by name: as values, 0 and -0 would be equal. References are their beacons, in order.
    properties: BTreeMap<String, String>,
    /// By name; the legacy vector's is empty.
    vectors: BTreeMap<String, Vector>,
}

/// The bits of its floats.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Vector {
    Single(Vec<u32>),
    Multi(Vec<Vec<u32>>),
}

impl Census {
    /// Reads these collections whole. A collection that does not exist is an error.
    pub async fn take<Name: AsRef<str>>(rest: &Rest, collections: &[Name]) -> anyhow::Result<Self> {
        let mut census = Self { collections: BTreeMap::new() };
        for name in collections {
            let name = name.as_ref();
            let collection = Collection::read(rest, name).await.with_context(|| format!("reading {name}"))?;
            census.collections.insert(name.to_owned(), collection);
        }
        Ok(census)
    }

    /// A part of it; a name that is not in it is left out.
    pub fn only<Name: AsRef<str>>(&self, collections: &[Name]) -> Self {
        let named = |name: &Name| self.collections.get_key_value(name.as_ref());
        let found = collections.iter().filter_map(named);
        Self { collections: found.map(|(name, collection)| (name.clone(), collection.clone())).collect() }
    }

    /// The same collections and tenants without objects: what is to be left of a cleared collection.
    pub fn emptied(&self) -> Self {
        let mut census = self.clone();
        census.collections.values_mut().for_each(|collection| collection.objects.clear());
        census
    }

    pub fn collections(&self) -> usize {
        self.collections.len()
    }

    /// In all collections together.
    pub fn objects(&self) -> usize {
        self.collections.values().map(|collection| collection.objects.len()).sum()
    }

    /// What is different in `later`, one line each and none if nothing is. `renames` are pairs of a name here and the name
    /// that this collection should have in `later`; references to it should point to that name, too.
    pub fn differences(&self, later: &Self, renames: &[(&str, &str)]) -> Vec<String> {
        difference::between(self, later, renames)
    }
}

impl Collection {
    async fn read(rest: &Rest, name: &str) -> anyhow::Result<Self> {
        let mut schema = rest.get(&format!("/v1/schema/{name}")).await?;
        let tenants = if schema["multiTenancyConfig"]["enabled"] == true {
            tenants(rest, name).await?
        } else {
            BTreeMap::new()
        };
        let active = tenants.iter().filter(|(_, status)| ["HOT", "ACTIVE"].contains(&status.as_str()));
        let mut parts: Vec<String> = active.map(|(tenant, _)| tenant.clone()).collect();
        if schema["multiTenancyConfig"]["enabled"] != true {
            parts.push(String::new());
        }
        remove_computed(&mut schema);
        sort_properties(&mut schema);
        let objects = stream::iter(parts.into_iter().map(|tenant| objects(rest, name, tenant)))
            .buffered(TENANTS_AT_ONCE)
            .try_concat()
            .await?;
        Ok(Self { schema, tenants, objects: objects.into_iter().collect() })
    }
}

fn remove_computed(schema: &mut Value) {
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("class");
    }
    if let Some(sharding) = schema["shardingConfig"].as_object_mut() {
        sharding.retain(|field, _| !COMPUTED.contains(&field.as_str()));
    }
}

/// References are added after the rest, and some servers sort the properties: their order means nothing.
fn sort_properties(schema: &mut Value) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_array_mut) {
        properties.sort_by_key(|property| property["name"].to_string());
    }
}

async fn tenants(rest: &Rest, collection: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let tenants = rest.get(&format!("/v1/schema/{collection}/tenants")).await?;
    let tenants = tenants.as_array().context("the tenants are no list")?;
    let entry = |tenant: &Value| {
        let text = |field: &str| {
            tenant[field].as_str().map(str::to_owned).context("a tenant without name or status")
        };
        Ok((text("name")?, text("activityStatus")?))
    };
    tenants.iter().map(entry).collect()
}

async fn objects(rest: &Rest, collection: &str, tenant: String) -> anyhow::Result<Vec<(Key, Object)>> {
    let of_tenant = if tenant.is_empty() { String::new() } else { format!("&tenant={tenant}") };
    let mut all: Vec<(Key, Object)> = Vec::new();
    loop {
        let after = all.last().map_or("", |(key, _)| &key.id);
        let path =
            format!("/v1/objects?class={collection}&limit={PAGE}&after={after}&include=vector{of_tenant}");
        let text = rest.text(&path).await?;
        let page = Page::parse(&text).with_context(|| format!("what GET {path} answered"))?;
        let listed = page.objects.len();
        for object in page.objects {
            let forward = all.last().is_none_or(|(last, _)| last.id < object.id);
            ensure!(forward, "the listing of {collection} goes back to {}", object.id);
            let key = Key { tenant: tenant.clone(), id: object.id.clone() };
            all.push((key, object.try_into()?));
        }
        if listed < PAGE {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests;
