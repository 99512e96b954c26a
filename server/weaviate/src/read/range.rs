//! One range of ids, page by page.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use uuid::Uuid;

use super::grpc::Failure;
use super::{ObjectReader, Page, Source};
use selvedge_model::UuidRange;
use selvedge_model::error::{Kind, Result};

/// What a page should weigh. Large pages save Weaviate work, small ones keep memory flat and progress even.
const PAGE_BYTES: usize = 6 << 20;
/// Measured: larger pages are slower, whatever they weigh.
pub const MAX_PAGE_OBJECTS: u32 = 1000;
/// The first page tells how heavy objects are, so it must not assume that they are light.
const FIRST_PAGE_OBJECTS: u32 = 16;
/// Over REST, nothing limits how heavy a page may be.
const FIRST_REST_PAGE_OBJECTS: u32 = 4;

/// Reads the objects of one range, in the order of their ids.
pub struct RangeReader {
    reader: Arc<ObjectReader>,
    tenant: String,
    range: UuidRange,
    after: Option<Uuid>,
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
            limit: match self.source {
                Source::Grpc => FIRST_PAGE_OBJECTS,
                Source::Rest => FIRST_REST_PAGE_OBJECTS,
            }
            .min(self.most_objects.load(Relaxed)),
            done: false,
        }
    }
}

impl RangeReader {
    /// The next page, or `None` at the end. Repeats what fails for a moment; may be dropped at any time.
    pub async fn next(&mut self) -> Result<Option<Page>> {
        if self.done {
            return Ok(None);
        }
        let mut page = self.fetch().await?;
        let Some(last) = page.last else {
            self.done = true;
            return Ok(None);
        };
        let previous = self.after.replace(last);
        self.limit = self.next_limit(previous, page.listed, page.bytes);
        let inside = page.batch.ids.partition_point(|id| self.range.contains(id));
        // So is one that reaches the end of the range or beyond.
        self.done = page.is_last || last >= self.range.last;
        page.batch.truncate(inside);
        page.misread.retain(|misreading| self.range.contains(&misreading.id));
        page.unreadable.retain(|misreading| self.range.contains(&misreading.id));
        Ok(Some(page))
    }

    async fn fetch(&mut self) -> Result<Page> {
        if self.reader.source != Source::Grpc {
            return self.fetch_over_rest().await;
        }
        loop {
            let (reader, tenant, after, limit) = (&self.reader, &self.tenant, self.after, self.limit);
            let outcome = reader
                .cluster
                .retrying(async || match reader.grpc_page(tenant, after, limit).await {
                    Ok(page) => Ok(Ok(page)),
                    Err(Failure::Other(error)) => Err(error),
                    Err(other) => Ok(Err(other)),
                })
                .await?;
            match outcome {
                Ok(page) => return Ok(page),
                Err(Failure::TooLarge) => self.limit = (self.limit / 2).max(1),
                Err(Failure::TooMany(most)) => self.lower_limit(most),
                Err(Failure::Misread | Failure::Other(_)) => return self.fetch_over_rest().await,
            }
        }
    }

    /// A page that cannot be read is tried in smaller pieces, until it is clear which object it is.
    async fn fetch_over_rest(&mut self) -> Result<Page> {
        loop {
            let (reader, tenant, after, limit) = (&self.reader, &self.tenant, self.after, self.limit);
            let page = reader
                .cluster
                .retrying(async || match reader.rest_page(tenant, after, limit).await {
                    Ok(page) => Ok(Ok(page)),
                    Err(Failure::Other(error)) => Err(error),
                    Err(other) => Ok(Err(other)),
                })
                .await;
            match page {
                Ok(Ok(page)) => return Ok(page),
                Ok(Err(Failure::TooMany(most))) => self.lower_limit(most),
                Ok(Err(_)) => self.limit = (self.limit / 2).max(1),
                Err(error) if error.kind() == Kind::CollectionUnsupported => {
                    if self.limit > 1 {
                        self.limit = (self.limit / 2).max(1);
                        continue;
                    }
                    return reader.page_of_single_objects(tenant, after, error).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// For this range, and for all that are read after it.
    fn lower_limit(&mut self, most: u32) {
        self.limit = most.max(1);
        self.reader.most_objects.fetch_min(self.limit, Relaxed);
    }

    /// As many objects as weigh `PAGE_BYTES`, but not many more than the range seems to have left: what a page reads
    /// beyond its range is read in vain.
    fn next_limit(&self, previous: Option<Uuid>, objects: usize, bytes: usize) -> u32 {
        let by_weight = PAGE_BYTES / (bytes / objects.max(1)).max(1);
        let by_weight =
            u32::try_from(by_weight).unwrap_or(u32::MAX).clamp(1, self.reader.most_objects.load(Relaxed));
        let before = previous.map_or(1.0, |id| self.range.fraction_after(&id));
        let after = self.after.map_or(0.0, |id| self.range.fraction_after(&id));
        let read = before - after;
        if read <= 0.0 {
            return by_weight;
        }
        let left = objects as f64 * after / read;
        // A tenth and a few more, so that a range of evenly spread ids ends with this page.
        let by_range = (left * 1.1 + 32.0).min(f64::from(MAX_PAGE_OBJECTS));
        by_weight.min(by_range as u32)
    }
}
