//! The composition root: builds everything, serves, and ends in good order.

pub mod keys;
mod signals;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::service::Routes;
use tonic::transport::Server;
use tracing::field;

use crate::access::Guard;
use crate::config::{Config, Make, Options, RepositoryPlace, Security};
use crate::grpc;
use crate::jobs::{Limits, Registry};
use crate::listener::{self, Connection};
use crate::metrics::{self, Metrics, Page};
use crate::readiness::{Lookout, Readiness};
use selvedge_archive::Repository;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::{DEFAULT_NAME, Places};
use selvedge_weaviate::ClusterConfig;

pub use signals::shutdown_signal;

/// Finds out that a client is gone although its connection was never closed.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Calls at once on one connection: a client has a few.
const STREAMS: u32 = 128;
/// Bytes of a call's metadata.
const HEADERS: u32 = 16 << 10;
/// Calls that are given up before they were looked at, over and over, are an attack (CVE-2023-44487).
const RESETS: usize = 32;
/// However long the jobs took to stop, clients get this long to read how they ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The server, ready to serve.
pub struct App {
    places: Arc<Places>,
    registry: Arc<Registry>,
    /// Where metrics are shown, if anywhere.
    page: Option<TcpListener>,
    security: Security,
    shutdown_deadline: Duration,
    resume_on_start: bool,
}

impl App {
    /// To be called within a Tokio runtime. Opens the repositories, which have to be there or to be made; connects to
    /// Weaviate when first needed.
    pub async fn build(config: Config) -> Result<Self> {
        let mut repositories = Vec::with_capacity(config.repositories.len());
        for repository in &config.repositories {
            repositories.push(open(repository).await?);
        }
        Ok(Self::with_parts(config.clusters, repositories, config.options)?.secured(config.security))
    }

    /// With TLS, and with a list of who may call.
    pub fn secured(self, security: Security) -> Self {
        Self { security, ..self }
    }

    /// With a page of metrics.
    pub fn with_metrics_on(self, listener: TcpListener) -> Self {
        Self { page: Some(listener), ..self }
    }

    /// As [`App::build`], with repositories that are open already.
    pub fn with_parts(
        clusters: Vec<ClusterConfig>,
        repositories: Vec<Repository>,
        options: Options,
    ) -> Result<Self> {
        // The only state of the process: rustls wants its provider there. An error means that it is.
        rustls::crypto::ring::default_provider().install_default().ok();
        let Options { max_jobs, max_queued, history, shutdown_deadline, memory_budget, resume_on_start } =
            options;
        let places = Arc::new(Places::new(clusters, repositories)?);
        let limits = Limits { running: max_jobs, waiting: max_queued, history, memory: memory_budget };
        let registry = Registry::new(limits, Arc::clone(&places), Arc::<Metrics>::default());
        let security = Security::default();
        Ok(Self { places, registry, page: None, security, shutdown_deadline, resume_on_start })
    }

    /// Logs whether each Weaviate can be reached. Nothing depends on it, but whoever starts a server with a wrong address
    /// should not have to wait for the first job to learn it.
    pub fn greet_clusters(&self) -> impl Future<Output = ()> + Send + use<> {
        let places = Arc::clone(&self.places);
        async move {
            for cluster in places.clusters() {
                let (name, url) = (cluster.name(), cluster.rest_url());
                match cluster.connect().await {
                    Ok(server) => {
                        tracing::info!(
                            cluster = name,
                            url,
                            version = server.version_text,
                            "Weaviate answers"
                        );
                    }
                    Err(error) => {
                        tracing::warn!(cluster = name, %error, next = error.hint_text(), "Weaviate cannot be used yet");
                    }
                }
            }
        }
    }

    /// Serves until `shutdown` is ready, then lets jobs and clients end; returns when all have, or are overdue.
    pub async fn serve(mut self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<()> {
        for repository in self.places.repositories() {
            tracing::info!(name = repository.name(), url = repository.url(), "repository");
        }
        let (routes, health) = grpc::routes(Arc::clone(&self.places), Arc::clone(&self.registry)).await?;
        self.registry.remember_requests().await;
        let look_back = Arc::clone(&self.registry).look_back(self.resume_on_start);
        let _look_back = AbortOnDropHandle::new(tokio::spawn(look_back));
        let lookout = Lookout::begin(&self.places, self.registry.metrics(), &health);
        let _page = self.page.take().map(|listener| self.show_metrics(listener, lookout.readiness()));
        let stop = CancellationToken::new();
        let connections = listener::incoming(listener, self.security.certificates.clone());
        let guard = Guard::new(self.security.callers.clone());
        let server = transport(routes, guard, connections, stop.clone().cancelled_owned());
        let mut server = AbortOnDropHandle::new(tokio::spawn(server));
        let broken = tokio::select! {
            ended = &mut server => Some(ended),
            () = shutdown => None,
        };
        let until = Instant::now() + self.shutdown_deadline;
        lookout.end().await;
        self.stop_jobs().await;
        stop.cancel();
        health.end().await;
        let ended = match broken {
            Some(ended) => Ok(ended),
            None => timeout_at(until.max(Instant::now() + LAST_WORDS), server).await,
        };
        match ended {
            Ok(Ok(Ok(()))) => tracing::info!("stopped"),
            Ok(Ok(Err(error))) => return Err(broken_off(error)),
            Ok(Err(error)) => return Err(broken_off(error)),
            Err(_) => tracing::warn!("stopped; clients that did not hang up in time were cut off"),
        }
        Ok(())
    }

    /// The page, and what finds out what there is in the repositories.
    fn show_metrics(&self, listener: TcpListener, readiness: &Arc<Readiness>) -> [AbortOnDropHandle<()>; 2] {
        let page = Page::new(Arc::clone(&self.registry), Arc::clone(readiness));
        let stock = metrics::keep_up(Arc::clone(&self.places), Arc::clone(self.registry.metrics()));
        let (page, stock) = (tokio::spawn(metrics::serve(listener, page)), tokio::spawn(stock));
        [AbortOnDropHandle::new(page), AbortOnDropHandle::new(stock)]
    }

    /// The server answers meanwhile, so that clients see their jobs end.
    async fn stop_jobs(&self) {
        self.registry.close();
        let running = self.registry.active_jobs().len();
        tracing::info!(running, "stopping: no new jobs are taken, those that run are asked to stop");
        self.registry.drain(self.shutdown_deadline).await;
    }
}

/// A repository that is there, or is to be made.
async fn open(place: &RepositoryPlace) -> Result<Repository> {
    let RepositoryPlace { config, make } = place;
    let is_made = match make {
        Make::Always => true,
        Make::IfVacant => Repository::is_vacant(config)?,
        Make::Never => false,
    };
    if is_made {
        let repository = Repository::create(config)?;
        repository.init().await?;
        return Ok(repository);
    }
    let repository = Repository::open(config)?;
    repository.check().await?;
    // A passphrase that is wrong is told now, and not by the first backup.
    repository.unlock().await?;
    Ok(repository)
}

/// Makes the repository that is the default, or the only one, and those whose section says so; those that are there excepted.
/// Says where they are.
pub async fn init(config: &Config) -> Result<Vec<String>> {
    let mut made = Vec::new();
    let is_only = config.repositories.len() == 1;
    let chosen =
        |place: &&RepositoryPlace| is_only || place.config.name == DEFAULT_NAME || place.make == Make::Always;
    for place in config.repositories.iter().filter(chosen) {
        let place = RepositoryPlace { make: Make::Always, ..place.clone() };
        let repository = open(&place).await?;
        made.push(repository.url().to_owned());
    }
    Ok(made)
}

async fn transport(
    routes: Routes,
    guard: Guard,
    connections: impl Stream<Item = io::Result<Connection>> + Send,
    stop: impl Future<Output = ()>,
) -> std::result::Result<(), tonic::transport::Error> {
    Server::builder()
        // The gate finds out who calls.
        .trace_fn(|request| tracing::info_span!("call", path = request.uri().path(), caller = field::Empty))
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_concurrent_streams(Some(STREAMS))
        .concurrency_limit_per_connection(STREAMS as usize)
        .http2_max_header_list_size(Some(HEADERS))
        .http2_max_pending_accept_reset_streams(Some(RESETS))
        .layer(guard)
        .add_routes(routes)
        .serve_with_incoming_shutdown(connections, stop)
        .await
}

fn broken_off(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::Internal, "the server broke off").caused_by(error)
}

#[cfg(test)]
mod tests {
    use selvedge_proto::v1;
    use selvedge_proto::v1::collection_service_client::CollectionServiceClient;
    use selvedge_proto::v1::job_service_client::JobServiceClient;
    use tokio::sync::oneshot;
    use tonic::Code;
    use tonic::transport::Channel;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;
    use tonic_types::StatusExt;

    use super::*;
    use crate::jobs::{Asking, Job};
    use selvedge_archive::RepositoryConfig;
    use selvedge_ops::{ClearRequest, Context, Operation, Request};

    /// Nothing listens where its cluster should be.
    async fn app() -> App {
        let unused = "http://127.0.0.1:9".to_owned();
        let cluster = ClusterConfig {
            name: "default".to_owned(),
            rest_url: unused.clone(),
            grpc_url: unused,
            credentials: None,
            ca_file: None,
            headers: Vec::new(),
            retry_budget: Duration::ZERO,
        };
        let repository = Repository::open(&RepositoryConfig::new("default", "memory://test")).unwrap();
        repository.init().await.unwrap();
        App::with_parts(vec![cluster], vec![repository], Options::default()).unwrap()
    }

    fn endless_job(app: &App) -> Arc<Job> {
        let request = ClearRequest { collections: vec!["Article".to_owned()], ..ClearRequest::default() };
        let (cluster, repository) = ("default".to_owned(), "default".to_owned());
        let request = Request {
            cluster,
            repository,
            operation: Operation::Clear(request),
            lock_timeout: Duration::ZERO,
        };
        let work = |context: Context, _| async move { Ok(context.or_stop(std::future::pending()).await?) };
        app.registry.start(Asking::default(), request, work).unwrap()
    }

    #[tokio::test]
    async fn a_stream_ends_with_its_job_when_the_server_stops() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = app().await;
        let job_id = endless_job(&app).id.to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(app.serve(listener, async {
            let _ = stopped.await;
        }));
        let mut jobs = JobServiceClient::connect(format!("http://{address}")).await.unwrap();
        let request = v1::WatchJobRequest { job_id: job_id.clone() };
        let mut stream = jobs.watch_job(request).await.unwrap().into_inner();
        let first = stream.message().await.unwrap().unwrap().job.unwrap();
        assert!(first.id == job_id && first.end_time.is_none());

        stop.send(()).unwrap();
        let mut last = first;
        let status = loop {
            match stream.message().await {
                Ok(message) => last = message.unwrap().job.unwrap(),
                Err(status) => break status,
            }
        };
        assert_eq!(last.state(), v1::JobState::Interrupted);
        let info = status.get_error_details().error_info().unwrap().clone();
        assert_eq!((status.code(), info.reason.as_str()), (Code::Aborted, "SERVER_STOPPED"));
        server.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn it_serves_and_stops_although_a_client_stays() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(app().await.serve(listener, async {
            let _ = stopped.await;
        }));
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();

        let mut health = HealthClient::new(channel.clone());
        let mut watching = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert_eq!(watching.message().await.unwrap().unwrap().status, 1);

        let request = v1::BackupRequest { cluster: "elsewhere".to_owned(), ..Default::default() };
        let status = CollectionServiceClient::new(channel.clone()).backup(request).await.unwrap_err();
        assert_eq!(status.get_error_details().error_info().unwrap().reason, "CLUSTER_UNKNOWN");
        assert!(
            status.message().ends_with("\nnext: it is configured for \"default\""),
            "{}",
            status.message()
        );
        let jobs = JobServiceClient::new(channel).list_jobs(v1::ListJobsRequest::default()).await.unwrap();
        assert!(jobs.into_inner().jobs.is_empty(), "a bad request makes no job");

        stop.send(()).unwrap();
        assert_eq!(watching.message().await.unwrap().unwrap().status, 2, "not serving");
        server.await.unwrap().unwrap();
    }
}
