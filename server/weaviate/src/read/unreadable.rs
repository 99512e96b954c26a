//! Objects that Weaviate cannot show.
//!
//! A value that Weaviate takes for something else can keep it from reading the whole object, and then no page that the
//! object is on can be had, however it is asked for. But a search by id that asks for nothing but ids does not read what the
//! objects hold. So the ids are found that way, in a small window behind the last page, and each object is asked for alone.

use std::sync::atomic::Ordering::Relaxed;

use selvedge_proto::weaviate::filters::{Operator, TestValue};
use selvedge_proto::weaviate::{
    FilterTarget, Filters, MetadataRequest, PropertiesRequest, SearchRequest, filter_target,
};
use uuid::Uuid;

use super::failure::{Failure, apart};
use super::{ObjectReader, Page};
use crate::misread::Misreading;
use crate::rest_page::Columns;
use selvedge_model::error::{Error, Result};

/// Ids that are listed at once, at most.
const MOST_IDS: u32 = 100;
/// By how many bits a window grows in which there is nothing.
const GROWTH: u32 = 6;

impl ObjectReader {
    /// The next few objects after `after`, each read by itself, of which at least one cannot be shown: `error` is what the
    /// listing said. As many as there is room for; if not for the first, the inner result is what that weighs at least.
    pub async fn page_of_single_objects(
        &self,
        tenant: &str,
        after: Option<Uuid>,
        error: Error,
        room: usize,
    ) -> Result<Result<Page, usize>> {
        // A version on which this does not work either shows no ids.
        let Some((ids, end)) = self.next_ids(tenant, after).await? else { return Err(error) };
        let columns = Columns::new(&self.collection, &self.spaces, &self.traps);
        let (batch, listed) = (self.batch(), ids.len());
        let (misread, unreadable) = (Vec::new(), Vec::new());
        let mut page = Page { batch, bytes: 0, listed, last: Some(end), is_last: false, misread, unreadable };
        for (place, id) in ids.iter().copied().enumerate() {
            let left = room.saturating_sub(page.bytes);
            let single =
                self.cluster.retrying(async || apart(self.fetch_single(tenant, id, left).await)).await?;
            match single {
                Ok(Some(single)) => self.push_fetched(tenant, id, &single, &columns, &mut page)?,
                Ok(None) => {}
                Err(Failure::Unreadable { property, error }) => {
                    page.unreadable.push(unreadable_object(id, property, &error));
                }
                Err(Failure::TooLarge(bytes)) if place == 0 => return Ok(Err(bytes)),
                Err(Failure::TooLarge(_)) => {
                    // The next page starts with it.
                    (page.listed, page.last) = (place, Some(ids[place - 1]));
                    break;
                }
                Err(failure) => return Err(failure.into_error(&self.action(tenant))),
            }
        }
        Ok(Ok(page))
    }

    /// The ids in a window behind `after`, sorted, and the end of the window. None if they are not shown either.
    async fn next_ids(&self, tenant: &str, after: Option<Uuid>) -> Result<Option<(Vec<Uuid>, Uuid)>> {
        let start = after.map_or(0, |id| id.as_u128());
        let most = u128::MAX - start;
        let (mut bits, mut shrinks) = (GROWTH, false);
        loop {
            let end = start + most.min(1_u128.checked_shl(bits).unwrap_or(u128::MAX));
            let Some(found) = self.ids_between(tenant, after, Uuid::from_u128(end)).await? else {
                return Ok(None);
            };
            match found {
                // There may be more of them than were listed.
                (_, false) if bits > 0 => (bits, shrinks) = (bits - 1, true),
                (ids, _) if ids.is_empty() && end < u128::MAX && !shrinks => bits += GROWTH,
                (ids, _) => return Ok(Some((ids, Uuid::from_u128(end)))),
            }
        }
    }

    /// Sorted, and whether that is all there are. None if they are not shown.
    async fn ids_between(
        &self,
        tenant: &str,
        after: Option<Uuid>,
        last: Uuid,
    ) -> Result<Option<(Vec<Uuid>, bool)>> {
        let mut conditions = vec![by_id(Operator::LessThanEqual, last)];
        conditions.extend(after.map(|after| by_id(Operator::GreaterThan, after)));
        let filters = Filters { operator: Operator::And.into(), filters: conditions, ..Filters::default() };
        let limit = MOST_IDS.min(self.most_objects.load(Relaxed));
        let request = SearchRequest {
            tenant: tenant.to_owned(),
            limit,
            filters: Some(filters),
            properties: Some(PropertiesRequest::default()),
            metadata: Some(MetadataRequest { uuid: true, ..MetadataRequest::default() }),
            ..self.template.clone()
        };
        // Ids weigh next to nothing.
        let search = async || apart(self.search(tenant, request.clone(), usize::MAX).await);
        let found = match self.cluster.retrying(search).await? {
            Ok(reply) => reply.results,
            Err(Failure::TooMany(most)) => {
                self.most_objects.fetch_min(most.max(1), Relaxed);
                return Ok(Some((Vec::new(), false)));
            }
            Err(_) => return Ok(None),
        };
        let id = |text: &str| Uuid::try_parse(text).ok();
        let mut ids: Vec<_> = found.iter().filter_map(|result| id(&result.metadata.as_ref()?.id)).collect();
        ids.sort_unstable();
        let is_all = ids.len() < limit as usize;
        Ok(Some((ids, is_all)))
    }
}

fn by_id(operator: Operator, id: Uuid) -> Filters {
    on_id(operator, TestValue::ValueText(id.to_string()))
}

/// A condition on the id.
pub fn on_id(operator: Operator, value: TestValue) -> Filters {
    let property = filter_target::Target::Property("_id".to_owned());
    Filters {
        operator: operator.into(),
        test_value: Some(value),
        target: Some(FilterTarget { target: Some(property) }),
        ..Filters::default()
    }
}

pub fn unreadable_object(id: Uuid, property: Option<String>, error: &Error) -> Misreading {
    Misreading {
        id,
        property: property.unwrap_or_default(),
        loss: format!("Weaviate cannot show the object at all: {error}"),
    }
}
