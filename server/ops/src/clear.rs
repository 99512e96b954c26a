//! Clear: remove all objects of collections, keep everything else.
//!
//! A multi-tenant collection is cleared by deleting its tenants and creating them again; any other by dropping it and
//! creating it from its own schema, after that schema was saved and proved to be accepted.

mod clearing;
mod probe;
mod recreating;
mod sameness;
mod victim;

use super::{
    Access, ClearRequest, CollectionCounters, CollectionState, Context, Failure, Outcome, Phase, Plan, Report,
};
pub use clearing::Clearing;
pub use probe::is_probe;
use selvedge_archive::Repository;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::Cluster;
use victim::Victim;

/// Clears collections of `cluster`. `repository` keeps their schemas meanwhile.
pub async fn run(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    request: &ClearRequest,
) -> Result<Outcome, Failure> {
    let _lock = job.lock(&request.collections, Access::Exclusive).await?;
    let victims = job.or_stop(victim::plan(cluster, request)).await?;
    let victims = without_cleared(job, victims).await?;
    let plan = Plan {
        collections: victims.iter().map(Victim::planned).collect(),
        confirmation: request.collections.clone(),
    };
    if request.dry_run {
        return Ok(Outcome::Planned(plan));
    }
    let report = Report { plan: Some(plan), ..Report::default() };
    if !request.is_confirmed() {
        let error = Error::new(
            Kind::ConfirmationRequired,
            format!("nothing was changed: clearing {} needs to be confirmed", request.collections.join(", ")),
        )
        .hint("repeat the names in `confirm`");
        return Err(Failure { error, report: Box::new(report) });
    }
    job.progress.set_phase(Phase::Clearing);
    let counted = victims.into_iter().map(|victim| {
        let counters = job.progress.add_collection(&victim.collection.name, "");
        counters.expect_objects(victim.objects, victim.objects_exact);
        counters.expect_tenants(victim.tenants.len() as u64);
        (victim, counters)
    });
    for (victim, counters) in counted.collect::<Vec<_>>() {
        if let Err(error) = clear(job, cluster, repository, victim, &counters).await {
            return Err(match error.kind() {
                // It is cleared, and somebody writes to it.
                Kind::CountMismatch => Failure { error, report: Box::new(report) },
                _ => Failure::resumable(error, report, job),
            });
        }
    }
    Ok(Outcome::Complete(report))
}

async fn clear(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    victim: Victim,
    counters: &CollectionCounters,
) -> Result<()> {
    job.check_stop()?;
    let name = victim.collection.name.clone();
    if !victim.objects_exact {
        let text = "inactive tenants were cleared too; their objects are not among those counted";
        job.progress.warn("inactive_tenants_cleared", text, name.clone());
    }
    counters.set_state(CollectionState::Running);
    let result = recreating::clear(job, cluster, repository, victim, counters).await;
    counters.set_state(if result.is_ok() { CollectionState::Done } else { CollectionState::Failed });
    result?;
    job.journal().write(&cleared_file(&name), &()).await
}

/// Whatever was written since to what an earlier attempt has cleared is not to be lost with it.
async fn without_cleared(job: &Context, victims: Vec<Victim>) -> Result<Vec<Victim>> {
    let mut rest = Vec::with_capacity(victims.len());
    for mut victim in victims {
        let name = &victim.collection.name;
        if job.journal().read::<()>(&cleared_file(name)).await?.is_some() {
            continue;
        }
        let cleared = recreating::cleared_tenants(job, name).await?;
        victim.tenants.retain(|tenant| !cleared.contains(&tenant.name));
        rest.push(victim);
    }
    Ok(rest)
}

fn cleared_file(collection: &str) -> String {
    format!("cleared/{collection}/done.json")
}
