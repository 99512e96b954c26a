//! One collection that is being filled: writing some of its objects or references, and noting what became of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, OnceLock};

use selvedge_model::error::{Error, Result};
use selvedge_model::{Batch, TextColumn};
use selvedge_weaviate::{Cluster, ObjectReader, ObjectWriter, Refusal, Slice};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::merging::{Merging, conflict};
use super::refused::{Desk, FailureKind, Refusals, RefusedOfCollection, Room, lock};
use super::target::Target;
use super::written::{Written, WrittenRows};
use crate::engine::{Origin, Page};
use crate::{Context, MergeCounts};

/// What an answer with originals weighs at most.
const ORIGINALS: usize = 4 << 20;

/// The name under which it is written down that a collection was checked.
pub fn checked_file(collection: &str) -> String {
    format!("checked/{collection}/done.json")
}

/// What writing references leaves behind.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct References {
    #[serde(flatten)]
    pub refusals: Refusals,
    /// Objects that have to be written anew, by where they are in the backup and by their tenant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anew: Vec<(Origin, Option<String>, Vec<Uuid>)>,
}

/// The filling of one collection.
pub struct Filling {
    pub job: Context,
    cluster: Cluster,
    pub target: Arc<Target>,
    /// The names of collections on the target, by those in the backup.
    names: Arc<BTreeMap<String, String>>,
    pub writer: ObjectWriter,
    pub room: Room,
    pub refused: Mutex<RefusedOfCollection>,
    /// None unless it is merged into what is there.
    pub merging: Option<Merging>,
    /// What the merge has written.
    pub written: Mutex<Written>,
    /// Where the objects are read that are not in the backup, of a copy.
    pub originals: OnceLock<Arc<ObjectReader>>,
    /// Objects that have to be written anew before their references can be, by where they are in the backup.
    pub anew: Mutex<BTreeMap<Origin, Ids>>,
}

/// Objects by their tenant, and their ids.
type Ids = BTreeMap<Option<Arc<str>>, BTreeSet<Uuid>>;

impl Filling {
    pub async fn new(
        job: &Context,
        cluster: &Cluster,
        target: &Arc<Target>,
        names: &Arc<BTreeMap<String, String>>,
        kept: &Arc<AtomicUsize>,
        merging: Option<Merging>,
    ) -> Result<Arc<Self>> {
        let writer = ObjectWriter::new(cluster, &target.collection, target.spaces()).await?;
        let is_proved = merging.is_some() || target.shape.is_some();
        let refused = match target.has_references() || is_proved {
            true => RefusedOfCollection::with_ids(),
            false => RefusedOfCollection::default(),
        };
        Ok(Arc::new(Self {
            job: job.clone(),
            cluster: cluster.clone(),
            target: Arc::clone(target),
            names: Arc::clone(names),
            writer,
            room: Room::beside(kept),
            refused: Mutex::new(refused),
            merging,
            written: Mutex::default(),
            originals: OnceLock::new(),
            anew: Mutex::default(),
        }))
    }

    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Objects are written without references: what was written of these, or checked, does not hold for those that come now.
    pub async fn forget_what_follows(&self) -> Result<()> {
        let (journal, name) = (self.job.journal(), &self.target.collection.name);
        journal.ledger(name, "references").strike_all().await?;
        journal.ledger(name, "anew").strike_all().await?;
        journal.remove(&checked_file(name)).await
    }

    pub fn take_references(&self, left: References) {
        lock(&self.refused).add(left.refusals);
        let mut anew = lock(&self.anew);
        for (origin, tenant, ids) in left.anew {
            anew.entry(origin).or_default().entry(tenant.map(Arc::from)).or_default().extend(ids);
        }
    }

    /// Leaves on a page what is to be written of it; `refusals` hears of the rest.
    pub async fn sort(&self, mut page: Page, refusals: &mut Refusals) -> Result<Page> {
        let Some(merging) = &self.merging else { return Ok(page) };
        let sorted = merging.sort(&page).await?;
        if let Some(id) = sorted.conflicts.first() {
            let name = &self.target.collection.name;
            return Err(conflict(name, sorted.counts.conflicting, &[id.to_string()]));
        }
        let origin = page.origin.ok_or_else(|| Error::internal("objects of no row group"))?;
        self.count_merged(sorted.counts);
        *refusals.merged.get_or_insert_default() += sorted.counts;
        if !sorted.write.is_empty() {
            let rows: WrittenRows =
                (origin, page.tenant.as_deref().map(str::to_owned), sorted.write.iter().copied().collect());
            lock(&self.written).add(rows.clone());
            refusals.written_rows.push(rows);
        }
        if sorted.write.len() < page.batch.len() {
            page.batch = page.batch.pick(&sorted.write);
        }
        Ok(page)
    }

    /// What stays as it is is done.
    fn count_merged(&self, counts: MergeCounts) {
        self.target.counters.add_merged(counts);
        self.target.counters.add_objects(counts.identical + counts.skipped);
    }

    fn desk(&self) -> Desk<'_> {
        Desk {
            room: &self.room,
            progress: &self.job.progress,
            counters: &self.target.counters,
            digester: self.target.digester(),
            collection: &self.target.collection.name,
        }
    }

    /// Writes some objects, and says what became of them. Those that are refused may be kept, to be sent once more.
    pub async fn write(&self, slices: Vec<Slice>, keep: bool) -> Result<Refusals> {
        let (counters, desk) = (&self.target.counters, self.desk());
        let (mut refused, mut refusals) = (BTreeMap::new(), Refusals::default());
        for request in self.writer.requests(&slices)? {
            let (objects, bytes) = (request.len() as u64, request.bytes as u64);
            let outcome = self.writer.write(request).await?;
            let written = objects.saturating_sub(outcome.refused.len() as u64);
            counters.add_bytes_written(bytes);
            counters.add_objects(written);
            refusals.written += written;
            let keyed = |refusal: Refusal| ((refusal.tenant.clone(), refusal.id), refusal);
            refused.extend(outcome.refused.into_iter().map(keyed));
            for refusal in outcome.altered {
                desk.add(&mut refusals, FailureKind::PartOfObject, refusal);
            }
        }
        if !refused.is_empty() {
            for Slice { tenant, batch, rows } in slices {
                for row in rows {
                    if let Some(refusal) = refused.remove(&(tenant.clone(), batch.ids[row])) {
                        desk.object(&mut refusals, refusal, batch.row(row), keep)?;
                    }
                }
            }
        }
        Ok(refusals)
    }

    pub async fn write_references(&self, page: Page, replacing: bool) -> Result<References> {
        let Page { tenant: of_tenant, batch, origin, .. } = page;
        let tenant = of_tenant.as_deref();
        let rows: Vec<_> = {
            let refused = lock(&self.refused);
            let written = lock(&self.written);
            let written = written.of(origin, &of_tenant);
            // What a merge has left as it was keeps the references it has.
            let is_written =
                |row: &usize| self.merging.is_none() || written.is_some_and(|rows| rows.has(*row));
            let has_any = |row: &usize| has_any(batch.references.as_ref(), *row) && is_written(row);
            // An object that was refused has no references either.
            let is_there = |row: &usize| !refused.is_missing(tenant, &batch.ids[*row]);
            (0..batch.len()).filter(|row| has_any(row) && is_there(row)).collect()
        };
        let mut left = References::default();
        if rows.is_empty() {
            return Ok(left);
        }
        let written = self.writer.write_references(tenant, &batch, rows, &self.names, replacing).await?;
        for refusal in written.refused {
            self.desk().add(&mut left.refusals, FailureKind::Reference, refusal);
        }
        if !written.anew.is_empty() {
            let origin = origin.ok_or_else(|| Error::internal("references of no row group"))?;
            let ids = written.anew.iter().map(|row| batch.ids[*row]).collect();
            left.anew.push((origin, tenant.map(str::to_owned), ids));
        }
        Ok(left)
    }

    pub async fn write_anew(&self, page: Page) -> Result<Refusals> {
        let Page { tenant, batch, origin, .. } = page;
        let batch = Arc::new(batch);
        let rows: Vec<_> = {
            let anew = lock(&self.anew);
            let wanted = origin.and_then(|origin| anew.get(&origin)?.get(&tenant));
            let is_wanted = |row: &usize| wanted.is_some_and(|ids| ids.contains(&batch.ids[*row]));
            (0..batch.len()).filter(is_wanted).collect()
        };
        let (tenant, mut refusals) = (tenant.as_deref(), Refusals::default());
        let whole = match self.originals.get() {
            Some(originals) => originals_of(originals, tenant, &batch, rows).await?,
            None => vec![(batch, rows)],
        };
        for (batch, rows) in whole {
            for row in rows {
                for refusal in self.writer.write_anew(tenant, &batch, row, &self.names).await? {
                    self.desk().add(&mut refusals, FailureKind::Reference, refusal);
                }
            }
        }
        Ok(refusals)
    }

    /// What an earlier attempt has done counts, and is told.
    pub fn count(&self, refusals: &Refusals) {
        let counters = &self.target.counters;
        counters.add_objects(refusals.written);
        if let Some(merged) = refusals.merged {
            self.count_merged(merged);
        }
        let mut written = lock(&self.written);
        refusals.written_rows.iter().for_each(|rows| written.add(rows.clone()));
        let is_missing = |failure: &&crate::ObjectFailure| failure.kind == FailureKind::Object;
        counters.add_refused(refusals.failures.iter().filter(is_missing).count() as u64);
        refusals.failures.iter().for_each(|failure| self.desk().tell(failure));
    }
}

/// What some objects hold, of which only the references are at hand, from where they were copied; those that are gone are left out.
async fn originals_of(
    originals: &Arc<ObjectReader>,
    tenant: Option<&str>,
    known: &Batch,
    rows: Vec<usize>,
) -> Result<Vec<(Arc<Batch>, Vec<usize>)>> {
    let ids: Vec<_> = rows.iter().map(|row| known.ids[*row]).collect();
    let rows_of: BTreeMap<_, _> = ids.iter().copied().zip(rows).collect();
    let mut found = Vec::new();
    let read = originals.by_ids(tenant, &ids, ORIGINALS, |page| {
        let mut batch = page.batch;
        // As they were when they were copied.
        let mut references = TextColumn::default();
        for id in &batch.ids {
            let text = rows_of
                .get(id)
                .copied()
                .zip(known.references.as_ref())
                .map_or("", |(row, column)| column.get(row));
            references.push(text);
        }
        batch.references = Some(references);
        let rows = (0..batch.len()).collect();
        found.push((Arc::new(batch), rows));
        Ok(())
    });
    read.await?;
    Ok(found)
}

fn has_any(references: Option<&TextColumn>, row: usize) -> bool {
    references.is_some_and(|column| !column.get(row).is_empty())
}
