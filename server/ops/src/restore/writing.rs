//! Moving the objects of a collection from data files into Weaviate, and afterwards their references.
//!
//! One feeder fetches, checks and decodes row groups in order and cuts them into requests; a few requests are in flight at
//! a time. The number of those is what bounds memory: the feeder waits for a free place before it goes on.

use std::collections::BTreeMap;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::refused::{Refused, What};
use super::target::{Target, Targets};
use crate::{CollectionCounters, Context};
use selvedge_model::error::{Error, Result};
use selvedge_model::{Batch, Digester, TextColumn};
use selvedge_weaviate::{Cluster, ObjectWriter, Refusal};

/// Requests in flight. More do not make Weaviate faster.
const IN_FLIGHT: usize = 3;

/// For those in flight when the job is to stop. A Weaviate that hangs may still do later what it was asked then.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// What of the objects is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// All but their references.
    Objects,
    References,
}

/// Refused objects that are kept to be sent once more, and what they weigh at most.
const KEPT: usize = 1_000;
const KEPT_BYTES: usize = 16 << 20;

/// The writing of one collection.
struct Filling<'a> {
    job: &'a Context,
    targets: &'a Targets,
    target: &'a Target,
    content: Content,
    writer: Arc<ObjectWriter>,
    digester: Arc<Digester>,
    places: Arc<Semaphore>,
    requests: JoinSet<Result<Answer>>,
    refused: &'a mut Refused,
    kept: Kept,
}

/// Objects that were refused, each in a batch of its own, to be sent once more when all others are there: what keeps
/// Weaviate from taking an object may pass, whatever it says.
#[derive(Default)]
struct Kept {
    objects: Vec<(Option<String>, Batch)>,
    bytes: usize,
    /// What is refused from now on is refused for good.
    closed: bool,
}

/// What was not simply written of some objects of a tenant.
#[derive(Default)]
struct Answer {
    tenant: Option<String>,
    /// Objects, each with its row.
    refused: Vec<(Refusal, Batch)>,
    refusals: Vec<(What, Refusal)>,
}

/// Writes the objects of one collection, or their references. Returns when all requests are answered.
pub async fn fill(
    job: &Context,
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
        kept: Kept::default(),
    };
    let fed = filling.feed().await;
    // Whatever happened: a request that was sent is waited for, so that nothing is written after the job has ended, unless
    // Weaviate hangs.
    let drained = filling.drain().await;
    // Work that was stopped fails in some way or other; why is the job's to say.
    job.check_stop()?;
    fed.and(drained)?;
    let again = filling.send_kept().await;
    let drained = filling.drain().await;
    job.check_stop()?;
    again.and(drained)?;
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

    async fn send_kept(&mut self) -> Result<()> {
        self.kept.closed = true;
        for (tenant, object) in std::mem::take(&mut self.kept.objects) {
            self.start(tenant, Arc::new(object), 0..1).await?;
        }
        Ok(())
    }

    /// Writes some rows in the background, as soon as there is a place.
    async fn start(&mut self, tenant: Option<String>, batch: Arc<Batch>, rows: Range<usize>) -> Result<()> {
        let place = self.job.or_stop(acquire(&self.places)).await?;
        while let Some(done) = self.requests.try_join_next() {
            self.note(done)?;
        }
        let writer = Arc::clone(&self.writer);
        let stop = self.job.stop_token().clone();
        match self.content {
            Content::Objects => {
                let counters = Arc::clone(&self.target.counters);
                self.requests.spawn(async move {
                    let _place = place;
                    Writing { writer, counters, stop }.objects(tenant, &batch, rows).await
                });
            }
            Content::References => {
                let names = self.targets.names.clone();
                // An object that was refused has no references either.
                let missing = Arc::clone(&self.refused.of(&self.target.collection.name).ids);
                self.requests.spawn(async move {
                    let _place = place;
                    let rows: Vec<_> =
                        rows.filter(|row| !missing.contains(&(tenant.clone(), batch.ids[*row]))).collect();
                    let written =
                        writer.write_references(tenant.as_deref(), &batch, rows, &names, &stop).await?;
                    let refusals = written.into_iter().map(|refusal| (What::Reference, refusal)).collect();
                    Ok(Answer { tenant, refusals, ..Answer::default() })
                });
            }
        }
        Ok(())
    }

    /// Waits for the requests that were sent; when the job is to stop, not for ever.
    async fn drain(&mut self) -> Result<()> {
        let stop = self.job.stop_token().clone();
        let mut overdue = pin!(async {
            stop.cancelled().await;
            tokio::time::sleep(LAST_REQUESTS).await;
        });
        let mut outcome = Ok(());
        loop {
            tokio::select! {
                joined = self.requests.join_next() => match joined {
                    Some(done) => {
                        let noted = self.note(done);
                        outcome = outcome.and(noted);
                    }
                    None => return outcome,
                },
                () = &mut overdue => {
                    self.requests.abort_all();
                    return outcome;
                }
            }
        }
    }

    fn note(&mut self, done: std::result::Result<Result<Answer>, JoinError>) -> Result<()> {
        let answer = done.map_err(|panic| Error::internal("a request broke off").caused_by(panic))??;
        let Answer { tenant, refused, refusals } = answer;
        for (refusal, object) in refused {
            if let Some((refusal, object)) = self.kept.take(tenant.clone(), refusal, object) {
                self.lose(tenant.as_deref(), refusal, &object)?;
            }
        }
        for (what, refusal) in refusals {
            self.tell(tenant.as_deref(), what, refusal);
        }
        Ok(())
    }

    /// An object will be missing.
    fn lose(&mut self, tenant: Option<&str>, refusal: Refusal, object: &Batch) -> Result<()> {
        let mut missing = selvedge_model::Content::default();
        let added = missing.add(&self.digester, tenant, object);
        added.map_err(|unfit| Error::internal(format!("a refused object has no digest: {}", unfit.0)))?;
        self.refused.add_missing(&self.target.collection.name, missing);
        self.target.counters.add_refused(1);
        self.tell(tenant, What::Object, refusal);
        Ok(())
    }

    fn tell(&mut self, tenant: Option<&str>, what: What, refusal: Refusal) {
        let collection = &self.target.collection.name;
        let reason = match what {
            What::Object => "object_refused",
            What::Reference => "reference_refused",
            What::PartOfObject => "object_altered",
        };
        self.job.progress.warn(reason, refusal.reason.clone(), format!("{collection}/{}", refusal.id));
        self.refused.add(collection, tenant, what, refusal);
    }
}

impl Kept {
    /// Gives back what is not kept.
    fn take(&mut self, tenant: Option<String>, refusal: Refusal, object: Batch) -> Option<(Refusal, Batch)> {
        let bytes = self.bytes + object.byte_len();
        if self.closed || self.objects.len() == KEPT || bytes > KEPT_BYTES {
            return Some((refusal, object));
        }
        self.bytes = bytes;
        self.objects.push((tenant, object));
        None
    }
}

/// What a request needs to be written in the background.
struct Writing {
    writer: Arc<ObjectWriter>,
    counters: Arc<CollectionCounters>,
    stop: CancellationToken,
}

impl Writing {
    async fn objects(&self, tenant: Option<String>, batch: &Batch, rows: Range<usize>) -> Result<Answer> {
        let mut answer = Answer { tenant, ..Answer::default() };
        let mut refused = BTreeMap::new();
        for request in self.writer.requests(answer.tenant.as_deref(), batch, rows.clone())? {
            let (objects, bytes) = (request.len() as u64, request.bytes as u64);
            let outcome = self.writer.write(request, &self.stop).await?;
            self.counters.add_bytes_written(bytes);
            self.counters.add_objects(objects.saturating_sub(outcome.refused.len() as u64));
            refused.extend(outcome.refused.into_iter().map(|refusal| (refusal.id, refusal)));
            let altered = outcome.altered.into_iter().map(|refusal| (What::PartOfObject, refusal));
            answer.refusals.extend(altered);
        }
        if !refused.is_empty() {
            let of_row = |row: usize| Some((refused.remove(&batch.ids[row])?, batch.row(row)));
            answer.refused = rows.filter_map(of_row).collect();
        }
        Ok(answer)
    }
}

fn has_any(references: Option<&TextColumn>) -> bool {
    references.is_some_and(|column| column.byte_len() > 0)
}

async fn acquire(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    let place = Arc::clone(places).acquire_owned().await;
    place.map_err(|closed| Error::internal("no place for a request").caused_by(closed))
}
