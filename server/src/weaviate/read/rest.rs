//! Pages over REST: the listing with the cursor.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use prost::Message;
use selvedge_proto::weaviate::{MetadataResult, PropertiesRequest, SearchRequest};
use uuid::Uuid;

use super::grpc::Failure;
use super::{ObjectReader, Page, cursor};
use crate::error::{Error, Kind, Result};
use crate::weaviate::misread::Misreading;
use crate::weaviate::rest_page::{Columns, RestObject, RestPage};
use crate::weaviate::wire::Malformed;

impl ObjectReader {
    pub async fn rest_page(&self, tenant: &str, after: Option<Uuid>, limit: u32) -> Result<Page, Failure> {
        self.over_rest.store(true, Relaxed);
        let with_vectors = !self.spaces.is_empty() && !self.vectors_over_grpc;
        let text = self.list(tenant, after, limit, with_vectors).await.map_err(Failure::Other)?;
        let listing: RestPage<'_> = serde_json::from_str(&text).map_err(|error| {
            let action = self.action(tenant);
            let text = format!("cannot {action}: unexpected answer");
            Failure::Other(Error::new(Kind::WeaviateUnintelligible, text).caused_by(error))
        })?;
        let mut bytes = text.len();
        let mut vectors = None;
        if self.vectors_over_grpc {
            let (found, size) = self.vectors(tenant, after, limit).await?;
            bytes += size;
            vectors = Some(found);
        }
        let columns = Columns::new(&self.collection, &self.spaces, &self.traps);
        let mut page = Page {
            batch: self.batch(),
            bytes,
            listed: listing.objects.len(),
            last: listing.objects.last().map(|object| object.id),
            misread: Vec::new(),
            unreadable: Vec::new(),
        };
        let mut last = after;
        for object in &listing.objects {
            if last.is_some_and(|last| object.id <= last) {
                let error = Malformed("it comes out of order".to_owned());
                return Err(Failure::Other(self.undecodable(tenant, object.id, error)));
            }
            last = Some(object.id);
            let pushed = self.push(tenant, object, vectors.as_mut(), &columns, &mut page).await;
            pushed.map_err(Failure::Other)?;
        }
        Ok(page)
    }

    /// Appends a listed object, with its vectors from wherever they can be trusted.
    async fn push(
        &self,
        tenant: &str,
        object: &RestObject<'_>,
        vectors: Option<&mut BTreeMap<Uuid, MetadataResult>>,
        columns: &Columns<'_>,
        page: &mut Page,
    ) -> Result<()> {
        let found = match vectors {
            None => None,
            Some(vectors) => match vectors.remove(&object.id) {
                // The two were not read at the same moment: only if nobody wrote in between do they belong together.
                Some(found) if found.last_update_time_unix == object.last_update_time_unix => Some(found),
                _ => return self.push_single(tenant, object.id, columns, page).await,
            },
        };
        let pushed = columns.push(&mut page.batch, object, &mut page.misread).and_then(|()| match found {
            Some(found) => self.push_vectors(&mut page.batch, &found),
            None => columns.push_vectors(&mut page.batch, object),
        });
        pushed.map_err(|error| self.undecodable(tenant, object.id, error))
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

    /// The vectors of the same page by id, and how many bytes they came in.
    async fn vectors(
        &self,
        tenant: &str,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<(BTreeMap<Uuid, MetadataResult>, usize), Failure> {
        let request = SearchRequest {
            tenant: tenant.to_owned(),
            after: cursor(after),
            limit,
            properties: Some(PropertiesRequest::default()),
            ..self.template.clone()
        };
        let reply = match self.search(tenant, request).await {
            Ok(reply) => reply,
            // Each object is then read by itself.
            Err(Failure::Misread) => return Ok((BTreeMap::new(), 0)),
            Err(failure) => return Err(failure),
        };
        let bytes = reply.encoded_len();
        let found = reply.results.into_iter().filter_map(|result| result.metadata);
        let by_id = found.filter_map(|metadata| Some((Uuid::try_parse(&metadata.id).ok()?, metadata)));
        Ok((by_id.collect(), bytes))
    }

    /// Appends one object as it is now; nothing if it is gone.
    async fn push_single(
        &self,
        tenant: &str,
        id: Uuid,
        columns: &Columns<'_>,
        page: &mut Page,
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
            columns.push(&mut page.batch, &object, &mut page.misread)?;
            columns.push_vectors(&mut page.batch, &object)
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
        let id = Uuid::from_u128(low);
        if self.collection.shards > 1 {
            // Each shard has a next object of its own, so what lies before this one may be sound.
            let name = &self.collection.name;
            return Err(Error::new(
                Kind::CollectionUnsupported,
                format!("object {id} of collection \"{name}\" cannot be shown by Weaviate, nor what is listed with it: {error}"),
            )
            .hint(format!("remove the object's misread property in Weaviate, or leave it out with --exclude {name}")));
        }
        let text = error.to_string();
        let property = text.split_once("property \"").and_then(|(_, rest)| rest.split_once('"'));
        Ok(Misreading {
            id,
            property: property.map_or_else(String::new, |(name, _)| name.to_owned()),
            loss: format!("Weaviate cannot show the object at all: {text}"),
        })
    }
}
