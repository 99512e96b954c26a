//! Tenants that are inactive, woken a few at a time, and put back whatever happens.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::Context;
use selvedge_archive::Repository;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Tenant, TenantStatus};
use selvedge_weaviate::Cluster;

/// Tenants that are awake at a time: enough to keep the lanes busy, few enough to be small beside the others.
pub const WAVE: usize = 100;
/// The file that tells of tenants that an attempt has woken. A job wakes tenants of one collection at a time.
fn file(attempt: u32) -> String {
    format!("woken-{attempt}.json")
}

/// What is written down before tenants are woken, so that a server that finds it can put them back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Woken {
    /// By its name in the server's configuration, and its address: another cluster may have the same name elsewhere.
    pub cluster: String,
    pub address: String,
    pub collection: String,
    tenants: Vec<String>,
}

/// Does `work` while these inactive tenants are active. They are put back also if the work fails, the job is cancelled or
/// the server stops; if it dies, its next start does it.
pub async fn while_awake<T>(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    collection: &str,
    tenants: &[String],
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let woken = Woken {
        cluster: cluster.name().to_owned(),
        address: cluster.rest_url().to_owned(),
        collection: collection.to_owned(),
        tenants: tenants.to_vec(),
    };
    let folder = repository.job(&job.job_id);
    let file = file(job.journal().attempt());
    folder.put(&file, &woken).await?;
    let names: Vec<_> = tenants.iter().map(String::as_str).collect();
    let result = match cluster.set_tenant_status(collection, &names, TenantStatus::Hot).await {
        Ok(()) => work.await,
        Err(error) => Err(error),
    };
    // Whatever becomes of the job, and however long it takes.
    let (cluster, journal) = (cluster.patient(), job.journal().clone());
    let put_back = job.uncut(async move {
        // Another attempt that went on with the job has put them back, and may have woken them anew.
        journal.check_newest().await?;
        woken.put_back(&cluster).await?;
        folder.delete(&[file]).await
    });
    match (result, put_back.await) {
        (result, Ok(())) => result,
        (Ok(_), Err(error)) => Err(error),
        (Err(error), Err(left)) => Err(error.also(format!("also, {left}"))),
    }
}

impl Woken {
    /// What has been dropped or offloaded since needs nothing. Returns how many were active.
    pub async fn put_back(&self, cluster: &Cluster) -> Result<usize> {
        let there = match cluster.tenants_in_full(&self.collection, &self.tenants).await {
            Ok(tenants) => tenants,
            // Weaviate is whole when it says so.
            Err(error) if error.kind() == Kind::CollectionNotFound => return Ok(0),
            Err(error) => return Err(self.still_awake(error)),
        };
        let woken: BTreeSet<_> = self.tenants.iter().collect();
        // Also those that show inactive: after a cancel, Weaviate may only be about to activate them.
        let is_settable = |tenant: &&Tenant| {
            matches!(tenant.status, TenantStatus::Hot | TenantStatus::Cold) && woken.contains(&tenant.name)
        };
        let settable: Vec<_> = there.iter().filter(is_settable).collect();
        let active = settable.iter().filter(|tenant| tenant.status.is_active()).count();
        let names: Vec<_> = settable.iter().map(|tenant| tenant.name.as_str()).collect();
        let result = cluster.set_tenant_status(&self.collection, &names, TenantStatus::Cold).await;
        result.map(|()| active).map_err(|error| self.still_awake(error))
    }

    fn still_awake(&self, error: Error) -> Error {
        error
            .context(format_args!(
                "{} tenants of collection \"{}\" that were activated could not be deactivated again",
                self.tenants.len(),
                self.collection
            ))
            .hint("the server does it at its next start; or deactivate them in Weaviate")
    }
}
