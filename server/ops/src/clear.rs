//! Clear: remove all objects of collections, keep everything else.
//!
//! A multi-tenant collection is cleared by deleting its tenants and creating them again; any other by dropping it and
//! creating it from its own schema, after that schema was saved and proved to be accepted.

mod clearing;
mod proving;
mod recreating;
mod sameness;
mod victim;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{
    Access, ClearRequest, CollectionCounters, CollectionState, Context, Failure, Outcome, Phase, Plan,
    Report, backup_first, estimate,
};
use clearing::cleared_file;
pub use clearing::{CLEARED, Clearing, Saved};
pub use proving::prove;
use selvedge_archive::Repository;
use selvedge_model::Collection;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::Cluster;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use victim::Victim;

/// The name under which the schemas of what is to be cleared are written down.
const PLAN: &str = "plan.json";

/// Clears collections of `cluster`. `repository` keeps their schemas meanwhile.
pub async fn run(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    request: &ClearRequest,
) -> Result<Outcome, Failure> {
    let _lock = job.lock(&request.collections, Access::Exclusive).await?;
    let rest = job.or_stop(uncleared(job, request)).await?;
    let mut victims = job.or_stop(victim::plan(cluster, &rest)).await?;
    let collections: Vec<_> = victims.iter().map(|victim| victim.planned(request.backup_first)).collect();
    let objects = victims.iter().map(|victim| victim.objects).sum();
    let first = if request.backup_first { estimate::of_reading(objects) * 2 } else { Duration::ZERO };
    let plan = Plan { confirmation: request.collections.clone(), ..Plan::of(collections) };
    let tenants = victims.iter().map(|victim| victim.tenants.len()).sum();
    let time = first + estimate::of_collections(victims.len()) + estimate::of_tenants(tenants);
    let mut plan = plan.taking(time);
    if request.dry_run || !request.is_confirmed() {
        job.or_stop(plan.tell_backups(cluster, repository, &request.collections)).await?;
    }
    if request.dry_run {
        return Ok(Outcome::Planned(plan));
    }
    let mut report = Report { plan: Some(plan), ..Report::default() };
    if !request.is_confirmed() {
        let error = Error::new(
            Kind::ConfirmationRequired,
            format!("nothing was changed: clearing {} needs to be confirmed", request.collections.join(", ")),
        )
        .hint("repeat the names in `confirm`");
        return Err(Failure::for_good(error, report));
    }
    job.end_planning();
    job.or_stop(keep_to_plan(job, &mut victims)).await?;
    if request.backup_first && victims.is_empty() {
        report.backed_up = backup_first::made(job, repository).await?;
    } else if request.backup_first {
        let doomed: Vec<_> = victims.iter().map(Victim::doomed).collect();
        let backed_up = backup_first::back_up(job, cluster, repository, &request.tenants, &doomed).await;
        report.backed_up = Some(backed_up.map_err(|failure| failure.with(&report))?);
    }
    job.progress.set_phase(Phase::Clearing);
    let counted = victims.into_iter().map(|victim| {
        let counters = job.progress.add_collection(&victim.collection.name, "");
        counters.expect_objects(victim.objects, victim.objects_exact);
        counters.expect_tenants(victim.tenants.len() as u64);
        (victim, counters)
    });
    for (index, (victim, counters)) in counted.collect::<Vec<_>>().into_iter().enumerate() {
        if let Some(id) = report.backed_up.as_ref().filter(|_| index > 0) {
            let compared = backup_first::compare(job, cluster, repository, id, victim.doomed()).await;
            compared.map_err(|failure| failure.with(&report))?;
        }
        if let Err(error) = clear(job, cluster, repository, victim, &counters).await {
            return Err(match error.kind() {
                // It is cleared, and somebody writes to it.
                Kind::CountMismatch => Failure::for_good(error, report),
                _ => Failure::resumable(error, report),
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
    if !victim.objects_exact {
        let text = "inactive tenants were cleared too; their objects are not among those counted";
        job.progress.warn("inactive_tenants_cleared", text, victim.collection.name.clone());
    }
    counters.set_state(CollectionState::Running);
    let result = recreating::clear(job, cluster, repository, victim, counters).await;
    counters.set_state(if result.is_ok() { CollectionState::Done } else { CollectionState::Failed });
    result
}

/// What there was of a collection when it was to be cleared.
#[derive(Serialize, Deserialize)]
struct Meant {
    schema: Value,
    tenants: BTreeSet<String>,
}

impl Meant {
    fn by(victim: &Victim) -> Self {
        let tenants = victim.tenants.iter().map(|tenant| tenant.name.clone()).collect();
        Self { schema: victim.collection.schema.clone(), tenants }
    }
}

/// What was confirmed is what is cleared, whichever attempt does it: not what came since, and not what is cleared already.
async fn keep_to_plan(job: &Context, victims: &mut [Victim]) -> Result<()> {
    let Some(meant) = job.journal().read::<BTreeMap<String, Meant>>(PLAN).await? else {
        let meant = victims.iter().map(|victim| (victim.collection.name.clone(), Meant::by(victim)));
        return job.journal().write(PLAN, &meant.collect::<BTreeMap<_, _>>()).await;
    };
    for Victim { collection, tenants, .. } in victims {
        let name = &collection.name;
        let Some(Meant { schema, tenants: before }) = meant.get(name) else { continue };
        if Collection::from_schema(schema.clone())?.shape() != collection.shape() {
            let text = format!("the schema of collection \"{name}\" has changed since it was to be cleared");
            return Err(Error::new(Kind::JobNotResumable, text).hint("start a new clear"));
        }
        let cleared = recreating::cleared_tenants(job, name).await?;
        tenants.retain(|tenant| before.contains(&tenant.name) && !cleared.contains(&tenant.name));
    }
    Ok(())
}

/// Whatever was written since to what an earlier attempt has cleared is not to be lost with it.
async fn uncleared(job: &Context, request: &ClearRequest) -> Result<ClearRequest> {
    let mut rest = ClearRequest { collections: Vec::new(), ..request.clone() };
    for name in &request.collections {
        if job.journal().read::<()>(&cleared_file(name)).await?.is_none() {
            rest.collections.push(name.clone());
        }
    }
    Ok(rest)
}
