//! The connection to `selvedge-server`.

use std::time::Duration;

use selvedge_proto::v1::backup_service_client::BackupServiceClient;
use selvedge_proto::v1::collection_service_client::CollectionServiceClient;
use selvedge_proto::v1::job_service_client::JobServiceClient;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint, Uri};

use crate::failure::Failure;

/// The state of a job with many thousand collections is the largest message.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that is silent for the sum of these two counts as gone.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A server that answered once. Later calls connect again where they must.
#[derive(Clone)]
pub struct Server {
    url: String,
    channel: Channel,
}

impl Server {
    pub async fn connect(url: &str) -> Result<Self, Failure> {
        let unreachable = |error: tonic::transport::Error| Failure::unreachable(url, &error);
        let mut endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(unreachable)?
            .user_agent(concat!("selvedge/", env!("CARGO_PKG_VERSION")))
            .map_err(unreachable)?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true);
        if url.starts_with("https://") {
            endpoint =
                endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(unreachable)?;
        }
        let channel = endpoint.connect().await.map_err(unreachable)?;
        Ok(Self { url: url.to_owned(), channel })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn collections(&self) -> CollectionServiceClient<Channel> {
        CollectionServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub fn backups(&self) -> BackupServiceClient<Channel> {
        BackupServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub fn jobs(&self) -> JobServiceClient<Channel> {
        JobServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }
}

/// Takes `http://host:port` and `https://host:port`.
pub fn parse_url(text: &str) -> Result<String, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(_)) => Ok(text.to_owned()),
        _ => Err("it must look like http://127.0.0.1:50071 or https://backups.example.org".to_owned()),
    }
}
