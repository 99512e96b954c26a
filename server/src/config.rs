//! The server's configuration: flags and their environment twins in, checked values out.

mod address;
mod flags;
mod key;
mod log;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytesize::ByteSize;

use selvedge_archive::RepositoryConfig;
use selvedge_model::error::{Error, Result};
use selvedge_ops::{Budget, DEFAULT_NAME};
use selvedge_weaviate::ClusterConfig;

pub use flags::{Command, Flags};
pub use log::{Log, LogFormat};

/// Where backups are kept if nobody says where.
const DEFAULT_REPOSITORY: &str = "backups";

/// Everything the server is told from outside, checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    pub clusters: Vec<ClusterConfig>,
    pub repositories: Vec<RepositoryPlace>,
    pub options: Options,
    pub log: Log,
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
    /// Checks the flags, and reads Weaviate's key from the file they name or from `WEAVIATE_API_KEY`.
    pub fn load(flags: &Flags) -> Result<Self> {
        Self::from_flags(flags, std::env::var(key::VARIABLE).ok())
    }

    fn from_flags(flags: &Flags, key: Option<String>) -> Result<Self> {
        let rest_url = address::weaviate_url("--weaviate-url", &flags.weaviate_url)?;
        let grpc_url = match flags.weaviate_grpc_url.as_deref().filter(|url| !url.is_empty()) {
            Some(url) => address::weaviate_url("--weaviate-grpc-url", url)?,
            None => address::default_grpc_url(&rest_url),
        };
        let cluster = ClusterConfig {
            name: DEFAULT_NAME.to_owned(),
            rest_url: address::text(&rest_url),
            grpc_url: address::text(&grpc_url),
            retry_budget: *flags.retry_budget,
            api_key: key::load(flags.weaviate_api_key_file.as_deref(), key)?,
        };
        let named = flags.repository.as_deref();
        let url = address::repository_url(named.unwrap_or(DEFAULT_REPOSITORY))?;
        let make = match named {
            _ if flags.create_repository => Make::Always,
            Some(_) => Make::Never,
            None => Make::IfVacant,
        };
        Ok(Self {
            listen: address::listen(&flags.listen, flags.allow_insecure)?,
            clusters: vec![cluster],
            repositories: vec![RepositoryPlace {
                config: RepositoryConfig::new(DEFAULT_NAME, url).with_environment(std::env::vars()),
                make,
            }],
            options: Options {
                max_jobs: usize::from(flags.max_jobs),
                max_queued: usize::from(flags.max_queued),
                history: usize::try_from(flags.job_history).unwrap_or(usize::MAX),
                resume_on_start: flags.resume_on_start,
                memory_budget: memory_budget(flags.memory_budget)?,
                shutdown_deadline: *flags.shutdown_deadline,
            },
            log: Log { filter: flags.log.clone(), format: flags.log_format },
        })
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

/// What `--print-config` prints. Structs are taken apart field by field, so that a new one does not compile until somebody
/// decides whether it may be shown.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { listen, clusters, repositories, options, log } = self;
        let Options { max_jobs, max_queued, history, memory_budget, shutdown_deadline, resume_on_start } =
            options;
        let Log { filter, format } = log;
        writeln!(f, "listen = \"{listen}\"")?;
        writeln!(f, "max_jobs = {max_jobs}")?;
        writeln!(f, "max_queued = {max_queued}")?;
        writeln!(f, "job_history = {history}")?;
        writeln!(f, "resume_on_start = {resume_on_start}")?;
        writeln!(f, "memory_budget = \"{}\"", ByteSize::b(*memory_budget as u64))?;
        writeln!(f, "shutdown_deadline = \"{}\"", humantime::format_duration(*shutdown_deadline))?;
        writeln!(f, "log = \"{filter}\"")?;
        writeln!(f, "log_format = \"{format}\"")?;
        for ClusterConfig { name, rest_url, grpc_url, api_key, retry_budget } in clusters {
            writeln!(f, "\n[clusters.{name}]\nurl = \"{rest_url}\"\ngrpc_url = \"{grpc_url}\"")?;
            writeln!(f, "retry_budget = \"{}\"", humantime::format_duration(*retry_budget))?;
            if api_key.is_some() {
                writeln!(f, "api_key = \"(set, not shown)\"")?;
            }
        }
        for RepositoryPlace { config: RepositoryConfig { name, url, .. }, make: _ } in repositories {
            writeln!(f, "\n[repositories.{name}]\nurl = \"{url}\"")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::builder::Resettable;
    use clap::{CommandFactory, FromArgMatches};

    use super::*;

    fn load(arguments: &[&str]) -> Result<Config> {
        // Without the environment, which is that of whoever runs the tests.
        let command = Flags::command().mut_args(|argument| argument.env(Resettable::Reset));
        let matches = command.try_get_matches_from([&["selvedge-server"], arguments].concat()).unwrap();
        let flags = Flags::from_arg_matches(&matches).unwrap();
        Config::from_flags(&flags, Some("hunter2".to_owned()))
    }

    fn refused(arguments: &[&str]) -> Error {
        load(arguments).unwrap_err()
    }

    #[test]
    fn it_runs_without_any_flag() {
        let config = load(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:50071");
        assert_eq!(config.clusters[0].rest_url, "http://localhost:8080");
        assert_eq!(config.clusters[0].grpc_url, "http://localhost:50051");
        let url = &config.repositories[0].config.url;
        assert!(url.starts_with("file:///") && url.ends_with("/backups"), "{url}");
    }

    #[test]
    fn only_a_place_that_nobody_chose_is_made_a_repository_without_a_word() {
        let make = |arguments: &[&str]| load(arguments).unwrap().repositories[0].make;
        assert_eq!(make(&[]), Make::IfVacant);
        assert_eq!(make(&["--repository", "backups"]), Make::Never);
        assert_eq!(make(&["--repository", "/mnt/nas", "--create-repository"]), Make::Always);
        assert_eq!(
            load(&["init", "--repository", "/mnt/nas"]).unwrap().repositories[0].config.url,
            "file:///mnt/nas"
        );
    }

    #[test]
    fn keys_are_never_shown() {
        let config = load(&[]).unwrap();
        assert!(config.clusters[0].api_key.is_some());
        for text in [config.to_string(), format!("{config:?}")] {
            assert!(!text.contains("hunter2"), "{text}");
        }
        assert!(config.to_string().contains("api_key = \"(set, not shown)\""));
        let error = refused(&["--weaviate-url", "http://me:hunter2@host:8080"]);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn listening_for_everybody_has_to_be_asked_for() {
        for address in ["0.0.0.0:50071", "[::]:50071", "192.0.2.1:1"] {
            let error = refused(&["--listen", address]);
            assert!(error.to_string().contains("neither TLS nor tokens"), "{error}");
            assert!(load(&["--listen", address, "--allow-insecure"]).is_ok());
        }
        assert!(load(&["--listen", "[::1]:50071"]).is_ok());
        assert!(load(&["--listen", "localhost:50071"]).is_ok());
    }

    #[test]
    fn a_bad_value_is_refused_by_its_flag() {
        let cases = [
            ("--listen", "50071"),
            ("--weaviate-url", "localhost:8080"),
            ("--weaviate-url", "ftp://localhost"),
            ("--weaviate-grpc-url", "http://localhost:50051/path"),
            ("--weaviate-api-key-file", "/does/not/exist"),
            ("--repository", ""),
            ("--memory-budget", "10kB"),
        ];
        for (flag, value) in cases {
            let error = refused(&[flag, value]);
            assert!(error.to_string().contains(flag), "{error}");
        }
        assert_eq!(refused(&["--weaviate-url", "db:80"]).hint_text(), Some("did you mean http://db:80?"));
    }
}
