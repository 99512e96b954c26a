//! The connection to `selvedge-server`.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use selvedge_proto::v1::backup_service_client::BackupServiceClient;
use selvedge_proto::v1::collection_service_client::CollectionServiceClient;
use selvedge_proto::v1::job_service_client::JobServiceClient;
use selvedge_proto::v1::server_service_client::ServerServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Uri};
use tonic::{Request, Status};

use crate::ExitCode;
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
    channel: Authorized,
}

/// A connection on which every call says who calls.
pub type Authorized = InterceptedService<Channel, Authorize>;

/// Adds the token to every call, if there is one.
#[derive(Clone)]
pub struct Authorize(Option<MetadataValue<Ascii>>);

impl Interceptor for Authorize {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// How the server is to be sure of the client, and the client of the server.
#[derive(Clone, Default, clap::Args)]
pub struct Trust {
    /// A file that holds the token which says who calls. SELVEDGE_TOKEN may hold the token itself, which no option may: options
    /// can be read by everybody on the machine.
    #[arg(long, global = true, value_name = "FILE", env = "SELVEDGE_TOKEN_FILE", hide_env_values = true)]
    pub token_file: Option<PathBuf>,

    /// The authorities whose certificates the server may have, in PEM, besides those of the system.
    #[arg(long, global = true, value_name = "FILE", env = "SELVEDGE_CA_FILE", hide_env_values = true)]
    pub ca_file: Option<PathBuf>,

    /// The client's own certificate, in PEM.
    #[arg(long, global = true, value_name = "FILE", env = "SELVEDGE_CLIENT_CERT", hide_env_values = true)]
    pub client_cert: Option<PathBuf>,

    /// The private key of the client's certificate, in PEM.
    #[arg(long, global = true, value_name = "FILE", env = "SELVEDGE_CLIENT_KEY", hide_env_values = true)]
    pub client_key: Option<PathBuf>,

    /// What SELVEDGE_TOKEN holds.
    #[arg(skip)]
    pub token: Option<String>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}

/// Where a token is if no file is named.
const TOKEN_VARIABLE: &str = "SELVEDGE_TOKEN";

impl Trust {
    /// With the token of the environment, which is not the command line's to read.
    pub fn with_environment(self) -> Self {
        Self { token: std::env::var(TOKEN_VARIABLE).ok(), ..self }
    }

    /// With what is meant where no scheme was typed: whoever names certificates means TLS.
    fn with_scheme(&self, url: &str) -> String {
        let is_tls = self.ca_file.is_some() || self.client_cert.is_some() || self.client_key.is_some();
        match url.contains("://") {
            true => url.to_owned(),
            false if is_tls => format!("https://{url}"),
            false => format!("http://{url}"),
        }
    }

    fn authorize(&self, url: &str) -> Result<Authorize, Failure> {
        let token = match &self.token_file {
            Some(file) => Some(read("--token-file", file)?),
            None => self.token.clone().filter(|token| !token.is_empty()),
        };
        let Some(token) = token else { return Ok(Authorize(None)) };
        if url.starts_with("http://") && !is_of_this_machine(url) {
            return Err(Failure::new(
                ExitCode::Usage,
                "a token is not sent over a connection that anybody can listen in on",
            )
            .hint("use https:// in --server (or SELVEDGE_SERVER)"));
        }
        let mut value: MetadataValue<Ascii> = format!("Bearer {}", token.trim())
            .parse()
            .map_err(|_| Failure::new(ExitCode::Usage, "the token has characters that no token can have"))?;
        value.set_sensitive(true);
        Ok(Authorize(Some(value)))
    }

    fn tls(&self) -> Result<ClientTlsConfig, Failure> {
        let mut tls = ClientTlsConfig::new().with_native_roots();
        if let Some(file) = &self.ca_file {
            tls = tls.ca_certificate(Certificate::from_pem(read("--ca-file", file)?));
        }
        match (&self.client_cert, &self.client_key) {
            (Some(cert), Some(key)) => {
                let (cert, key) = (read("--client-cert", cert)?, read("--client-key", key)?);
                Ok(tls.identity(Identity::from_pem(cert, key)))
            }
            (None, None) => Ok(tls),
            _ => Err(Failure::new(
                ExitCode::Usage,
                "a certificate of the client needs both --client-cert and --client-key",
            )),
        }
    }
}

fn read(option: &str, file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::new(ExitCode::Usage, format!("{option} {}: {error}", file.display())))
}

fn is_of_this_machine(url: &str) -> bool {
    let host = url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Server {
    pub async fn connect(url: &str, trust: &Trust) -> Result<Self, Failure> {
        let url = &trust.with_scheme(url);
        let authorize = trust.authorize(url)?;
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
            endpoint = endpoint.tls_config(trust.tls()?).map_err(unreachable)?;
        }
        let channel = endpoint.connect().await.map_err(unreachable)?;
        Ok(Self { url: url.to_owned(), channel: InterceptedService::new(channel, authorize) })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn collections(&self) -> CollectionServiceClient<Authorized> {
        CollectionServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub fn backups(&self) -> BackupServiceClient<Authorized> {
        BackupServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub fn server(&self) -> ServerServiceClient<Authorized> {
        ServerServiceClient::new(self.channel.clone())
    }

    pub fn jobs(&self) -> JobServiceClient<Authorized> {
        JobServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }
}

/// Takes `http://host:port` and `https://host:port`, and `host:port`, which gets its scheme later.
pub fn parse_url(text: &str) -> Result<String, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    match (uri.scheme_str(), uri.host()) {
        // In small letters, whatever was typed: what may be sent depends on it.
        (Some(scheme @ ("http" | "https")), Some(_)) => Ok(format!("{scheme}{}", &text[scheme.len()..])),
        // No path, nor anything else that an authority alone does not have.
        (None, Some(_)) if uri.port().is_some() && uri.path().is_empty() => Ok(text.to_owned()),
        _ => Err("it must look like localhost:50071, http://127.0.0.1:50071 or https://backups.example.org"
            .to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_added_where_there_is_none() {
        let bare = parse_url("localhost:50071").expect("an address");
        assert_eq!(Trust::default().with_scheme(&bare), "http://localhost:50071");
        let tls = Trust { ca_file: Some("ca.pem".into()), ..Trust::default() };
        assert_eq!(tls.with_scheme(&bare), "https://localhost:50071");
        assert_eq!(tls.with_scheme("http://localhost:50071"), "http://localhost:50071");
        for text in ["[::1]:50071", "HTTP://backups:1", "https://backups.example.org"] {
            assert!(parse_url(text).is_ok(), "{text}");
        }
        for text in ["localhost", "localhost:", "ftp://localhost:1", "localhost:1/x", "/x", ""] {
            assert!(parse_url(text).is_err(), "{text}");
        }
    }
}
