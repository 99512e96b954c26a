//! What must come last: expiry and quantizers that learn, tenants' statuses, aliases.

use super::creating::compare;
use super::target::{How, Target};
use crate::Context;
use selvedge_model::TenantStatus;
use selvedge_model::error::Result;
use selvedge_weaviate::Cluster;

/// Returns what could not be brought back, a sentence each.
pub async fn finish(job: &Context, cluster: &Cluster, target: &Target) -> Result<Vec<String>> {
    let name = &target.collection.name;
    if let How::Create(creation) = &target.how
        && creation.last.is_some()
    {
        let made = cluster.finish_collection(creation).await?;
        compare(job, name, &creation.wanted, &made.schema)?;
    }
    let at_first = target.tenants_at_first();
    let changed = target.tenants.iter().zip(&at_first).filter(|(last, first)| last.status != first.status);
    let asleep: Vec<_> = changed.map(|(tenant, _)| tenant.name.as_str()).collect();
    cluster.set_tenant_status(name, &asleep, TenantStatus::Cold).await?;
    create_aliases(job, cluster, target).await
}

/// An alias that is there already is left alone: whoever moved it to another collection may have meant it.
async fn create_aliases(job: &Context, cluster: &Cluster, target: &Target) -> Result<Vec<String>> {
    let name = &target.collection.name;
    let has_aliases = cluster.connect().await?.version.has_aliases();
    let mut gaps = Vec::new();
    for (alias, points_to) in &target.aliases {
        match points_to {
            Some(there) if there == name => {}
            Some(other) => {
                let text = format!("alias \"{alias}\" is left as it is: it points to \"{other}\"");
                job.progress.warn("alias_left_alone", text, name.clone());
            }
            None if !has_aliases => {
                gaps.push(format!("alias \"{alias}\" of \"{name}\" is not created: this Weaviate has none"));
            }
            None => match cluster.create_alias(alias, name).await {
                Ok(()) => {}
                Err(error) if error.is_transient() => return Err(error),
                // A repeated call finds what the first one made.
                Err(_) if cluster.aliases().await?.get(alias) == Some(name) => {}
                // Everything else is there: an alias is no reason to throw it away.
                Err(error) => gaps.push(error.to_string()),
            },
        }
    }
    Ok(gaps)
}
