//! What a backup reads: which collections and tenants, and how whole that will be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::remarks::Remarks;
use super::tenants::{self, Choice};
use super::{BackupRequest, coverage};
use crate::error::{Error, Kind, Result};
use crate::model::{Collection, Tenant};
use crate::ops::lanes::Part;
use crate::ops::limits::losses_of_backup;
use crate::ops::{CollectionCounters, JobContext, Phase, PlannedCollection};
use crate::weaviate::{Cluster, Permissions};

/// Collections that are looked at side by side.
const COLLECTIONS_AT_ONCE: usize = 8;
/// From then on a count is old.
const STALE: Duration = Duration::from_secs(5);

/// What the request means on this cluster.
pub struct Selected {
    /// Sorted.
    pub names: Vec<String>,
    /// Why there may be more that was meant.
    pub gaps: Vec<String>,
    pub permissions: Permissions,
}

/// A collection that is to be read.
pub struct Source {
    pub collection: Collection,
    pub aliases: Vec<String>,
    pub counters: Arc<CollectionCounters>,
    pub contents: Contents,
}

/// What of a collection is to be read.
pub struct Contents {
    /// All tenants; empty without multi-tenancy.
    pub tenants: Vec<Tenant>,
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
    let schemas = cluster.schemas().await?;
    let place = format!("on cluster \"{}\"", cluster.name());
    let names = request.collections.apply(schemas.keys().map(String::as_str), &place)?;
    if names.is_empty() {
        return Err(Error::new(
            Kind::CollectionNotFound,
            format!("there is no collection to back up {place}"),
        )
        .hint("check that the server's key may read collections, and what --exclude leaves out"));
    }
    let gaps = coverage::of_selection(&permissions, &request.collections);
    Ok(Selected { names: names.into_iter().map(str::to_owned).collect(), gaps, permissions })
}

/// Looks at each collection. Fails before anything is written if one of them cannot be backed up.
pub async fn plan(
    job: &JobContext,
    cluster: &Cluster,
    request: &BackupRequest,
    selected: &Selected,
) -> Result<Vec<Source>> {
    job.progress.set_phase(Phase::Planning);
    // Owned, so that the looks need not borrow from each other's surroundings.
    let looks = selected.names.iter().map(|name| {
        let counters = job.progress.add_collection(name, "");
        look_at(cluster.clone(), request.clone(), selected.permissions.clone(), name.clone(), counters)
    });
    stream::iter(looks.collect::<Vec<_>>()).buffered(COLLECTIONS_AT_ONCE).try_collect().await
}

async fn look_at(
    cluster: Cluster,
    request: BackupRequest,
    permissions: Permissions,
    name: String,
    counters: Arc<CollectionCounters>,
) -> Result<Source> {
    let name = name.as_str();
    let collection = cluster.collection(name).await?.ok_or_else(|| {
        Error::new(
            Kind::CollectionNotFound,
            format!("collection \"{name}\" was dropped while the backup was planned"),
        )
    })?;
    let contents = look_into(&cluster, &request, &permissions, &collection).await?;
    let aliases = cluster.aliases(name).await?;
    let source = Source { collection, aliases, counters, contents };
    source.expect();
    Ok(source)
}

/// All tenants, and the parts that are to be read.
async fn look_into(
    cluster: &Cluster,
    request: &BackupRequest,
    permissions: &Permissions,
    collection: &Collection,
) -> Result<Contents> {
    let tenants = if collection.multi_tenant { cluster.tenants(&collection.name).await? } else { Vec::new() };
    let mut remarks = Remarks::default();
    losses_of_backup(collection).into_iter().for_each(|text| remarks.note("vector_dropped", text));
    let Choice { active, asleep, remarks: of_tenants } = tenants::choose(collection, &tenants, request)?;
    let looked = Instant::now();
    if request.schema_only {
        return Ok(Contents { tenants, parts: Vec::new(), asleep: Vec::new(), remarks, looked });
    }
    remarks.extend(of_tenants);
    let shards = cluster.await_shards(collection).await?;
    remarks.extend(coverage::of_collection(permissions, request, collection, shards));
    let parts = count_parts(cluster, collection, &active).await?;
    Ok(Contents { tenants, parts, asleep, remarks, looked })
}

async fn count_parts(cluster: &Cluster, collection: &Collection, active: &[String]) -> Result<Vec<Part>> {
    if !collection.multi_tenant {
        let objects = cluster.count(&collection.name, None).await?;
        return Ok(vec![Part { tenant: None, objects }]);
    }
    tenants::count(cluster, &collection.name, active).await
}

impl Source {
    /// Looks again if the turn comes long after the plan was made: what was counted then proves nothing now.
    pub async fn refresh(
        &mut self,
        cluster: &Cluster,
        request: &BackupRequest,
        permissions: &Permissions,
    ) -> Result<()> {
        if self.contents.looked.elapsed() > STALE {
            self.contents = look_into(cluster, request, permissions, &self.collection).await?;
            self.expect();
        }
        Ok(())
    }

    fn expect(&self) {
        let Contents { parts, asleep, .. } = &self.contents;
        self.counters.expect_objects(parts.iter().map(|part| part.objects).sum(), asleep.is_empty());
        let tenants = if self.collection.multi_tenant { parts.len() + asleep.len() } else { 0 };
        self.counters.expect_tenants(tenants as u64);
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
