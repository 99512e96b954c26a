//! Clear: remove all objects of collections, keep everything else.
//!
//! A multi-tenant collection is cleared by deleting its tenants and creating them again; any other by dropping it and
//! creating it from its own schema, after that schema was saved and proved to be accepted.

mod clearing;
mod probe;
mod recreating;
mod sameness;
mod victim;

use super::{Access, CollectionState, JobContext, Outcome, Phase, Plan};
pub use clearing::Clearing;
pub use probe::is_probe;
use selvedge_archive::Repository;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::Cluster;
use victim::Victim;

/// What to clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClearRequest {
    /// Exact names.
    pub collections: Vec<String>,
    /// Empty for all.
    pub tenants: Vec<String>,
    /// Must repeat `collections` for anything to be changed.
    pub confirm: Vec<String>,
    pub dry_run: bool,
}

impl ClearRequest {
    fn is_confirmed(&self) -> bool {
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names.dedup();
            names
        };
        sorted(&self.collections) == sorted(&self.confirm)
    }
}

/// Clears collections of `cluster`. `repository` keeps their schemas meanwhile.
pub async fn clear(
    job: &JobContext,
    cluster: &Cluster,
    repository: &Repository,
    request: &ClearRequest,
) -> Result<Outcome> {
    let cluster = job.cluster(cluster);
    job.or_stop(repository.check()).await?;
    let _lock = job.lock(&request.collections, Access::Exclusive)?;
    let victims = job.or_stop(victim::plan(job, &cluster, request)).await?;
    job.progress.set_plan(Plan {
        collections: victims.iter().map(Victim::planned).collect(),
        confirmation: request.collections.clone(),
    });
    if request.dry_run {
        return Ok(Outcome::Complete);
    }
    if !request.is_confirmed() {
        return Err(Error::new(
            Kind::ConfirmationRequired,
            format!("nothing was changed: clearing {} needs to be confirmed", request.collections.join(", ")),
        )
        .hint("repeat the names in `confirm` (`selvedge clear … --yes`)"));
    }
    job.progress.set_phase(Phase::Clearing);
    for victim in victims {
        job.check_stop()?;
        let counters = victim.counters.clone();
        if !victim.objects_exact {
            let text = "inactive tenants were cleared too; their objects are not among those counted";
            job.progress.warn("inactive_tenants_cleared", text, victim.collection.name.clone());
        }
        counters.set_state(CollectionState::Running);
        let result = recreating::clear(job, &cluster, repository, victim).await;
        counters.set_state(if result.is_ok() { CollectionState::Done } else { CollectionState::Failed });
        result?;
    }
    Ok(Outcome::Complete)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_names_confirm() {
        let request = |confirm: &[&str]| ClearRequest {
            collections: vec!["B".to_owned(), "A".to_owned()],
            tenants: Vec::new(),
            confirm: confirm.iter().map(|name| (*name).to_owned()).collect(),
            dry_run: false,
        };
        assert!(request(&["A", "B"]).is_confirmed());
        for confirm in [&[][..], &["A"], &["A", "B", "C"], &["a", "B"], &["*"]] {
            assert!(!request(confirm).is_confirmed(), "{confirm:?}");
        }
    }
}
