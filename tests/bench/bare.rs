//! What a client can do at best: the same calls with nothing around them.

use anyhow::{Context, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use selvedge_proto::weaviate::weaviate_client::WeaviateClient;
use selvedge_proto::weaviate::{BatchObjectsRequest, MetadataRequest, PropertiesRequest, SearchRequest};
use selvedge_tests::harness::stage::Stage;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;

use crate::data::PROPERTIES;

/// Where the reading lanes start; each ends where the next one starts.
const STARTS: [&str; 2] = ["", "80000000-0000-0000-0000-000000000000"];
const PAGE: u32 = 1000;
const REQUESTS_IN_FLIGHT: usize = 4;

#[derive(Clone)]
pub struct Bare {
    url: String,
    key: Option<MetadataValue<Ascii>>,
}

impl Bare {
    pub fn new(stage: &Stage) -> anyhow::Result<Self> {
        let key = stage.key.as_ref().map(|key| format!("Bearer {key}").parse()).transpose()?;
        Ok(Self {
            url: stage.grpc_url.clone().context("the address of Weaviate's gRPC API is not known")?,
            key,
        })
    }

    async fn connect(&self) -> anyhow::Result<WeaviateClient<Channel>> {
        let endpoint = Channel::from_shared(self.url.clone())?.http2_adaptive_window(true).tcp_nodelay(true);
        let channel = endpoint.connect().await.with_context(|| format!("connecting to {}", self.url))?;
        Ok(WeaviateClient::new(channel)
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX))
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        if let Some(key) = &self.key {
            request.metadata_mut().insert("authorization", key.clone());
        }
        request
    }

    /// Writes all of it, and fails if an object is refused. Requests are made as they are sent: only those in flight are
    /// in memory.
    pub async fn load(&self, requests: impl IntoIterator<Item = BatchObjectsRequest>) -> anyhow::Result<()> {
        let client = self.connect().await?;
        let send = |request: BatchObjectsRequest| {
            let (mut client, request) = (client.clone(), self.request(request));
            async move {
                let reply = client.batch_objects(request).await?.into_inner();
                ensure!(reply.errors.is_empty(), "an object was refused: {}", reply.errors[0].error);
                anyhow::Ok(())
            }
        };
        let sent = stream::iter(requests.into_iter().map(send)).buffer_unordered(REQUESTS_IN_FLIGHT);
        sent.try_collect::<()>().await
    }

    /// Reads the objects of each of these collections, or tenants of them, with a call of its own, so many calls at once, and
    /// returns how many objects came.
    pub async fn read_each(&self, parts: &[(String, String)], at_once: usize) -> anyhow::Result<usize> {
        let client = self.connect().await?;
        let read = |(collection, tenant): &(String, String)| {
            let request = SearchRequest { tenant: tenant.clone(), ..search(collection, "") };
            let (mut client, request) = (client.clone(), self.request(request));
            async move { anyhow::Ok(client.search(request).await?.into_inner().results.len()) }
        };
        let counts: Vec<usize> =
            stream::iter(parts.iter().map(read)).buffer_unordered(at_once).try_collect().await?;
        Ok(counts.into_iter().sum())
    }

    /// Reads all of it, in as many tasks as there are lanes, and returns how many objects came.
    pub async fn drain(&self, collection: &str) -> anyhow::Result<usize> {
        let lanes = STARTS
            .iter()
            .enumerate()
            .map(|(index, start)| self.lane(collection, start, STARTS.get(index + 1)));
        Ok(futures_util::future::try_join_all(lanes).await?.into_iter().sum())
    }

    async fn lane(&self, collection: &str, start: &str, end: Option<&&str>) -> anyhow::Result<usize> {
        let mut client = self.connect().await?;
        let mut request = search(collection, start);
        let bare = self.clone();
        // Greater than any id.
        let end = end.map_or_else(|| "g".to_owned(), |end| (*end).to_owned());
        tokio::spawn(async move {
            let mut read = 0;
            loop {
                let page = client.search(bare.request(request.clone())).await?.into_inner().results;
                let ids =
                    page.iter().filter_map(|result| result.metadata.as_ref()).map(|metadata| &metadata.id);
                let within = ids.take_while(|id| **id < end).count();
                read += within;
                match page.last().and_then(|last| last.metadata.as_ref()) {
                    Some(last) if within == page.len() => request.after.clone_from(&last.id),
                    _ => return Ok(read),
                }
            }
        })
        .await?
    }
}

/// Everything that a backup asks for.
fn search(collection: &str, start: &str) -> SearchRequest {
    SearchRequest {
        collection: collection.to_owned(),
        properties: Some(PropertiesRequest {
            non_ref_properties: PROPERTIES.map(str::to_owned).to_vec(),
            object_properties: Vec::new(),
        }),
        metadata: Some(MetadataRequest {
            uuid: true,
            vector: true,
            creation_time_unix: true,
            last_update_time_unix: true,
            vectors: Vec::new(),
        }),
        limit: PAGE,
        after: start.to_owned(),
        uses_123_api: true,
        uses_125_api: true,
        uses_127_api: true,
        ..SearchRequest::default()
    }
}
