//! Pages over REST: the listing with the cursor.

use std::collections::BTreeMap;

use selvedge_proto::weaviate::{MetadataResult, PropertiesRequest, SearchRequest};
use uuid::Uuid;

use super::grpc::Failure;
use super::{ObjectReader, Page, Source, cursor};
use crate::error::{Error, Kind, Result};
use crate::model::Batch;
use crate::weaviate::misread::Misreading;
use crate::weaviate::rest_page::{Columns, RestObject, RestPage};

impl ObjectReader {
    pub async fn rest_page(&self, tenant: &str, after: Option<Uuid>, limit: u32) -> Result<Page> {
        let with_vectors = !self.spaces.is_empty() && self.source != Source::RestAndGrpc;
        let text = self.list(tenant, after, limit, with_vectors).await?;
        let page: RestPage<'_> = serde_json::from_str(&text).map_err(|error| {
            let action = self.action(tenant);
            Error::new(Kind::WeaviateUnintelligible, format!("cannot {action}: unexpected answer"))
                .caused_by(error)
        })?;
        let mut vectors = match self.source {
            Source::RestAndGrpc => Some(self.vectors(tenant, after, limit).await?),
            Source::Grpc | Source::Rest => None,
        };
        let columns = Columns::new(&self.collection, &self.spaces, &self.traps);
        let (mut batch, mut misread) = (self.batch(), Vec::new());
        for object in &page.objects {
            if batch.ids.last().copied().or(after).is_some_and(|last| object.id <= last) {
                let error = crate::weaviate::wire::Malformed("it comes out of order".to_owned());
                return Err(self.undecodable(tenant, object.id, error));
            }
            let pushed = match &mut vectors {
                None => columns
                    .push(&mut batch, object, &mut misread)
                    .and_then(|()| columns.push_vectors(&mut batch, object)),
                Some(vectors) => match vectors.remove(&object.id) {
                    // The two were not read at the same moment: only if nobody wrote in between do they belong together.
                    Some(found) if found.last_update_time_unix == object.last_update_time_unix => columns
                        .push(&mut batch, object, &mut misread)
                        .and_then(|()| self.push_vectors(&mut batch, &found)),
                    _ => {
                        self.push_single(tenant, object.id, &columns, &mut batch, &mut misread).await?;
                        Ok(())
                    }
                },
            };
            pushed.map_err(|error| self.undecodable(tenant, object.id, error))?;
        }
        Ok(Page { batch, bytes: text.len(), misread, unreadable: Vec::new() })
    }

    async fn list(&self, tenant: &str, after: Option<Uuid>, limit: u32, vectors: bool) -> Result<String> {
        let (limit, after) = (limit.to_string(), cursor(after));
        let mut query = vec![("class", self.collection.name.as_str()), ("limit", &limit), ("after", &after)];
        if vectors {
            query.push(("include", "vector"));
        }
        if !tenant.is_empty() {
            query.push(("tenant", tenant));
        }
        let action = self.action(tenant);
        let found = self.cluster.rest.get_text(&action, "/v1/objects", &query).await?;
        found.ok_or_else(|| {
            let name = &self.collection.name;
            Error::new(Kind::CollectionNotFound, format!("collection \"{name}\" does not exist on Weaviate"))
        })
    }

    /// The vectors of the same page, by id.
    async fn vectors(
        &self,
        tenant: &str,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<BTreeMap<Uuid, MetadataResult>> {
        let request = SearchRequest {
            tenant: tenant.to_owned(),
            after: cursor(after),
            limit,
            properties: Some(PropertiesRequest::default()),
            ..self.template.clone()
        };
        let reply = match self.search(tenant, request).await {
            Ok(reply) => reply,
            Err(Failure::Other(error)) => return Err(error),
            // Each object is then read by itself.
            Err(Failure::TooLarge | Failure::Misread) => return Ok(BTreeMap::new()),
        };
        let found = reply.results.into_iter().filter_map(|result| result.metadata);
        Ok(found.filter_map(|metadata| Some((Uuid::try_parse(&metadata.id).ok()?, metadata))).collect())
    }

    /// Appends one object as it is now; nothing if it is gone.
    async fn push_single(
        &self,
        tenant: &str,
        id: Uuid,
        columns: &Columns<'_>,
        batch: &mut Batch,
        misread: &mut Vec<Misreading>,
    ) -> Result<()> {
        let path = format!("/v1/objects/{}/{id}", self.collection.name);
        let mut query = vec![("include", "vector")];
        if !tenant.is_empty() {
            query.push(("tenant", tenant));
        }
        let Some(text) = self.cluster.rest.get_text(&self.action(tenant), &path, &query).await? else {
            return Ok(());
        };
        let parsed: Result<RestObject<'_>, _> = serde_json::from_str(&text);
        let pushed = parsed.map_err(Into::into).and_then(|object| {
            columns.push(batch, &object, misread)?;
            columns.push_vectors(batch, &object)
        });
        pushed.map_err(|error| self.undecodable(tenant, id, error))
    }

    /// The id of the first object after `after`, which no listing that holds it can show: the smallest id behind which the
    /// listing works.
    pub async fn find_unreadable(
        &self,
        tenant: &str,
        after: Option<Uuid>,
        error: &Error,
    ) -> Result<Misreading> {
        let (mut low, mut high) = (after.map_or(0, |id| id.as_u128().saturating_add(1)), u128::MAX);
        while low < high {
            let middle = low + (high - low) / 2;
            let behind = Some(Uuid::from_u128(middle));
            match self.cluster.retrying(async || self.list(tenant, behind, 1, false).await).await {
                Ok(_) => high = middle,
                Err(error) if error.kind() == Kind::CollectionUnsupported => low = middle + 1,
                Err(error) => return Err(error),
            }
        }
        let text = error.to_string();
        let property = text.split_once("property \"").and_then(|(_, rest)| rest.split_once('"'));
        Ok(Misreading {
            id: Uuid::from_u128(low),
            property: property.map_or_else(String::new, |(name, _)| name.to_owned()),
            loss: format!("Weaviate cannot show the object at all: {text}"),
        })
    }
}
