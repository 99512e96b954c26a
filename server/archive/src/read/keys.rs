//! The objects of a part of a backup in the order of their ids, without what they hold: for being merged with another list of them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use uuid::Uuid;

use super::collection::CollectionReader;
use super::file::FileReader;
use crate::format::{Rows, Select};
use selvedge_model::error::{Error, Result};
use selvedge_model::{Digest, UuidRange};

/// What a backup knows of an object beside what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub id: Uuid,
    /// Milliseconds since 1970, UTC.
    pub creation_time: i64,
    pub update_time: i64,
    pub digest: Digest,
    /// The place of its data file in the list.
    pub file: usize,
    /// The place of its row in the file.
    pub row: u32,
}

/// Hands out keys one by one. In memory is a row group of each file that it is in: of a backup that has nothing in common with
/// others, of one.
#[derive(Debug)]
pub struct KeyReader {
    range: UuidRange,
    tenant: Option<String>,
    /// Only these, in their order; None for all.
    only: Option<Arc<[Uuid]>>,
    cursors: Vec<Cursor>,
    /// Those that it has not come to, by the first id that they may have and their place, the last one first.
    waiting: Vec<(Uuid, usize)>,
    /// The next key of each cursor that it is in, by its id and the place of the cursor.
    next: BinaryHeap<Reverse<(Uuid, usize)>>,
}

/// One data file that may have some.
#[derive(Debug)]
struct Cursor {
    reader: CollectionReader,
    /// Its place in the list.
    file: usize,
    open: Option<FileReader>,
    /// The next row group.
    group: usize,
    /// What is left of the one before.
    keys: VecDeque<Key>,
}

impl CollectionReader {
    /// The objects of a tenant (None without multi-tenancy) with ids in `range`.
    pub fn keys(&self, tenant: Option<&str>, range: UuidRange) -> KeyReader {
        let files = self.files().iter().enumerate();
        let may_have = files.filter(|(_, file)| {
            let overlaps =
                file.covers.is_none_or(|covers| covers.first <= range.last && range.first <= covers.last);
            overlaps && tenant.is_none_or(|tenant| file.tenants.iter().any(|span| span.tenant == tenant))
        });
        let mut cursors = Vec::new();
        let mut waiting = Vec::new();
        for (file, listed) in may_have {
            let first = listed.covers.map_or(Uuid::nil(), |covers| covers.first);
            waiting.push((first, cursors.len()));
            cursors.push(Cursor { reader: self.clone(), file, open: None, group: 0, keys: VecDeque::new() });
        }
        waiting.sort_unstable_by(|a, b| b.cmp(a));
        let tenant = tenant.map(str::to_owned);
        KeyReader { range, tenant, only: None, cursors, waiting, next: BinaryHeap::new() }
    }
}

impl KeyReader {
    /// Only of these objects, which are in the order of their ids.
    pub fn only(self, ids: &Arc<[Uuid]>) -> Self {
        Self { only: Some(Arc::clone(ids)), ..self }
    }

    /// The next one whose id is not behind `last`; None if there is none. A cut call loses nothing.
    pub async fn next_up_to(&mut self, last: Uuid) -> Result<Option<Key>> {
        // A file may have ids before the one that is next until now.
        while let Some((first, at)) = self.waiting.last().copied()
            && first <= self.next.peek().map_or(last, |Reverse((id, _))| *id)
        {
            let cursor = &mut self.cursors[at];
            if cursor.keys.is_empty() {
                cursor.fill(self.tenant.as_deref(), self.range, self.only.as_deref()).await?;
            }
            self.waiting.pop();
            if let Some(key) = cursor.keys.front() {
                self.next.push(Reverse((key.id, at)));
            }
        }
        let Some(Reverse((id, at))) = self.next.peek().copied() else { return Ok(None) };
        if id > last {
            return Ok(None);
        }
        let cursor = &mut self.cursors[at];
        // Only what is there already may be taken away: reading can be cut.
        if cursor.keys.len() == 1 {
            cursor.fill(self.tenant.as_deref(), self.range, self.only.as_deref()).await?;
        }
        self.next.pop();
        let key = cursor.keys.pop_front();
        if let Some(following) = cursor.keys.front() {
            self.next.push(Reverse((following.id, at)));
        }
        key.map(Some).ok_or_else(|| Error::internal("a list of keys has come to an end before its own"))
    }
}

impl Cursor {
    /// Reads row groups until there is a key more, or none is left.
    async fn fill(&mut self, tenant: Option<&str>, range: UuidRange, only: Option<&[Uuid]>) -> Result<()> {
        let file = &self.reader.files()[self.file];
        let before = self.keys.len();
        while self.keys.len() == before && self.group < file.row_groups.len() {
            let reader = match &self.open {
                Some(reader) => reader,
                None => self.open.insert(self.reader.open(file, Select::Hashes).await?),
            };
            let group = self.group;
            let ids = reader.ids(group).filter(|_| tenant.is_none());
            let may_have = ids.is_none_or(|(first, last)| {
                let is_there = |only: &[Uuid]| {
                    only.get(only.partition_point(|id| *id < first)).is_some_and(|id| *id <= last)
                };
                first <= range.last && range.first <= last && only.is_none_or(is_there)
            });
            if may_have && reader.has_tenant(group, tenant) {
                let keys = keys_of(reader, self.file, group, tenant, range).await?;
                let is_wanted = |key: &Key| only.is_none_or(|only| only.binary_search(&key.id).is_ok());
                self.keys.extend(keys.into_iter().filter(is_wanted));
            }
            self.group = group + 1;
        }
        if self.group >= file.row_groups.len() {
            self.open = None;
        }
        Ok(())
    }
}

async fn keys_of(
    reader: &FileReader,
    file: usize,
    group: usize,
    tenant: Option<&str>,
    range: UuidRange,
) -> Result<Vec<Key>> {
    let mut places = reader.places_shown(group);
    let mut keys = Vec::new();
    for Rows { tenant: of, batch, digests } in reader.group(group, None).await? {
        for (at, id) in batch.ids.iter().enumerate() {
            let place = places.next().and_then(|place| u32::try_from(place).ok());
            let row = place.ok_or_else(|| Error::internal("a row of a data file has no place"))?;
            if of.as_deref() == tenant && range.contains(id) {
                let (creation_time, update_time) = (batch.creation_times[at], batch.update_times[at]);
                keys.push(Key { id: *id, creation_time, update_time, digest: digests[at], file, row });
            }
        }
    }
    Ok(keys)
}
