//! A Weaviate for one test: the stand-in in this process, or a real server with an empty folder.
//!
//! Either is on loopback and of the test's own making. `WEAVIATE_URL` is never read: tests destroy things.

mod real;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use crate::stand_in::faults::{Call, Held};
use crate::stand_in::{StandIn, StandInOptions};
use real::RealServer;

/// No real one answers sooner after it was started.
const START: Duration = Duration::from_millis(400);
/// How long the stand-in takes for each piece of what it holds when it starts again.
const REPLAY_PAUSE: Duration = Duration::from_millis(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    StandIn,
    Real,
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StandIn => "stand-in",
            Self::Real => "real server",
        })
    }
}

#[derive(Clone, Debug, Default)]
pub struct WeaviateOptions {
    /// Demanded of every call, by either.
    pub api_key: Option<String>,
    /// More environment for the real server, over what it is given here (`AUTOSCHEMA_ENABLED=false` among others).
    pub env: Vec<(String, String)>,
    /// Instead of `real_binary()`.
    pub binary: Option<PathBuf>,
    /// For the stand-in only; its `api_key` gives way to the one above.
    pub stand_in: StandInOptions,
}

/// Stops, and is forgotten with all it holds, when dropped.
pub struct Weaviate {
    version: String,
    running: Running,
    /// The calls that the stand-in keeps waiting while it is paused.
    paused: Option<Held>,
}

enum Running {
    StandIn(StandIn),
    Real(Box<RealServer>),
}

impl Weaviate {
    /// Returns when it answers. Fails for a real one when there is no binary, or it is not ready in a minute.
    pub async fn start(flavour: Flavour, options: WeaviateOptions) -> anyhow::Result<Self> {
        match flavour {
            Flavour::StandIn => {
                let stand_in = StandInOptions { api_key: options.api_key, ..options.stand_in };
                let stand_in = StandIn::start(stand_in).await?;
                Ok(Self {
                    version: stand_in.version().to_owned(),
                    running: Running::StandIn(stand_in),
                    paused: None,
                })
            }
            Flavour::Real => {
                let binary = options.binary.clone().or_else(real_binary);
                let binary =
                    binary.context("no `weaviate` on PATH, and SELVEDGE_TEST_WEAVIATE_BIN is not set")?;
                let server = RealServer::start(binary, &options).await?;
                let (version, running) = (server.version().await?, Running::Real(Box::new(server)));
                Ok(Self { version, running, paused: None })
            }
        }
    }

    pub fn flavour(&self) -> Flavour {
        match self.running {
            Running::StandIn(_) => Flavour::StandIn,
            Running::Real(_) => Flavour::Real,
        }
    }

    pub fn rest_url(&self) -> String {
        match &self.running {
            Running::StandIn(stand_in) => stand_in.rest_url(),
            Running::Real(server) => server.rest_url(),
        }
    }

    pub fn grpc_url(&self) -> String {
        match &self.running {
            Running::StandIn(stand_in) => stand_in.grpc_url(),
            Running::Real(server) => server.grpc_url(),
        }
    }

    /// As `/v1/meta` has it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// For faults and contents; `None` for a real one.
    pub fn stand_in(&self) -> Option<&StandIn> {
        match &self.running {
            Running::StandIn(stand_in) => Some(stand_in),
            Running::Real(_) => None,
        }
    }

    /// SIGKILL; the stand-in resets every connection until `restart`.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        match &mut self.running {
            Running::StandIn(stand_in) => stand_in.faults().down(),
            Running::Real(server) => server.kill().await?,
        }
        Ok(())
    }

    /// SIGTERM, and waits for the end; the stand-in as above.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        match &mut self.running {
            Running::StandIn(stand_in) => stand_in.faults().down(),
            Running::Real(server) => server.stop().await?,
        }
        Ok(())
    }

    /// Started again after `kill`, and not yet ready: what it holds comes back bit by bit.
    pub async fn launch(&mut self) -> anyhow::Result<()> {
        match &mut self.running {
            Running::StandIn(stand_in) => {
                tokio::time::sleep(START).await;
                stand_in.start_again(REPLAY_PAUSE);
            }
            Running::Real(server) => server.launch()?,
        }
        Ok(())
    }

    /// SIGSTOP: it takes connections and answers nothing, until `resume`.
    pub async fn pause(&mut self) -> anyhow::Result<()> {
        match &mut self.running {
            Running::StandIn(stand_in) => {
                self.paused = Some(stand_in.faults().on(Call::Any).always().hold());
            }
            Running::Real(server) => server.signal("-STOP").await?,
        }
        Ok(())
    }

    pub async fn resume(&mut self) -> anyhow::Result<()> {
        match &mut self.running {
            Running::StandIn(_) => drop(self.paused.take()),
            Running::Real(server) => server.signal("-CONT").await?,
        }
        Ok(())
    }

    /// Back with the same contents at the same addresses, after `kill` or `stop`.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        match &mut self.running {
            Running::StandIn(stand_in) => stand_in.faults().up(),
            Running::Real(server) => server.restart().await?,
        }
        Ok(())
    }
}

/// Three nodes of one real cluster. Fails if there is no binary.
pub async fn cluster_of_three() -> anyhow::Result<[Weaviate; 3]> {
    let binary = real_binary().context("no `weaviate` on PATH, and SELVEDGE_TEST_WEAVIATE_BIN is not set")?;
    let nodes = RealServer::start_three(binary).await?;
    let version = nodes[0].version().await?;
    Ok(nodes.map(|node| Weaviate {
        version: version.clone(),
        running: Running::Real(Box::new(node)),
        paused: None,
    }))
}

/// `SELVEDGE_TEST_WEAVIATE_BIN`, otherwise the `weaviate` on PATH.
pub fn real_binary() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("SELVEDGE_TEST_WEAVIATE_BIN").filter(|named| !named.is_empty()) {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("weaviate")).find(|file| file.is_file())
}

/// An HTTP client for plain `http://` on loopback.
pub fn http_client() -> reqwest::Client {
    // Another part of the process may have installed one already, which will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().expect("a client without special settings")
}
