//! What is asked of a cluster only to see how it is.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::Cluster;
use super::failure::Failed;
use super::fault::Fault;
use super::read::MAX_PAGE_OBJECTS;
use selvedge_model::Collection;
use selvedge_model::error::{Error, Result};

/// So far an object's time may be from the clock that Weaviate shows: another node may have written it.
const CLOCKS: TimeDelta = TimeDelta::seconds(2);
/// Where something in front of Weaviate takes the time away.
const NO_CLOCK: TimeDelta = TimeDelta::seconds(120);

/// How many objects a page may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageLimit {
    /// As many as we would like.
    Enough,
    Fewer(u32),
    /// There is no collection to try it on.
    Untried,
}

impl Cluster {
    /// The same cluster, of which nothing is known yet.
    pub fn anew(&self) -> Self {
        Self { server: Default::default(), single: Default::default(), ..self.clone() }
    }

    /// Whatever bears an earlier time, by Weaviate's clock, was written before now; and nothing that is written from now on does.
    pub async fn settled_before(&self) -> Result<DateTime<Utc>> {
        let told = self.retrying(|| self.rest.date("read Weaviate's clock", "/v1/.well-known/live")).await?;
        let told = told.and_then(|date| DateTime::parse_from_rfc2822(&date).ok());
        Ok(match told {
            // It has no parts of a second.
            Some(told) => told.with_timezone(&Utc) - CLOCKS,
            None => Utc::now() - NO_CLOCK,
        })
    }

    /// By how much Weaviate's clock is ahead of ours, to a second or two. None if it does not say.
    pub async fn clock_difference(&self) -> Result<Option<TimeDelta>> {
        let told = self.rest.date("read Weaviate's clock", "/v1/.well-known/live").await?;
        let told = told.and_then(|date| DateTime::parse_from_rfc2822(&date).ok());
        Ok(told.map(|told| told.with_timezone(&Utc) - Utc::now()))
    }

    /// How many objects a page may have.
    pub async fn page_limit(&self) -> Result<PageLimit> {
        let schemas = self.schemas().await?;
        let plain = schemas.into_values().filter_map(|schema| Collection::from_schema(schema).ok());
        let mut plain = plain;
        let Some(collection) = plain.find(|collection| !collection.multi_tenant) else {
            return Ok(PageLimit::Untried);
        };
        // Behind the last of them: what is asked for is only whether one may ask for so many.
        let (after, limit) = (Uuid::max().to_string(), MAX_PAGE_OBJECTS.to_string());
        let query = [("class", collection.name.as_str()), ("after", &after), ("limit", &limit)];
        match self.rest.get_text("ask for a page", "/v1/objects", &query, usize::MAX).await {
            Ok(_) => Ok(PageLimit::Enough),
            Err(Failed { fault: Fault::TooMany(told), .. }) => {
                Ok(PageLimit::Fewer(told.unwrap_or(MAX_PAGE_OBJECTS - 1)))
            }
            Err(failed) => Err(Error::from(failed)),
        }
    }
}
