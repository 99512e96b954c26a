//! A backup of what a job is about to destroy: made, committed, and compared with what is there, before any of it goes.

use selvedge_archive::{BackupId, Repository};
use selvedge_model::Selection;
use selvedge_model::error::{Error, Kind, Result, counted, listed};
use selvedge_weaviate::Cluster;

use crate::{
    BackupRequest, Context, Failure, InactiveTenants, Level, Outcome, Report, VerifyRequest, backup, verify,
};

/// Where the backup's id is written down, so that all attempts mean the same.
const FIRST: &str = "first.json";
/// What is below this name in the journal is of the backup.
const PART: &str = "first";
/// Findings that a refusal names.
const FINDINGS: usize = 20;

/// What is about to be destroyed.
pub struct Doomed {
    pub collection: String,
    /// The tenants that are emptied; None for the collection as a whole.
    pub tenants: Option<Vec<String>>,
}

/// Returns the backup that holds all of it, as it is at the moment; what it does not hold is an error. `chosen` are the tenants
/// to back up, or none for all. The job holds the collections exclusively.
pub async fn back_up(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    chosen: &[String],
    doomed: &[Doomed],
) -> Result<BackupId, Failure> {
    let id = id(job).await?;
    let covered = async {
        job.or_stop(refuse_inactive(cluster, doomed)).await?;
        let part = job.part(PART);
        // An operation within another: on the heap, for the sake of the stack.
        let request = request(&id, chosen, doomed)?;
        complete(Box::pin(backup::run(&part, cluster, repository, &request)).await)?;
        // What an earlier attempt has seen need not be so any more.
        let part = part.without_journal();
        for request in proofs(&id, doomed)? {
            part.progress.begin_anew();
            complete(Box::pin(verify::run(&part, cluster, repository, &request)).await)?;
        }
        job.progress.begin_anew();
        Ok(())
    };
    match Box::pin(covered).await {
        Ok(()) => Ok(id),
        Err(Failure { error, report, for_good }) => {
            let error = error.context("nothing is destroyed that no verified backup holds");
            let report = Report { backed_up: Some(id), ..*report };
            Err(Failure { error, report: Box::new(report), for_good })
        }
    }
}

/// The same for all attempts.
async fn id(job: &Context) -> Result<BackupId> {
    if let Some(id) = job.journal().read(FIRST).await? {
        return Ok(id);
    }
    let id = BackupId::generate();
    job.journal().write(FIRST, &id).await?;
    Ok(id)
}

fn request(id: &BackupId, chosen: &[String], doomed: &[Doomed]) -> Result<BackupRequest> {
    let names: Vec<_> = doomed.iter().map(|doomed| doomed.collection.clone()).collect();
    Ok(BackupRequest {
        collections: Selection::new(&names, &[])?,
        tenants: chosen.to_vec(),
        backup_id: Some(id.clone()),
        inactive_tenants: InactiveTenants::Report,
        ..BackupRequest::default()
    })
}

/// That its rows are whole in the repository, and that they are what is there.
fn proofs(id: &BackupId, doomed: &[Doomed]) -> Result<Vec<VerifyRequest>> {
    let proof = |level, names: &[String], tenants: &[String]| -> Result<VerifyRequest> {
        Ok(VerifyRequest {
            level,
            collections: Selection::new(names, &[])?,
            tenants: tenants.to_vec(),
            ..VerifyRequest::new(id.clone(), FINDINGS)
        })
    };
    let whole = doomed.iter().filter(|doomed| doomed.tenants.is_none());
    let whole: Vec<_> = whole.map(|doomed| doomed.collection.clone()).collect();
    let mut proofs = vec![proof(Level::Rows, &[], &[])?];
    if !whole.is_empty() {
        proofs.push(proof(Level::AgainstLive, &whole, &[])?);
    }
    for Doomed { collection, tenants } in doomed {
        if let Some(tenants) = tenants.as_ref().filter(|tenants| !tenants.is_empty()) {
            proofs.push(proof(Level::AgainstLive, std::slice::from_ref(collection), tenants)?);
        }
    }
    Ok(proofs)
}

/// What is not whole is no success here.
fn complete(outcome: Result<Outcome, Failure>) -> Result<(), Failure> {
    match outcome? {
        Outcome::Complete(_) => Ok(()),
        Outcome::Partial(report, error) => Err(Failure::for_good(error, report)),
        Outcome::Planned(_) => Err(Error::internal("what was to be done was only planned").into()),
    }
}

/// Their objects cannot be read, which is told before all others are.
async fn refuse_inactive(cluster: &Cluster, doomed: &[Doomed]) -> Result<()> {
    for Doomed { collection: name, tenants } in doomed {
        if !cluster.collection(name).await?.is_some_and(|there| there.multi_tenant) {
            continue;
        }
        let there = cluster.tenants(name).await?;
        let is_lost = |name: &String| tenants.as_ref().is_none_or(|tenants| tenants.contains(name));
        let unread = there.iter().filter(|tenant| !tenant.status.is_active() && is_lost(&tenant.name));
        let unread: Vec<_> = unread.map(|tenant| tenant.name.as_str()).collect();
        if !unread.is_empty() {
            let text = format!(
                "{} of collection \"{name}\" cannot be read, as inactive: {}",
                counted(unread.len() as u64, "tenant"),
                listed(&unread)
            );
            return Err(Error::new(Kind::TenantInactive, text)
                .hint("activate them in Weaviate first, or go on without `backup_first`"));
        }
    }
    Ok(())
}
