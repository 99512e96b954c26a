//! What an earlier attempt at a restore has begun, and whether it can be gone on with.

use std::sync::Arc;

use selvedge_archive::Manifest;
use selvedge_model::Tenant;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::{Cluster, compare_schemas};
use serde::{Deserialize, Serialize};

use super::target::Target;
use crate::Context;

/// Written before anything is created: from then on, what is there under the names of the restore is its own.
const PLAN: &str = "plan.json";
/// Written when all collections are there, and their tenants.
const CREATED: &str = "created.json";

/// What the first attempt has found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Begun {
    backup: Manifest,
    /// Whether all collections were created.
    #[serde(skip)]
    created: bool,
}

impl Begun {
    /// None if nothing was created yet.
    pub async fn earlier(job: &Context) -> Result<Option<Self>> {
        let Some(begun) = job.journal().read::<Self>(PLAN).await? else { return Ok(None) };
        let created = job.journal().read::<()>(CREATED).await?.is_some();
        Ok(Some(Self { created, ..begun }))
    }

    pub async fn begin(job: &Context, backup: &Manifest) -> Result<()> {
        job.journal().write(PLAN, &Self { backup: backup.clone(), created: false }).await
    }

    pub async fn all_created(job: &Context) -> Result<()> {
        job.journal().write(CREATED, &()).await
    }

    /// Makes sure that the backup and the collections are those that the job began with. Returns whether they are all there;
    /// what an attempt was in the middle of creating is dropped.
    pub async fn check(&self, cluster: &Cluster, backup: &Manifest, targets: &[Arc<Target>]) -> Result<bool> {
        if self.backup != *backup {
            let text = format!("backup {} is not the one that the restore was begun with", backup.id);
            return Err(Error::new(Kind::JobNotResumable, text)
                .hint("delete what the job has created, and start a new restore"));
        }
        for target in targets {
            match self.created {
                true => check_created(cluster, target).await?,
                false => drop_half_made(cluster, target).await?,
            }
        }
        Ok(self.created)
    }
}

async fn check_created(cluster: &Cluster, target: &Target) -> Result<()> {
    let name = &target.collection.name;
    let changed = |what: &str| {
        Error::new(Kind::JobNotResumable, format!("collection \"{name}\", which the job had created, {what}"))
            .hint("delete what the job has created, and start a new restore")
    };
    let Some(there) = cluster.collection(name).await? else { return Err(changed("is gone")) };
    // What comes last may be there by now.
    let wanted = [&target.creation.initial, &target.creation.wanted];
    let is_same =
        |wanted: &&serde_json::Value| !compare_schemas(wanted, &there.schema).iter().any(|one| one.matters);
    if !wanted.iter().any(is_same) {
        return Err(changed("has another schema by now"));
    }
    if there.multi_tenant {
        let tenants = cluster.tenants(name).await?;
        let is_there = |tenant: &&Tenant| tenants.iter().any(|other| other.name == tenant.name);
        if let Some(missing) = target.tenants.iter().find(|tenant| !is_there(tenant)) {
            return Err(changed(&format!("lacks tenant \"{}\" by now", missing.name)));
        }
    }
    Ok(())
}

/// There was no such collection when the job began, so what is there without anything that is not wanted is its own.
async fn drop_half_made(cluster: &Cluster, target: &Target) -> Result<()> {
    let name = &target.collection.name;
    let Some(there) = cluster.collection(name).await? else { return Ok(()) };
    let differences = compare_schemas(&target.creation.wanted, &there.schema);
    let is_on_its_way = differences.iter().filter(|one| one.matters).all(|one| one.got.is_none());
    if is_on_its_way && super::creating::drop_if_untouched(cluster, target).await? {
        return Ok(());
    }
    Err(Error::new(
        Kind::CollectionExists,
        format!("collection \"{name}\" is not what the job was about to create: somebody else made it or writes to it"),
    )
    .hint("restore under another name, or delete the collection first"))
}
