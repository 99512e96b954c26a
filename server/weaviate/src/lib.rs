//! The only code that talks to Weaviate: over REST for schemas and tenants, over gRPC for objects.
//!
//! Reading: [`ObjectReader`] and [`RangeReader`]. Writing: [`ObjectWriter`]. What an answer means is decided in `fault`, by the
//! texts in `texts`; whether and how long to try again in `retry`; what a version can do in `version`.

#![forbid(unsafe_code)]

mod access;
mod aliases;
mod bearer;
mod cancel;
mod checkup;
mod collections;
mod count;
mod creation;
mod failure;
mod fault;
mod indexing;
mod json_to_properties;
mod line;
mod misread;
mod permissions;
mod properties_to_json;
mod read;
mod ready;
mod references;
mod remove;
mod replicas;
mod rest;
mod rest_page;
mod retry;
mod schema_diff;
mod shards;
mod tenants;
mod texts;
mod version;
mod wire;
mod write;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use selvedge_proto::weaviate::weaviate_client::WeaviateClient;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

pub use access::{SeenAccess, is_given_by_environment};
pub use aliases::Aliases;
use bearer::Bearer;
pub use bearer::{ClientCredentials, Credentials};
pub use checkup::PageLimit;
pub use creation::Creation;
pub use misread::Misreading;
pub use permissions::Permissions;
pub use read::{Fetched, IdReader, ObjectReader, Page, RangeReader};
pub use replicas::{OnNodes, ReplicaTimes, Replicas};
pub use retry::RetryObserver;
pub use schema_diff::{Difference, compare_schemas};
use selvedge_model::error::{Error, Kind, Result};
pub use shards::ShardCoverage;
pub use version::{Misfit, Without, misfits};
pub use write::{ObjectWriter, Parcel, Refusal, Run, Slice};

use cancel::{Cut, Effect, until_cancelled};
use fault::Fault;
use line::Line;
use ready::Whole;
use rest::Rest;
use retry::Patience;
use version::Version;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Weaviate's default limit for a message, for servers that do not say theirs.
const DEFAULT_MAX_MESSAGE: usize = 104_858_000;
/// What Weaviate says to each call that it takes for one that writes, while it is set to read only (1.34 and later).
const READ_ONLY_MODE: &str = "read-only mode is enabled";
/// What to look at when something else answers.
const REST_ADDRESS: &str = "check the address of Weaviate's REST API in the server's configuration";
/// A reply larger than this is asked for in parts; the offsets of a batch could not hold it.
const MAX_REPLY: usize = 1 << 30;

/// Where a cluster is, and how to be let in.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// The name that requests use.
    pub name: String,
    /// Such as `http://localhost:8080`.
    pub rest_url: String,
    /// Such as `http://localhost:50051`.
    pub grpc_url: String,
    pub credentials: Option<Credentials>,
    /// A PEM file of authorities that are trusted besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// Sent with every call. Their values may be secrets.
    pub headers: Vec<(String, SecretString)>,
    /// How long a job waits for one call to succeed, from the first try to the last.
    pub retry_budget: Duration,
}

/// A Weaviate cluster. Connects when first used; clones share their connections.
#[derive(Clone)]
pub struct Cluster {
    config: Arc<ClusterConfig>,
    rest: Rest,
    line: Line,
    bearer: Bearer,
    headers: Arc<MetadataMap>,
    server: Arc<OnceCell<ServerInfo>>,
    whole: Whole,
    /// Whether there is only one node.
    single: Arc<OnceCell<bool>>,
    patience: Patience,
    observer: Option<Arc<dyn RetryObserver>>,
    /// When it is cancelled, calls end.
    cut: CancellationToken,
    /// When it is cancelled, nothing is tried again.
    stop: CancellationToken,
}

/// What Weaviate says of itself.
#[derive(Debug, Clone)]
pub struct ServerInfo {
    pub version: Version,
    /// The version as Weaviate spells it.
    pub version_text: String,
    /// Bytes of a gRPC message, either way.
    pub(crate) max_message: usize,
}

impl ServerInfo {
    /// Bytes of a gRPC message, either way.
    pub fn max_message(&self) -> usize {
        self.max_message
    }
}

/// A connection on which every call carries the key.
type Authorized = InterceptedService<Channel, Authorize>;
type Grpc = WeaviateClient<Authorized>;

impl Cluster {
    /// Checks the addresses; connects later.
    pub fn new(config: ClusterConfig) -> Result<Self> {
        let patience = Patience::Brief;
        let authorities = config.ca_file.as_deref().map(read_authorities).transpose()?;
        let headers = headers(&config)?;
        let client = rest::client(&config.rest_url, authorities.as_deref(), headers.clone())?;
        // The provider of identities may be anywhere.
        let provider = || rest::client("https:", authorities.as_deref(), HeaderMap::new());
        let bearer = Bearer::new(&config, provider)?;
        Ok(Self {
            rest: Rest::new(&config.rest_url, client, bearer.clone(), patience.call_limit())?,
            line: Line::new(&config.grpc_url, authorities.as_deref())?,
            headers: Arc::new(MetadataMap::from_headers(headers)),
            bearer,
            config: Arc::new(config),
            server: Arc::new(OnceCell::new()),
            whole: Whole::default(),
            single: Arc::default(),
            patience,
            observer: None,
            cut: CancellationToken::new(),
            stop: CancellationToken::new(),
        })
    }

    pub fn name(&self) -> &str {
        &self.config.name
    }

    pub fn rest_url(&self) -> &str {
        &self.config.rest_url
    }

    /// The cluster for a job: it waits longer for Weaviate to recover, and `observer` hears of every repeated request.
    ///
    /// When `stop` is cancelled, every call ends, and says `Cancelled`. What only reads is dropped at once; what changes
    /// something is given a few seconds to be answered, and what is asked for later is not begun.
    pub fn for_job(&self, observer: Arc<dyn RetryObserver>, stop: CancellationToken) -> Self {
        Self {
            observer: Some(observer),
            // Weaviate may have been upgraded since the last job.
            server: Arc::default(),
            single: Arc::default(),
            ..self.with(Patience::Job(self.config.retry_budget), stop.clone(), stop)
        }
    }

    /// The cluster for work that nobody waits for: it may take as long as a job's, and nothing cancels it.
    pub fn patient(&self) -> Self {
        let never = CancellationToken::new;
        self.with(Patience::Job(self.config.retry_budget), never(), never())
    }

    /// The cluster for what must not be left half done: calls are finished and made although the job is cancelled, but from
    /// then on nothing is tried again.
    pub fn uncut(&self) -> Self {
        self.with(self.patience, CancellationToken::new(), self.stop.clone())
    }

    /// The cluster for what somebody waits for who has given up already: nothing cancels it.
    pub fn hasty(&self) -> Self {
        let never = CancellationToken::new;
        self.with(Patience::Brief, never(), never())
    }

    fn with(&self, patience: Patience, cut: CancellationToken, stop: CancellationToken) -> Self {
        let rest = self.rest.with(patience.call_limit(), cut.clone());
        Self { patience, rest, cut, stop, ..self.clone() }
    }

    /// Makes sure that both ports answer and that the version will do. A person is likely to be waiting, so this gives up
    /// early.
    pub async fn connect(&self) -> Result<&ServerInfo> {
        let brief = self.with(Patience::Brief, self.cut.clone(), self.stop.clone());
        self.server.get_or_try_init(|| brief.greet()).await
    }

    async fn greet(&self) -> Result<ServerInfo> {
        let meta = self.retrying(|| self.rest.get("read Weaviate's version", "/v1/meta", &[])).await?;
        let not_weaviate = || {
            Error::new(
                Kind::WeaviateUnreachable,
                format!("what answers at {} is not Weaviate's REST API", self.config.rest_url),
            )
            .hint(REST_ADDRESS)
        };
        let meta = meta.ok_or_else(not_weaviate)?;
        let version_text = meta["version"].as_str().ok_or_else(not_weaviate)?.to_owned();
        let version = Version::parse(&version_text).ok_or_else(not_weaviate)?;
        version.check_supported()?;
        self.retrying(|| self.greet_grpc()).await?;
        let max_message = meta["grpcMaxMessageSize"].as_u64().and_then(|size| usize::try_from(size).ok());
        Ok(ServerInfo { version, version_text, max_message: max_message.unwrap_or(DEFAULT_MAX_MESSAGE) })
    }

    async fn greet_grpc(&self) -> Result<()> {
        let check = |line| async move { HealthClient::new(line).check(HealthCheckRequest::default()).await };
        let Err(status) = self.call(Effect::Reads, check).await else { return Ok(()) };
        // What only reads is answered all the same, and what writes is told so.
        if status.message().contains(READ_ONLY_MODE) {
            return Ok(());
        }
        let error = self.failed("use Weaviate's gRPC API", status);
        match error.kind() {
            // The call cannot be refused, so whatever answers there is something else.
            Kind::WeaviateRefused | Kind::WeaviateVersionUnsupported => {
                let url = &self.config.grpc_url;
                Err(Error::new(
                    Kind::WeaviateUnreachable,
                    format!("what answers at {url} is not Weaviate's gRPC API"),
                )
                .hint("check the address of Weaviate's gRPC API in the server's configuration")
                .caused_by(error))
            }
            _ => Err(error),
        }
    }

    /// Makes one call over gRPC. If it is not answered in time, later calls are made on a fresh connection: this one may have
    /// gone silent.
    async fn call<T, F>(
        &self,
        effect: Effect,
        call: impl FnOnce(Authorized) -> F,
    ) -> std::result::Result<T, Status>
    where
        F: Future<Output = std::result::Result<Response<T>, Status>>,
    {
        let limit = retry::clipped(self.patience.call_limit());
        let bearer = tokio::time::timeout(limit, self.bearer.header());
        let bearer = match until_cancelled(&self.cut, Effect::Reads, bearer).await {
            Ok(Ok(bearer)) => bearer.map_err(status_of)?,
            Ok(Err(_)) => return Err(failure::unanswered(limit)),
            Err(Cut) => return Err(Cut::status()),
        };
        let connection = self.line.connection();
        let authorize = Authorize { bearer: bearer.clone(), headers: Arc::clone(&self.headers) };
        let line = InterceptedService::new(connection.channel.clone(), authorize);
        // Of its own: calls are made deep inside of jobs, whose futures would have all of it in them.
        let call = tokio::time::timeout(limit, Box::pin(call(line)));
        match until_cancelled(&self.cut, effect, call).await {
            Ok(Ok(Ok(answer))) => Ok(answer.into_inner()),
            Ok(Ok(Err(status))) => match Fault::of_status(&status) {
                Fault::Unauthenticated if self.bearer.is_renewed(bearer.as_ref()).await => {
                    Err(Status::unavailable("Weaviate has refused a token, and another one is asked for"))
                }
                _ => Err(status),
            },
            Ok(Err(_)) => {
                self.line.give_up(&connection);
                Err(failure::unanswered(limit))
            }
            Err(Cut) => Err(Cut::status()),
        }
    }

    fn failed(&self, action: &str, status: Status) -> Error {
        failure::from_status(action, &self.config.grpc_url, status)
    }
}

fn grpc(line: Authorized) -> Grpc {
    // Pages are sized by bytes well below Weaviate's own limit; only a single object may come near to it.
    WeaviateClient::new(line).max_decoding_message_size(MAX_REPLY).max_encoding_message_size(usize::MAX)
}

/// Adds what every call carries.
#[derive(Clone)]
struct Authorize {
    bearer: Option<HeaderValue>,
    headers: Arc<MetadataMap>,
}

impl Interceptor for Authorize {
    fn call(&mut self, mut request: Request<()>) -> std::result::Result<Request<()>, Status> {
        let mut headers = std::mem::take(request.metadata_mut()).into_headers();
        headers.extend(self.headers.as_ref().clone().into_headers());
        if let Some(bearer) = &self.bearer {
            headers.insert(AUTHORIZATION, bearer.clone());
        }
        *request.metadata_mut() = MetadataMap::from_headers(headers);
        Ok(request)
    }
}

/// For what a call could not be made with. The kind of error is kept: another try may help, or not.
fn status_of(error: Error) -> Status {
    match error.is_transient() {
        true => Status::unavailable(error.to_string()),
        false => Status::unauthenticated(error.to_string()),
    }
}

fn read_authorities(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| {
        Error::invalid("ca_file", format!("ca_file {} cannot be read", file.display())).caused_by(error)
    })
}

fn headers(config: &ClusterConfig) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let bad = || {
            Error::invalid("headers", format!("cluster \"{}\": \"{name}\" cannot be a header", config.name))
        };
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| bad())?;
        value.set_sensitive(true);
        headers.insert(HeaderName::try_from(name).map_err(|_| bad())?, value);
    }
    Ok(headers)
}
