//! What has changed of a part of a collection since a backup: two lists in the order of ids, merged.
//!
//! The cluster shows ids and times, which is many times less than the objects; the backup knows those that it holds. What is the same in
//! both is taken for the same object: every change of what an object holds moves its time, on every version of Weaviate. Only of
//! what was written while the backup was made, or just before, the time does not tell everything. That is read again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use selvedge_archive::{CollectionReader, Key, KeyReader};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, Content, Digest, Digester, UuidRange};
use selvedge_weaviate::{Fetched, IdReader, Misreading, ObjectReader, RangeReader};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Running, pairs};

/// Objects that are compared before some of them are handed on.
const COMPARED: usize = 8_000;
/// So many of them are fetched at a time.
const FETCHED: usize = 1_000;
/// From this part on, reading a whole run is no slower than reading those that have changed.
const THIRD: usize = 3;

/// The backup that a collection is compared with.
#[derive(Clone)]
pub struct Base {
    pub reader: CollectionReader,
    /// Reads ids and times; or everything, which is then compared by what it holds.
    pub look: Look,
    /// Objects that were written from this time on are read in any case; milliseconds since 1970, by Weaviate's clock.
    pub since: i64,
    /// Tenants that are not there any more, or not to be in the backup.
    pub gone: Arc<BTreeSet<String>>,
    /// Tenants that the backup has rows of.
    pub tenants: Arc<BTreeSet<String>>,
    /// Of the live collection, as the backup would have it.
    pub digester: Digester,
    /// Whether the ids are wanted of what is not there any more.
    pub tells_deleted: bool,
}

/// By what it is found out whether an object has changed.
#[derive(Clone)]
pub enum Look {
    /// By its times, which this one reads.
    Times(Arc<ObjectReader>),
    /// By all that it holds.
    Everything,
}

impl Base {
    /// Whether a tenant is not there any more.
    fn is_gone(&self, tenant: Option<&str>) -> bool {
        tenant.is_some_and(|tenant| self.gone.contains(tenant))
    }

    /// Whether the backup has anything of a tenant, or of a collection without tenants.
    pub fn has(&self, tenant: Option<&str>) -> bool {
        match tenant {
            Some(tenant) => self.tenants.contains(tenant),
            None => !self.reader.files().is_empty(),
        }
    }
}

/// What became of the objects of the backup: adds up.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Changes {
    /// What is no object of the collection any more, by the place of its file.
    pub hidden: BTreeMap<usize, FileRows>,
    /// What that held.
    pub gone: Content,
    /// Those that are not there any more, by tenant, if they are wanted.
    #[serde(default, with = "pairs", skip_serializing_if = "BTreeMap::is_empty")]
    pub deleted: BTreeMap<Option<String>, Vec<Uuid>>,
}

/// Rows of one data file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FileRows {
    /// Their places.
    pub places: Vec<u32>,
    pub digest: Digest,
    /// How many have no vector at all.
    pub without_vector: u64,
}

impl FileRows {
    pub fn add(&mut self, key: &Key) {
        self.places.push(key.row);
        self.digest += key.digest;
        self.without_vector += u64::from(!key.digest.has_vectors());
    }

    pub fn merge(&mut self, other: Self) {
        self.places.extend(other.places);
        self.digest += other.digest;
        self.without_vector += other.without_vector;
    }

    /// As a reader takes them.
    pub fn into_parts(self) -> (Vec<u32>, Digest, u64) {
        (self.places, self.digest, self.without_vector)
    }
}

impl Changes {
    pub fn hide(&mut self, tenant: Option<&str>, key: &Key) {
        self.hidden.entry(key.file).or_default().add(key);
        self.gone.add_digest(tenant, &key.id, key.digest);
    }

    pub fn merge(&mut self, other: Self) {
        for (file, rows) in other.hidden {
            self.hidden.entry(file).or_default().merge(rows);
        }
        self.gone.merge(other.gone);
        for (tenant, ids) in other.deleted {
            self.deleted.entry(tenant).or_default().extend(ids);
        }
    }
}

/// Some objects that have changed, in the order of their ids.
pub struct Changed {
    pub batch: Batch,
    pub bytes: u64,
    /// Up to here everything was compared, and what has changed is on this page or one before.
    pub passed: Uuid,
    /// Objects since the page before that are as they were.
    pub kept: u64,
    /// The objects of the backup that are not so any more, since the page before, in the order of their ids.
    pub gone: Vec<Key>,
    pub misread: Vec<Misreading>,
    pub unreadable: Vec<Misreading>,
}

/// Compares a range of a collection, or of one of its tenants.
pub struct ChangeReader {
    digester: Digester,
    tenant: Option<Arc<str>>,
    since: i64,
    full: Arc<ObjectReader>,
    ids: IdReader,
    was: KeyReader,
    /// The next of those that were.
    key: Option<Key>,
    live: Live,
    by_content: bool,
    /// Objects that are there and were not compared yet; up to `until`, all there are.
    seen: VecDeque<Seen>,
    until: Option<Uuid>,
    /// There are no others.
    is_over: bool,
    /// Where they were read with everything; and what could not be read of them as it is.
    held: Batch,
    misread: Vec<Misreading>,
    unreadable: Vec<Misreading>,
    run: Run,
    is_compared: bool,
}

/// Where it is read what is there.
enum Live {
    /// There is nothing any more.
    Nothing,
    Range(RangeReader),
    /// Of these objects, those that were not asked for yet.
    Only(Vec<Uuid>),
}

/// An object as the cluster shows it.
struct Seen {
    id: Uuid,
    times: (i64, i64),
    /// Its place among those that are held, and what it holds, if everything was read.
    content: Option<(usize, Digest)>,
}

/// Consecutive objects that were compared.
#[derive(Default)]
struct Run {
    /// In the order of their ids.
    compared: VecDeque<Compared>,
    /// How many of them are there.
    live: usize,
    /// Those that are to be fetched, and how many of them were.
    fetch: Vec<Uuid>,
    fetched: usize,
    /// Their places among those that are held.
    held: Vec<usize>,
    /// Where the run is read as a whole.
    whole: Option<RangeReader>,
    /// The first id that it is about, and the last.
    first: Uuid,
    last: Uuid,
}

struct Compared {
    id: Uuid,
    /// What is to be hidden of the backup.
    was: Option<Key>,
    is_kept: bool,
}

impl ChangeReader {
    /// `full` reads everything of an object.
    pub fn new(base: &Base, full: &Arc<ObjectReader>, tenant: Option<&Arc<str>>, range: UuidRange) -> Self {
        let name = tenant.map(|tenant| &**tenant);
        let (live, by_content) = match &base.look {
            _ if base.is_gone(name) => (Live::Nothing, false),
            Look::Times(keys) => (Live::Range(keys.range(name, range)), false),
            Look::Everything => (Live::Range(full.range(name, range)), true),
        };
        Self {
            digester: base.digester.clone(),
            since: base.since,
            full: Arc::clone(full),
            ids: full.ids(name),
            was: base.reader.keys(name, range),
            tenant: tenant.cloned(),
            key: None,
            live,
            by_content,
            seen: VecDeque::new(),
            until: None,
            is_over: false,
            held: Batch::new(&[], false),
            misread: Vec::new(),
            unreadable: Vec::new(),
            run: Run { first: range.first, ..Run::default() },
            is_compared: false,
        }
    }

    /// Compares no other objects than these, which are in the order of their ids, and those by what they hold.
    pub fn only(self, base: &Base, ids: Vec<Uuid>) -> Self {
        let is_gone = base.is_gone(self.tenant.as_deref());
        let was = self.was.only(&Arc::from(ids.as_slice()));
        let live = if is_gone { Live::Nothing } else { Live::Only(ids) };
        Self { was, live, by_content: !is_gone, ..self }
    }

    /// Whether all that is there was seen.
    pub fn is_done(&self) -> bool {
        self.is_over
    }

    /// The next page. `task` is told how far it is, and says where it ends.
    pub async fn next(&mut self, task: &Running, room: usize) -> Result<Fetched<Changed>> {
        if !self.is_compared {
            if let Some(object) = self.compare(task, room).await? {
                return Ok(Fetched::NoRoom(object));
            }
            if self.run.compared.is_empty() && self.is_over && self.seen.is_empty() {
                return Ok(Fetched::End);
            }
            self.is_compared = true;
            let many = self.run.fetch.len() * THIRD > self.run.live;
            if many && !self.by_content && !self.run.fetch.is_empty() {
                let (first, last) = (self.run.first, self.run.last);
                self.run.whole = Some(self.full.range(self.tenant.as_deref(), UuidRange { first, last }));
            }
        }
        self.hand_on(room).await
    }

    /// Adds to the run until there is enough of it, or no more. Returns the weight of an object for which there is no room.
    async fn compare(&mut self, task: &Running, room: usize) -> Result<Option<usize>> {
        while !self.run.is_enough() {
            if let (None, Some(until)) = (self.key, self.until) {
                self.key = self.was.next_up_to(until).await?;
            }
            let (is, was) = (self.seen.front().map(|seen| seen.id), self.key.map(|key| key.id));
            let Some(id) = is.into_iter().chain(was).min() else {
                self.run.last = self.until.unwrap_or(self.run.first);
                // What is held is of one page.
                if self.is_over || (self.by_content && !self.run.compared.is_empty()) {
                    break;
                }
                if let Some(object) = self.look(task, room).await? {
                    return Ok(Some(object));
                }
                continue;
            };
            let seen = if is == Some(id) { self.seen.pop_front() } else { None };
            let key = self.key.take_if(|key| key.id == id);
            self.run.add(id, seen, key, self.since);
        }
        Ok(None)
    }

    /// Reads what is there a page further.
    async fn look(&mut self, task: &Running, room: usize) -> Result<Option<usize>> {
        let end = task.ids().last;
        let (page, last) = match &mut self.live {
            Live::Nothing => {
                self.is_over = true;
                (None, None)
            }
            Live::Range(range) => {
                range.shorten(end);
                match range.next(room).await? {
                    Fetched::NoRoom(object) => return Ok(Some(object)),
                    Fetched::End => {
                        self.is_over = true;
                        (None, None)
                    }
                    Fetched::Page(page) => {
                        self.is_over = range.is_done();
                        (Some(page), range.position())
                    }
                }
            }
            Live::Only(ids) => {
                ids.truncate(ids.partition_point(|id| *id <= end));
                match ids.is_empty() {
                    true => {
                        self.is_over = true;
                        (None, None)
                    }
                    false => {
                        let (page, asked) = self.ids.next(ids, room).await?;
                        let last = ids.drain(..asked).next_back();
                        self.is_over = ids.is_empty();
                        (Some(page), last)
                    }
                }
            }
        };
        if let Some(page) = page {
            if let Some(last) = last {
                self.until = Some(task.pass(last, &page.batch.ids).min(last));
            }
            if self.by_content {
                let is_ours = |one: &Misreading| Some(one.id) <= self.until;
                self.misread.extend(page.misread.into_iter().filter(is_ours));
                self.unreadable.extend(page.unreadable.into_iter().filter(is_ours));
            }
            self.see(page.batch)?;
        }
        if self.is_over {
            // Nobody takes a part of it from here on, and what was behind the last one is gone.
            self.until = Some(task.pass(task.ids().last, &[]));
        }
        Ok(None)
    }

    fn see(&mut self, mut batch: Batch) -> Result<()> {
        batch.truncate(batch.ids.partition_point(|id| Some(*id) <= self.until));
        let mut digests = Vec::new();
        if self.by_content {
            let tenant = self.tenant.as_deref();
            let each = self.digester.each(tenant, &batch, |_, _, digest| digests.push(digest));
            each.map_err(|unfit| {
                let text = format!("what Weaviate shows does not fit its schema: {}", unfit.0);
                Error::new(Kind::WeaviateUnintelligible, text)
            })?;
        }
        let seen = (0..batch.len()).map(|row| Seen {
            id: batch.ids[row],
            times: (batch.creation_times[row], batch.update_times[row]),
            content: digests.get(row).map(|digest| (row, *digest)),
        });
        self.seen = seen.collect();
        self.held = batch;
        Ok(())
    }

    /// A page of those of the run that are to be fetched; with the last one, the run is done.
    async fn hand_on(&mut self, room: usize) -> Result<Fetched<Changed>> {
        let run = &mut self.run;
        let (mut batch, mut bytes) = (Batch::new(&[], false), 0);
        let (mut misread, mut unreadable) = (Vec::new(), Vec::new());
        let mut passed = run.last;
        if let Some(whole) = &mut run.whole {
            match whole.next(room).await? {
                Fetched::NoRoom(object) => return Ok(Fetched::NoRoom(object)),
                Fetched::End => {}
                Fetched::Page(page) => {
                    if !whole.is_done() {
                        passed = whole.position().unwrap_or(run.last).min(run.last);
                    }
                    let kept: BTreeSet<_> =
                        run.compared.iter().filter(|one| one.is_kept).map(|one| one.id).collect();
                    let rows = (0..page.batch.len()).filter(|row| !kept.contains(&page.batch.ids[*row]));
                    let rows: Vec<_> = rows.collect();
                    let is_all = rows.len() == page.batch.len();
                    batch = if is_all { page.batch } else { page.batch.pick(&rows) };
                    (bytes, misread, unreadable) = (page.bytes, page.misread, page.unreadable);
                }
            }
        } else if self.by_content {
            batch = self.held.pick(&run.held);
            bytes = batch.byte_len();
            misread.append(&mut self.misread);
            unreadable.append(&mut self.unreadable);
        } else if run.fetched < run.fetch.len() {
            let (page, asked) = self.ids.next(&run.fetch[run.fetched..], room).await?;
            run.fetched += asked;
            if run.fetched < run.fetch.len() {
                passed = run.fetch[run.fetched - 1];
            }
            (batch, bytes, misread, unreadable) = (page.batch, page.bytes, page.misread, page.unreadable);
        }
        let (mut kept, mut gone) = (0, Vec::new());
        while let Some(one) = run.compared.pop_front_if(|one| one.id <= passed) {
            kept += u64::from(one.is_kept);
            gone.extend(one.was);
        }
        if passed == run.last {
            let first = Uuid::from_u128(passed.as_u128().saturating_add(1));
            self.run = Run { first, ..Run::default() };
            self.is_compared = false;
        }
        let bytes = bytes as u64;
        Ok(Fetched::Page(Changed { batch, bytes, passed, kept, gone, misread, unreadable }))
    }
}

impl Run {
    fn is_enough(&self) -> bool {
        self.compared.len() >= COMPARED || self.fetch.len() >= FETCHED
    }

    fn add(&mut self, id: Uuid, seen: Option<Seen>, key: Option<Key>, since: i64) {
        self.last = id;
        let Some(Seen { times, content, .. }) = seen else {
            self.compared.push_back(Compared { id, was: key, is_kept: false });
            return;
        };
        self.live += 1;
        let is_same = |key: &Key| {
            let is_equal = content.is_none_or(|(_, digest)| digest == key.digest);
            times == (key.creation_time, key.update_time) && key.update_time < since && is_equal
        };
        let is_kept = key.as_ref().is_some_and(is_same);
        if !is_kept {
            self.fetch.push(id);
            self.held.extend(content.map(|(row, _)| row));
        }
        self.compared.push_back(Compared { id, was: key.filter(|_| !is_kept), is_kept });
    }
}
