//! Moving the objects of a collection from data files into Weaviate.
//!
//! One feeder fetches, checks and decodes row groups in order and cuts them into requests; a few requests are in flight at
//! a time. The number of those is what bounds memory: the feeder waits for a free place before it goes on.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};

use super::refused::Refused;
use super::target::Target;
use crate::error::{Error, Kind, Result};
use crate::model::Batch;
use crate::ops::{JobContext, Phase};
use crate::weaviate::{Cluster, ObjectWriter, Refusal};

/// Requests in flight. More do not make Weaviate faster.
const IN_FLIGHT: usize = 3;
/// A replica may lag a little behind the writes it is counted for.
const COUNT_AGAIN: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

/// The writing of one collection.
struct Filling<'a> {
    job: &'a JobContext,
    target: &'a Target,
    writer: Arc<ObjectWriter>,
    places: Arc<Semaphore>,
    requests: JoinSet<Result<Answer>>,
    refused: &'a mut Refused,
}

/// The refusals among some objects of a tenant.
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
        let writer = ObjectWriter::new(cluster, &target.collection, target.source.spaces()).await?;
        let mut filling = Filling {
            job,
            target,
            writer: Arc::new(writer),
            places: Arc::new(Semaphore::new(IN_FLIGHT)),
            requests: JoinSet::new(),
            refused,
        };
        let fed = filling.feed().await;
        // Whatever happened: a request that was sent is waited for, so that nothing is written after the job has ended.
        let drained = filling.drain().await;
        // Work that was stopped fails in some way or other; why is the job's to say.
        job.check_stop()?;
        fed.and(drained)?;
        job.progress.set_phase(Phase::Checking);
        job.or_stop(count(cluster, target, refused)).await?;
    }
    target.counters.add_tenants(target.tenants.len() as u64);
    Ok(refused.total == before)
}

impl Filling<'_> {
    async fn feed(&mut self) -> Result<()> {
        for file in self.target.source.files() {
            let mut data =
                self.job.or_stop(self.target.source.open(file, self.target.chosen.clone())).await?;
            while let Some(batches) = self.job.or_stop(data.next()).await? {
                for (tenant, batch) in batches {
                    self.target.counters.add_bytes_read(batch.byte_len() as u64);
                    let batch = Arc::new(batch);
                    for rows in self.writer.split(&batch) {
                        self.start(tenant.clone(), Arc::clone(&batch), rows).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes some rows in the background, as soon as there is a place.
    async fn start(&mut self, tenant: Option<String>, batch: Arc<Batch>, rows: Range<usize>) -> Result<()> {
        let place = self.job.or_stop(acquire(&self.places)).await?;
        while let Some(done) = self.requests.try_join_next() {
            self.note(done)?;
        }
        let (writer, counters) = (Arc::clone(&self.writer), Arc::clone(&self.target.counters));
        let stop = self.job.stop_token().clone();
        self.requests.spawn(async move {
            let _place = place;
            let (requests, mut refusals) = writer.requests(tenant.as_deref(), &batch, rows)?;
            counters.add_refused(refusals.len() as u64);
            for request in requests {
                let (objects, bytes) = (request.len() as u64, request.bytes as u64);
                let refused = writer.write(request, &stop).await?;
                counters.add_bytes_written(bytes);
                counters.add_refused(refused.len() as u64);
                counters.add_objects(objects.saturating_sub(refused.len() as u64));
                refusals.extend(refused);
            }
            Ok((tenant, refusals))
        });
        Ok(())
    }

    async fn drain(&mut self) -> Result<()> {
        let mut outcome = Ok(());
        while let Some(done) = self.requests.join_next().await {
            let noted = self.note(done);
            outcome = outcome.and(noted);
        }
        outcome
    }

    fn note(&mut self, done: std::result::Result<Result<Answer>, JoinError>) -> Result<()> {
        let (tenant, refusals) =
            done.map_err(|panic| Error::internal("a request broke off").caused_by(panic))??;
        let collection = &self.target.collection.name;
        for refusal in refusals {
            let subject = format!("{collection}/{}", refusal.id);
            self.job.progress.warn("object_refused", refusal.reason.clone(), subject);
            self.refused.add(collection, tenant.clone(), refusal);
        }
        Ok(())
    }
}

async fn acquire(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    let place = Arc::clone(places).acquire_owned().await;
    place.map_err(|closed| Error::internal("no place for a request").caused_by(closed))
}

/// Counts what is there against what was written.
async fn count(cluster: &Cluster, target: &Target, refused: &Refused) -> Result<()> {
    for pause in COUNT_AGAIN {
        if count_once(cluster, target, refused).await?.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(pause).await;
    }
    count_once(cluster, target, refused).await?
}

/// The inner result is what the counts say.
async fn count_once(cluster: &Cluster, target: &Target, refused: &Refused) -> Result<Result<()>> {
    let name = &target.collection.name;
    let counts = if target.collection.multi_tenant {
        cluster.count_tenants(name, target.rows.keys().flatten().map(String::as_str)).await?
    } else {
        vec![cluster.count(name, None).await?]
    };
    let mut counted = target.rows.iter().zip(counts);
    let wrong =
        counted.find(|((tenant, rows), counted)| counted + refused.of(name, tenant.as_deref()) != **rows);
    let Some(((tenant, rows), counted)) = wrong else { return Ok(Ok(())) };
    let tenant = tenant.as_ref().map_or(String::new(), |tenant| format!(" in tenant \"{tenant}\""));
    Ok(Err(Error::new(
        Kind::CountMismatch,
        format!("collection \"{name}\" holds {counted} objects{tenant} after {rows} were restored"),
    )
    .hint("check that nobody else writes to it and that all nodes of Weaviate are up")))
}
