//! What a clear writes down before it takes something away, so that it comes back whatever happens: what the collection was
//! like, in the form in which Weaviate takes it, and what is missing at the moment.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::sameness::fail_if_different;
use super::victim::Victim;
use crate::Context;
use selvedge_archive::{JsonFolder, Repository};
use selvedge_model::error::{Error, Result, counted};
use selvedge_model::{Tenant, TenantStatus};
use selvedge_weaviate::Cluster;

/// What is missing while the file of this name is there.
#[derive(Debug, Serialize, Deserialize)]
pub struct Clearing {
    /// By its name in the server's configuration, and its address.
    pub cluster: String,
    pub address: String,
    pub collection: String,
    /// The collection that the schema is tried with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
    /// Whether the schema is still being tried: nothing is missing then, and only the probe may be left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proving: bool,
    /// The tenants that are taken away; empty where the whole collection is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
}

/// The files of a clear of one collection. Its name is a folder's: with anything added, it could be too long for a file.
pub struct Saved {
    folder: JsonFolder,
    /// How messages call the repository.
    url: String,
    clearing: Clearing,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SavedTenant {
    name: String,
    activity_status: TenantStatus,
}

/// Where it is kept what was taken away.
pub const CLEARED: &str = "cleared";

fn schema_file(collection: &str) -> String {
    format!("{CLEARED}/{collection}/schema.json")
}

fn tenants_file(collection: &str) -> String {
    format!("{CLEARED}/{collection}/tenants.json")
}

/// The name under which it is written down that a collection is cleared: it must not happen twice.
pub fn cleared_file(collection: &str) -> String {
    format!("{CLEARED}/{collection}/done.json")
}

/// The name under which it is written down which tenants were cleared by an attempt whose server died.
pub fn finished_file(collection: &str) -> String {
    format!("{CLEARED}/{collection}/finished.json")
}

impl Saved {
    /// Keeps the schema and the tenants where they survive this server.
    pub async fn new(
        job: &Context,
        cluster: &Cluster,
        repository: &Repository,
        victim: &Victim,
    ) -> Result<Self> {
        let saved = Self::nothing(job, cluster, repository, &victim.collection.name);
        if victim.collection.multi_tenant {
            let tenant = |tenant: &Tenant| json!({"name": tenant.name, "activityStatus": tenant.status});
            let tenants: Value = victim.tenants.iter().map(tenant).collect();
            saved.folder.put(&tenants_file(&saved.clearing.collection), &tenants).await?;
        }
        saved.folder.put(&schema_file(&saved.clearing.collection), &victim.collection.schema).await?;
        Ok(saved)
    }

    /// Nothing is taken away, so nothing is kept: a schema is only tried.
    pub fn nothing(job: &Context, cluster: &Cluster, repository: &Repository, collection: &str) -> Self {
        let (cluster, address) = (cluster.name().to_owned(), cluster.rest_url().to_owned());
        let (collection, probe, proving, tenants) = (collection.to_owned(), None, false, Vec::new());
        let clearing = Clearing { cluster, address, collection, probe, proving, tenants };
        Self { folder: repository.job(&job.job_id), url: repository.url().to_owned(), clearing }
    }

    /// Where the schema is; the tenants are beside it.
    pub fn place(&self) -> String {
        format!("{}/{}", self.url, self.folder.place(&schema_file(&self.clearing.collection)))
    }

    /// From now on the probe may be there.
    pub async fn begin(&mut self, probe: &str) -> Result<()> {
        self.clearing.probe = Some(probe.to_owned());
        self.clearing.proving = true;
        self.folder.put(Clearing::FILE, &self.clearing).await
    }

    /// From now on the collection may be missing.
    pub async fn begin_recreating(&mut self) -> Result<()> {
        self.clearing.proving = false;
        self.folder.put(Clearing::FILE, &self.clearing).await
    }

    /// From now on these tenants may be missing, and those before are there.
    pub async fn begin_tenants(&mut self, tenants: &[Tenant]) -> Result<()> {
        self.clearing.tenants = tenants.iter().map(|tenant| tenant.name.clone()).collect();
        self.folder.put(Clearing::FILE, &self.clearing).await
    }

    /// Nothing is missing any more. Of an attempt that was taken for dead, what is missing is another's to bring back.
    pub async fn end(&self, job: &Context) -> Result<()> {
        job.journal().check_newest().await?;
        self.folder.delete(&[Clearing::FILE]).await
    }
}

impl Clearing {
    pub const FILE: &'static str = "clearing.json";

    /// Brings back what is missing, and says what that was; None if nothing is.
    pub async fn finish(&self, cluster: &Cluster, folder: &JsonFolder) -> Result<Option<String>> {
        let name = &self.collection;
        if let Some(probe) = &self.probe
            && cluster.is_empty(probe).await?
        {
            cluster.drop_collection(probe).await?;
        }
        if self.proving {
            // If the collection is missing now, somebody else has dropped it.
            return Ok(None);
        }
        let file = schema_file(name);
        let schema: Value = read(folder, &file).await?;
        let place = folder.place(&file);
        let Some(there) = cluster.collection(name).await? else {
            if !self.tenants.is_empty() {
                // Its tenants were cleared, so it was there: somebody else has dropped it.
                return Ok(None);
            }
            let made = cluster.create_collection(&schema).await.map_err(|error| {
                error.also(format!(
                    "collection \"{name}\" is missing: POST its schema, saved in {place}, to /v1/schema"
                ))
            })?;
            fail_if_different(name, &schema, &made.schema)?;
            folder.put(&cleared_file(name), &()).await?;
            return Ok(Some(format!("collection \"{name}\" created again, empty")));
        };
        fail_if_different(name, &schema, &there.schema).map_err(|error| {
            error.also(format!(
                "somebody else has created it meanwhile: if it is not wanted, drop it (DELETE /v1/schema/{name}) and POST the \
                 schema as it was, saved in {place}, to /v1/schema"
            ))
        })?;
        if there.multi_tenant {
            return self.bring_tenants_back(cluster, folder).await;
        }
        // Whether it is still as it was, or created again, and nothing was written since.
        if cluster.count(name, None).await? == 0 {
            folder.put(&cleared_file(name), &()).await?;
        }
        Ok(None)
    }

    async fn bring_tenants_back(&self, cluster: &Cluster, folder: &JsonFolder) -> Result<Option<String>> {
        let name = &self.collection;
        if self.tenants.is_empty() {
            return Ok(None);
        }
        let saved: Vec<SavedTenant> = read(folder, &tenants_file(name)).await?;
        let there = cluster.tenants_in_full(name, &self.tenants).await?;
        let there: BTreeSet<_> = there.into_iter().map(|tenant| tenant.name).collect();
        let is_missing =
            |tenant: &SavedTenant| self.tenants.contains(&tenant.name) && !there.contains(&tenant.name);
        let missing: Vec<_> = saved
            .into_iter()
            .filter(is_missing)
            .map(|SavedTenant { name, activity_status: status }| Tenant { name, status })
            .collect();
        if !missing.is_empty() {
            cluster.create_tenants(name, &missing).await?;
        }
        self.note_cleared(cluster, folder, &missing).await?;
        if missing.is_empty() {
            return Ok(None);
        }
        let tenants = counted(missing.len() as u64, "tenant");
        Ok(Some(format!("{tenants} of collection \"{name}\" created again, empty")))
    }
}

impl Clearing {
    /// Those that were missing are cleared, and those in which there is nothing: whatever is written to them from now on is not
    /// to be lost when the job goes on.
    async fn note_cleared(&self, cluster: &Cluster, folder: &JsonFolder, missing: &[Tenant]) -> Result<()> {
        let there = cluster.tenants_in_full(&self.collection, &self.tenants).await?;
        let is_of_it = |tenant: &&Tenant| self.tenants.contains(&tenant.name) && tenant.status.is_active();
        let active: Vec<_> = there.iter().filter(is_of_it).map(|tenant| tenant.name.as_str()).collect();
        let counts = cluster.count_tenants(&self.collection, active.iter().copied()).await?;
        let empty = active.iter().zip(counts).filter(|(_, count)| *count == Some(0)).map(|(name, _)| *name);
        let tenants: BTreeSet<_> = empty.chain(missing.iter().map(|tenant| tenant.name.as_str())).collect();
        let tenants = tenants.into_iter().map(str::to_owned).collect();
        // Whichever server finishes it can write it there.
        folder.put(&finished_file(&self.collection), &Cleared { tenants }).await
    }
}

/// The record of tenants that are cleared.
#[derive(Serialize, Deserialize)]
pub struct Cleared {
    pub tenants: Vec<String>,
}

impl Cleared {
    /// The work that these records are of.
    pub const WORK: &str = "tenants";
}

async fn read<T: serde::de::DeserializeOwned>(folder: &JsonFolder, file: &str) -> Result<T> {
    let missing = || Error::internal(format!("{} is missing, which a clear had saved", folder.place(file)));
    folder.read(file).await?.ok_or_else(missing)
}
