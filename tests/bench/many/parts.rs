//! What there are many of, and what the bare client does to them.

use anyhow::ensure;
use futures_util::{StreamExt, TryStreamExt, stream};
use selvedge_proto::weaviate::BatchObjectsRequest;
use selvedge_tests::harness::rest::Rest;
use selvedge_tests::harness::stage::Stage;
use serde_json::{Value, json};

use crate::data;

const TENANTS_A_REQUEST: usize = 100;
/// Dropping is not measured.
const DROPS_AT_ONCE: usize = 4;
/// What all names begin with.
const NAME: &str = "Many";
/// Of a property as it is shown, computed or older than what is shown besides.
const NOT_TAKEN: [&str; 3] = ["searchableBlockmax", "bucketGeneration", "indexInverted"];

/// Collections, or the tenants of a single one.
pub struct Parts {
    collections: Vec<String>,
    /// None if the class is to have none.
    tenants: Vec<String>,
    objects_each: usize,
    dimensions: usize,
}

impl Parts {
    pub fn collections(stage: &Stage, count: usize, objects_each: usize, dimensions: usize) -> Self {
        let collections = (0..count).map(|number| stage.name(&format!("{NAME}{number:05}"))).collect();
        Self { collections, tenants: Vec::new(), objects_each, dimensions }
    }

    pub fn tenants(stage: &Stage, count: usize, objects_each: usize, dimensions: usize) -> Self {
        let tenants = (0..count).map(|number| format!("tenant-{number:05}")).collect();
        Self { collections: vec![stage.name(NAME)], tenants, objects_each, dimensions }
    }

    /// For Selvedge, all of it in one word.
    pub fn pattern(&self, stage: &Stage) -> String {
        format!("{}*", stage.name(NAME))
    }

    /// Collections and tenants, which are empty for collections without.
    pub fn all(&self) -> Vec<(String, String)> {
        if self.tenants.is_empty() {
            return self.collections.iter().map(|name| (name.clone(), String::new())).collect();
        }
        self.tenants.iter().map(|tenant| (self.collections[0].clone(), tenant.clone())).collect()
    }

    pub fn objects(&self) -> usize {
        self.objects_each * self.collections.len().max(self.tenants.len())
    }

    /// The class with all that Weaviate adds, as a restore creates it.
    pub async fn class(&self, rest: &Rest) -> anyhow::Result<Value> {
        let name = &self.collections[0];
        let tenanted = !self.tenants.is_empty();
        rest.create(&if tenanted { data::tenanted(name) } else { data::class(name) }).await?;
        let mut class = rest.get(&format!("/v1/schema/{name}")).await?;
        rest.drop_class(name).await?;
        if let Some(fields) = class.as_object_mut() {
            // Computed, most of it.
            fields.remove("shardingConfig");
        }
        for property in class["properties"].as_array_mut().into_iter().flatten() {
            if let Some(fields) = property.as_object_mut() {
                fields.retain(|field, _| !NOT_TAKEN.contains(&field.as_str()));
            }
        }
        Ok(class)
    }

    /// Makes the collections, so many at once, or the class and its tenants, so many requests at once.
    pub async fn make(&self, rest: &Rest, class: &Value, at_once: usize) -> anyhow::Result<()> {
        let create = |name: &String| {
            let mut class = class.clone();
            class["class"] = name.as_str().into();
            async move { rest.create(&class).await }
        };
        let created = stream::iter(self.collections.iter().map(create)).buffer_unordered(at_once);
        created.try_collect::<()>().await?;
        let add = |names: &[String]| {
            let path = format!("/v1/schema/{}/tenants", self.collections[0]);
            let names: Value = names.iter().map(|name| json!({"name": name})).collect();
            async move { rest.post(&path, &names).await.map(drop) }
        };
        let added = stream::iter(self.tenants.chunks(TENANTS_A_REQUEST).map(add)).buffer_unordered(at_once);
        added.try_collect::<()>().await
    }

    /// One for each collection; those of tenants are of many tenants each.
    pub fn requests(&self) -> Box<dyn Iterator<Item = BatchObjectsRequest> + '_> {
        if self.tenants.is_empty() {
            let of_one = move |name| data::requests(name, self.objects_each, self.dimensions);
            return Box::new(self.collections.iter().map(String::as_str).flat_map(of_one));
        }
        let name = &self.collections[0];
        Box::new(data::requests_of_tenants(name, &self.tenants, self.objects_each, self.dimensions))
    }

    /// Those that are there.
    pub async fn drop_all(&self, rest: &Rest) -> anyhow::Result<()> {
        let mut ours = rest.classes().await?;
        ours.retain(|name| self.collections.contains(name));
        let drop_one = |name: String| async move { rest.drop_class(&name).await };
        let dropped = stream::iter(ours.into_iter().map(drop_one)).buffer_unordered(DROPS_AT_ONCE);
        dropped.try_collect::<()>().await
    }

    /// That a few of them hold what they should.
    pub async fn check(&self, rest: &Rest) -> anyhow::Result<()> {
        let all = self.all();
        for (collection, tenant) in [all.first(), all.get(all.len() / 2), all.last()].into_iter().flatten() {
            let tenant = (!tenant.is_empty()).then_some(tenant.as_str());
            let there = rest.count(collection, tenant).await?;
            let wanted = self.objects_each;
            ensure!(there == wanted, "{there} of {wanted} objects were restored to {collection} {tenant:?}");
        }
        Ok(())
    }
}
