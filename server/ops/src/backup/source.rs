//! What a backup reads: which collections and tenants, and how whole that will be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::remarks::Remarks;
use super::tenants::{self, Choice};
use super::{BackupRequest, coverage};
use crate::lanes::Part;
use crate::limits::losses_of_backup;
use crate::{CollectionCounters, PlannedCollection, is_probe};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, Tenant};
use selvedge_weaviate::{Aliases, Cluster, Permissions};

/// Collections that are looked at side by side.
const COLLECTIONS_AT_ONCE: usize = 8;
/// From then on a count is old.
const STALE: Duration = Duration::from_secs(5);

/// What the request means on this cluster.
pub struct Selected {
    /// The schemas of the collections that are meant, by name.
    pub schemas: BTreeMap<String, Value>,
    /// All collections there were, meant or not.
    pub there: Vec<String>,
    pub aliases: Aliases,
    pub permissions: Permissions,
    /// Why there may be more that was meant.
    pub gaps: Vec<String>,
    /// What else a person should know.
    pub notes: Vec<String>,
}

/// A collection that is to be read.
pub struct Source {
    pub collection: Collection,
    pub aliases: Vec<String>,
    pub contents: Contents,
}

/// What of a collection is to be read.
pub struct Contents {
    /// All tenants; empty without multi-tenancy.
    pub tenants: Vec<Tenant>,
    /// Those that were there when it was looked at before.
    deleted: Vec<String>,
    /// One part with the tenant `None` for a collection without tenants, else one for each chosen tenant that is active.
    /// None at all in a backup of schemas.
    pub parts: Vec<Part>,
    /// Tenants that are to be woken for it.
    pub asleep: Vec<String>,
    /// What is known before reading.
    pub remarks: Remarks,
    /// When all this was looked at.
    looked: Instant,
}

/// The names that the request means.
pub async fn select(cluster: &Cluster, request: &BackupRequest) -> Result<Selected> {
    cluster.connect().await?;
    let permissions = cluster.permissions().await?;
    let mut schemas = cluster.schemas().await?;
    let aliases = cluster.aliases().await?;
    let there: Vec<_> = schemas.keys().cloned().collect();
    let selection = &request.collections;
    let place = format!("on cluster \"{}\"", cluster.name());
    let names = || there.iter().map(String::as_str);
    let chosen = selection.apply(names(), &place)?;
    let (probes, chosen): (Vec<_>, Vec<_>) =
        chosen.into_iter().partition(|name| is_probe(name) && !selection.names(name));
    if chosen.is_empty() {
        return Err(Error::new(
            Kind::CollectionNotFound,
            format!("there is no collection to back up {place}"),
        )
        .hint("check that the server's key may read collections, and what --exclude leaves out"));
    }
    let left_out = |name: &str| {
        format!(
            "collection \"{name}\" is left out: a clear that was killed made it to try a schema; drop it if it is empty"
        )
    };
    let idle = |term: &str| format!("--exclude {term}: there is no such collection {place}");
    let mut notes: Vec<_> = probes.into_iter().map(left_out).collect();
    notes.extend(selection.idle_exclusions(names()).into_iter().map(idle));
    let gaps = coverage::of_selection(&permissions, selection);
    let chosen = chosen.into_iter().filter_map(|name| schemas.remove_entry(name)).collect();
    Ok(Selected { schemas: chosen, there, aliases, permissions, gaps, notes })
}

impl Selected {
    pub fn names(&self) -> Vec<String> {
        self.schemas.keys().cloned().collect()
    }
}

/// Looks at each collection. Fails before anything is written if one of them cannot be backed up. Also returns the names of
/// those that were dropped meanwhile.
pub async fn plan(
    cluster: &Cluster,
    request: &BackupRequest,
    selected: &Selected,
) -> Result<(Vec<Source>, Vec<String>)> {
    // Owned, so that the looks need not borrow from each other's surroundings.
    let looks = selected.schemas.iter().map(|(name, schema)| {
        let (cluster, request) = (cluster.clone(), request.clone());
        let (schema, aliases) = (schema.clone(), selected.aliases.of(name));
        look_at(cluster, request, selected.permissions.clone(), schema, aliases)
    });
    let found: Vec<_> = stream::iter(looks.collect::<Vec<_>>())
        .buffered(COLLECTIONS_AT_ONCE)
        .try_collect::<Vec<Option<Source>>>()
        .await?;
    let gone = selected.schemas.keys().zip(&found).filter(|(_, source)| source.is_none());
    let gone = gone.map(|(name, _)| name.clone()).collect();
    Ok((found.into_iter().flatten().collect(), gone))
}

/// None if it was dropped meanwhile.
async fn look_at(
    cluster: Cluster,
    request: BackupRequest,
    permissions: Permissions,
    schema: Value,
    aliases: Vec<String>,
) -> Result<Option<Source>> {
    let collection = Collection::from_schema(schema)?;
    let looked = look_into(&cluster, &request, &permissions, &collection, BTreeSet::new()).await;
    let Some(contents) = unless_gone(looked)? else {
        return Ok(None);
    };
    Ok(Some(Source { collection, aliases, contents }))
}

/// What was read of a collection; None if there is no such collection any more.
pub fn unless_gone<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == Kind::CollectionNotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// All tenants, and the parts that are to be read. `known` are the names of the tenants there were before.
async fn look_into(
    cluster: &Cluster,
    request: &BackupRequest,
    permissions: &Permissions,
    collection: &Collection,
    mut known: BTreeSet<String>,
) -> Result<Contents> {
    let tenants = if collection.multi_tenant { cluster.tenants(&collection.name).await? } else { Vec::new() };
    tenants.iter().for_each(|tenant| {
        known.remove(&tenant.name);
    });
    let deleted: Vec<_> = known.into_iter().collect();
    let mut remarks = Remarks::default();
    losses_of_backup(collection).into_iter().for_each(|text| remarks.note("vector_dropped", text));
    let Choice { active, asleep, remarks: of_tenants } =
        tenants::choose(collection, &tenants, &deleted, request)?;
    remarks.extend(coverage::of_lists(permissions, request, collection));
    let looked = Instant::now();
    if request.schema_only {
        return Ok(Contents { tenants, deleted, parts: Vec::new(), asleep: Vec::new(), remarks, looked });
    }
    remarks.extend(of_tenants);
    let shards = cluster.await_shards(collection).await?;
    remarks.extend(coverage::of_shards(shards));
    let parts = count_parts(cluster, collection, &active).await?;
    Ok(Contents { tenants, deleted, parts, asleep, remarks, looked })
}

async fn count_parts(cluster: &Cluster, collection: &Collection, active: &[String]) -> Result<Vec<Part>> {
    if !collection.multi_tenant {
        let objects = cluster.count(&collection.name, None).await?;
        return Ok(vec![Part { tenant: None, objects }]);
    }
    tenants::count(cluster, &collection.name, active).await
}

impl Contents {
    fn known_tenants(&self) -> BTreeSet<String> {
        let names = self.tenants.iter().map(|tenant| &tenant.name);
        names.chain(&self.deleted).cloned().collect()
    }
}

impl Source {
    /// Looks again when its turn comes: the plan may be hours old. False if the collection is gone.
    pub async fn refresh(
        &mut self,
        cluster: &Cluster,
        request: &BackupRequest,
        permissions: &Permissions,
        counters: &CollectionCounters,
    ) -> Result<bool> {
        let Some(now) = cluster.collection_again(&self.collection).await? else { return Ok(false) };
        let is_same = now.schema == self.collection.schema;
        self.collection = now;
        let is_fresh = self.contents.looked.elapsed() <= STALE && self.has_same_tenants(cluster).await?;
        if !is_same || !is_fresh {
            let known = self.contents.known_tenants();
            let looked = look_into(cluster, request, permissions, &self.collection, known).await;
            let Some(contents) = unless_gone(looked)? else { return Ok(false) };
            self.contents = contents;
            self.expect(counters);
        }
        Ok(true)
    }

    async fn has_same_tenants(&self, cluster: &Cluster) -> Result<bool> {
        if !self.collection.multi_tenant {
            return Ok(true);
        }
        let now = unless_gone(cluster.tenants(&self.collection.name).await)?;
        Ok(now.is_some_and(|now| now == self.contents.tenants))
    }

    /// Says what there is to do.
    pub fn expect(&self, counters: &CollectionCounters) {
        let Contents { parts, asleep, .. } = &self.contents;
        // What was read before has to be read again, and counts once more.
        let done = counters.counts().objects_done;
        let objects: u64 = parts.iter().map(|part| part.objects).sum();
        counters.expect_objects(done + objects, asleep.is_empty());
        let tenants = if self.collection.multi_tenant { parts.len() + asleep.len() } else { 0 };
        counters.expect_tenants(tenants as u64);
    }

    /// What a dry run shows.
    pub fn planned(&self, request: &BackupRequest) -> PlannedCollection {
        let Contents { tenants, parts, asleep, remarks, .. } = &self.contents;
        let mut notes: Vec<_> = remarks.texts().map(str::to_owned).collect();
        if request.without_vectors {
            notes.push("vectors are left out, as the request says".to_owned());
        }
        if !request.tenants.is_empty() {
            notes.push(format!("{} of {} tenants, as the request says", parts.len(), tenants.len()));
        }
        if !asleep.is_empty() {
            notes.push(format!(
                "{} inactive tenants would be activated and put back; their objects are not counted",
                asleep.len()
            ));
        }
        PlannedCollection {
            collection: self.collection.name.clone(),
            action: if request.schema_only { "back up the schema" } else { "back up" }.to_owned(),
            objects: parts.iter().map(|part| part.objects).sum(),
            objects_exact: asleep.is_empty(),
            tenants: if self.collection.multi_tenant { (parts.len() + asleep.len()) as u64 } else { 0 },
            notes,
            ..PlannedCollection::default()
        }
    }
}
