//! Replacing collections that are there: proving that the backup can take their place, before they are dropped.

use std::collections::BTreeSet;
use std::sync::Arc;

use selvedge_archive::Repository;
use selvedge_model::error::{Error, Kind, Result, counted, listed};
use selvedge_model::{Collection, Reason, Tenant};
use selvedge_weaviate::Cluster;

use super::target::Target;
use crate::Context;
use crate::clear::{Saved, prove};

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
        let tenants = cluster.tenants(name).await?;
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

/// Fails if a collection would be replaced by less than the backup is of.
pub fn refuse_gaps(targets: &[Target]) -> Result<()> {
    let short = targets.iter().filter(|target| target.replaces.is_some() && !target.gaps.is_empty());
    let Some(target) = short.clone().next() else { return Ok(()) };
    let gaps: Vec<_> = target.gaps.iter().map(Reason::to_string).collect();
    let name = &target.collection.name;
    let text = format!("collection \"{name}\" would be replaced by what is not whole: {}", gaps.join("; "));
    Err(Error::new(Kind::CollectionExists, text).hint("use another backup, or allow a partial one"))
}

/// Proves that all collections that are to be replaced can be created as they are to be.
pub async fn prove_all(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    targets: &[Arc<Target>],
) -> Result<()> {
    let there: BTreeSet<_> = cluster.schemas().await?.into_keys().collect();
    for target in targets.iter().filter(|target| target.replaces.is_some()) {
        job.check_stop()?;
        let name = &target.collection.name;
        let mut saved = Saved::nothing(job, cluster, repository, name);
        prove(job, cluster, name, &without_dangling(&target.collection, &there)?, &mut saved).await?;
        saved.end(job).await?;
    }
    Ok(())
}

/// What refers to collections that are not there yet cannot be tried.
fn without_dangling(collection: &Collection, there: &BTreeSet<String>) -> Result<Collection> {
    let mut schema = collection.schema.clone();
    let dangling = |name: &str| {
        let mut references = collection.references().filter(|property| property.name == name);
        references.any(|property| property.targets.iter().any(|target| !there.contains(target)))
    };
    if let Some(properties) = schema["properties"].as_array_mut() {
        properties.retain(|property| !property["name"].as_str().is_some_and(dangling));
    }
    Collection::from_schema(schema)
}
