//! Moving the objects of a collection from data files into Weaviate, and afterwards their references.
//!
//! One feeder fetches, checks and decodes row groups in order and cuts them into requests; a few requests are in flight at
//! a time. The number of those is what bounds memory: the feeder waits for a free place before it goes on.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::refused::{Refused, What};
use super::target::{Target, Targets};
use crate::error::{Error, Result};
use crate::model::{Batch, Digester, TextColumn};
use crate::ops::{CollectionCounters, JobContext};
use crate::weaviate::{Cluster, ObjectWriter, Refusal};

/// Requests in flight. More do not make Weaviate faster.
const IN_FLIGHT: usize = 3;

/// What of the objects is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// All but their references.
    Objects,
    References,
}

/// The writing of one collection.
struct Filling<'a> {
    job: &'a JobContext,
    targets: &'a Targets,
    target: &'a Target,
    content: Content,
    writer: Arc<ObjectWriter>,
    digester: Arc<Digester>,
    places: Arc<Semaphore>,
    requests: JoinSet<Result<Answer>>,
    refused: &'a mut Refused,
}

/// What was not simply written of some objects of a tenant.
#[derive(Default)]
struct Answer {
    tenant: Option<String>,
    refusals: Vec<(What, Refusal)>,
    /// The content of the objects that are missing.
    missing: crate::model::Content,
}

/// Writes the objects of one collection, or their references. Returns when all requests are answered.
pub async fn fill(
    job: &JobContext,
    cluster: &Cluster,
    targets: &Targets,
    target: &Target,
    content: Content,
    refused: &mut Refused,
) -> Result<()> {
    if !target.with_data {
        target.counters.add_tenants(target.tenants.len() as u64);
        return Ok(());
    }
    let writer = ObjectWriter::new(cluster, &target.collection, target.source.spaces()).await?;
    let mut filling = Filling {
        job,
        targets,
        target,
        content,
        writer: Arc::new(writer),
        digester: Arc::new(target.source.digester().clone()),
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
    if content == Content::Objects {
        target.counters.add_tenants(target.tenants.len() as u64);
    }
    Ok(())
}

impl Filling<'_> {
    async fn feed(&mut self) -> Result<()> {
        for file in self.target.source.files() {
            let mut data =
                self.job.or_stop(self.target.source.open(file, self.target.chosen.clone())).await?;
            while let Some(batches) = self.job.or_stop(data.next()).await? {
                for (tenant, batch) in batches {
                    self.target.counters.add_bytes_read(batch.byte_len() as u64);
                    if self.content == Content::References && !has_any(batch.references.as_ref()) {
                        continue;
                    }
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
        let writing = Writing {
            writer: Arc::clone(&self.writer),
            digester: Arc::clone(&self.digester),
            counters: Arc::clone(&self.target.counters),
            stop: self.job.stop_token().clone(),
        };
        let (content, names) = (self.content, self.targets.names.clone());
        let missing = Arc::clone(&self.refused.of(&self.target.collection.name).ids);
        self.requests.spawn(async move {
            let _place = place;
            match content {
                Content::Objects => writing.objects(tenant, &batch, rows).await,
                Content::References => {
                    let Writing { writer, stop, .. } = writing;
                    // An object that was refused has no references either.
                    let rows: Vec<_> =
                        rows.filter(|row| !missing.contains(&(tenant.clone(), batch.ids[*row]))).collect();
                    let written =
                        writer.write_references(tenant.as_deref(), &batch, rows, &names, &stop).await?;
                    let refusals = written.into_iter().map(|refusal| (What::Reference, refusal)).collect();
                    Ok(Answer { tenant, refusals, ..Answer::default() })
                }
            }
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
        let answer = done.map_err(|panic| Error::internal("a request broke off").caused_by(panic))??;
        let Answer { tenant, refusals, missing } = answer;
        let collection = &self.target.collection.name;
        for (what, refusal) in refusals {
            let subject = format!("{collection}/{}", refusal.id);
            let reason = match what {
                What::Object => "object_refused",
                What::Reference => "reference_refused",
                What::PartOfObject => "object_altered",
            };
            self.job.progress.warn(reason, refusal.reason.clone(), subject);
            self.refused.add(collection, tenant.as_deref(), what, refusal);
        }
        if missing.total().objects > 0 {
            self.refused.add_missing(collection, missing);
        }
        Ok(())
    }
}

/// What a request needs to be written in the background.
struct Writing {
    writer: Arc<ObjectWriter>,
    digester: Arc<Digester>,
    counters: Arc<CollectionCounters>,
    stop: CancellationToken,
}

impl Writing {
    async fn objects(&self, tenant: Option<String>, batch: &Batch, rows: Range<usize>) -> Result<Answer> {
        let (requests, too_large) = self.writer.requests(tenant.as_deref(), batch, rows)?;
        self.counters.add_refused(too_large.len() as u64);
        let (mut refused, mut altered) = (too_large, Vec::new());
        for request in requests {
            let (objects, bytes) = (request.len() as u64, request.bytes as u64);
            let outcome = self.writer.write(request, &self.stop).await?;
            self.counters.add_bytes_written(bytes);
            self.counters.add_refused(outcome.refused.len() as u64);
            self.counters.add_objects(objects.saturating_sub(outcome.refused.len() as u64));
            refused.extend(outcome.refused);
            altered.extend(outcome.altered);
        }
        let missing = self.content_of(tenant.as_deref(), batch, &refused)?;
        let refused = refused.into_iter().map(|refusal| (What::Object, refusal));
        let altered = altered.into_iter().map(|refusal| (What::PartOfObject, refusal));
        Ok(Answer { tenant, refusals: refused.chain(altered).collect(), missing })
    }

    /// The content of the objects that were refused.
    fn content_of(
        &self,
        tenant: Option<&str>,
        batch: &Batch,
        refused: &[Refusal],
    ) -> Result<crate::model::Content> {
        let ids: BTreeSet<Uuid> = refused.iter().map(|refusal| refusal.id).collect();
        let mut content = crate::model::Content::default();
        if ids.is_empty() {
            return Ok(content);
        }
        for row in (0..batch.len()).filter(|row| ids.contains(&batch.ids[*row])) {
            let added = content.add(&self.digester, tenant, &batch.row(row));
            added.map_err(|unfit| Error::internal(format!("a refused object has no digest: {}", unfit.0)))?;
        }
        Ok(content)
    }
}

fn has_any(references: Option<&TextColumn>) -> bool {
    references.is_some_and(|column| column.byte_len() > 0)
}

async fn acquire(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    let place = Arc::clone(places).acquire_owned().await;
    place.map_err(|closed| Error::internal("no place for a request").caused_by(closed))
}
