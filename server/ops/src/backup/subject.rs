//! What a backup is of: which collections and tenants, and how whole that will be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use selvedge_archive::{BackupId, CollectionReader, Repository, TenantRecord};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::parents::{Parent, Parents};
use super::tenants::{self, Choice};
use super::{BackupRequest, coverage};
use crate::engine::Task;
use crate::limits::losses_of_backup;
use crate::probe::is_probe;
use crate::{CollectionCounters, Counts, InactiveTenants, PlannedCollection};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, Names, Reason, Remark, Tenant};
use selvedge_weaviate::{Aliases, Cluster, Permissions};

/// Collections that are looked at side by side.
const COLLECTIONS_AT_ONCE: usize = 8;
/// As many collections, or tenants, are counted before they are read: beside reading them, that is little.
const FEW: usize = 64;
/// From then on a look is old.
const STALE: Duration = Duration::from_secs(5);

/// What the request means on this cluster.
pub struct Selected {
    /// The schemas of the collections that are meant, by name.
    pub schemas: BTreeMap<String, Value>,
    /// All collections there were, meant or not.
    pub there: Vec<String>,
    pub aliases: Aliases,
    pub permissions: Permissions,
    /// What a person should know of the selection.
    pub remarks: Vec<Remark>,
}

/// A collection that is to be read.
pub struct Subject {
    pub collection: Collection,
    pub aliases: Vec<String>,
    pub contents: Contents,
}

/// A collection without tenants, or a tenant, and how many objects there were; None if that was not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    pub tenant: Option<String>,
    pub objects: Option<u64>,
}

/// Whether everything is counted before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// To be shown.
    Shown,
    All,
    /// Only where counts are few beside what is read, or where they have to prove that all of it was shown.
    Few,
}

/// What of a collection is to be read.
pub struct Contents {
    /// All tenants; empty without multi-tenancy.
    pub tenants: Vec<Tenant>,
    /// Those that were there when it was looked at before.
    deleted: Vec<String>,
    /// One with the tenant `None` for a collection without tenants, else one for each chosen tenant that is active. None at
    /// all in a backup of schemas.
    pub parts: Vec<Counted>,
    /// Tenants that are to be woken for it.
    pub asleep: Vec<String>,
    /// The backup that it is compared with.
    pub parent: Option<Parent>,
    /// Tenants of which it has what is to be had, and which are not read.
    pub unread: BTreeSet<String>,
    /// What is known before reading.
    pub remarks: Vec<Remark>,
    counting: Counting,
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
        .hint("check that the server's key may read collections, and what the request leaves out"));
    }
    let probes = probes.into_iter().map(|name| Reason::ProbeLeftOut { collection: name.to_owned() });
    let idle = selection.idle_exclusions(names());
    let idle = idle.into_iter().map(|term| Reason::NothingExcluded { term: term.to_owned() });
    let mut remarks: Vec<_> = probes.chain(idle).map(Remark::note).collect();
    remarks.extend(coverage::of_selection(&permissions, selection));
    let chosen = chosen.into_iter().filter_map(|name| schemas.remove_entry(name)).collect();
    Ok(Selected { schemas: chosen, there, aliases, permissions, remarks })
}

impl Selected {
    /// The names of those that the job needs for itself, as others would take tenants that are awake for a while for active ones;
    /// and of those that others may read, too.
    pub fn names_alone_and_beside(&self, request: &BackupRequest) -> (Vec<String>, Vec<String>) {
        let wakes =
            request.inactive_tenants == InactiveTenants::Activate && !request.schema_only && !request.dry_run;
        let has_tenants = |name: &String| self.schemas[name]["multiTenancyConfig"]["enabled"] == true;
        self.schemas.keys().cloned().partition(|name| wakes && has_tenants(name))
    }
}

/// Looks at each collection. Fails before anything is written if one of them cannot be backed up. Also returns the names of
/// those that were dropped meanwhile.
pub async fn plan(
    cluster: &Cluster,
    request: &BackupRequest,
    selected: &Selected,
    parents: &Parents,
) -> Result<(Vec<Subject>, Vec<String>)> {
    let few = selected.schemas.len() <= FEW || !cluster.is_single_node().await;
    let counting = match (request.dry_run, few) {
        (true, _) => Counting::Shown,
        (false, true) => Counting::All,
        (false, false) => Counting::Few,
    };
    let looks = selected.schemas.iter().map(|(name, schema)| {
        let looking = Looking { cluster, request, permissions: &selected.permissions, parents, counting };
        look_at(looking, schema.clone(), selected.aliases.of(name))
    });
    let found: Vec<_> = stream::iter(looks.collect::<Vec<_>>())
        .buffered(COLLECTIONS_AT_ONCE)
        .try_collect::<Vec<Option<Subject>>>()
        .await?;
    let gone = selected.schemas.keys().zip(&found).filter(|(_, subject)| subject.is_none());
    let gone = gone.map(|(name, _)| name.clone()).collect();
    Ok((found.into_iter().flatten().collect(), gone))
}

/// With what collections are looked at.
#[derive(Clone, Copy)]
pub struct Looking<'a> {
    pub cluster: &'a Cluster,
    pub request: &'a BackupRequest,
    pub permissions: &'a Permissions,
    pub parents: &'a Parents,
    pub counting: Counting,
}

/// None if it was dropped meanwhile.
async fn look_at(looking: Looking<'_>, schema: Value, aliases: Vec<String>) -> Result<Option<Subject>> {
    let collection = Collection::from_schema(schema)?;
    let looked = look_into(looking, &collection, BTreeSet::new()).await;
    let Some(contents) = unless_gone(looked)? else {
        return Ok(None);
    };
    Ok(Some(Subject { collection, aliases, contents }))
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
    looking: Looking<'_>,
    collection: &Collection,
    mut known: BTreeSet<String>,
) -> Result<Contents> {
    let Looking { cluster, request, permissions, parents, counting } = looking;
    let tenants = if collection.multi_tenant { cluster.tenants(&collection.name).await? } else { Vec::new() };
    tenants.iter().for_each(|tenant| {
        known.remove(&tenant.name);
    });
    let deleted: Vec<_> = known.into_iter().collect();
    let mut remarks: Vec<_> = losses_of_backup(collection).into_iter().collect();
    let parent = match parents.of(collection, request) {
        Some(Ok(parent)) => Some(parent),
        Some(Err(why)) => {
            remarks.push(Remark::note(Reason::ReadInFull { why }));
            None
        }
        None => None,
    };
    let held_asleep = parent.as_ref().filter(|_| !request.check_all).map(|parent| parent.asleep(&tenants));
    let Choice { active, asleep, inherited, remarks: of_tenants } =
        tenants::choose(collection, &tenants, &deleted, &held_asleep.unwrap_or_default(), request)?;
    remarks.extend(coverage::of_lists(permissions, request, collection));
    let mut contents = Contents {
        tenants,
        deleted,
        parts: Vec::new(),
        asleep: Vec::new(),
        parent,
        unread: BTreeSet::new(),
        remarks,
        counting,
        looked: Instant::now(),
    };
    if request.schema_only {
        return Ok(contents);
    }
    contents.remarks.extend(of_tenants);
    if let Some(parent) = contents.parent.as_ref().filter(|_| !inherited.is_empty()) {
        let (backup, tenants) = (parent.backup.to_string(), Names::of(&inherited));
        contents.remarks.push(Remark::note(Reason::TenantsInherited { backup, tenants }));
    }
    let shards = cluster.await_shards(collection).await?;
    contents.remarks.extend(coverage::of_shards(shards));
    contents.parts = count_parts(cluster, collection, &active, counting).await?;
    contents.asleep = asleep;
    contents.unread = inherited.into_iter().collect();
    Ok(contents)
}

async fn count_parts(
    cluster: &Cluster,
    collection: &Collection,
    active: &[String],
    counting: Counting,
) -> Result<Vec<Counted>> {
    let name = &collection.name;
    match (collection.multi_tenant, counting) {
        (false, Counting::Shown | Counting::All) => {
            Ok(vec![Counted { tenant: None, objects: Some(cluster.count(name, None).await?) }])
        }
        (false, Counting::Few) => Ok(vec![Counted { tenant: None, objects: None }]),
        (true, Counting::Shown) => tenants::count(cluster, name, active).await,
        (true, Counting::All) if active.len() <= FEW => tenants::count(cluster, name, active).await,
        (true, _) => {
            let uncounted = |tenant: &String| Counted { tenant: Some(tenant.clone()), objects: None };
            Ok(active.iter().map(uncounted).collect())
        }
    }
}

/// Parts as tasks: tenants that are small go together.
pub fn tasks(parts: &[&Counted]) -> Vec<Task> {
    match parts {
        [Counted { tenant: None, objects }] => vec![Task::whole(objects.unwrap_or(0))],
        parts => Task::of_tenants(
            parts.iter().filter_map(|part| Some((part.tenant.clone()?, part.objects.unwrap_or(0)))),
        ),
    }
}

impl Contents {
    /// Whether it is known how many objects there are in each part.
    pub fn is_counted(&self) -> bool {
        self.parts.iter().all(|part| part.objects.is_some())
    }

    fn known_tenants(&self) -> BTreeSet<String> {
        let names = self.tenants.iter().map(|tenant| &tenant.name);
        names.chain(&self.deleted).cloned().collect()
    }
}

impl Subject {
    /// Whether the plan is of a moment ago.
    pub fn is_fresh(&self) -> bool {
        self.contents.looked.elapsed() <= STALE
    }

    /// Looks again when its turn comes: the plan may be hours old. False if the collection is gone.
    pub async fn refresh(
        &mut self,
        cluster: &Cluster,
        request: &BackupRequest,
        permissions: &Permissions,
        parents: &Parents,
        counters: &CollectionCounters,
    ) -> Result<bool> {
        let Some(now) = cluster.collection_again(&self.collection).await? else { return Ok(false) };
        let is_same = now.schema == self.collection.schema;
        self.collection = now;
        let is_fresh = self.is_fresh() && self.has_same_tenants(cluster).await?;
        let lost_parent =
            self.contents.parent.is_some() && !matches!(parents.of(&self.collection, request), Some(Ok(_)));
        if !is_same || !is_fresh || lost_parent {
            let known = self.contents.known_tenants();
            let counting = self.contents.counting;
            let looking = Looking { cluster, request, permissions, parents, counting };
            let looked = look_into(looking, &self.collection, known).await;
            let Some(contents) = unless_gone(looked)? else { return Ok(false) };
            self.contents = contents;
        }
        self.expect(counters);
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
        let Counts { objects_done, tenants_done, .. } = counters.counts();
        let objects: u64 = parts.iter().filter_map(|part| part.objects).sum();
        let is_counted = self.contents.is_counted();
        counters.expect_objects(objects_done + objects, asleep.is_empty() && is_counted);
        counters.expect_uncounted(!is_counted);
        let tenants = if self.collection.multi_tenant { parts.len() + asleep.len() } else { 0 };
        counters.expect_tenants(tenants_done + tenants as u64);
    }

    /// The collection as a backup of it would have it, as far as that is known before; how many objects it has, and whether that is
    /// known exactly.
    pub fn draft(
        &self,
        repository: &Repository,
        id: &BackupId,
        request: &BackupRequest,
    ) -> Result<(CollectionReader, u64, bool)> {
        let Self { collection, aliases, contents } = self;
        let counted: BTreeMap<_, _> =
            contents.parts.iter().filter_map(|part| Some((part.tenant.as_ref()?, part.objects))).collect();
        let record = |tenant: &Tenant| {
            let is_read = counted.contains_key(&tenant.name) || contents.asleep.contains(&tenant.name);
            let is_held = is_read || contents.unread.contains(&tenant.name);
            // One that was not counted may have some.
            let objects = counted.get(&tenant.name).copied().flatten().unwrap_or(1);
            TenantRecord {
                name: tenant.name.clone(),
                status: tenant.status,
                rows: is_held.then_some(if is_read { objects } else { 0 }),
                left_out: if is_held { None } else { tenants::left_out(tenant, request) },
                digest: None,
            }
        };
        let tenants = collection.multi_tenant.then(|| contents.tenants.iter().map(record).collect());
        let objects = contents.parts.iter().filter_map(|part| part.objects).sum();
        let is_exact = contents.asleep.is_empty() && contents.is_counted();
        Ok((repository.draft(id, collection, aliases, tenants)?, objects, is_exact))
    }

    /// What a dry run shows.
    pub fn planned(&self, request: &BackupRequest) -> PlannedCollection {
        let Contents { tenants, parts, asleep, remarks, .. } = &self.contents;
        let mut notes: Vec<_> = remarks.iter().map(|remark| remark.reason.to_string()).collect();
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
            action: match (request.schema_only, &self.contents.parent) {
                (true, _) => "back up the schema".to_owned(),
                (false, None) => "back up".to_owned(),
                (false, Some(parent)) => format!("back up what has changed since {}", parent.backup),
            },
            objects: parts.iter().filter_map(|part| part.objects).sum(),
            objects_exact: asleep.is_empty() && self.contents.is_counted(),
            tenants: if self.collection.multi_tenant { (parts.len() + asleep.len()) as u64 } else { 0 },
            notes,
            ..PlannedCollection::default()
        }
    }
}
