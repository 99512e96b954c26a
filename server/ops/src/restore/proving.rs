//! After writing, object by object: is what was written what the backup holds? What else is in the collection is nobody's
//! business here. This is for merges, and for objects in another shape, of which the backup has no digest.

use std::sync::Arc;

use selvedge_archive::Select;
use selvedge_model::UuidRange;
use selvedge_model::error::{Error, Kind, Result, listed};
use uuid::Uuid;

use super::filling::Filling;
use super::refused::{RefusedOfCollection, lock};
use super::there::There;
use crate::CollectionCounters;
use crate::engine::{FromArchive, Lanes, Page, Sink, Sinks};

/// Objects that are named if something is wrong.
const NAMED: usize = 5;

/// Reads back the objects that were written, and no others.
pub async fn prove(
    filling: &Arc<Filling>,
    there: There,
    lanes: &Lanes,
    refused: &Arc<RefusedOfCollection>,
) -> Result<()> {
    let target = &filling.target;
    let name = &target.collection.name;
    if !refused.is_comparable() {
        let text = "not everything could be written as it was, so what was written was not compared";
        filling.job.progress.warn("not_compared", text, name.clone());
        return Ok(());
    }
    let from = target.objects(Select::Hashes);
    let tasks = match target.is_merged() {
        true => FromArchive::tasks_of(&lock(&filling.written).origins().collect()),
        false => from.tasks(),
    };
    let sinks =
        IntoProof { filling: Arc::clone(filling), there: Arc::new(there), refused: Arc::clone(refused) };
    let (mut differing, unseen) = (Vec::new(), Arc::new(CollectionCounters::unseen()));
    let carried = lanes.carry(tasks, from, sinks, &unseen, |record| {
        let room = NAMED.saturating_sub(differing.len());
        differing.extend(record?.left.into_iter().take(room));
        Ok(())
    });
    carried.await?;
    if differing.is_empty() {
        return Ok(());
    }
    let named = listed(&differing.iter().map(Uuid::to_string).collect::<Vec<_>>());
    let text = format!("collection \"{name}\" differs from what was written into it: {named}");
    Err(Error::new(Kind::ContentMismatch, text)
        .hint("check that nobody else writes to it, then restore again"))
}

struct IntoProof {
    filling: Arc<Filling>,
    there: Arc<There>,
    refused: Arc<RefusedOfCollection>,
}

impl Sinks for IntoProof {
    type Sink = ProofSink;
    type Left = Vec<Uuid>;

    fn open(&self, _: usize) -> ProofSink {
        let (filling, there) = (Arc::clone(&self.filling), Arc::clone(&self.there));
        ProofSink { filling, there, refused: Arc::clone(&self.refused), differing: Vec::new() }
    }
}

struct ProofSink {
    filling: Arc<Filling>,
    there: Arc<There>,
    refused: Arc<RefusedOfCollection>,
    differing: Vec<Uuid>,
}

impl Sink for ProofSink {
    type Left = Vec<Uuid>;

    async fn take(&mut self, page: Page) -> Result<()> {
        let is_merged = self.filling.merging.is_some();
        let tenant = page.tenant.as_deref();
        let rows: Vec<_> = {
            let written = lock(&self.filling.written);
            let rows = written.of(page.origin, &page.tenant);
            let is_written = |row: &usize| !is_merged || rows.is_some_and(|rows| rows.has(*row));
            let is_there = |row: &usize| !self.refused.is_missing(tenant, &page.batch.ids[*row]);
            (0..page.batch.len()).filter(is_written).filter(is_there).collect()
        };
        if !rows.is_empty() {
            let differing = self.there.differing(&page, &rows).await?;
            let room = NAMED.saturating_sub(self.differing.len());
            self.differing.extend(differing.into_iter().take(room));
        }
        self.filling.target.counters.add_of_phase(page.batch.len() as u64);
        Ok(())
    }

    async fn seal(self, _: Option<UuidRange>) -> Result<Vec<Uuid>> {
        Ok(self.differing)
    }
}
