//! Deleting the objects that a repair was to find only on the cluster, and the tenants that the job had made which is undone.

use std::sync::Arc;

use selvedge_model::Tenant;
use selvedge_model::error::{Error, Kind, Result, counted};
use selvedge_weaviate::{Cluster, ObjectReader};
use uuid::Uuid;

use super::target::Target;
use super::undoing::Found;
use crate::{Context, Phase};

/// Objects that are deleted, and looked for afterwards, before the next ones.
const AT_ONCE: usize = 1_000;
/// What an answer with ids weighs at most.
const ROOM: usize = 1 << 20;

/// Written when all of it is done: what comes back later is somebody's.
fn deleted_file(collection: &str) -> String {
    format!("deleted/{collection}/done.json")
}

pub async fn delete(job: &Context, cluster: &Cluster, target: &Target, found: &Found) -> Result<()> {
    let name = &target.collection.name;
    let is_done = job.journal().read::<()>(&deleted_file(name)).await?.is_some();
    let deleted = found.counts(name).map_or(0, |counts| counts.deleted);
    let made = target.source.absent().map(|absent| absent.tenants.as_slice()).unwrap_or_default();
    if is_done || (deleted == 0 && made.is_empty()) {
        return Ok(());
    }
    job.progress.set_phase(Phase::Clearing);
    job.journal().check_newest().await?;
    let reader = Arc::new(ObjectReader::open_keys(cluster, &target.collection).await?);
    for (tenant, ids) in found.extra(name) {
        for ids in ids.chunks(AT_ONCE) {
            job.check_stop()?;
            cluster.delete_objects(name, tenant, ids).await?;
            refuse_left(&reader, name, tenant, ids).await?;
        }
    }
    delete_tenants(job, cluster, name, made).await?;
    job.journal().write(&deleted_file(name), &()).await
}

async fn refuse_left(
    reader: &Arc<ObjectReader>,
    name: &str,
    tenant: Option<&str>,
    ids: &[Uuid],
) -> Result<()> {
    let mut left = Vec::new();
    let read = reader.by_ids(tenant, ids, ROOM, |page| {
        left.extend(page.batch.ids);
        Ok(())
    });
    read.await?;
    let Some(one) = left.first() else { return Ok(()) };
    let count = counted(left.len() as u64, "object");
    let text = format!("{count} that were deleted from collection \"{name}\" are there, such as {one}");
    Err(Error::new(Kind::ContentMismatch, text)
        .hint("check that nobody else writes to it and that all nodes of Weaviate are up"))
}

/// Those that are empty by now.
async fn delete_tenants(job: &Context, cluster: &Cluster, name: &str, made: &[String]) -> Result<()> {
    if made.is_empty() {
        return Ok(());
    }
    let mut there = cluster.tenants(name).await?;
    there.retain(|tenant| made.contains(&tenant.name) && tenant.status.is_active());
    let counts = cluster.count_tenants(name, there.iter().map(|tenant| tenant.name.as_str())).await?;
    let (empty, filled): (Vec<_>, Vec<_>) =
        there.into_iter().zip(counts).partition(|(_, count)| *count == Some(0));
    let empty: Vec<Tenant> = empty.into_iter().map(|(tenant, _)| tenant).collect();
    cluster.delete_tenants(name, &empty).await?;
    for (tenant, _) in filled {
        let text = "a tenant that the job had made was left, because somebody has written to it";
        job.progress.warn("tenant_left", text, format!("{name}/{}", tenant.name));
    }
    Ok(())
}
