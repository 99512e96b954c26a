//! A collection that is to be replaced, as it is.

use std::collections::BTreeSet;

use selvedge_model::Tenant;
use selvedge_model::error::{Error, Kind, Result, counted, listed};
use selvedge_weaviate::Cluster;

/// What is destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    pub objects: u64,
    /// False if some tenants are inactive, and their objects therefore not counted.
    pub objects_exact: bool,
}

impl Replaced {
    /// None if it is gone already. Fails if it has tenants that would not come back: `wanted` are those that do.
    pub async fn find(cluster: &Cluster, name: &str, wanted: &[Tenant]) -> Result<Option<Self>> {
        let Some(there) = cluster.collection(name).await? else { return Ok(None) };
        if !there.multi_tenant {
            let objects = cluster.count(name, None).await?;
            return Ok(Some(Self { objects, objects_exact: true }));
        }
        let tenants = cluster.tenants_in_full(name, &[]).await?;
        let known: BTreeSet<_> = wanted.iter().map(|tenant| tenant.name.as_str()).collect();
        let lost: Vec<_> =
            tenants.iter().map(|tenant| tenant.name.as_str()).filter(|name| !known.contains(name)).collect();
        if !lost.is_empty() {
            let text = format!(
                "{} of collection \"{name}\" would be destroyed and not come back: {}",
                counted(lost.len() as u64, "tenant"),
                listed(&lost)
            );
            return Err(Error::new(Kind::CollectionExists, text)
                .hint("delete these tenants first, or merge into the collection instead"));
        }
        let active: Vec<_> =
            tenants.iter().filter(|one| one.status.is_active()).map(|one| one.name.as_str()).collect();
        let counts = cluster.count_tenants(name, active.iter().copied()).await?;
        let objects = counts.into_iter().flatten().sum();
        Ok(Some(Self { objects, objects_exact: active.len() == tenants.len() }))
    }

    /// For a plan.
    pub fn notes(self) -> [String; 2] {
        let more = if self.objects_exact { "" } else { ", and those of inactive tenants" };
        [
            format!(
                "the collection that is there is dropped, with {}{more}",
                counted(self.objects, "object")
            ),
            "until it is filled again, queries fail or find only a part".to_owned(),
        ]
    }
}
