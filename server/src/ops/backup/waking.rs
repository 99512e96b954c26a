//! Tenants that are inactive, woken a few at a time, and put back whatever happens.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::archive::Repository;
use crate::error::{Error, Kind, Result};
use crate::model::TenantStatus;
use crate::ops::JobContext;
use crate::weaviate::Cluster;

/// Tenants that are awake at a time: enough to keep the lanes busy, few enough to be small beside the others.
pub const WAVE: usize = 100;
/// What the names of the files that tell of woken tenants begin with.
const PREFIX: &str = "woken-";

/// What is written down before tenants are woken, so that a server that finds it can put them back.
#[derive(Debug, Serialize, Deserialize)]
struct Woken {
    /// By its name in the server's configuration.
    cluster: String,
    collection: String,
    tenants: Vec<String>,
}

/// Does `work` while these inactive tenants are active. They are put back also if the work fails, the job is cancelled or
/// the server stops; if it dies, its next start does it.
pub async fn while_awake<T>(
    job: &JobContext,
    cluster: &Cluster,
    repository: &Repository,
    collection: &str,
    tenants: &[String],
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let file = format!("{PREFIX}{collection}.json");
    let woken = Woken {
        cluster: cluster.name().to_owned(),
        collection: collection.to_owned(),
        tenants: tenants.to_vec(),
    };
    let json = serde_json::to_vec_pretty(&woken)
        .map_err(|error| Error::internal("a list of tenants cannot be written as JSON").caused_by(error))?;
    repository.put_job_file(&job.job_id, &file, Bytes::from(json)).await?;
    let names: Vec<_> = tenants.iter().map(String::as_str).collect();
    let result = match cluster.set_tenant_status(collection, &names, TenantStatus::Hot).await {
        Ok(()) => work.await,
        Err(error) => Err(error),
    };
    let (cluster, repository, job_id) = (cluster.clone(), repository.clone(), job.job_id.clone());
    let put_back = job.uncut(async move {
        woken.put_back(&cluster).await?;
        repository.delete_job_file(&job_id, &file).await
    });
    match (result, put_back.await) {
        (result, Ok(())) => result,
        (Ok(_), Err(error)) => Err(error),
        (Err(error), Err(left)) => Err(error.also(format!("also, {left}"))),
    }
}

impl Woken {
    async fn put_back(&self, cluster: &Cluster) -> Result<()> {
        let names: Vec<_> = self.tenants.iter().map(String::as_str).collect();
        let result = cluster.set_tenant_status(&self.collection, &names, TenantStatus::Cold).await;
        result.map_err(|error| {
            error
                .context(format_args!(
                    "{} tenants of collection \"{}\" that were activated could not be deactivated again",
                    names.len(),
                    self.collection
                ))
                .hint("the server does it at its next start; or deactivate them in Weaviate")
        })
    }

    /// As [`Woken::put_back`], for what a server left behind: what has been dropped since needs nothing.
    async fn put_back_later(mut self, cluster: &Cluster) -> Result<usize> {
        let there = match cluster.tenants(&self.collection).await {
            Ok(tenants) => tenants,
            Err(error) if error.kind() == Kind::CollectionNotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        let is_awake =
            |name: &String| there.iter().any(|tenant| tenant.name == *name && tenant.status.is_active());
        self.tenants.retain(is_awake);
        self.put_back(cluster).await.map(|()| self.tenants.len())
    }
}

/// Puts back the tenants that a server which died had woken on this cluster. Returns how many.
pub async fn put_back_leftovers(cluster: &Cluster, repository: &Repository) -> Result<usize> {
    let mut count = 0;
    for (job_id, file) in repository.job_files(PREFIX).await? {
        let Some(bytes) = repository.job_file(&job_id, &file).await? else { continue };
        let woken: Woken = serde_json::from_slice(&bytes).map_err(|error| {
            Error::internal(format!("jobs/{job_id}/{file} is not a list of tenants")).caused_by(error)
        })?;
        if woken.cluster == cluster.name() {
            count += woken.put_back_later(cluster).await?;
            repository.delete_job_file(&job_id, &file).await?;
        }
    }
    Ok(count)
}
