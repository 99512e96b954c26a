//! Replacing collections that are there: proving that the backup can take their place, before they are dropped.

use std::collections::BTreeSet;

use selvedge_archive::{BackupId, Manifest, Repository};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, Reason};
use selvedge_weaviate::Cluster;

use super::target::Target;
use crate::backup_first::{self, Doomed};
use crate::clear::{Saved, prove};
use crate::{Context, Failure};

/// Fails if a collection would be replaced by less than the backup is of, or by nothing.
pub fn refuse_less(targets: &[Target], manifest: &Manifest, allow_partial: bool) -> Result<()> {
    let mut replaced = targets.iter().filter(|target| target.replaces.is_some());
    if manifest.options.schema_only
        && let Some(target) = replaced.next()
    {
        let (name, id) = (&target.collection.name, &manifest.id);
        let text = format!(
            "collection \"{name}\" would be replaced by none of its objects: backup {id} holds schemas only"
        );
        return Err(Error::invalid("if_exists", text).hint("use another backup, or clear the collection"));
    }
    if allow_partial {
        return Ok(());
    }
    let short = targets.iter().filter(|target| target.replaces.is_some() && !target.gaps.is_empty());
    let Some(target) = short.clone().next() else { return Ok(()) };
    let gaps: Vec<_> = target.gaps.iter().map(Reason::to_string).collect();
    let name = &target.collection.name;
    let text = format!("collection \"{name}\" would be replaced by what is not whole: {}", gaps.join("; "));
    Err(Error::new(Kind::CollectionExists, text).hint("use another backup, or allow a partial one"))
}

/// Fails if the key may drop a collection, and not fill what takes its place: otherwise it would be found out when it is gone.
pub async fn refuse_unable(cluster: &Cluster, targets: &[Target]) -> Result<()> {
    let replaced: Vec<_> = targets.iter().filter(|target| target.replaces.is_some()).collect();
    if replaced.is_empty() {
        return Ok(());
    }
    let permissions = cluster.permissions().await?;
    for target in replaced {
        let (name, tenants) = (&target.collection.name, &target.tenants);
        if !tenants.is_empty() {
            permissions.require(&["create_tenants"], name, tenants)?;
        }
        permissions.require(&["create_data", "update_data"], name, tenants)?;
    }
    Ok(())
}

/// Proves that all collections can be created as they are to be, if one of them is to be replaced: it would be dropped for a
/// restore that fails because of another one.
pub async fn prove_all(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    targets: &[Target],
) -> Result<()> {
    if !targets.iter().any(|target| target.replaces.is_some()) {
        return Ok(());
    }
    let there: BTreeSet<_> = cluster.schemas().await?.into_keys().collect();
    for target in targets.iter().filter(|target| !target.is_merged()) {
        job.check_stop()?;
        let name = &target.collection.name;
        let mut saved = Saved::nothing(job, cluster, repository, name);
        prove(job, cluster, name, &without_dangling(&target.collection, &there)?, &mut saved).await?;
        saved.end(job).await?;
    }
    Ok(())
}

/// Makes a backup of what is to be dropped, if there is anything.
pub async fn back_up(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    targets: &[Target],
) -> Result<Option<BackupId>, Failure> {
    let replaced = targets.iter().filter(|target| target.replaces.is_some());
    let doomed = |target: &Target| Doomed { collection: target.collection.name.clone(), tenants: None };
    let doomed: Vec<_> = replaced.map(doomed).collect();
    if doomed.is_empty() {
        return backup_first::made(job, repository).await.map_err(Failure::from);
    }
    backup_first::back_up(job, cluster, repository, &[], &doomed).await.map(Some)
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
