//! Pages over REST: the listing with the cursor.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use prost::Message;
use selvedge_proto::weaviate::{MetadataResult, PropertiesRequest, SearchRequest};
use uuid::Uuid;

use super::failure::Failure;
use super::{ObjectReader, Page, cursor};
use crate::rest_page::{Columns, RestPage};
use crate::tenants::gone;
use crate::wire::Malformed;
use selvedge_model::RestObject;
use selvedge_model::error::{Error, Kind, Result};

/// One object.
pub struct Single {
    /// As REST prints it.
    text: String,
    /// If they are not in the text, because REST cannot print them.
    vectors: Option<MetadataResult>,
    /// What they came in.
    bytes: usize,
}

/// How often an object that is read in two calls is read again, because it was written in between.
const SAME_MOMENT_TRIES: usize = 5;

impl ObjectReader {
    /// `room` is what all answers that make up the page may weigh.
    pub async fn rest_page(
        &self,
        tenant: &str,
        after: Option<Uuid>,
        limit: u32,
        room: usize,
    ) -> Result<Page, Failure> {
        self.over_rest.store(true, Relaxed);
        let over_grpc = self.vectors_over_grpc.load(Relaxed);
        let with_vectors = !self.spaces.is_empty() && !over_grpc;
        let text = self.list(tenant, after, limit, with_vectors, room).await?;
        if with_vectors && text.trim().is_empty() {
            // What Weaviate answers when there is something that JSON cannot say.
            self.vectors_over_grpc.store(true, Relaxed);
            return Box::pin(self.rest_page(tenant, after, limit, room)).await;
        }
        let listing = self.listing(tenant, &text)?;
        let mut bytes = text.len();
        let mut vectors = None;
        if over_grpc {
            let found = self.vectors(tenant, after, limit, room.saturating_sub(bytes)).await;
            let (found, size) = found.map_err(|failure| failure.besides(bytes))?;
            bytes += size;
            vectors = Some(found);
        }
        let columns = Columns::new(&self.collection, &self.spaces, &self.traps);
        let mut page = Page {
            batch: self.batch(),
            bytes,
            listed: listing.objects.len(),
            last: listing.objects.last().map(|object| object.id),
            is_last: (listing.objects.len() as u64) < u64::from(limit),
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
            self.push(tenant, object, vectors.as_mut(), &columns, &mut page, room).await?;
        }
        Ok(page)
    }

    fn listing<'t>(&self, tenant: &str, text: &'t str) -> Result<RestPage<'t>> {
        serde_json::from_str(text).map_err(|error| {
            let text = format!("cannot {}: unexpected answer", self.action(tenant));
            Error::new(Kind::WeaviateUnintelligible, text).caused_by(error)
        })
    }

    /// Appends a listed object, with its vectors from wherever they can be trusted.
    async fn push(
        &self,
        tenant: &str,
        object: &RestObject<'_>,
        vectors: Option<&mut BTreeMap<Uuid, MetadataResult>>,
        columns: &Columns<'_>,
        page: &mut Page,
        room: usize,
    ) -> Result<(), Failure> {
        let found = match vectors {
            None => None,
            Some(vectors) => match vectors.remove(&object.id) {
                // The two were not read at the same moment: only if nobody wrote in between do they belong together.
                Some(found) if found.last_update_time_unix == object.last_update_time_unix => Some(found),
                _ => return self.push_single(tenant, object.id, columns, page, room).await,
            },
        };
        let pushed = columns.push(&mut page.batch, object, &mut page.misread).and_then(|()| match found {
            Some(found) => self.push_vectors(&mut page.batch, &found),
            None => columns.push_vectors(&mut page.batch, object),
        });
        pushed.map_err(|error| self.undecodable(tenant, object.id, error).into())
    }

    async fn list(
        &self,
        tenant: &str,
        after: Option<Uuid>,
        limit: u32,
        vectors: bool,
        room: usize,
    ) -> Result<String, Failure> {
        let (most, after) = (limit.to_string(), cursor(after));
        let mut query = vec![("class", self.collection.name.as_str()), ("limit", &most), ("after", &after)];
        if vectors {
            query.push(("include", "vector"));
        }
        if !tenant.is_empty() {
            query.push(("tenant", tenant));
        }
        let action = self.action(tenant);
        let found = self.cluster.rest.get_text(&action, "/v1/objects", &query, room).await;
        let found = found.map_err(|failed| Failure::of_rest(failed, limit))?;
        match found {
            Some(text) => Ok(text),
            // The node that was asked may be behind.
            None => {
                let name = &self.collection.name;
                Err(self.cluster.unless_behind(gone(name), name).await.into())
            }
        }
    }

    /// The vectors of the same page by id, and how many bytes they came in.
    async fn vectors(
        &self,
        tenant: &str,
        after: Option<Uuid>,
        limit: u32,
        room: usize,
    ) -> Result<(BTreeMap<Uuid, MetadataResult>, usize), Failure> {
        let request = SearchRequest {
            tenant: tenant.to_owned(),
            after: cursor(after),
            limit,
            properties: Some(PropertiesRequest::default()),
            ..self.template.clone()
        };
        let reply = match self.search(tenant, request, room).await {
            Ok(reply) => reply,
            // Each object is then read by itself.
            Err(Failure::OnlyOverRest) => return Ok((BTreeMap::new(), 0)),
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
        room: usize,
    ) -> Result<(), Failure> {
        let single = self.fetch_single(tenant, id, room.saturating_sub(page.bytes)).await;
        match single.map_err(|failure| failure.besides(page.bytes))? {
            Some(single) => self.push_fetched(tenant, id, &single, columns, page).map_err(Failure::Other),
            None => Ok(()),
        }
    }

    pub(super) fn push_fetched(
        &self,
        tenant: &str,
        id: Uuid,
        single: &Single,
        columns: &Columns<'_>,
        page: &mut Page,
    ) -> Result<()> {
        page.bytes += single.bytes;
        let parsed: Result<RestObject<'_>, _> = serde_json::from_str(&single.text);
        let pushed = parsed.map_err(Into::into).and_then(|object| {
            columns.push(&mut page.batch, &object, &mut page.misread)?;
            match &single.vectors {
                Some(vectors) => self.push_vectors(&mut page.batch, vectors),
                None => columns.push_vectors(&mut page.batch, &object),
            }
        });
        pushed.map_err(|error| self.undecodable(tenant, id, error))
    }

    /// One object as it is now; None if it is gone.
    pub(super) async fn fetch_single(
        &self,
        tenant: &str,
        id: Uuid,
        room: usize,
    ) -> Result<Option<Single>, Failure> {
        match self.single(tenant, id, true, room).await? {
            Some(text) if text.trim().is_empty() => self.single_with_grpc(tenant, id, room).await,
            Some(text) => Ok(Some(Single { bytes: text.len(), text, vectors: None })),
            None => Ok(None),
        }
    }

    /// An object as REST prints it; None if it is gone.
    async fn single(
        &self,
        tenant: &str,
        id: Uuid,
        vectors: bool,
        room: usize,
    ) -> Result<Option<String>, Failure> {
        let path = format!("/v1/objects/{}/{id}", self.collection.name);
        let mut query = Vec::new();
        if vectors && !self.spaces.is_empty() {
            query.push(("include", "vector"));
        }
        if !tenant.is_empty() {
            query.push(("tenant", tenant));
        }
        let found = self.cluster.rest.get_text(&self.action(tenant), &path, &query, room).await;
        let found = found.map_err(|failed| Failure::of_rest(failed, 1))?;
        if found.is_none() {
            // It is gone, unless nothing is there yet.
            self.cluster.check_whole().await?;
        }
        Ok(found)
    }

    /// An object as REST prints it without vectors, and its vectors over gRPC; None if it is gone.
    async fn single_with_grpc(&self, tenant: &str, id: Uuid, room: usize) -> Result<Option<Single>, Failure> {
        let before = id.as_u128().checked_sub(1).map(Uuid::from_u128);
        for _ in 0..SAME_MOMENT_TRIES {
            let (mut found, size) = match self.vectors(tenant, before, 1, room).await {
                Ok(found) => found,
                Err(failure @ (Failure::Other(_) | Failure::TooLarge(_))) => return Err(failure),
                Err(_) => break,
            };
            let text = self.single(tenant, id, false, room.saturating_sub(size)).await;
            let Some(text) = text.map_err(|failure| failure.besides(size))? else { return Ok(None) };
            let parsed: Result<RestObject<'_>, _> = serde_json::from_str(&text);
            let object = parsed.map_err(|error| self.undecodable(tenant, id, error.into()))?;
            let is_same =
                |metadata: &MetadataResult| metadata.last_update_time_unix == object.last_update_time_unix;
            if let Some(metadata) = found.remove(&id).filter(is_same) {
                let bytes = text.len() + size;
                return Ok(Some(Single { text, vectors: Some(metadata), bytes }));
            }
        }
        let text = "it has vectors that Weaviate's REST API cannot print, and its gRPC API does not show it"
            .to_owned();
        Err(self.undecodable(tenant, id, Malformed(text)).into())
    }
}
