//! A backup of what a job is about to destroy: made, committed, and compared with what is there, before any of it goes.

use selvedge_archive::{BackupId, Repository};
use selvedge_model::error::{Error, Kind, Result, counted, listed};
use selvedge_model::{Collection, Selection};
use selvedge_weaviate::{Cluster, compare_schemas};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use crate::{
    BackupRequest, Context, Failure, InactiveTenants, Level, Outcome, Report, VerifyRequest, backup, verify,
};

/// Where the backup's id is written down, so that all attempts mean the same.
/// The file of a job in which the id of its first backup is.
pub const FIRST_BACKUP: &str = "first.json";
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
        make(&part, cluster, repository, request(&id, chosen, doomed)?).await?;
        // What an earlier attempt has seen need not be so any more.
        let part = part.without_journal();
        let whole = proof(&id, Level::Rows, &[], &[])?;
        for request in [whole].into_iter().chain(comparisons(&id, doomed)?) {
            part.progress.begin_anew();
            prove(&part, cluster, repository, request).await?;
        }
        job.or_stop(refuse_changed(cluster, repository, &id, doomed)).await?;
        job.progress.begin_anew();
        Ok(())
    };
    match covered.await {
        Ok(()) => Ok(id),
        Err(failure) => {
            // What was read is not what the job was to do.
            job.progress.begin_anew();
            match made(job, repository).await {
                Ok(made) => Err(uncovered(failure, made)),
                Err(unread) => {
                    let mut failure = uncovered(failure, None);
                    failure.error = failure
                        .error
                        .also(format!("whether backup {id} is there could not be found out: {unread}"));
                    Err(failure)
                }
            }
        }
    }
}

/// Fails if the backup does not hold all of it any more. To be asked again, out of the progress, where much else was destroyed
/// in between.
pub async fn compare(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    id: &BackupId,
    doomed: Doomed,
) -> Result<(), Failure> {
    let part = job.part(PART).without_journal().unseen();
    let doomed = [doomed];
    for request in comparisons(id, &doomed)? {
        let compared = prove(&part, cluster, repository, request).await;
        compared.map_err(|failure| uncovered(failure, Some(id.clone())))?;
    }
    let unchanged = job.or_stop(refuse_changed(cluster, repository, id, &doomed)).await;
    unchanged.map_err(|error| uncovered(error.into(), Some(id.clone())))
}

/// `made` is the backup, if there is one.
fn uncovered(failure: Failure, made: Option<BackupId>) -> Failure {
    let Failure { error, report, for_good, .. } = failure;
    let mut error = error.context("nothing is destroyed that no verified backup holds");
    if matches!(error.kind(), Kind::DifferencesFound | Kind::CountMismatch | Kind::ContentMismatch) {
        error = error.hint("stop what writes to it, and start a new job");
    }
    if let Some(id) = &made {
        error = error.also(format!("what the job has destroyed before, if anything, is in backup {id}"));
    }
    let report = Report { backed_up: made, ..*report };
    Failure { error, report: Box::new(report), refused: false, for_good }
}

/// The backup that the job has made of what it destroys, if it has come to that.
pub async fn made(job: &Context, repository: &Repository) -> Result<Option<BackupId>> {
    let Some(id) = job.journal().read::<BackupId>(FIRST_BACKUP).await? else { return Ok(None) };
    Ok(repository.made_by(&id, &job.job_id).await?.map(|_| id))
}

/// The same for all attempts.
pub async fn id(job: &Context) -> Result<BackupId> {
    if let Some(id) = job.journal().read(FIRST_BACKUP).await? {
        return Ok(id);
    }
    let id = BackupId::generate();
    job.journal().write(FIRST_BACKUP, &id).await?;
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

fn proof(id: &BackupId, level: Level, names: &[String], tenants: &[String]) -> Result<VerifyRequest> {
    let (collections, tenants) = (Selection::new(names, &[])?, tenants.to_vec());
    Ok(VerifyRequest { level, collections, tenants, ..VerifyRequest::new(id.clone(), FINDINGS) })
}

/// That the backup is what is there.
fn comparisons(id: &BackupId, doomed: &[Doomed]) -> Result<Vec<VerifyRequest>> {
    let whole = doomed.iter().filter(|doomed| doomed.tenants.is_none());
    let whole: Vec<_> = whole.map(|doomed| doomed.collection.clone()).collect();
    let mut proofs = Vec::new();
    if !whole.is_empty() {
        proofs.push(proof(id, Level::AgainstLive, &whole, &[])?);
    }
    for Doomed { collection, tenants } in doomed {
        if let Some(tenants) = tenants.as_ref().filter(|tenants| !tenants.is_empty()) {
            proofs.push(proof(id, Level::AgainstLive, std::slice::from_ref(collection), tenants)?);
        }
    }
    Ok(proofs)
}

/// An operation within another, on a task of its own: the stack of one has no room for both.
async fn apart(work: impl Future<Output = Result<Outcome, Failure>> + Send + 'static) -> Result<(), Failure> {
    match AbortOnDropHandle::new(tokio::spawn(work.in_current_span())).await {
        Ok(outcome) => complete(outcome),
        Err(panic) => Err(Error::internal("a part of the job broke off").caused_by(panic).into()),
    }
}

async fn make(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    request: BackupRequest,
) -> Result<(), Failure> {
    let (job, cluster, repository) = (job.clone(), cluster.clone(), repository.clone());
    apart(async move { backup::run(&job, &cluster, &repository, &request).await }).await
}

async fn prove(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    request: VerifyRequest,
) -> Result<(), Failure> {
    let (job, cluster, repository) = (job.clone(), cluster.clone(), repository.clone());
    apart(async move { verify::run(&job, &cluster, &repository, &request).await }).await
}

/// What is not whole is no success here.
fn complete(outcome: Result<Outcome, Failure>) -> Result<(), Failure> {
    match outcome? {
        Outcome::Complete(_) => Ok(()),
        Outcome::Partial(report, error) => Err(Failure::for_good(error, report)),
        Outcome::Planned(_) => Err(Error::internal("what was to be done was only planned").into()),
    }
}

/// A comparison of contents minds only what matters for them; what is destroyed with a schema is all of it, and its aliases.
async fn refuse_changed(
    cluster: &Cluster,
    repository: &Repository,
    id: &BackupId,
    doomed: &[Doomed],
) -> Result<()> {
    let backup = repository.open_backup(id).await?;
    let aliases = cluster.aliases().await?;
    for name in doomed.iter().map(|doomed| &doomed.collection) {
        let held = backup.collection(name).await?;
        let there = cluster.collection(name).await?;
        let is_same = |there: Collection| {
            compare_schemas(&held.collection().schema, &there.schema).is_empty()
                && aliases.of(name) == held.aliases()
        };
        if !there.is_some_and(is_same) {
            let text =
                format!("the schema or the aliases of collection \"{name}\" are not those in backup {id}");
            return Err(Error::new(Kind::DifferencesFound, text));
        }
    }
    Ok(())
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
