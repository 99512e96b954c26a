//! After a merge: is what was written what the backup holds? What else is in the collection is nobody's business here.

use std::collections::BTreeSet;
use std::sync::Arc;

use selvedge_archive::Select;
use selvedge_model::UuidRange;
use selvedge_model::error::{Error, Kind, Result, listed};
use uuid::Uuid;

use super::filling::Filling;
use super::refused::{RefusedOfCollection, lock};
use crate::CollectionCounters;
use crate::engine::{FromArchive, Lanes, Page, Sink, Sinks};

/// Objects that are named if something is wrong.
const NAMED: usize = 5;

/// Reads back the objects that were written, and no others.
pub async fn prove(filling: &Arc<Filling>, lanes: &Lanes, refused: &Arc<RefusedOfCollection>) -> Result<()> {
    let target = &filling.target;
    let name = &target.collection.name;
    if !refused.is_comparable() {
        let text = "not everything could be written as it was, so what was merged was not compared";
        filling.job.progress.warn("not_compared", text, name.clone());
        return Ok(());
    }
    let from = FromArchive::new(&target.source, target.chosen.as_ref(), Select::Hashes);
    let origins: BTreeSet<_> = lock(&filling.written).origins().collect();
    let sinks = IntoProof { filling: Arc::clone(filling), refused: Arc::clone(refused) };
    let (mut differing, unseen) = (Vec::new(), Arc::new(CollectionCounters::unseen()));
    let tasks = FromArchive::tasks_of(&origins);
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
    let text =
        format!("collection \"{name}\" does not hold what was merged into it as the backup has it: {named}");
    Err(Error::new(Kind::ContentMismatch, text)
        .hint("check that nobody else writes to it, then restore again"))
}

struct IntoProof {
    filling: Arc<Filling>,
    refused: Arc<RefusedOfCollection>,
}

impl Sinks for IntoProof {
    type Sink = ProofSink;
    type Left = Vec<Uuid>;

    fn open(&self, _: usize) -> ProofSink {
        let (filling, refused) = (Arc::clone(&self.filling), Arc::clone(&self.refused));
        ProofSink { filling, refused, differing: Vec::new() }
    }
}

struct ProofSink {
    filling: Arc<Filling>,
    refused: Arc<RefusedOfCollection>,
    differing: Vec<Uuid>,
}

impl Sink for ProofSink {
    type Left = Vec<Uuid>;

    async fn take(&mut self, page: Page) -> Result<()> {
        let Some(merging) = &self.filling.merging else { return Ok(()) };
        let tenant = page.tenant.as_deref();
        let rows: Vec<_> = {
            let written = lock(&self.filling.written);
            let Some(rows) = written.of(page.origin, &page.tenant) else { return Ok(()) };
            let is_there = |row: &usize| !self.refused.is_missing(tenant, &page.batch.ids[*row]);
            (0..page.batch.len()).filter(|row| rows.has(*row)).filter(is_there).collect()
        };
        let differing = merging.differing(&page, &rows).await?;
        let room = NAMED.saturating_sub(self.differing.len());
        self.differing.extend(differing.into_iter().take(room));
        Ok(())
    }

    async fn seal(self, _: Option<UuidRange>) -> Result<Vec<Uuid>> {
        Ok(self.differing)
    }
}
