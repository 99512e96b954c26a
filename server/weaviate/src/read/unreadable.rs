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

use super::grpc::Failure;
use super::{ObjectReader, Page};
use crate::misread::Misreading;
use crate::rest_page::Columns;
use selvedge_model::error::{Error, Kind, Result};

/// Ids that are listed at once, at most.
const MOST_IDS: u32 = 100;
/// By how many bits a window grows in which there is nothing.
const GROWTH: u32 = 6;

impl ObjectReader {
    /// The next few objects after `after`, each read by itself, of which at least one cannot be shown: `error` is what the
    /// listing said.
    pub async fn page_of_single_objects(
        &self,
        tenant: &str,
        after: Option<Uuid>,
        error: Error,
    ) -> Result<Page> {
        let (ids, end) = self.next_ids(tenant, after).await.map_err(|failed| match failed.kind() {
            // A version on which this does not work either.
            Kind::CollectionUnsupported => error,
            _ => failed,
        })?;
        let columns = Columns::new(&self.collection, &self.spaces, &self.traps);
        let (batch, listed) = (self.batch(), ids.len());
        let (misread, unreadable) = (Vec::new(), Vec::new());
        let mut page = Page { batch, bytes: 0, listed, last: Some(end), is_last: false, misread, unreadable };
        for id in ids {
            match self.cluster.retrying(|| self.fetch_single(tenant, id)).await {
                Ok(Some(single)) => self.push_fetched(tenant, id, &single, &columns, &mut page)?,
                Ok(None) => {}
                Err(error) if error.kind() == Kind::CollectionUnsupported => {
                    page.unreadable.push(unreadable_object(id, &error));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(page)
    }

    /// The ids in a window behind `after`, sorted, and the end of the window.
    async fn next_ids(&self, tenant: &str, after: Option<Uuid>) -> Result<(Vec<Uuid>, Uuid)> {
        let start = after.map_or(0, |id| id.as_u128());
        let room = u128::MAX - start;
        let (mut bits, mut shrinks) = (GROWTH, false);
        loop {
            let end = start + room.min(1_u128.checked_shl(bits).unwrap_or(u128::MAX));
            match self.ids_between(tenant, after, Uuid::from_u128(end)).await? {
                // There may be more of them than were listed.
                (_, false) if bits > 0 => (bits, shrinks) = (bits - 1, true),
                (ids, _) if ids.is_empty() && end < u128::MAX && !shrinks => bits += GROWTH,
                (ids, _) => return Ok((ids, Uuid::from_u128(end))),
            }
        }
    }

    /// Sorted, and whether that is all there are.
    async fn ids_between(&self, tenant: &str, after: Option<Uuid>, last: Uuid) -> Result<(Vec<Uuid>, bool)> {
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
        let search = async || match self.search(tenant, request.clone()).await {
            Ok(reply) => Ok(Some(reply.results)),
            Err(Failure::TooMany(most)) => {
                self.most_objects.fetch_min(most.max(1), Relaxed);
                Ok(None)
            }
            Err(Failure::Other(error)) => Err(error),
            Err(_) => Err(Error::new(Kind::CollectionUnsupported, format!("cannot {}", self.action(tenant)))),
        };
        let found = self.cluster.retrying(search).await?;
        let Some(found) = found else { return Ok((Vec::new(), false)) };
        let id = |text: &str| Uuid::try_parse(text).ok();
        let mut ids: Vec<_> = found.iter().filter_map(|result| id(&result.metadata.as_ref()?.id)).collect();
        ids.sort_unstable();
        let is_all = ids.len() < limit as usize;
        Ok((ids, is_all))
    }
}

fn by_id(operator: Operator, id: Uuid) -> Filters {
    let property = filter_target::Target::Property("_id".to_owned());
    Filters {
        operator: operator.into(),
        test_value: Some(TestValue::ValueText(id.to_string())),
        target: Some(FilterTarget { target: Some(property) }),
        ..Filters::default()
    }
}

fn unreadable_object(id: Uuid, error: &Error) -> Misreading {
    let text = error.to_string();
    let property = text.split_once("property \"").and_then(|(_, rest)| rest.split_once('"'));
    Misreading {
        id,
        property: property.map_or_else(String::new, |(name, _)| name.to_owned()),
        loss: format!("Weaviate cannot show the object at all: {text}"),
    }
}
