//! Objects as they are in a cluster.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, Collection, UuidRange};
use selvedge_weaviate::{
    Cluster, Fetched as FromRange, Misreading, ObjectReader, Page as WeaviatePage, RangeReader,
};
use uuid::Uuid;

use super::changes::{ChangeReader, Changed};
use super::task::{LEAST_OBJECTS, OBJECTS_OF_RUN};
use super::{Base, Fetched, Mark, Page, Pages, Part, Piece, Running, Source, Tally, Task};
use crate::CollectionCounters;

/// A collection that is read.
#[derive(Clone)]
pub struct FromWeaviate(Arc<Reading>);

struct Reading {
    cluster: Cluster,
    collection: Collection,
    reader: Arc<ObjectReader>,
    /// Whether parts were counted before. Else those are counted that do not fit on one page.
    counted: bool,
    counters: Arc<CollectionCounters>,
    started: DateTime<Utc>,
    /// Only what is not as it is there is read.
    base: Option<Base>,
}

impl FromWeaviate {
    /// `counted`: whether tasks know how many objects there are. With a `base`, only what is not as it is there is read.
    pub fn new(
        cluster: &Cluster,
        collection: &Collection,
        reader: &Arc<ObjectReader>,
        counted: bool,
        counters: &Arc<CollectionCounters>,
        base: Option<&Base>,
    ) -> Self {
        Self(Arc::new(Reading {
            cluster: cluster.clone(),
            collection: collection.clone(),
            reader: Arc::clone(reader),
            counted,
            counters: Arc::clone(counters),
            started: Utc::now(),
            base: base.cloned(),
        }))
    }
}

impl Source for FromWeaviate {
    type Pages = WeaviatePages;

    async fn open(&self, task: Arc<Running>) -> Result<WeaviatePages> {
        Ok(WeaviatePages {
            reading: Arc::clone(&self.0),
            task,
            at: None,
            open: None,
            read: 0,
            objects: 0,
            tally: Tally::default(),
        })
    }
}

/// What has come.
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once")]
enum Got {
    /// And up to where everything was passed.
    Page(WeaviatePage, Option<Uuid>),
    Changed(Changed),
}

/// The objects of a task, tenant by tenant.
pub struct WeaviatePages {
    reading: Arc<Reading>,
    task: Arc<Running>,
    /// The place of the tenant that is read, or was read last.
    at: Option<usize>,
    open: Option<Open>,
    /// Tenants that were read to their end, and the objects of all.
    read: u64,
    objects: u64,
    tally: Tally,
}

/// What is being read.
struct Open {
    tenant: Option<Arc<str>>,
    reach: Reach,
    /// Whether nothing has come of it yet.
    is_new: bool,
    /// Whether its objects are among those that are expected.
    is_expected: bool,
}

/// How it is read.
enum Reach {
    All(RangeReader),
    Changes(Box<ChangeReader>),
}

impl Reach {
    /// Whether there is nothing behind what has come.
    fn is_done(&self) -> bool {
        match self {
            Self::All(range) => range.is_done(),
            Self::Changes(changes) => changes.is_done(),
        }
    }
}

impl Open {
    fn tenant(&self) -> Option<String> {
        self.tenant.as_deref().map(str::to_owned)
    }
}

impl Pages for WeaviatePages {
    type Notes = Tally;

    async fn next(&mut self, room: usize) -> Result<Fetched> {
        loop {
            if self.open.is_none() {
                let apart = self.cut();
                if !apart.is_empty() {
                    return Ok(Fetched::Apart(apart));
                }
                match self.enter().await {
                    Ok(true) => {}
                    Ok(false) => return Ok(Fetched::End),
                    Err(error) => self.lose(error)?,
                }
                continue;
            }
            match self.fetch(room).await {
                Ok(Some(fetched)) => return Ok(fetched),
                Ok(None) => self.leave(),
                Err(error) => self.lose(error)?,
            }
        }
    }

    fn notes(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }
}

impl WeaviatePages {
    /// Goes on to the next tenant, or to the collection as a whole. False if there is none.
    async fn enter(&mut self) -> Result<bool> {
        let Some(at) = self.task.enter_next(self.at) else { return Ok(false) };
        self.at = Some(at);
        let tenant = self.task.tenant(at).map(Arc::<str>::from);
        let reading = &self.reading;
        let base = reading.base.as_ref().filter(|base| base.has(tenant.as_deref()));
        let is_gone = base.zip(tenant.as_deref()).is_some_and(|(base, name)| base.gone.contains(name));
        let reach = match base {
            None => Reach::All(reading.reader.range(tenant.as_deref(), self.task.ids())),
            Some(base) => {
                let changes = ChangeReader::new(base, &reading.reader, tenant.as_ref(), self.task.ids());
                Reach::Changes(Box::new(changes))
            }
        };
        if !is_gone {
            // What is empty was read, too.
            self.tally.parts.entry(tenant.as_deref().map(str::to_owned)).or_default();
        }
        // Of a tenant with a task of its own, and of all but the first part of a collection, somebody counted the whole.
        let is_expected = match self.task.task().piece {
            _ if is_gone => true,
            Piece::Ids { part: Part::Tenant(_), .. } => true,
            Piece::Ids { ids, .. } => self.reading.counted || ids != UuidRange::ALL,
            Piece::File { .. } => false,
        };
        let open = self.open.insert(Open { tenant, reach, is_new: true, is_expected });
        if let Some(tenant) = open.tenant.as_ref().filter(|_| !is_gone) {
            self.reading.check_tenant(tenant).await?;
        }
        Ok(true)
    }

    /// None at the end of the tenant.
    async fn fetch(&mut self, room: usize) -> Result<Option<Fetched>> {
        let Some(open) = &mut self.open else { return Ok(None) };
        let got = match &mut open.reach {
            Reach::All(range) => {
                range.shorten(self.task.ids().last);
                match range.next(room).await? {
                    FromRange::Page(page) => Got::Page(page, range.position()),
                    FromRange::NoRoom(object) => return Ok(Some(Fetched::NoRoom(object))),
                    FromRange::End => return Ok(None),
                }
            }
            Reach::Changes(changes) => match changes.next(&self.task, room).await? {
                FromRange::Page(changed) => Got::Changed(changed),
                FromRange::NoRoom(object) => return Ok(Some(Fetched::NoRoom(object))),
                FromRange::End => return Ok(None),
            },
        };
        if std::mem::take(&mut open.is_new) && !open.is_expected && !open.reach.is_done() {
            open.is_expected = true;
            let tenant = open.tenant();
            if let Some(apart) = self.count(tenant).await? {
                return Ok(Some(Fetched::Apart(vec![apart])));
            }
        }
        Ok(Some(Fetched::Page(match got {
            Got::Page(page, last) => self.note(page, last),
            Got::Changed(changed) => self.note_changes(changed),
        })))
    }

    /// Finds out how large something is that does not fit on one page, if nobody knows. Returns a task for it if it is large,
    /// and nothing has been read of it.
    async fn count(&mut self, tenant: Option<String>) -> Result<Option<Task>> {
        let Reading { cluster, collection, counters, .. } = &*self.reading;
        let objects = cluster.count(&collection.name, tenant.as_deref()).await?;
        counters.expect_more_objects(objects);
        self.tally.parts.entry(tenant.clone()).or_default().before = Some(objects);
        match tenant {
            Some(tenant) if objects >= LEAST_OBJECTS => {
                self.open = None;
                if let Some(at) = self.at {
                    self.task.take_out(at);
                    self.at = at.checked_sub(1);
                }
                let piece = Piece::Ids { part: Part::Tenant(tenant), ids: UuidRange::ALL };
                Ok(Some(Task { piece, objects }))
            }
            Some(_) => Ok(None),
            None => {
                self.task.expect(objects);
                counters.expect_uncounted(false);
                Ok(None)
            }
        }
    }

    /// Counts a page, without what another lane has taken over meanwhile.
    fn note(&mut self, mut page: WeaviatePage, last: Option<Uuid>) -> Page {
        if let Some(last) = last {
            let end = self.task.pass(last, &page.batch.ids);
            page.batch.truncate(page.batch.ids.partition_point(|id| *id <= end));
            page.misread.retain(|misreading| misreading.id <= end);
            page.unreadable.retain(|misreading| misreading.id <= end);
        }
        let WeaviatePage { batch, bytes, misread, unreadable, .. } = page;
        let tenant = self.count_objects(&batch, 0, misread, unreadable);
        Page {
            tenant,
            batch,
            bytes: bytes as u64,
            passed: last.map(Mark::Id),
            origin: None,
            digests: Vec::new(),
        }
    }

    /// Counts what has changed, and what has not.
    fn note_changes(&mut self, changed: Changed) -> Page {
        let Changed { batch, bytes, passed, kept, gone, misread, unreadable } = changed;
        let is_there = |id: &Uuid| {
            batch.ids.binary_search(id).is_ok() || unreadable.iter().any(|unshown| unshown.id == *id)
        };
        let tells_deleted = self.reading.base.as_ref().is_some_and(|base| base.tells_deleted);
        let deleted = gone.iter().map(|key| key.id).filter(|id| tells_deleted && !is_there(id));
        let deleted: Vec<_> = deleted.collect();
        let tenant = self.count_objects(&batch, kept, misread, unreadable);
        self.reading.counters.add_objects(kept);
        self.task.add(kept);
        let changes = self.tally.changes.get_or_insert_default();
        gone.iter().for_each(|key| changes.hide(tenant.as_deref(), key));
        if !deleted.is_empty() {
            changes.deleted.entry(tenant.as_deref().map(str::to_owned)).or_default().extend(deleted);
        }
        Page { tenant, batch, bytes, passed: Some(Mark::Id(passed)), origin: None, digests: Vec::new() }
    }

    /// `kept` are those that need not be read. Returns the tenant.
    fn count_objects(
        &mut self,
        batch: &Batch,
        kept: u64,
        misread: Vec<Misreading>,
        unreadable: Vec<Misreading>,
    ) -> Option<Arc<str>> {
        let open = self.open.as_ref();
        let tenant = open.and_then(|open| open.tenant.clone());
        let (rows, started) = (batch.len() as u64 + kept, self.reading.started.timestamp_millis());
        if rows > 0 || !unreadable.is_empty() {
            let part = self.tally.parts.entry(tenant.as_deref().map(str::to_owned)).or_default();
            part.rows += rows;
            part.kept += kept;
            part.young += batch.update_times.iter().filter(|time| **time >= started).count() as u64;
            part.unreadable += unreadable.len() as u64;
        }
        self.objects += rows;
        if open.is_some_and(|open| !open.is_expected) {
            self.reading.counters.expect_more_objects(rows);
        }
        self.tally.misread.extend(misread.into_iter().chain(unreadable));
        tenant
    }

    /// The tenant that was open is read.
    fn leave(&mut self) {
        if let Some(Open { tenant: Some(_), .. }) = self.open.take() {
            self.read += 1;
            self.count_tenant();
        }
    }

    fn count_tenant(&self) {
        let is_whole = match self.task.task().piece {
            // Of one that is read in pieces, the last one counts.
            Piece::Ids { part: Part::Tenant(_), ids } => ids.last == Uuid::max(),
            _ => true,
        };
        self.reading.counters.add_tenants(u64::from(is_whole));
    }

    /// A run whose tenants are larger than anybody knew ends here. What is left of it is for all lanes.
    fn cut(&mut self) -> Vec<Task> {
        let (Some(at), false) = (self.at, self.reading.counted) else { return Vec::new() };
        if self.objects < OBJECTS_OF_RUN {
            return Vec::new();
        }
        // A guess: as large as those that were read.
        let each = (self.objects / self.read.max(1)).min(LEAST_OBJECTS - 1);
        Task::of_tenants(self.task.take_rest(at).into_iter().map(|tenant| (tenant, each)))
    }

    /// What becomes of a tenant that cannot be read is for the job to say, which has others to read.
    fn lose(&mut self, error: Error) -> Result<()> {
        let is_about_tenant = matches!(error.kind(), Kind::TenantNotFound | Kind::TenantInactive);
        match self.open.take() {
            Some(Open { tenant: Some(tenant), .. }) if is_about_tenant => {
                self.tally.lost.insert(tenant.to_string());
                self.count_tenant();
                Ok(())
            }
            _ => Err(error),
        }
    }
}

impl Reading {
    /// Fails with `TenantInactive` if reading the tenant would activate it, and leave it so.
    async fn check_tenant(&self, tenant: &str) -> Result<()> {
        let name = &self.collection.name;
        if self.collection.activates_tenants() && !self.cluster.is_active(name, tenant).await? {
            let text = format!("tenant \"{tenant}\" of collection \"{name}\" is not active");
            return Err(Error::new(Kind::TenantInactive, text));
        }
        Ok(())
    }
}
