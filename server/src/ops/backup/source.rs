//! What a backup reads: which collections and tenants, and whether they can be read whole.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::BackupRequest;
use crate::error::{Error, Kind, Result};
use crate::model::{Collection, Tenant};
use crate::ops::limits::{check_exact, check_visible};
use crate::ops::{CollectionCounters, JobContext, Phase, PlannedCollection};
use crate::weaviate::Cluster;

/// Collections that are looked at side by side.
const COLLECTIONS_AT_ONCE: usize = 8;
/// From then on a count is old.
const STALE: Duration = Duration::from_secs(5);
/// Names in an error message.
const NAMES: usize = 5;

/// A collection that is to be read.
pub struct Source {
    pub collection: Collection,
    pub aliases: Vec<String>,
    /// All tenants; empty without multi-tenancy.
    pub tenants: Vec<Tenant>,
    /// What is read: one part with the tenant `None` for a collection without tenants, else one for each chosen tenant.
    pub parts: Vec<Part>,
    pub counters: Arc<CollectionCounters>,
    /// When tenants and parts were looked at.
    looked: Instant,
}

/// A collection without tenants, or one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub tenant: Option<String>,
    /// Objects there were before reading; 0 for a schema-only backup.
    pub objects: u64,
}

/// The names that the request means, sorted.
pub async fn select(cluster: &Cluster, request: &BackupRequest) -> Result<Vec<String>> {
    cluster.connect().await?;
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
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// Looks at each collection. Fails before anything is written if one of them cannot be backed up whole.
pub async fn plan(
    job: &JobContext,
    cluster: &Cluster,
    request: &BackupRequest,
    names: &[String],
) -> Result<Vec<Source>> {
    job.progress.set_phase(Phase::Planning);
    // Owned, so that the looks need not borrow from each other's surroundings.
    let looks = names.iter().map(|name| {
        let counters = job.progress.add_collection(name, "");
        look_at(cluster.clone(), request.clone(), name.clone(), counters)
    });
    stream::iter(looks.collect::<Vec<_>>()).buffered(COLLECTIONS_AT_ONCE).try_collect().await
}

async fn look_at(
    cluster: Cluster,
    request: BackupRequest,
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
    check_exact(&collection)?;
    check_visible(&collection, cluster.connect().await?.version)?;
    let (tenants, parts) = contents(&cluster, &request, &collection).await?;
    let aliases = cluster.aliases(name).await?;
    let source = Source { collection, aliases, tenants, parts, counters, looked: Instant::now() };
    source.expect();
    Ok(source)
}

/// All tenants, and the parts that are to be read.
async fn contents(
    cluster: &Cluster,
    request: &BackupRequest,
    collection: &Collection,
) -> Result<(Vec<Tenant>, Vec<Part>)> {
    let tenants = if collection.multi_tenant { cluster.tenants(&collection.name).await? } else { Vec::new() };
    let chosen = choose_tenants(collection, &tenants, &request.tenants)?;
    if request.schema_only {
        return Ok((tenants, Vec::new()));
    }
    refuse_inactive(collection, &chosen)?;
    cluster.await_shards(collection).await?;
    let parts = count_parts(cluster, collection, &chosen).await?;
    Ok((tenants, parts))
}

fn choose_tenants(collection: &Collection, tenants: &[Tenant], wanted: &[String]) -> Result<Vec<Tenant>> {
    if wanted.is_empty() {
        return Ok(tenants.to_vec());
    }
    let name = &collection.name;
    if !collection.multi_tenant {
        return Err(Error::new(
            Kind::TenantNotFound,
            format!("collection \"{name}\" is not multi-tenant, so it has no tenants to choose"),
        )
        .hint("name the multi-tenant collections, or leave this one out with --exclude"));
    }
    let find = |wanted: &String| {
        tenants.iter().find(|tenant| tenant.name == *wanted).cloned().ok_or_else(|| {
            Error::new(Kind::TenantNotFound, format!("collection \"{name}\" has no tenant \"{wanted}\""))
                .hint("tenants' names are case-sensitive")
        })
    };
    wanted.iter().map(find).collect()
}

fn refuse_inactive(collection: &Collection, chosen: &[Tenant]) -> Result<()> {
    let inactive: Vec<_> = chosen.iter().filter(|tenant| !tenant.status.is_active()).collect();
    let Some(first) = inactive.first() else { return Ok(()) };
    let names: Vec<_> = inactive.iter().take(NAMES).map(|tenant| tenant.name.as_str()).collect();
    let more = inactive.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(Error::new(
        Kind::TenantInactive,
        format!(
            "collection \"{}\" has tenants that cannot be read because they are not active: {}{more} ({})",
            collection.name,
            names.join(", "),
            first.status
        ),
    )
    .hint("activate them in Weaviate, or choose active ones with --tenant"))
}

async fn count_parts(cluster: &Cluster, collection: &Collection, chosen: &[Tenant]) -> Result<Vec<Part>> {
    if !collection.multi_tenant {
        let objects = cluster.count(&collection.name, None).await?;
        return Ok(vec![Part { tenant: None, objects }]);
    }
    let names = chosen.iter().map(|tenant| tenant.name.as_str());
    let counts = cluster.count_tenants(&collection.name, names).await?;
    let part = |(tenant, objects): (&Tenant, u64)| Part { tenant: Some(tenant.name.clone()), objects };
    Ok(chosen.iter().zip(counts).map(part).collect())
}

impl Source {
    /// Looks again if the turn comes long after the plan was made: what was counted then proves nothing now.
    pub async fn refresh(&mut self, cluster: &Cluster, request: &BackupRequest) -> Result<()> {
        if self.looked.elapsed() > STALE {
            (self.tenants, self.parts) = contents(cluster, request, &self.collection).await?;
            self.looked = Instant::now();
            self.expect();
        }
        Ok(())
    }

    fn expect(&self) {
        self.counters.expect_objects(self.parts.iter().map(|part| part.objects).sum(), true);
        self.counters.expect_tenants(if self.collection.multi_tenant { self.parts.len() as u64 } else { 0 });
    }

    /// What a dry run shows.
    pub fn planned(&self, request: &BackupRequest) -> PlannedCollection {
        let mut notes = Vec::new();
        if request.without_vectors {
            notes.push("vectors are left out, as the request says".to_owned());
        }
        if !request.tenants.is_empty() {
            notes.push(format!(
                "{} of {} tenants, as the request says",
                self.parts.len(),
                self.tenants.len()
            ));
        }
        PlannedCollection {
            collection: self.collection.name.clone(),
            action: if request.schema_only { "back up the schema" } else { "back up" }.to_owned(),
            objects: self.parts.iter().map(|part| part.objects).sum(),
            objects_exact: true,
            tenants: if self.collection.multi_tenant { self.parts.len() as u64 } else { 0 },
            notes,
            ..PlannedCollection::default()
        }
    }
}
