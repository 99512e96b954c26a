//! One range of ids, page by page.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use uuid::Uuid;

use super::failure::{Failure, apart};
use super::{ObjectReader, Page, Source};
use crate::MAX_REPLY;
use selvedge_model::UuidRange;
use selvedge_model::error::Result;

/// Measured: larger pages are slower, whatever they weigh.
pub const MAX_PAGE_OBJECTS: u32 = 1000;
/// The first page tells how heavy objects are, so it must not assume that they are light.
const FIRST_PAGE_OBJECTS: u32 = 16;
/// Over REST, that a page is too heavy only shows when as much of it has arrived.
const FIRST_REST_PAGE_OBJECTS: u32 = 4;
/// A page has at most so many times the objects of the one before.
const GROWTH: u32 = 4;

/// What came of asking for a page.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once, and nearly always a page")]
pub enum Fetched<P = Page> {
    Page(P),
    /// There is nothing more in the range.
    End,
    /// A single object weighs more than the room that was given: at least this many bytes, 0 if that is unknown.
    NoRoom(usize),
}

/// Reads the objects of one range, in the order of their ids.
pub struct RangeReader {
    reader: Arc<ObjectReader>,
    tenant: String,
    range: UuidRange,
    after: Option<Uuid>,
    /// Objects that the next page may have.
    limit: u32,
    done: bool,
}

impl ObjectReader {
    /// Reads one range of a collection, or of one of its tenants.
    pub fn range(self: &Arc<Self>, tenant: Option<&str>, range: UuidRange) -> RangeReader {
        RangeReader {
            reader: Arc::clone(self),
            tenant: tenant.unwrap_or_default().to_owned(),
            range,
            after: range.cursor(),
            limit: self.first_limit(),
            done: false,
        }
    }
}

impl ObjectReader {
    /// Few, as nobody knows what they weigh; or a part of what other ranges have found to fit. Weaviate pays for each page
    /// (it copies what it holds in memory in the order of ids), so small ones are not free.
    fn first_limit(&self) -> u32 {
        let first = match self.source {
            Source::Grpc => FIRST_PAGE_OBJECTS,
            Source::Rest => FIRST_REST_PAGE_OBJECTS,
        };
        let usual = self.usual_objects.load(Relaxed) / GROWTH;
        first.max(usual).min(self.most_objects.load(Relaxed))
    }
}

impl RangeReader {
    /// The next page, of an answer that weighs no more than `room`: the reply over gRPC as encoded, the body over REST. With
    /// `usize::MAX`, nothing is capped but replies over gRPC, and an object that no reply can hold comes over REST.
    ///
    /// Repeats what fails for a moment; may be dropped at any time, and called again with more room.
    pub async fn next(&mut self, room: usize) -> Result<Fetched> {
        if self.done {
            return Ok(Fetched::End);
        }
        let mut page = match self.fetch(room).await? {
            // So does a Weaviate say that is starting, and has the collection already but not yet its objects.
            Ok(page) if page.listed == 0 => {
                self.reader.cluster.await_whole().await?;
                match self.fetch(room).await? {
                    Ok(page) => page,
                    Err(bytes) => return Ok(Fetched::NoRoom(bytes)),
                }
            }
            Ok(page) => page,
            Err(bytes) => return Ok(Fetched::NoRoom(bytes)),
        };
        let Some(last) = page.last else {
            self.done = true;
            return Ok(Fetched::End);
        };
        let previous = self.after.replace(last);
        let fitting = fitting(page.listed, page.bytes, room).min(self.reader.most_objects.load(Relaxed));
        self.reader.usual_objects.store(fitting, Relaxed);
        self.limit = next_limit(self.limit, fitting).min(self.left(previous, page.listed));
        let inside = page.batch.ids.partition_point(|id| self.range.contains(id));
        // So is one that reaches the end of the range or beyond.
        self.done = page.is_last || last >= self.range.last;
        page.batch.truncate(inside);
        page.misread.retain(|misreading| self.range.contains(&misreading.id));
        page.unreadable.retain(|misreading| self.range.contains(&misreading.id));
        Ok(Fetched::Page(page))
    }

    /// The last id that was passed: what is left of the range comes after it. None if that is all ids there are.
    pub fn position(&self) -> Option<Uuid> {
        self.after
    }

    /// Whether the last page was the last of the range.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Lets the range end with `last`, as when another reader takes the rest of it.
    pub fn shorten(&mut self, last: Uuid) {
        self.done |= self.after.is_some_and(|after| after >= last);
        self.range.last = last.clamp(self.range.first, self.range.last);
    }

    /// The inner result is the page, or what a single object weighs at least for which there is no room.
    async fn fetch(&mut self, room: usize) -> Result<Result<Page, usize>> {
        while self.reader.source == Source::Grpc {
            let (reader, tenant, after, limit) = (&self.reader, &self.tenant, self.after, self.limit);
            let page = reader
                .cluster
                .retrying(async || apart(reader.grpc_page(tenant, after, limit, room).await))
                .await?;
            match page {
                Ok(page) => return Ok(Ok(page)),
                Err(Failure::TooMany(most)) => self.lower_limit(most),
                Err(Failure::TooLarge(bytes)) if limit <= 1 => return Ok(Err(bytes)),
                Err(Failure::TooLarge(bytes)) => {
                    self.limit = fitting(limit as usize, bytes, room).clamp(1, limit / 2);
                }
                Err(_) => break,
            }
        }
        self.fetch_over_rest(room).await
    }

    /// A page that cannot be read is tried in smaller pieces, until it is clear which object it is.
    async fn fetch_over_rest(&mut self, room: usize) -> Result<Result<Page, usize>> {
        loop {
            let (reader, tenant, after, limit) = (&self.reader, &self.tenant, self.after, self.limit);
            let page = reader
                .cluster
                .retrying(async || apart(reader.rest_page(tenant, after, limit, room).await))
                .await?;
            match page {
                Ok(page) => return Ok(Ok(page)),
                Err(Failure::TooMany(most)) => self.lower_limit(most),
                Err(_) if limit > 1 => self.limit = limit / 2,
                Err(Failure::TooLarge(bytes)) => return Ok(Err(bytes)),
                Err(Failure::Unreadable { error, .. }) => {
                    return reader.page_of_single_objects(tenant, after, error, room).await;
                }
                Err(failure) => return Err(failure.into_error(&reader.action(tenant))),
            }
        }
    }

    /// For this range, and for all that are read after it.
    fn lower_limit(&mut self, most: u32) {
        self.limit = most.max(1);
        self.reader.most_objects.fetch_min(self.limit, Relaxed);
    }

    /// Not many more than the range seems to have left: what a page reads beyond its range is read in vain.
    fn left(&self, previous: Option<Uuid>, objects: usize) -> u32 {
        let before = previous.map_or(1.0, |id| self.range.fraction_after(&id));
        let after = self.after.map_or(0.0, |id| self.range.fraction_after(&id));
        let read = before - after;
        let most = self.reader.largest_page;
        if read <= 0.0 {
            return most;
        }
        let left = objects as f64 * after / read;
        // A tenth and a few more, so that a range of evenly spread ids ends with this page.
        (left * 1.1 + 32.0).min(f64::from(most)) as u32
    }
}

/// How many objects that weigh what these did fill seven eighths of the room, so that pages rarely overshoot.
fn fitting(objects: usize, bytes: usize, room: usize) -> u32 {
    // Whatever the room, a reply over gRPC has no more.
    let room = room.min(MAX_REPLY);
    let each = (bytes / objects.max(1)).max(1);
    u32::try_from(room / 8 * 7 / each).unwrap_or(u32::MAX).max(1)
}

/// How many objects to ask for after a page of up to `limit`, if so many fit: at most [`GROWTH`] times as many as before. Ids
/// can be in the order of time, first light objects and then heavy ones: the last page does not tell how heavy the next one is.
fn next_limit(limit: u32, fitting: u32) -> u32 {
    fitting.min(limit.saturating_mul(GROWTH))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 8 << 20;

    #[test]
    fn pages_weigh_seven_eighths_of_the_room() {
        // Of 64 KiB each.
        assert_eq!(fitting(64, 4 << 20, ROOM), 112);
        // Of 1 MiB each.
        assert_eq!(fitting(8, 8 << 20, ROOM), 7);
        // One that takes more than that is still asked for.
        assert_eq!(fitting(1, ROOM, ROOM), 1);
        assert_eq!(fitting(0, 0, 0), 1);
    }

    #[test]
    fn pages_grow_step_by_step_however_light_objects_are() {
        let mut limits = vec![16];
        while let Some(limit) = limits.last().copied().filter(|limit| *limit < MAX_PAGE_OBJECTS) {
            let fitting = fitting(limit as usize, limit as usize * (2 << 10), ROOM);
            limits.push(next_limit(limit, fitting).min(MAX_PAGE_OBJECTS));
        }
        assert_eq!(limits, [16, 64, 256, 1000]);
    }

    #[test]
    fn without_a_limit_to_the_room_pages_are_as_large_as_replies() {
        assert_eq!(fitting(512, MAX_REPLY / 2, usize::MAX), 512 * 2 / 8 * 7);
    }
}
