//! A Selvedge server in this process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use selvedge_archive::Repository;
use selvedge_server::app::App;
use selvedge_server::config::{Options, Security};
use selvedge_weaviate::{ClusterConfig, Credentials};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::harness::weaviate::Weaviate;

/// How long a server keeps trying in scenarios; long enough for a few pauses, short enough to wait for.
const RETRY_BUDGET: Duration = Duration::from_secs(3);

/// With what a server is started.
pub struct Serving {
    /// Where the repository is; `None` is that of the world.
    pub store: Option<Arc<dyn ObjectStore>>,
    /// The same, opened already.
    pub repository: Option<Repository>,
    /// For Weaviate.
    pub key: Option<String>,
    /// Other clusters, by name, with their REST and gRPC URLs.
    pub others: Vec<(String, String, String)>,
    /// What stands before Weaviate's gRPC, if anything does.
    pub grpc_url: Option<String>,
    /// How long it waits for Weaviate.
    pub retry_budget: Duration,
    pub options: Options,
    /// TLS, and who may call.
    pub security: Option<Security>,
}

impl Default for Serving {
    fn default() -> Self {
        Self {
            store: None,
            repository: None,
            key: None,
            others: Vec::new(),
            grpc_url: None,
            retry_budget: RETRY_BUDGET,
            options: Options::default(),
            security: None,
        }
    }
}

/// Gone with all its connections when dropped; jobs that run are not waited for.
pub struct Server {
    pub url: String,
    /// `None` when it was stopped.
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<selvedge_model::error::Result<()>>,
}

impl Server {
    /// As SIGTERM does, and waits until it has ended. Once is enough.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(stop) = self.stop.take() {
            // A server that has ended by itself says why below.
            let _ = stop.send(());
            (&mut self.running).await??;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

pub fn local(folder: &Path) -> anyhow::Result<Arc<dyn ObjectStore>> {
    Ok(Arc::new(LocalFileSystem::new_with_prefix(folder)?))
}

/// Starts a server on this Weaviate, and on this repository unless it is told of another store.
pub(super) async fn serve(
    weaviate: &Weaviate,
    repository: Repository,
    serving: Serving,
) -> anyhow::Result<Server> {
    let repository = match (&serving.store, &serving.repository) {
        (Some(store), _) => on_store(Arc::clone(store)),
        (None, Some(repository)) => repository.clone(),
        (None, None) => repository,
    };
    let grpc_url = serving.grpc_url.clone().unwrap_or_else(|| weaviate.grpc_url());
    start(&weaviate.rest_url(), &grpc_url, repository, serving).await
}

pub(super) fn on_store(store: Arc<dyn ObjectStore>) -> Repository {
    Repository::with_store("default", "file:///repository", store)
}

/// Starts a server that looks for Weaviate at these addresses.
pub async fn serve_at(
    rest_url: &str,
    grpc_url: &str,
    store: Arc<dyn ObjectStore>,
    key: Option<&str>,
) -> anyhow::Result<Server> {
    let serving = Serving { key: key.map(str::to_owned), ..Serving::default() };
    start(rest_url, grpc_url, on_store(store), serving).await
}

async fn start(
    rest_url: &str,
    grpc_url: &str,
    repository: Repository,
    serving: Serving,
) -> anyhow::Result<Server> {
    let Serving { key, others, retry_budget, options, security, .. } = serving;
    let own = ("default".to_owned(), rest_url.to_owned(), grpc_url.to_owned());
    let cluster = |(name, rest_url, grpc_url): (String, String, String)| ClusterConfig {
        name,
        rest_url,
        grpc_url,
        credentials: key.clone().map(|key| Credentials::ApiKey(key.into())),
        ca_file: None,
        headers: Vec::new(),
        retry_budget,
    };
    let clusters = [own].into_iter().chain(others).map(cluster).collect();
    if repository.check().await.is_err() {
        repository.init().await?;
    }
    let mut app = App::with_parts(clusters, vec![repository], options)?;
    let mut scheme = "http";
    if let Some(security) = security {
        scheme = if security.certificates.is_some() { "https" } else { scheme };
        app = app.secured(security);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("{scheme}://{}", listener.local_addr()?);
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(app.serve(listener, async {
        // Both a message and a dropped sender mean that it is time.
        let _ = stopped.await;
    }));
    Ok(Server { url, stop: Some(stop), running })
}
