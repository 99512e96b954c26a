//! The server's configuration: flags, their environment twins and a file in, checked values out.

mod address;
mod clusters;
mod encryption;
mod file;
mod flags;
mod key;
mod log;
mod repositories;
mod security;
mod sources;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytesize::ByteSize;

use selvedge_archive::RepositoryConfig;
use selvedge_model::error::{Error, Result};
use selvedge_ops::Budget;
use selvedge_weaviate::ClusterConfig;

pub use encryption::passphrase_in;
pub use flags::{Command, Flags, KeyCommand};
pub use log::{Log, LogFormat};
pub use security::Security;
pub use sources::Sources;

use clusters::clusters;
use repositories::repositories;
use sources::Printout;

/// Where backups are kept if nobody says where.
const DEFAULT_REPOSITORY: &str = "backups";

/// Everything the server is told from outside, checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    /// Where metrics are shown. None: nowhere.
    pub metrics_listen: Option<SocketAddr>,
    /// Where traces are sent. None: nowhere.
    pub otlp_endpoint: Option<String>,
    pub security: Security,
    pub clusters: Vec<ClusterConfig>,
    pub repositories: Vec<RepositoryPlace>,
    pub options: Options,
    pub log: Log,
    shown: Printout,
}

/// A repository to be opened.
#[derive(Debug, Clone)]
pub struct RepositoryPlace {
    pub config: RepositoryConfig,
    pub make: Make,
}

/// Whether a place that is no repository is made one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// What is not there is not mounted, or not the right place.
    Never,
    /// If there is nothing at all at this place, which nobody has chosen.
    IfVacant,
    Always,
}

/// What is not about a place.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Jobs that run at once.
    pub max_jobs: usize,
    /// Jobs that wait for their turn.
    pub max_queued: usize,
    /// Jobs that are remembered.
    pub history: usize,
    /// Bytes of objects that all jobs together may have in flight.
    pub memory_budget: usize,
    /// How long jobs and clients may take when the server stops.
    pub shutdown_deadline: Duration,
    /// Whether jobs that were interrupted go on when the server starts.
    pub resume_on_start: bool,
}

impl Default for Options {
    fn default() -> Self {
        let (memory_budget, shutdown_deadline) = (64 << 20, Duration::from_secs(30));
        let resume_on_start = false;
        Self {
            max_jobs: 4,
            max_queued: 100,
            history: 1000,
            memory_budget,
            shutdown_deadline,
            resume_on_start,
        }
    }
}

impl Config {
    /// Checks what was said, and reads the files that it names.
    pub fn load(sources: &Sources) -> Result<Self> {
        // What is not text is for somebody else.
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        let environment: Vec<_> = std::env::vars_os().filter_map(text).collect();
        Self::resolve(sources, &environment)
    }

    fn resolve(sources: &Sources, environment: &[(String, String)]) -> Result<Self> {
        let (flags, mut shown) = (&sources.flags, Printout::default());
        let key = environment.iter().find(|(name, _)| name == key::VARIABLE).map(|(_, key)| key.clone());
        let mut shielded = Printout::default();
        let security = Security::load(sources, &mut shielded)?;
        // A command that does something else does not listen.
        let is_told = flags.allow_insecure || flags.command.is_some();
        let listen = address::listen(&flags.listen, security.is_tight() || is_told)?;
        let is_told = is_told || flags.allow_insecure_metrics;
        let metrics_listen = address::metrics_listen(flags.metrics_listen.as_deref(), is_told)?;
        let options = Options {
            max_jobs: usize::from(flags.max_jobs),
            max_queued: usize::from(flags.max_queued),
            history: usize::try_from(flags.job_history).unwrap_or(usize::MAX),
            resume_on_start: flags.resume_on_start,
            memory_budget: memory_budget(flags.memory_budget)?,
            shutdown_deadline: *flags.shutdown_deadline,
        };
        let log = Log { filter: flags.log.clone(), format: flags.log_format };
        shown.text("listen", listen, sources.origin("listen"));
        if let Some(address) = metrics_listen {
            shown.text("metrics_listen", address, sources.origin("metrics_listen"));
        }
        for (name, is_allowed) in [
            ("allow_insecure", flags.allow_insecure),
            ("allow_insecure_metrics", flags.allow_insecure_metrics),
        ] {
            shown.bare(name, is_allowed, sources.origin(name));
        }
        // An empty variable is none.
        let otlp_endpoint = flags.otlp_endpoint.clone().filter(|endpoint| !endpoint.is_empty());
        if let Some(endpoint) = otlp_endpoint.as_ref().filter(|endpoint| !endpoint.contains('@')) {
            shown.text("otlp_endpoint", endpoint, sources.origin("otlp_endpoint"));
        }
        shown.append(shielded);
        options.show(sources, &mut shown);
        shown.text("log", &log.filter, sources.origin("log"));
        shown.text("log_format", log.format, sources.origin("log_format"));
        let clusters = clusters(sources, key, &mut shown)?;
        let repositories = repositories(sources, environment, &mut shown)?;
        Ok(Self {
            listen,
            metrics_listen,
            otlp_endpoint,
            security,
            clusters,
            repositories,
            options,
            log,
            shown,
        })
    }
}

impl Options {
    /// Taken apart field by field, so that a new one does not compile until somebody decides whether it may be shown.
    fn show(&self, sources: &Sources, shown: &mut Printout) {
        let Self { max_jobs, max_queued, history, memory_budget, shutdown_deadline, resume_on_start } = self;
        shown.bare("max_jobs", max_jobs, sources.origin("max_jobs"));
        shown.bare("max_queued", max_queued, sources.origin("max_queued"));
        shown.bare("job_history", history, sources.origin("job_history"));
        shown.bare("resume_on_start", resume_on_start, sources.origin("resume_on_start"));
        let budget = ByteSize::b(*memory_budget as u64);
        shown.text("memory_budget", budget, sources.origin("memory_budget"));
        let deadline = humantime::format_duration(*shutdown_deadline);
        shown.text("shutdown_deadline", deadline, sources.origin("shutdown_deadline"));
    }
}

fn memory_budget(size: ByteSize) -> Result<usize> {
    let least = ByteSize::b(Budget::SMALLEST as u64);
    match usize::try_from(size.as_u64()) {
        Ok(bytes) if size >= least => Ok(bytes),
        _ => {
            let text =
                format!("--memory-budget is {size}, and {least} is the least that objects can be moved with");
            Err(Error::invalid("memory_budget", text).hint("leave it out to have 64 MiB"))
        }
    }
}

/// What `--print-config` prints.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown.fmt(f)
    }
}

#[cfg(test)]
mod tests;
