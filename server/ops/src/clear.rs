//! Clear: remove all objects of collections, keep everything else.
//!
//! A multi-tenant collection is cleared by deleting its tenants and creating them again; any other by dropping it and
//! creating it from its own schema, after that schema was saved and proved to be accepted.

mod clearing;
mod probe;
mod recreating;
mod sameness;
mod victim;

use super::{Access, ClearRequest, CollectionState, Context, Failure, Outcome, Phase, Plan, Report};
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
    let _lock = job.lock(&request.collections, Access::Exclusive)?;
    let victims = job.or_stop(victim::plan(cluster, request)).await?;
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
        job.check_stop()?;
        if !victim.objects_exact {
            let text = "inactive tenants were cleared too; their objects are not among those counted";
            job.progress.warn("inactive_tenants_cleared", text, victim.collection.name.clone());
        }
        counters.set_state(CollectionState::Running);
        let result = recreating::clear(job, cluster, repository, victim, &counters).await;
        counters.set_state(if result.is_ok() { CollectionState::Done } else { CollectionState::Failed });
        result?;
    }
    Ok(Outcome::Complete(report))
}
