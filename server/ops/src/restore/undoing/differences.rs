//! What differs of a collection, and where it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use selvedge_archive::{Absent, AbsentObjects};
use selvedge_model::UuidRange;
use selvedge_model::error::Result;
use selvedge_weaviate::Fetched as FromRange;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::target::Target;
use crate::compare::{DiffersIn, Is, Live};
use crate::engine::{
    Base, ChangeReader, Changed, Fetched, FileRows, Mark, Page, Pages, Running, Source, pairs,
};
use crate::{CollectionCounters, Deviation, MergeCounts, Progress, Repair};

/// What differs: adds up.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Differences {
    pub counts: MergeCounts,
    /// What of the backup is to be written, by the place of its file.
    write: BTreeMap<usize, FileRows>,
    /// How many objects that are, by tenant.
    #[serde(with = "pairs")]
    rows: BTreeMap<Option<String>, u64>,
    /// Those of them that are not there, by tenant.
    #[serde(with = "pairs")]
    missing: BTreeMap<Option<String>, Vec<Uuid>>,
    /// Those that are there and are to be deleted, by tenant.
    #[serde(with = "pairs")]
    pub extra: BTreeMap<Option<String>, Vec<Uuid>>,
    /// How many are there that the backup does not have, and stay.
    pub stay: u64,
    /// Objects that Weaviate cannot show, which were left as they are, and one of them.
    unshown: u64,
    one_unshown: Option<Uuid>,
    /// Objects of which it does not show all as it is stored.
    misread: u64,
}

impl Differences {
    pub fn is_empty(&self) -> bool {
        !self.counts.writes() && self.counts.deleted == 0
    }

    pub fn merge(&mut self, other: Self) {
        self.counts += other.counts;
        for (file, rows) in other.write {
            self.write.entry(file).or_default().merge(rows);
        }
        for (tenant, rows) in other.rows {
            *self.rows.entry(tenant).or_default() += rows;
        }
        for (mine, theirs) in [(&mut self.missing, other.missing), (&mut self.extra, other.extra)] {
            for (tenant, ids) in theirs {
                mine.entry(tenant).or_default().extend(ids);
            }
        }
        self.stay += other.stay;
        self.unshown += other.unshown;
        self.one_unshown = self.one_unshown.or(other.one_unshown);
        self.misread += other.misread;
    }

    /// Leaves of a target only what differs.
    pub fn confine(&self, target: &mut Target, repair: &Repair) -> Result<()> {
        let rows = self.write.iter().map(|(file, rows)| (*file, rows.clone().into_parts()));
        target.source = target.source.only(rows)?;
        let made = self.made_tenants(target, repair);
        target.tenants.retain(|tenant| made.contains(&tenant.name));
        target.rows.clone_from(&self.rows);
        Ok(())
    }

    /// What there is not, and will be.
    pub fn absent(&self, target: &Target, repair: &Repair) -> Absent {
        let objects = self.missing.iter().map(|(tenant, ids)| {
            let mut ids = ids.clone();
            ids.sort_unstable();
            AbsentObjects { tenant: tenant.clone(), ids }
        });
        Absent { tenants: self.made_tenants(target, repair), objects: objects.collect() }
    }

    /// The tenants that are made: those that are filled, and empty ones if all that is missing is wanted.
    fn made_tenants(&self, target: &Target, repair: &Repair) -> Vec<String> {
        let wants_all = repair.only.contains(&Deviation::Missing) && repair.ids.is_empty();
        let is_made = |name: &String| {
            let key = Some(name.clone());
            let is_empty = target.rows.get(&key).is_none_or(|rows| *rows == 0);
            self.rows.contains_key(&key) || (wants_all && is_empty)
        };
        target.tenants.iter().map(|tenant| &tenant.name).filter(|name| is_made(name)).cloned().collect()
    }

    pub fn warn(&self, progress: &Progress, collection: &str) {
        if let Some(one) = self.one_unshown {
            let text = format!(
                "Weaviate cannot show {} objects, such as {one}: they could be neither compared nor saved, and were left as they are",
                self.unshown
            );
            progress.warn_of_gap("not_comparable", text, collection);
        }
        if self.misread > 0 {
            let text = format!(
                "Weaviate does not show {} values as they are stored: only what it shows was compared and saved",
                self.misread
            );
            progress.warn("not_comparable", text, collection);
        }
    }

    /// Objects that were neither compared nor saved.
    pub fn unshown(&self) -> u64 {
        self.unshown
    }

    fn write(&mut self, tenant: Option<&str>, key: &selvedge_archive::Key) {
        self.write.entry(key.file).or_default().add(key);
        *self.rows.entry(tenant.map(str::to_owned)).or_default() += 1;
    }
}

/// Which objects are compared.
#[derive(Debug, Clone)]
pub enum Ids {
    All,
    /// In their order.
    These(Vec<Uuid>),
    /// Those that a backup tells of which was made to undo a job.
    OfUndo,
}

/// Objects of a cluster that are not as the backup has them.
#[derive(Clone)]
pub struct FromDifferences(Arc<Inner>);

struct Inner {
    live: Live,
    base: Base,
    ids: Ids,
    only: BTreeSet<Deviation>,
    counters: Arc<CollectionCounters>,
}

impl FromDifferences {
    pub fn new(
        live: Live,
        base: Base,
        ids: Ids,
        only: BTreeSet<Deviation>,
        counters: &Arc<CollectionCounters>,
    ) -> Self {
        Self(Arc::new(Inner { live, base, ids, only, counters: Arc::clone(counters) }))
    }

    pub fn live(&self) -> &Live {
        &self.0.live
    }
}

impl Inner {
    async fn changes(&self, tenant: Option<&Arc<str>>, range: UuidRange) -> Result<ChangeReader> {
        let Self { live, base, .. } = self;
        let changes = ChangeReader::new(base, &live.full, tenant, range);
        let ids = match &self.ids {
            Ids::All => return Ok(changes),
            Ids::These(ids) => ids.clone(),
            Ids::OfUndo => self.of_undo(tenant.map(|tenant| &**tenant)).await?,
        };
        let ids = ids.into_iter().filter(|id| range.contains(id)).collect();
        Ok(changes.only(base, ids))
    }

    /// Those that there were, and those that there were not.
    async fn of_undo(&self, tenant: Option<&str>) -> Result<Vec<Uuid>> {
        let reader = &self.base.reader;
        let absent = reader.absent().map_or(&[][..], |absent| absent.ids(tenant));
        let mut ids: BTreeSet<_> = absent.iter().copied().collect();
        let mut keys = reader.keys(tenant, UuidRange::ALL);
        while let Some(key) = keys.next_up_to(Uuid::max()).await? {
            ids.insert(key.id);
        }
        Ok(ids.into_iter().collect())
    }
}

impl Source for FromDifferences {
    type Pages = DifferencePages;

    async fn open(&self, task: Arc<Running>) -> Result<DifferencePages> {
        let (inner, notes) = (Arc::clone(&self.0), Differences::default());
        Ok(DifferencePages { inner, task, at: None, open: None, notes })
    }
}

/// The objects of a task, tenant by tenant.
pub struct DifferencePages {
    inner: Arc<Inner>,
    task: Arc<Running>,
    /// The place of the tenant that is compared, or was compared last.
    at: Option<usize>,
    open: Option<Open>,
    notes: Differences,
}

/// What is being compared.
struct Open {
    tenant: Option<Arc<str>>,
    changes: ChangeReader,
}

impl Pages for DifferencePages {
    type Notes = Differences;

    async fn next(&mut self, room: usize) -> Result<Fetched> {
        loop {
            let Some(Open { tenant, changes }) = &mut self.open else {
                let Some(at) = self.task.enter_next(self.at) else { return Ok(Fetched::End) };
                let tenant = self.task.tenant(at).map(Arc::from);
                let changes = self.inner.changes(tenant.as_ref(), self.task.ids()).await?;
                self.at = Some(at);
                self.open = Some(Open { tenant, changes });
                continue;
            };
            match changes.next(&self.task, room).await? {
                FromRange::End => self.open = None,
                FromRange::NoRoom(object) => return Ok(Fetched::NoRoom(object)),
                FromRange::Page(changed) => {
                    let tenant = tenant.clone();
                    return self.note(tenant, changed).map(Fetched::Page);
                }
            }
        }
    }

    fn notes(&mut self) -> Differences {
        std::mem::take(&mut self.notes)
    }
}

impl DifferencePages {
    /// Leaves on a page what there is of what differs.
    fn note(&mut self, tenant: Option<Arc<str>>, changed: Changed) -> Result<Page> {
        let (Inner { live, only, counters, .. }, notes) = (&*self.inner, &mut self.notes);
        let Changed { batch, bytes, passed, kept, gone, misread, unreadable } = changed;
        let name = tenant.as_deref();
        let unshown = unreadable.iter().map(|object| object.id).collect();
        let looked = live.lens.look(batch.clone())?;
        let differing = live.differing(name, &looked, gone, &unshown)?;
        notes.misread += misread.len() as u64;
        notes.counts.identical += kept + differing.same;
        counters.add_objects(kept + differing.same + differing.objects.len() as u64);
        let mut rows = Vec::new();
        for DiffersIn { id, was, is } in differing.objects {
            let deviation = match (&was, &is) {
                (_, Is::Unshown) => {
                    notes.unshown += 1;
                    notes.one_unshown.get_or_insert(id);
                    continue;
                }
                (None, _) => Deviation::Extra,
                (Some(_), Is::Absent) => Deviation::Missing,
                (Some(_), Is::Shown(..)) => Deviation::Changed,
            };
            if !only.contains(&deviation) {
                match deviation {
                    Deviation::Extra => notes.stay += 1,
                    Deviation::Missing | Deviation::Changed => notes.counts.skipped += 1,
                }
                continue;
            }
            if let Some(key) = &was {
                notes.write(name, key);
            }
            if let Is::Shown(row, _) = is {
                rows.push(row);
            }
            let of = name.map(str::to_owned);
            match deviation {
                Deviation::Missing => {
                    notes.counts.new += 1;
                    notes.missing.entry(of).or_default().push(id);
                }
                Deviation::Changed => notes.counts.overwritten += 1,
                Deviation::Extra => {
                    notes.counts.deleted += 1;
                    notes.extra.entry(of).or_default().push(id);
                }
            }
        }
        let batch = if rows.len() == batch.len() { batch } else { batch.pick(&rows) };
        Ok(Page { tenant, batch, bytes, passed: Some(Mark::Id(passed)), origin: None, digests: Vec::new() })
    }
}
