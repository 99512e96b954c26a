//! The two programs as their users run them: built by cargo, started as processes.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const HEALTHY_WITHIN: Duration = Duration::from_secs(30);
/// It gives its jobs and clients half a minute.
const STOPPED_WITHIN: Duration = Duration::from_secs(40);
/// <https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html>, `ip_local_port_range`: 32768 and above.
const PORTS: Range<u16> = 20_000..32_000;
const POLL: Duration = Duration::from_millis(50);
const LOG_LINES: usize = 20;
/// What the server and the client read from the environment, and that would mix with what they are told here.
const SETTINGS: [&str; 6] = ["SELVEDGE_", "WEAVIATE_", "AWS_", "GOOGLE_", "AZURE_", "OTEL_"];
/// What `cargo run` tells a program of its package. Build scripts watch some of it, and would run anew each time.
const OF_THIS_PACKAGE: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_NAME", "CARGO_CRATE_NAME"];

/// Where they are.
#[derive(Clone, Debug)]
pub struct Programs {
    pub client: PathBuf,
    pub server: PathBuf,
}

impl Programs {
    /// Has cargo build them from the sources of these tests, in the tests' own profile, so that they are never stale. For a
    /// release they are built alone, as their users do; else together with this package, which has built their dependencies
    /// with its features already.
    pub async fn build() -> anyhow::Result<Self> {
        let (profile, beside): (_, &[&str]) = match cfg!(debug_assertions) {
            true => ("dev", &["--package", "selvedge-tests"]),
            false => ("release", &[]),
        };
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
        let build = without(&OF_THIS_PACKAGE, Path::new(&cargo))
            .args(["build", "--profile", profile, "--package", "selvedge", "--package", "selvedge-server"])
            .args(beside)
            .args(["--bin", "selvedge", "--bin", "selvedge-server"])
            .arg("--message-format=json-render-diagnostics")
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting cargo")?;
        let built = build.wait_with_output().await?;
        ensure!(built.status.success(), "cargo could not build selvedge and selvedge-server");
        let messages = String::from_utf8(built.stdout)?;
        Ok(Self {
            client: executable(&messages, "selvedge")?,
            server: executable(&messages, "selvedge-server")?,
        })
    }

    /// The client, to be run against the server at this address, with nothing else from the environment.
    pub fn client(&self, server: &str) -> Command {
        let mut command = without(&SETTINGS, &self.client);
        command.env("SELVEDGE_SERVER", server).kill_on_drop(true);
        command
    }
}

/// What cargo says that it built under this name.
fn executable(messages: &str, name: &str) -> anyhow::Result<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut found = messages.filter(|message| message["target"]["name"] == name);
    let path = found.find_map(|message| message["executable"].as_str().map(PathBuf::from));
    path.with_context(|| format!("cargo does not say where {name} is"))
}

/// With what a server is started.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    pub weaviate_url: String,
    /// `None` leaves it to the server to conclude it from the other.
    pub weaviate_grpc_url: Option<String>,
    pub weaviate_api_key: Option<String>,
    /// `None` leaves it to the server how many jobs may run at once.
    pub max_jobs: Option<u16>,
    /// The port of its page of metrics; `None` is none.
    pub metrics: Option<u16>,
    /// Whether it goes on with the jobs that another server was in the middle of.
    pub resume_on_start: bool,
    /// A folder, or a URL.
    pub repository: String,
    /// What it finds in its environment.
    pub env: Vec<(String, String)>,
    /// Where its log goes.
    pub log: PathBuf,
}

impl ServerSettings {
    /// The command line for a server that is to listen on `port`.
    pub fn arguments(&self, port: u16) -> Vec<String> {
        let mut arguments = vec!["--listen".to_owned(), format!("127.0.0.1:{port}")];
        arguments.extend(["--weaviate-url".to_owned(), self.weaviate_url.clone()]);
        if let Some(url) = &self.weaviate_grpc_url {
            arguments.extend(["--weaviate-grpc-url".to_owned(), url.clone()]);
        }
        if let Some(jobs) = self.max_jobs {
            arguments.extend(["--max-jobs".to_owned(), jobs.to_string()]);
        }
        if let Some(port) = self.metrics {
            arguments.extend(["--metrics-listen".to_owned(), format!("127.0.0.1:{port}")]);
        }
        arguments.extend(["--repository".to_owned(), self.repository.clone()]);
        arguments.push("--create-repository".to_owned());
        if self.resume_on_start {
            arguments.push("--resume-on-start".to_owned());
        }
        arguments
    }
}

/// `selvedge-server` as a process of its own. Killed when dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub url: String,
    /// What it was started with.
    pub arguments: Vec<String>,
}

impl ServerProcess {
    /// Starts it on a free port and waits until it says that it is healthy. With the same settings it is another server on the
    /// same repository, and adds to the same log.
    pub async fn start(programs: &Programs, settings: &ServerSettings) -> anyhow::Result<Self> {
        let mut env = settings.env.clone();
        if let Some(key) = &settings.weaviate_api_key {
            env.push(("WEAVIATE_API_KEY".to_owned(), key.clone()));
        }
        let port = free_port()?;
        Self::launch(programs, port, settings.arguments(port), env, &settings.log).await
    }

    /// One that is told by a file what there is.
    pub async fn of_file(programs: &Programs, config: &Path, log: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let listen = format!("127.0.0.1:{port}");
        let arguments = ["--listen".to_owned(), listen, "--config".to_owned(), config.display().to_string()];
        Self::launch(programs, port, arguments.to_vec(), Vec::new(), log).await
    }

    async fn launch(
        programs: &Programs,
        port: u16,
        arguments: Vec<String>,
        env: Vec<(String, String)>,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let file = File::options().create(true).append(true).open(log);
        let file = file.with_context(|| format!("creating {}", log.display()))?;
        let child = without(&SETTINGS, &programs.server)
            .args(&arguments)
            .envs(env)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .context("starting selvedge-server")?;
        let url = format!("http://127.0.0.1:{port}");
        let mut server = Self { child, log: log.to_owned(), url, arguments };
        server.healthy().await?;
        Ok(server)
    }

    async fn healthy(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + HEALTHY_WITHIN;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("selvedge-server ended with {status}; its log ends:\n{}", self.log_tail());
            }
            if is_serving(&self.url).await {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "selvedge-server is not healthy; its log ends:\n{}",
                self.log_tail()
            );
            sleep(POLL).await;
        }
    }

    /// The most memory that it ever had, in bytes. Linux only.
    pub fn peak_memory(&self) -> anyhow::Result<u64> {
        let id = self.child.id().context("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM in its status")?;
        let kibibytes: u64 = line.trim().trim_end_matches("kB").trim_end().parse()?;
        Ok(kibibytes * 1024)
    }

    /// The processor time that it has used, to the hundredth of a second. Linux only.
    pub fn processor_time(&self) -> anyhow::Result<Duration> {
        let id = self.child.id().context("the server has ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        // Its name, in parentheses, may have spaces in it.
        let (_, fields) = stat.rsplit_once(") ").context("no name in its stat")?;
        // Of user and system, in hundredths of a second on every machine that Linux runs on.
        let times = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
        let ticks = times.sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(ticks * 10))
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    /// Ends it at once, with SIGKILL.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// SIGTERM, and waits for the end, which has to be a good one.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.signal("-TERM").await?;
        let ended = timeout(STOPPED_WITHIN, self.child.wait()).await;
        let status =
            ended.with_context(|| format!("selvedge-server has not stopped in {STOPPED_WITHIN:?}"))??;
        ensure!(status.success(), "selvedge-server ended with {status}; its log ends:\n{}", self.log_tail());
        Ok(())
    }

    /// SIGSTOP: it takes connections and does nothing, until `go_on`.
    pub async fn pause(&self) -> anyhow::Result<()> {
        self.signal("-STOP").await
    }

    pub async fn go_on(&self) -> anyhow::Result<()> {
        self.signal("-CONT").await
    }

    /// Sends a signal, by what `kill` calls it.
    async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let id = self.child.id().context("the server has ended")?;
        let sent = Command::new("kill").args([signal, &id.to_string()]).status().await?;
        ensure!(sent.success(), "kill {signal} {id} failed");
        Ok(())
    }
}

/// One that nobody listens on now. Below those that the system gives to whoever wants any: one of these could have been given away
/// again before the program listens on it.
pub fn free_port() -> anyhow::Result<u16> {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id();
    for _ in 0..PORTS.len() {
        let number = first.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + u16::try_from(number % PORTS.len() as u32)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free between {} and {}", PORTS.start, PORTS.end)
}

async fn is_serving(url: &str) -> bool {
    let Ok(endpoint) = Channel::from_shared(url.to_owned()) else { return false };
    let Ok(channel) = endpoint.connect().await else { return false };
    let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
}

/// A program that does not inherit the variables whose names begin so.
fn without(prefixes: &[&str], program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if prefixes.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}
