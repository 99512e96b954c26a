//! One Selvedge server at a time, and clients of it.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use selvedge_tests::harness::programs::{Programs, ServerProcess, ServerSettings};

pub struct Selvedge {
    programs: Programs,
    /// With what the next server is started.
    pub settings: ServerSettings,
    server: Option<ServerProcess>,
}

impl Selvedge {
    /// No server runs yet.
    pub fn new(programs: Programs, settings: ServerSettings) -> Self {
        Self { programs, settings, server: None }
    }

    /// A fresh process in place of the one there was, so that peaks and sums begin anew.
    pub async fn start_afresh(&mut self) -> anyhow::Result<()> {
        self.stop().await?;
        self.server = Some(ServerProcess::start(&self.programs, &self.settings).await?);
        Ok(())
    }

    pub async fn stop(&mut self) -> anyhow::Result<()> {
        match self.server.take() {
            Some(mut server) => server.kill().await,
            None => Ok(()),
        }
    }

    fn server(&self) -> anyhow::Result<&ServerProcess> {
        self.server.as_ref().context("no selvedge-server was started")
    }

    /// The most memory that this server ever had, in bytes.
    pub fn peak_memory(&self) -> anyhow::Result<u64> {
        self.server()?.peak_memory()
    }

    /// The processor time that this server has used.
    pub fn processor_time(&self) -> anyhow::Result<Duration> {
        self.server()?.processor_time()
    }

    /// Runs the client, which has to succeed.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<()> {
        self.ends_with(0, arguments).await.map(drop)
    }

    /// Runs the client, which has to end with this exit code, and returns what it prints.
    pub async fn ends_with(&self, code: i32, arguments: &[&str]) -> anyhow::Result<String> {
        let mut client = self.programs.client(&self.server()?.url);
        let output = client.arg("--quiet").args(arguments).stdin(Stdio::null()).output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.code() == Some(code),
            "selvedge {} ended with {}: {said}",
            arguments.join(" "),
            output.status
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
