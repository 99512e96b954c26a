//! Objects by their ids.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use futures_util::{StreamExt, TryStreamExt, stream};
use prost::Message;
use selvedge_proto::weaviate::filters::{Operator, TestValue};
use selvedge_proto::weaviate::{SearchRequest, SearchResult, TextArray};
use uuid::Uuid;

use super::failure::{Failure, apart};
use super::unreadable::{on_id, unreadable_object};
use super::{ObjectReader, Page, Source};
use crate::rest_page::Columns;
use crate::wire::Malformed;
use selvedge_model::Batch;
use selvedge_model::error::Result;

/// In one request, at most. Measured with 768 dimensions: 1,000 ids are as fast as a page of the cursor, 2,000 slower.
const MOST_IDS: usize = 1_000;
/// Nobody knows how heavy the objects are.
const FIRST_IDS: usize = 100;
/// Objects that are asked for over REST at the same time.
const AT_ONCE: usize = 4;

/// Reads objects by their ids, learning how many fit into a page.
pub struct IdReader {
    reader: Arc<ObjectReader>,
    tenant: String,
    /// Ids that the next request may have.
    limit: usize,
}

impl ObjectReader {
    /// Of a collection, or of one of its tenants.
    pub fn ids(self: &Arc<Self>, tenant: Option<&str>) -> IdReader {
        IdReader { reader: Arc::clone(self), tenant: tenant.unwrap_or_default().to_owned(), limit: FIRST_IDS }
    }
}

impl IdReader {
    /// Reads those that are there of the first of these objects, and says how many these were: as many as make a page that
    /// weighs no more than `room`, or a single one. The page is in the order of ids if they are. Ids must not repeat, and there
    /// must be some. May be dropped at any time.
    pub async fn next(&mut self, ids: &[Uuid], room: usize) -> Result<(Page, usize)> {
        let Self { reader, tenant, .. } = self;
        loop {
            let most = usize::try_from(reader.most_objects.load(Relaxed)).unwrap_or(MOST_IDS);
            let asked = self.limit.min(most).clamp(1, ids.len().max(1));
            let now = &ids[..asked.min(ids.len())];
            match reader.some_by_id(tenant, now, room).await? {
                Ok(page) => {
                    let each = (page.bytes / page.batch.len().max(1)).max(1);
                    self.limit = (room / 8 * 7 / each).clamp(1, (self.limit * 4).min(MOST_IDS));
                    return Ok((page, now.len()));
                }
                Err(Failure::TooMany(most)) => {
                    reader.most_objects.fetch_min(most.max(1), Relaxed);
                }
                Err(Failure::TooLarge(_)) if now.len() > 1 => self.limit = now.len() / 2,
                Err(_) => return Ok((reader.singles(tenant, now).await?, now.len())),
            }
        }
    }
}

impl ObjectReader {
    /// Reads those of these objects that are there, in pages that weigh no more than `room` unless a single object does.
    /// `found` is called with each page; there is no order among pages, and ids must not repeat.
    pub async fn by_ids(
        self: &Arc<Self>,
        tenant: Option<&str>,
        ids: &[Uuid],
        room: usize,
        mut found: impl FnMut(Page) -> Result<()>,
    ) -> Result<()> {
        let (mut rest, mut reader) = (ids, self.ids(tenant));
        while !rest.is_empty() {
            let (page, asked) = reader.next(rest, room).await?;
            found(page)?;
            rest = &rest[asked..];
        }
        Ok(())
    }

    /// In one request. The inner result is why that cannot be.
    async fn some_by_id(&self, tenant: &str, ids: &[Uuid], room: usize) -> Result<Result<Page, Failure>> {
        match self.source {
            Source::Rest => Ok(Err(Failure::OnlyOverRest)),
            Source::Grpc => {
                let ask = async || apart(self.search_by_id(tenant, ids, room).await);
                self.cluster.retrying(ask).await
            }
        }
    }

    async fn search_by_id(&self, tenant: &str, ids: &[Uuid], room: usize) -> Result<Page, Failure> {
        let values = ids.iter().map(Uuid::to_string).collect();
        let request = SearchRequest {
            tenant: tenant.to_owned(),
            limit: u32::try_from(ids.len()).unwrap_or(u32::MAX),
            filters: Some(on_id(Operator::ContainsAny, TestValue::ValueTextArray(TextArray { values }))),
            ..self.template.clone()
        };
        let mut reply = self.search(tenant, request, room).await?;
        let bytes = reply.encoded_len();
        // They come in no order.
        reply.results.sort_by(|a, b| id_of(a).cmp(id_of(b)));
        let batch = self.decode(tenant, reply, None)?;
        if let Some(stray) = batch.ids.iter().find(|id| !ids.contains(id)) {
            let error = Malformed("nobody asked for it".to_owned());
            return Err(self.undecodable(tenant, stray, error).into());
        }
        Ok(page(batch, bytes))
    }

    /// Each by itself.
    async fn singles(&self, tenant: &str, ids: &[Uuid]) -> Result<Page> {
        self.over_rest.store(true, Relaxed);
        let columns = Columns::new(&self.collection, &self.spaces, &self.traps);
        let mut page = page(self.batch(), 0);
        let fetched = ids.iter().copied().map(async |id| {
            let fetch = async || apart(self.fetch_single(tenant, id, usize::MAX).await);
            self.cluster.retrying(fetch).await.map(|single| (id, single))
        });
        let mut fetched = stream::iter(fetched).buffered(AT_ONCE);
        while let Some((id, single)) = fetched.try_next().await? {
            match single {
                Ok(Some(single)) => self.push_fetched(tenant, id, &single, &columns, &mut page)?,
                Ok(None) => {}
                Err(Failure::Unreadable { property, error }) => {
                    page.unreadable.push(unreadable_object(id, property, &error));
                }
                Err(failure) => return Err(failure.into_error(&self.action(tenant))),
            }
        }
        Ok(page)
    }
}

fn page(batch: Batch, bytes: usize) -> Page {
    let (listed, misread, unreadable) = (batch.len(), Vec::new(), Vec::new());
    Page { batch, bytes, listed, last: None, is_last: true, misread, unreadable }
}

fn id_of(result: &SearchResult) -> &str {
    result.metadata.as_ref().map_or("", |metadata| metadata.id.as_str())
}
