//! A real server as a child process.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::{WeaviateOptions, http_client};

const READY_WITHIN: Duration = Duration::from_secs(60);
const STOPPED_WITHIN: Duration = Duration::from_secs(20);
/// After SIGKILL.
const GONE_WITHIN: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);
/// Free ports can be taken between finding and using them.
const ATTEMPTS: usize = 3;
const LOG_LINES: usize = 20;
/// What the log says where somebody else has a port.
const PORT_TAKEN: &str = "address already in use";
const PORT_FREE_AFTER: Duration = Duration::from_secs(1);

pub(super) struct RealServer {
    child: Child,
    command: Launch,
    client: reqwest::Client,
}

/// All that is needed to start it, and to start it again.
struct Launch {
    binary: PathBuf,
    env: Vec<(String, String)>,
    /// Its name in the cluster.
    node: String,
    ports: Ports,
    folder: TempDir,
    api_key: Option<String>,
}

#[derive(Clone, Copy)]
struct Ports {
    rest: u16,
    grpc: u16,
    gossip: u16,
    /// The next one after `gossip`: older servers insist.
    data: u16,
    raft: u16,
    /// The next one after `raft`: other nodes take it for granted.
    raft_rpc: u16,
}

impl Ports {
    fn free() -> anyhow::Result<Self> {
        // All are held until all are found, so that none is found twice.
        let (gossip, data) = neighbours()?;
        let (raft, raft_rpc) = neighbours()?;
        let (rest, grpc) = (listen(0)?, listen(0)?);
        Ok(Self {
            rest: port(&rest)?,
            grpc: port(&grpc)?,
            gossip: port(&gossip)?,
            data: port(&data)?,
            raft: port(&raft)?,
            raft_rpc: port(&raft_rpc)?,
        })
    }
}

/// A free port, and the next one, also free.
fn neighbours() -> anyhow::Result<(TcpListener, TcpListener)> {
    loop {
        let first = listen(0)?;
        if let Some(next) = port(&first)?.checked_add(1)
            && let Ok(second) = listen(next)
        {
            return Ok((first, second));
        }
    }
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

fn port(listener: &TcpListener) -> std::io::Result<u16> {
    Ok(listener.local_addr()?.port())
}

impl Launch {
    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn spawn(&self) -> anyhow::Result<Child> {
        let log = std::fs::File::options().create(true).append(true).open(self.log())?;
        // Nothing of this process's environment but what a program needs to run at all.
        let inherited =
            ["PATH", "HOME", "TMPDIR"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        Command::new(&self.binary)
            .args(["--host", "127.0.0.1", "--scheme", "http", "--port", &self.ports.rest.to_string()])
            .current_dir(self.folder.path())
            .env_clear()
            .envs(inherited)
            .envs(self.settings())
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", self.binary.display()))
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let Ports { grpc, gossip, data, raft, raft_rpc, rest: _ } = self.ports;
        let mut settings = vec![
            ("PERSISTENCE_DATA_PATH", self.folder.path().join("data").display().to_string()),
            ("GRPC_PORT", grpc.to_string()),
            ("CLUSTER_HOSTNAME", self.node.clone()),
            ("CLUSTER_ADVERTISE_ADDR", "127.0.0.1".into()),
            ("CLUSTER_BIND_ADDR", "127.0.0.1".into()),
            ("CLUSTER_GOSSIP_BIND_PORT", gossip.to_string()),
            ("CLUSTER_DATA_BIND_PORT", data.to_string()),
            ("RAFT_PORT", raft.to_string()),
            ("RAFT_INTERNAL_RPC_PORT", raft_rpc.to_string()),
            ("DISABLE_TELEMETRY", "true".into()),
            ("GO_PROFILING_DISABLE", "true".into()),
            ("PROMETHEUS_MONITORING_ENABLED", "false".into()),
            ("LOG_LEVEL", "warning".into()),
            ("DEFAULT_VECTORIZER_MODULE", "none".into()),
            ("AUTOSCHEMA_ENABLED", "false".into()),
            ("AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED", self.api_key.is_none().to_string()),
        ];
        if let Some(key) = &self.api_key {
            settings.push(("AUTHENTICATION_APIKEY_ENABLED", "true".into()));
            settings.push(("AUTHENTICATION_APIKEY_ALLOWED_KEYS", key.clone()));
            settings.push(("AUTHENTICATION_APIKEY_USERS", "tester".into()));
        }
        settings
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

impl RealServer {
    /// Three nodes of one cluster, all of them ready.
    pub async fn start_three(binary: PathBuf) -> anyhow::Result<[Self; 3]> {
        let ports = [Ports::free()?, Ports::free()?, Ports::free()?];
        let join: Vec<_> =
            ports.iter().enumerate().map(|(at, ports)| format!("node{}:{}", at + 1, ports.raft)).collect();
        let node = |at: usize| {
            let mut env = vec![
                ("CLUSTER_IN_LOCALHOST".to_owned(), "true".to_owned()),
                ("RAFT_JOIN".to_owned(), join.join(",")),
                ("RAFT_BOOTSTRAP_EXPECT".to_owned(), "3".to_owned()),
            ];
            if at > 0 {
                env.push(("CLUSTER_JOIN".to_owned(), format!("127.0.0.1:{}", ports[0].gossip)));
            }
            let folder = tempfile::Builder::new().prefix("selvedge-weaviate-").tempdir()?;
            let node = format!("node{}", at + 1);
            let command =
                Launch { binary: binary.clone(), env, node, ports: ports[at], folder, api_key: None };
            anyhow::Ok(Self { child: command.spawn()?, command, client: http_client() })
        };
        let mut nodes = [node(0)?, node(1)?, node(2)?];
        // None is ready before all are there.
        for node in &mut nodes {
            node.ready().await?;
        }
        Ok(nodes)
    }

    pub async fn start(binary: PathBuf, options: &WeaviateOptions) -> anyhow::Result<Self> {
        for attempt in 1.. {
            let folder = tempfile::Builder::new().prefix("selvedge-weaviate-").tempdir()?;
            let command = Launch {
                binary: binary.clone(),
                env: options.env.clone(),
                node: "node1".to_owned(),
                ports: Ports::free()?,
                folder,
                api_key: options.api_key.clone(),
            };
            let mut server = Self { child: command.spawn()?, command, client: http_client() };
            match server.ready().await {
                Ok(()) => return Ok(server),
                Err(_) if attempt < ATTEMPTS && server.command.log_tail().contains(PORT_TAKEN) => {}
                Err(error) => return Err(error),
            }
        }
        unreachable!("the loop ends only by returning")
    }

    pub fn rest_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.command.ports.rest)
    }

    pub fn grpc_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.command.ports.grpc)
    }

    /// One that has just started may say that it is ready, and answer this with nothing.
    pub async fn version(&self) -> anyhow::Result<String> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.version_now().await {
                Err(_) if tries < 20 => tokio::time::sleep(Duration::from_millis(250)).await,
                told => return told,
            }
        }
    }

    async fn version_now(&self) -> anyhow::Result<String> {
        let mut request = self.client.get(format!("{}/v1/meta", self.rest_url()));
        if let Some(key) = &self.command.api_key {
            request = request.bearer_auth(key);
        }
        let meta: serde_json::Value = request.send().await?.error_for_status()?.json().await?;
        Ok(meta["version"].as_str().context("/v1/meta has a version")?.to_owned())
    }

    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Sends a signal, by what `kill` calls it.
    pub async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let id = self.child.id().context("the server has ended already")?;
        let sent = Command::new("kill").args([signal, &id.to_string()]).status().await?;
        anyhow::ensure!(sent.success(), "kill {signal} {id} failed");
        Ok(())
    }

    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.signal("-TERM").await?;
        timeout(STOPPED_WITHIN, self.child.wait())
            .await
            .with_context(|| format!("the server has not stopped in {STOPPED_WITHIN:?}"))??;
        Ok(())
    }

    pub fn launch(&mut self) -> anyhow::Result<()> {
        self.child = self.command.spawn()?;
        Ok(())
    }

    /// While it was away, somebody else may have had one of its ports for a moment.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            self.launch()?;
            match self.ready().await {
                Err(error) if error.to_string().contains(PORT_TAKEN) && Instant::now() < deadline => {
                    sleep(PORT_FREE_AFTER).await;
                }
                ended => return ended,
            }
        }
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let url = format!("{}/v1/.well-known/ready", self.rest_url());
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "the server ended with {status} before it was ready; its log ends:\n{}",
                    self.command.log_tail()
                );
            }
            if self.client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "the server was not ready in {READY_WITHIN:?}; its log ends:\n{}",
                    self.command.log_tail()
                );
            }
            sleep(POLL).await;
        }
    }
}

impl Drop for RealServer {
    /// Waits for its end: what it writes while its folder is being removed would stay behind.
    fn drop(&mut self) {
        let deadline = Instant::now() + GONE_WITHIN;
        // It may have ended already, which is as good.
        let _ = self.child.start_kill();
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
