//! Collections that an earlier attempt at a restore has created, or was creating: whether they can be gone on with.

use std::sync::Arc;

use selvedge_model::Tenant;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::{Cluster, Creation, compare_schemas};

use super::begun::Begun;
use super::creating::drop_if_untouched;
use super::target::{How, Target};

/// Makes sure that the collections are those that the job has created; what it was in the middle of creating is dropped.
pub async fn adopt(begun: Begun, cluster: &Cluster, targets: &[Arc<Target>]) -> Result<()> {
    for target in targets {
        match (begun, &target.how) {
            (Begun::Nothing, _) | (Begun::Creating, How::Merge(_)) => {}
            // It is dropped whatever is in it.
            (Begun::Creating, How::Create(_)) if target.replaces.is_some() => {}
            (Begun::Creating, How::Create(creation)) => drop_half_made(cluster, target, creation).await?,
            (Begun::Created, _) => check_created(cluster, target).await?,
        }
    }
    Ok(())
}

async fn check_created(cluster: &Cluster, target: &Target) -> Result<()> {
    let name = &target.collection.name;
    let changed = |what: &str| {
        let verb = if target.is_merged() { "merges into" } else { "had created" };
        Error::new(Kind::JobNotResumable, format!("collection \"{name}\", which the job {verb}, {what}"))
            .hint("delete what the job has created, and start a new restore")
    };
    let Some(there) = cluster.collection(name).await? else { return Err(changed("is gone")) };
    let is_same = |wanted| !compare_schemas(wanted, &there.schema).iter().any(|one| one.matters);
    // What comes last may be there by now. What is merged into was found to fit.
    if let How::Create(creation) = &target.how
        && ![&creation.initial, &creation.wanted].into_iter().any(is_same)
    {
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
async fn drop_half_made(cluster: &Cluster, target: &Target, creation: &Creation) -> Result<()> {
    let name = &target.collection.name;
    let Some(there) = cluster.collection(name).await? else { return Ok(()) };
    let differences = compare_schemas(&creation.wanted, &there.schema);
    let lacks_only = differences.iter().filter(|one| one.matters).all(|one| one.got.is_none());
    // What others refer to is there for a moment without any property, and made anew.
    let is_stub = there.schema["properties"].as_array().is_none_or(Vec::is_empty);
    let is_on_its_way = lacks_only || is_stub;
    if is_on_its_way && drop_if_untouched(cluster, target).await? {
        return Ok(());
    }
    Err(Error::new(
        Kind::CollectionExists,
        format!("collection \"{name}\" is not what the job was about to create: somebody else made it or writes to it"),
    )
    .hint("restore under another name, or delete the collection first"))
}
