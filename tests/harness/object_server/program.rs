//! Servers of object stores that are programs of their own, used when they are on PATH.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use object_store::azure::{AzureAccessKey, AzureAuthorizer, AzureCredential};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::{ACCESS_KEY, AZURITE_ACCOUNT, AZURITE_KEY, BUCKET, SECRET_KEY};
use crate::harness::programs::free_port;

const READY_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// Killed when dropped.
pub struct Program {
    pub port: u16,
    _child: Child,
}

/// Where a program is, if it is on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

impl Program {
    /// The bucket is a folder in this one.
    pub async fn versitygw(folder: &Path) -> anyhow::Result<Self> {
        let binary = on_path("versitygw").context("no `versitygw` on PATH")?;
        let port = free_port()?;
        let mut command = Command::new(binary);
        command.args(["--access", ACCESS_KEY, "--secret", SECRET_KEY, "--quiet", "--keep-alive"]);
        command.args(["--port", &format!("127.0.0.1:{port}"), "posix"]).arg(folder);
        Self::start(command, port).await
    }

    pub async fn azurite(folder: &Path) -> anyhow::Result<Self> {
        let binary = on_path("azurite-blob").context("no `azurite-blob` on PATH")?;
        let port = free_port()?;
        let mut command = Command::new(binary);
        command.args(["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--blobHost", "127.0.0.1"]);
        command.args(["--blobPort", &port.to_string(), "--location"]).arg(folder);
        let program = Self::start(command, port).await?;
        program.create_container().await?;
        Ok(program)
    }

    async fn start(mut command: Command, port: u16) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        let deadline = Instant::now() + READY_WITHIN;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            ensure!(child.try_wait()?.is_none(), "{command:?} has ended");
            ensure!(Instant::now() < deadline, "{command:?} does not listen");
            sleep(POLL).await;
        }
        Ok(Self { port, _child: child })
    }

    async fn create_container(&self) -> anyhow::Result<()> {
        let key = AzureAccessKey::try_new(AZURITE_KEY)?;
        let url = format!("http://127.0.0.1:{}/{AZURITE_ACCOUNT}/{BUCKET}?restype=container", self.port);
        let request = axum::http::Request::put(&url).header("content-length", "0");
        let mut request = request.body(object_store::client::HttpRequestBody::empty())?;
        let credential = AzureCredential::AccessKey(key);
        AzureAuthorizer::new(&credential, AZURITE_ACCOUNT).try_authorize(&mut request)?;
        rustls::crypto::ring::default_provider().install_default().ok();
        let answer = reqwest::Client::new().put(&url).headers(request.headers().clone()).send().await?;
        ensure!(answer.status().is_success(), "{url}: {}", answer.text().await?);
        Ok(())
    }
}
