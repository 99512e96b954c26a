//! What is stored: classes, their shards and tenants, objects, aliases.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::faults::RefusedObjects;
use super::objects::{Incoming, Object, put_all};
use super::refusal::{Outcome, Refusal};
use super::rights::Roles;
use super::schema::{self, Fields, Property, class_name};
use super::starting::Starting;
use super::tenants::Status;
use super::{StandInOptions, Version, json, objects};

/// The stand-in's memory, for tests to fill, change and read past the API. A clone is the same memory.
#[derive(Clone)]
pub struct Contents(Arc<Mutex<Store>>);

impl Contents {
    pub(crate) fn new(version: Version, options: &StandInOptions) -> Self {
        let (classes, aliases) = (BTreeMap::new(), BTreeMap::new());
        let (modules, ttl) = (options.modules.clone(), options.ttl);
        let roles = Roles::new(options);
        let store = Store { version, modules, ttl, classes, aliases, roles, starting: None };
        Self(Arc::new(Mutex::new(store)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Store> {
        let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        store.replay();
        store
    }

    /// As after a restart: everything comes back, one piece after another.
    pub fn start_again(&self, pause: Duration) {
        let mut store = self.lock();
        let (classes, aliases) = (std::mem::take(&mut store.classes), std::mem::take(&mut store.aliases));
        store.starting = Some(Starting::new(classes, aliases, pause));
    }

    /// Whether something has not come back yet since it was started again.
    pub fn is_starting(&self) -> bool {
        self.lock().starting.is_some()
    }

    /// As `POST /v1/schema`. Panics with the refusal.
    pub fn create_class(&self, class: Value) {
        let Value::Object(class) = class else { panic!("a class is an object") };
        if let Err(refusal) = schema::create(&mut self.lock(), &class) {
            panic!("{}", refusal.text());
        }
    }

    /// As `POST /v1/batch/objects` with one object of the REST API's shape. Panics with the refusal.
    pub fn put(&self, object: Value) {
        let incoming: Incoming = serde_json::from_value(object).expect("an object as REST takes it");
        for outcome in put_all(&mut self.lock(), vec![Ok(incoming)], &RefusedObjects::default()) {
            outcome.unwrap_or_else(|text| panic!("{text}"));
        }
    }

    /// As `DELETE /v1/schema/{class}`.
    pub fn drop_class(&self, class: &str) {
        self.lock().classes.remove(class);
    }

    /// As `DELETE /v1/schema/{class}/tenants`.
    pub fn remove_tenant(&self, class: &str, tenant: &str) {
        self.lock().classes.get_mut(class).expect("the class exists").partitions.remove(tenant);
    }

    /// As `POST /v1/schema/{class}/properties`. Panics with the refusal.
    pub fn add_property(&self, class: &str, property: &Value) {
        if let Err(refusal) = schema::add_property(&mut self.lock(), class, property) {
            panic!("{}", refusal.text());
        }
    }

    /// What a PUT of the class does by the way.
    pub fn sort_properties(&self, class: &str) {
        let mut store = self.lock();
        let class = store.classes.get_mut(class).expect("the class exists");
        if let Some(properties) = class.config.get_mut("properties").and_then(Value::as_array_mut) {
            properties.sort_by_key(|property| property["name"].to_string());
        }
        class.properties = Property::all(&class.config);
    }

    /// Whether there was such an object; the tenant is empty for a class without tenants, here and below.
    pub fn remove(&self, class: &str, tenant: &str, id: Uuid) -> bool {
        let mut store = self.lock();
        let class = store.classes.get_mut(class).expect("the class exists");
        class.holders_mut(tenant).any(|partition| partition.objects.remove(&id).is_some())
    }

    pub fn count(&self, class: &str, tenant: &str) -> usize {
        self.lock().classes[class].holders(tenant).map(|partition| partition.objects.len()).sum()
    }

    /// Every object in the order of ids, in the REST API's shape with vectors, as stored and not as misread.
    pub fn objects(&self, class: &str, tenant: &str) -> Vec<Value> {
        let store = self.lock();
        let mut found: Vec<_> =
            store.classes[class].holders(tenant).flat_map(|partition| partition.objects.values()).collect();
        found.sort_by_key(|object| object.id);
        let shown = |object| json::encode(&objects::shown(class, tenant, object, true));
        found.into_iter().map(|object| serde_json::from_str(&shown(object)).expect("valid JSON")).collect()
    }

    /// Puts a tenant to rest or wakes it, with one of `HOT`, `COLD`, `FROZEN` (which the API cannot bring about here).
    pub fn set_tenant(&self, class: &str, tenant: &str, status: &str) {
        let mut store = self.lock();
        let partition = store.classes.get_mut(class).and_then(|class| class.partitions.get_mut(tenant));
        partition.expect("the tenant exists").status = Status::parse(status).expect("a known status");
    }

    /// The names of a class's shards (or tenants).
    pub fn shards(&self, class: &str) -> Vec<String> {
        self.lock().classes[class].partitions.keys().cloned().collect()
    }

    /// From now on the shard (or tenant) is on a node that is gone: reads answer without it, and without an error.
    pub fn hide_shard(&self, class: &str, shard: &str) {
        let mut store = self.lock();
        store.classes.get_mut(class).expect("the class exists").hidden.insert(shard.into());
    }

    pub fn show_shards(&self, class: &str) {
        self.lock().classes.get_mut(class).expect("the class exists").hidden.clear();
    }

    /// From now on all shards of the class are on another, healthy node: what is written to them is passed on.
    pub fn make_remote(&self, class: &str) {
        self.lock().classes.get_mut(class).expect("the class exists").is_remote = true;
    }

    /// What the server does some time after a vector index was dropped: the vectors go, and the entry in the schema.
    pub fn finish_drop(&self, class: &str, vector: &str) {
        schema::finish_drop(self.lock().classes.get_mut(class).expect("the class exists"), vector);
    }
}

pub(crate) struct Store {
    pub version: Version,
    pub modules: Vec<String>,
    /// Whether objects may expire.
    pub ttl: bool,
    pub classes: BTreeMap<String, Class>,
    /// From alias to class.
    pub aliases: BTreeMap<String, String>,
    pub roles: Roles,
    pub starting: Option<Starting>,
}

impl Store {
    fn replay(&mut self) {
        if let Some(mut starting) = self.starting.take()
            && !starting.replay(&mut self.classes, &mut self.aliases)
        {
            self.starting = Some(starting);
        }
    }

    /// The class that this name or alias stands for, whether or not there is one.
    pub fn name_of(&self, name: &str) -> String {
        let name = class_name(name);
        self.aliases.get(&name).cloned().unwrap_or(name)
    }

    /// The class of this name or alias.
    pub fn resolve(&self, name: &str) -> Option<&Class> {
        self.classes.get(&self.name_of(name))
    }

    pub fn resolve_mut(&mut self, name: &str) -> Option<&mut Class> {
        let name = self.name_of(name);
        self.classes.get_mut(&name)
    }
}

pub(crate) struct Class {
    pub config: Fields,
    pub properties: Vec<Property>,
    /// Tenants by name, or shards.
    pub partitions: BTreeMap<String, Partition>,
    pub hidden: BTreeSet<String>,
    pub is_remote: bool,
}

#[derive(Default)]
pub(crate) struct Partition {
    pub status: Status,
    pub objects: BTreeMap<Uuid, Object>,
    /// Of each vector, by name; the legacy one has none.
    pub dimensions: BTreeMap<String, usize>,
    /// How many were ever written.
    pub documents: u64,
}

impl Class {
    pub fn new(config: Fields, shards: u64) -> Self {
        let properties = Property::all(&config);
        let partitions = (0..shards).map(|_| (shard_name(), Partition::default())).collect();
        Self { config, properties, partitions, hidden: BTreeSet::new(), is_remote: false }
    }

    pub fn name(&self) -> &str {
        self.config["class"].as_str().unwrap_or_default()
    }

    /// The tenant's partition, or every shard.
    pub fn holders(&self, tenant: &str) -> impl Iterator<Item = &Partition> {
        self.partitions
            .iter()
            .filter(move |(name, _)| tenant.is_empty() || *name == tenant)
            .map(|(_, held)| held)
    }

    fn holders_mut(&mut self, tenant: &str) -> impl Iterator<Item = &mut Partition> {
        self.partitions
            .iter_mut()
            .filter(move |(name, _)| tenant.is_empty() || *name == tenant)
            .map(|(_, held)| held)
    }

    /// Where an object of this id belongs.
    pub fn shard_of(&self, id: Uuid) -> String {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let at = hasher.finish() as usize % self.partitions.len();
        self.partitions.keys().nth(at).cloned().unwrap_or_default()
    }

    /// What a read sees: the shards that are there, or the one tenant, which it may wake.
    pub fn readable(&mut self, tenant: &str) -> Outcome<Vec<&Partition>> {
        self.check_tenant(tenant)?;
        if tenant.is_empty() {
            let hidden = &self.hidden;
            return Ok(self
                .partitions
                .iter()
                .filter(|(name, _)| !hidden.contains(*name))
                .map(|(_, held)| held)
                .collect());
        }
        if self.hidden.contains(tenant) {
            return Err(Refusal::Said(500, "no read replica found".into()));
        }
        Ok(vec![&self.partitions[tenant]])
    }

    /// Whether objects of this tenant (or of none) can be had; wakes a sleeping one if the class says so.
    pub fn check_tenant(&mut self, tenant: &str) -> Outcome<()> {
        let name = self.name().to_owned();
        match (self.is_multi_tenant(), tenant) {
            (true, "") => {
                let text = format!("class {name} has multi-tenancy enabled, but request was without tenant");
                return Err(Refusal::invalid(text));
            }
            (false, "") => return Ok(()),
            (false, _) => {
                let text = format!("class {name} has multi-tenancy disabled, but request was with tenant");
                return Err(Refusal::invalid(text));
            }
            (true, _) => {}
        }
        let wakes = schema::tenancy(&self.config, "autoTenantActivation");
        match self.partitions.get_mut(tenant) {
            None => Err(Refusal::invalid(format!("tenant not found: \"{tenant}\""))),
            Some(partition) if partition.status == Status::Cold && wakes => {
                partition.status = Status::Hot;
                Ok(())
            }
            Some(partition) if partition.status == Status::Hot => Ok(()),
            Some(_) => Err(Refusal::invalid(format!("tenant not active: '{tenant}'"))),
        }
    }
}

fn shard_name() -> String {
    Uuid::new_v4().simple().to_string().chars().take(12).collect()
}
