//! What a clear would remove, found out without changing anything.

use super::ClearRequest;
use crate::PlannedCollection;
use crate::backup_first::Doomed;
use crate::limits::has_hashes;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, Tenant, TenantStatus, nearest_or};
use selvedge_weaviate::Cluster;

/// A collection that is to be cleared.
pub struct Victim {
    pub collection: Collection,
    /// The tenants to clear; empty without multi-tenancy.
    pub tenants: Vec<Tenant>,
    /// Aliases that point at it, to be found again afterwards.
    pub aliases: Vec<String>,
    /// What keeps the key from seeing all of them, in words.
    pub aliases_unseen: Option<String>,
    pub objects: u64,
    /// False if some tenants are inactive, and their objects therefore not counted.
    pub objects_exact: bool,
}

/// Looks at each collection. Fails if one of them cannot be cleared.
pub async fn plan(cluster: &Cluster, request: &ClearRequest) -> Result<Vec<Victim>> {
    cluster.connect().await?;
    let (all_aliases, permissions) = (cluster.aliases().await?, cluster.permissions().await?);
    let mut victims = Vec::with_capacity(request.collections.len());
    for name in &request.collections {
        let collection = find(cluster, name).await?;
        let tenants = tenants(cluster, &collection, &request.tenants).await?;
        if !tenants.is_empty() {
            permissions.require(&["create_tenants"], name, &tenants)?;
        }
        let (objects, objects_exact) = count(cluster, &collection, &tenants).await?;
        let aliases = all_aliases.of(name);
        let aliases_unseen = (!permissions.sees_aliases(name)).then(|| permissions.describe("read_aliases"));
        victims.push(Victim { collection, tenants, aliases, aliases_unseen, objects, objects_exact });
    }
    Ok(victims)
}

async fn find(cluster: &Cluster, name: &str) -> Result<Collection> {
    if let Some(collection) = cluster.collection(name).await? {
        return Ok(collection);
    }
    // That they cannot be listed is no better reason.
    let there = cluster.schemas().await.unwrap_or_default();
    Err(Error::new(
        Kind::CollectionNotFound,
        format!("collection \"{name}\" does not exist on cluster \"{}\"", cluster.name()),
    )
    .hint(nearest_or(name, there.keys(), "give the exact name, not an alias or a pattern")))
}

fn names(tenants: &[Tenant]) -> impl Iterator<Item = &str> {
    tenants.iter().map(|tenant| tenant.name.as_str())
}

async fn tenants(cluster: &Cluster, collection: &Collection, wanted: &[String]) -> Result<Vec<Tenant>> {
    let name = &collection.name;
    if !collection.multi_tenant {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        return Err(Error::new(
            Kind::TenantNotFound,
            format!("collection \"{name}\" is not multi-tenant, so it has no tenants to choose"),
        ));
    }
    let mut tenants = cluster.tenants_in_full(name, wanted).await?;
    if let Some(missing) = wanted.iter().find(|wanted| !tenants.iter().any(|tenant| tenant.name == **wanted))
    {
        return Err(Error::new(
            Kind::TenantNotFound,
            format!("collection \"{name}\" has no tenant \"{missing}\""),
        )
        .hint(nearest_or(missing, names(&tenants), "tenants' names are case-sensitive")));
    }
    tenants.retain(|tenant| wanted.is_empty() || wanted.contains(&tenant.name));
    let fixed = |tenant: &&Tenant| !matches!(tenant.status, TenantStatus::Hot | TenantStatus::Cold);
    if let Some(tenant) = tenants.iter().find(fixed) {
        return Err(Error::new(
            Kind::CollectionUnsupported,
            format!(
                "tenant \"{}\" of collection \"{name}\" is {}: Weaviate could not create it again as it is",
                tenant.name, tenant.status
            ),
        )
        .hint("activate it in Weaviate first, or name the tenants to clear"));
    }
    Ok(tenants)
}

async fn count(cluster: &Cluster, collection: &Collection, tenants: &[Tenant]) -> Result<(u64, bool)> {
    let name = &collection.name;
    if !collection.multi_tenant {
        return Ok((cluster.count(name, None).await?, true));
    }
    let active: Vec<_> = tenants
        .iter()
        .filter(|tenant| tenant.status.is_active())
        .map(|tenant| tenant.name.as_str())
        .collect();
    let counts = cluster.count_tenants(name, active.iter().copied()).await?;
    Ok((counts.iter().flatten().sum(), active.len() == tenants.len()))
}

impl Victim {
    /// What is destroyed of it.
    pub fn doomed(&self) -> Doomed {
        let tenants = self.tenants.iter().map(|tenant| tenant.name.clone()).collect();
        let tenants = self.collection.multi_tenant.then_some(tenants);
        Doomed { collection: self.collection.name.clone(), tenants }
    }

    /// What a dry run, or a call that needs confirmation, shows.
    pub fn planned(&self, backup_first: bool) -> PlannedCollection {
        let action = if self.collection.multi_tenant {
            "delete the tenants with their objects, create them again with their status"
        } else {
            "drop with all objects, create again from its schema"
        };
        let lost = match backup_first {
            true => "all objects are lost, after a backup of them was made and compared with them",
            false => "all objects are lost: there is no undo without a backup",
        };
        let mut notes = vec![lost.to_owned()];
        if backup_first && has_hashes(&self.collection) {
            notes.push(
                "the backup holds the hashes of blobHash properties, and Weaviate takes none back".to_owned(),
            );
        }
        if let Some(unseen) = &self.aliases_unseen {
            notes.push(format!(
                "the server's key may not see all aliases ({unseen}): whether they point to it afterwards is not looked at"
            ));
        }
        if !self.objects_exact {
            notes.push("inactive tenants are cleared too; their objects are not counted".to_owned());
        }
        if !self.collection.multi_tenant {
            notes.push("for a moment the collection does not exist: queries fail, and a writer with auto-schema could create another one".to_owned());
        }
        PlannedCollection {
            collection: self.collection.name.clone(),
            action: action.to_owned(),
            objects: self.objects,
            objects_exact: self.objects_exact,
            tenants: self.tenants.len() as u64,
            notes,
            ..PlannedCollection::default()
        }
    }
}
