//! Moving the objects of a collection from data files into Weaviate.
//!
//! One feeder fetches, checks and decodes row groups in order and cuts them into requests; a few requests are in flight at
//! a time. The number of those is what bounds memory: the feeder waits for a free place before it goes on.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::target::Target;
use crate::archive::Repository;
use crate::error::{Error, Kind, Result};
use crate::ops::{JobContext, Phase};
use crate::weaviate::{Cluster, ObjectWriter, Refusal};

/// Requests in flight. More do not make Weaviate faster.
const IN_FLIGHT: usize = 4;
/// Refusals that are listed; all are counted.
const LISTED: usize = 10_000;

/// The objects that were refused for good.
#[derive(Debug, Default)]
pub struct Refused {
    pub total: u64,
    listed: Vec<RefusedObject>,
}

#[derive(Debug, Serialize)]
struct RefusedObject {
    collection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    id: uuid::Uuid,
    reason: String,
}

type Answer = (Option<String>, Vec<Refusal>);

/// Writes all objects of one collection and counts them. False if some were refused.
pub async fn fill(
    job: &JobContext,
    cluster: &Cluster,
    target: &Target,
    refused: &mut Refused,
) -> Result<bool> {
    let before = refused.total;
    if target.with_data {
        let writer = Arc::new(ObjectWriter::new(cluster, &target.collection, target.source.spaces()).await?);
        let mut requests = JoinSet::new();
        let fed = feed(job, target, &writer, &mut requests, refused).await;
        // Whatever happened: a request that was sent is waited for, so that nothing is written after the job has ended.
        let drained = drain(job, target, &mut requests, refused).await;
        fed?;
        drained?;
        job.check_stop()?;
        job.progress.set_phase(Phase::Checking);
        job.or_stop(count(cluster, target, refused)).await?;
    }
    target.counters.add_tenants(target.tenants.len() as u64);
    Ok(refused.total == before)
}

async fn feed(
    job: &JobContext,
    target: &Target,
    writer: &Arc<ObjectWriter>,
    requests: &mut JoinSet<Result<Answer>>,
    refused: &mut Refused,
) -> Result<()> {
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    for file in target.source.files() {
        let mut data = job.or_stop(target.source.open(file, target.chosen.clone())).await?;
        while let Some(batches) = job.or_stop(data.next()).await? {
            for (tenant, batch) in batches {
                target.counters.add_bytes_read(batch.byte_len() as u64);
                let batch = Arc::new(batch);
                for rows in writer.split(&batch) {
                    let place = job.or_stop(acquire(&places)).await?;
                    while let Some(done) = requests.try_join_next() {
                        note(job, target, done, refused)?;
                    }
                    let (writer, batch, tenant) = (Arc::clone(writer), Arc::clone(&batch), tenant.clone());
                    let (stop, counters) = (job.stop_token().clone(), Arc::clone(&target.counters));
                    requests.spawn(async move {
                        let _place = place;
                        let request = writer.request(tenant.as_deref(), &batch, rows)?;
                        let (objects, bytes) = (request.len() as u64, request.bytes as u64);
                        let refusals = writer.write(request, &stop).await?;
                        counters.add_bytes_written(bytes);
                        counters.add_refused(refusals.len() as u64);
                        counters.add_objects(objects - refusals.len() as u64);
                        Ok((tenant, refusals))
                    });
                }
            }
        }
    }
    Ok(())
}

async fn acquire(places: &Arc<Semaphore>) -> Result<tokio::sync::OwnedSemaphorePermit> {
    Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(|closed| Error::internal("no place for a request").caused_by(closed))
}

async fn drain(
    job: &JobContext,
    target: &Target,
    requests: &mut JoinSet<Result<Answer>>,
    refused: &mut Refused,
) -> Result<()> {
    let mut outcome = Ok(());
    while let Some(done) = requests.join_next().await {
        let noted = note(job, target, done, refused);
        outcome = outcome.and(noted);
    }
    outcome
}

type Joined = std::result::Result<Result<Answer>, tokio::task::JoinError>;

fn note(job: &JobContext, target: &Target, done: Joined, refused: &mut Refused) -> Result<()> {
    let (tenant, refusals) =
        done.map_err(|panic| Error::internal("a request broke off").caused_by(panic))??;
    let collection = &target.collection.name;
    for refusal in refusals {
        job.progress.warn("object_refused", refusal.reason.clone(), format!("{collection}/{}", refusal.id));
        refused.add(collection, tenant.clone(), refusal);
    }
    Ok(())
}

/// Counts what is there against what was written.
async fn count(cluster: &Cluster, target: &Target, refused: &Refused) -> Result<()> {
    let name = &target.collection.name;
    let counts = if target.collection.multi_tenant {
        cluster.count_tenants(name, target.rows.keys().flatten().map(String::as_str)).await?
    } else {
        vec![cluster.count(name, None).await?]
    };
    let mut counted = target.rows.iter().zip(counts);
    let wrong =
        counted.find(|((tenant, rows), counted)| counted + refused.of(name, tenant.as_deref()) != **rows);
    let Some(((tenant, rows), counted)) = wrong else { return Ok(()) };
    let tenant = tenant.as_ref().map_or(String::new(), |tenant| format!(" in tenant \"{tenant}\""));
    Err(Error::new(
        Kind::CountMismatch,
        format!("collection \"{name}\" holds {counted} objects{tenant} after {rows} were restored"),
    )
    .hint("check that nobody else writes to it and that all nodes of Weaviate are up"))
}

impl Refused {
    fn add(&mut self, collection: &str, tenant: Option<String>, refusal: Refusal) {
        self.total += 1;
        if self.listed.len() < LISTED {
            let collection = collection.to_owned();
            self.listed.push(RefusedObject { collection, tenant, id: refusal.id, reason: refusal.reason });
        }
    }

    /// How many objects of a tenant were refused, as far as they are listed.
    fn of(&self, collection: &str, tenant: Option<&str>) -> u64 {
        let same =
            |object: &&RefusedObject| object.collection == collection && object.tenant.as_deref() == tenant;
        self.listed.iter().filter(same).count() as u64
    }

    /// Writes the list into the repository, one JSON object a line, and says where.
    pub async fn save(&self, repository: &Repository, job_id: &str) -> Result<String> {
        const NAME: &str = "refused.jsonl";
        let mut text = String::new();
        for object in &self.listed {
            let line = serde_json::to_string(object)
                .map_err(|error| Error::internal("a refusal cannot be written as JSON").caused_by(error))?;
            text.push_str(&line);
            text.push('\n');
        }
        repository.put_job_file(job_id, NAME, Bytes::from(text)).await?;
        Ok(format!("jobs/{job_id}/{NAME}"))
    }
}
