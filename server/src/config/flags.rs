use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{Parser, Subcommand};
use tracing_subscriber::filter::Targets;

use super::LogFormat;
use crate::access::Role;

/// Backup, restore and clear for Weaviate collections, as a gRPC service.
///
/// Weaviate's key comes from the environment variable WEAVIATE_API_KEY or from a file, never from a flag: flags can be read
/// by everybody on the machine.
#[derive(Debug, Clone, Parser)]
#[command(name = "selvedge-server", version, max_term_width = 100)]
pub struct Flags {
    /// A TOML file with these settings, and with more clusters and repositories. Flags and the environment go before it.
    #[arg(long, global = true, env = "SELVEDGE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The address to listen on. Beyond this machine only with TLS and callers, or with --allow-insecure.
    #[arg(long, env = "SELVEDGE_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:50071")]
    pub listen: String,

    /// The address of a page of metrics, with /metrics, /healthz and /readyz [default: none]. Beyond this machine only with
    /// --allow-insecure-metrics: whoever reaches it reads the names of collections.
    #[arg(long, env = "SELVEDGE_METRICS_LISTEN", value_name = "HOST:PORT")]
    pub metrics_listen: Option<String>,

    /// Weaviate's REST address.
    #[arg(long, env = "WEAVIATE_URL", value_name = "URL", default_value = "http://localhost:8080")]
    pub weaviate_url: String,

    /// Weaviate's gRPC address [default: port 50051 of the same host; for Weaviate Cloud, its gRPC host].
    #[arg(long, env = "WEAVIATE_GRPC_URL", value_name = "URL")]
    pub weaviate_grpc_url: Option<String>,

    /// How long a job waits for Weaviate, or for an object store, to answer again, all pauses for one call together.
    #[arg(long, env = "SELVEDGE_RETRY_BUDGET", value_name = "TIME", default_value = "10m")]
    pub retry_budget: humantime::Duration,

    /// A file that holds Weaviate's key.
    #[arg(long, env = "WEAVIATE_API_KEY_FILE", value_name = "FILE")]
    pub weaviate_api_key_file: Option<PathBuf>,

    /// Where backups are kept: a folder, or a URL such as s3://bucket/folder, gs://…, az://…, whose keys come from the variables
    /// that are usual there (AWS_ACCESS_KEY_ID…) or from the file [default: the folder backups, which is made a repository if
    /// there is nothing in it].
    #[arg(long, global = true, env = "SELVEDGE_REPOSITORY", value_name = "URL")]
    pub repository: Option<String>,

    /// Make a repository of this place if it is none. Without this, the server does not start where no repository is: it may
    /// not be mounted.
    #[arg(long, env = "SELVEDGE_CREATE_REPOSITORY", value_parser = clap::builder::BoolishValueParser::new())]
    pub create_repository: bool,

    /// Encrypt what is written to --repository, for whoever has an identity of this recipient of age (age1…); can be repeated.
    /// Without --identity-file the server can make backups and read none.
    #[arg(
        long = "recipient",
        global = true,
        env = "SELVEDGE_RECIPIENTS",
        value_name = "RECIPIENT",
        value_delimiter = ','
    )]
    pub recipients: Vec<String>,

    /// The identities of age that open what is in --repository.
    #[arg(long, global = true, env = "SELVEDGE_IDENTITY_FILE", value_name = "FILE")]
    pub identity_file: Option<PathBuf>,

    /// Encrypt what is written to --repository with the passphrase in this file, or in the variable SELVEDGE_PASSPHRASE, instead
    /// of for recipients.
    #[arg(long, global = true, env = "SELVEDGE_PASSPHRASE_FILE", value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,

    /// The server's certificate, a PEM file with those of its authorities after it. Read again when it changes.
    #[arg(long, env = "SELVEDGE_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The private key of the certificate, in PEM.
    #[arg(long, env = "SELVEDGE_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// The authorities that sign certificates of clients, in PEM. Without --callers, whoever has such a certificate may do
    /// everything, and nobody else may do anything.
    #[arg(long, env = "SELVEDGE_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,

    /// A TOML file of who may call, with the hashes of their tokens, or the names of their certificates, and their roles. Read
    /// again when it changes.
    #[arg(long, env = "SELVEDGE_CALLERS", value_name = "FILE")]
    pub callers: Option<PathBuf>,

    /// Listen beyond this machine although there is no TLS, or everybody may call: whoever reaches the address can read,
    /// overwrite and clear collections, or read the tokens of those who may. Also show metrics there.
    #[arg(long, env = "SELVEDGE_ALLOW_INSECURE", value_parser = clap::builder::BoolishValueParser::new())]
    pub allow_insecure: bool,

    /// Show metrics, and whether the server is alive and ready, beyond this machine: whoever reaches the address can read the names
    /// of clusters and collections, and change nothing. Calls stay as safe as they are.
    #[arg(
        long,
        env = "SELVEDGE_ALLOW_INSECURE_METRICS",
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub allow_insecure_metrics: bool,

    /// Send traces to a collector at this address, over gRPC: a span for each job, phase and task. None unless it is given.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,

    /// How many jobs may run at once.
    #[arg(long, env = "SELVEDGE_MAX_JOBS", value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    pub max_jobs: u16,

    /// How many jobs may wait for their turn; more are refused.
    #[arg(long, env = "SELVEDGE_MAX_QUEUED", value_name = "N", default_value_t = 100)]
    pub max_queued: u16,

    /// How many jobs are remembered. Older ones are removed from the repository when a server starts, and by a prune, unless
    /// they run or can be gone on with.
    #[arg(long, env = "SELVEDGE_JOB_HISTORY", value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub job_history: u32,

    /// Go on with jobs that were interrupted when this or another server on the same repository stopped or died. Without this
    /// they wait to be resumed.
    #[arg(long, env = "SELVEDGE_RESUME_ON_START", value_parser = clap::builder::BoolishValueParser::new())]
    pub resume_on_start: bool,

    /// How much memory the objects that are being moved may take, over all jobs together. When it is short, pages and
    /// requests are smaller, and jobs slower; an object that is larger goes alone. The server itself needs some 35 MiB more.
    #[arg(long, env = "SELVEDGE_MEMORY_BUDGET", value_name = "SIZE", default_value = "64MiB")]
    pub memory_budget: ByteSize,

    /// How long jobs and clients may take to end when the server is told to stop. What must not be left half done is waited
    /// for however long it takes; a second signal ends that too.
    #[arg(long, env = "SELVEDGE_SHUTDOWN_DEADLINE", value_name = "TIME", default_value = "30s")]
    pub shutdown_deadline: humantime::Duration,

    /// What to log: off, error, warn, info, debug or trace; also by module, as in "info,h2=warn".
    #[arg(long, env = "SELVEDGE_LOG", value_name = "FILTER", default_value = "info")]
    pub log: Targets,

    /// How to log.
    #[arg(long, env = "SELVEDGE_LOG_FORMAT", value_name = "FORMAT", default_value_t = LogFormat::Text, value_enum)]
    pub log_format: LogFormat,

    /// Print the configuration that results from flags, environment and file, without secrets, and exit.
    #[arg(long)]
    pub print_config: bool,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Make a repository of the place that --repository names, and exit. What is there stays as it is.
    Init,
    /// Make a token, print it and its entry for the file of --callers, and exit. The token itself is kept nowhere.
    Token {
        /// How the log and jobs call who has it.
        name: String,
        /// What its holder may do.
        #[arg(long, value_enum)]
        role: Role,
    },
    /// Make identities, and show keys of encrypted backups.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Encrypt the key of each encrypted backup anew, for the recipients that are configured now, or for another passphrase, and
    /// exit. Data stays as it is. Needs an identity that opens them.
    Rekey {
        /// The repository, by its name in the configuration.
        #[arg(long, value_name = "NAME", default_value = selvedge_ops::DEFAULT_NAME)]
        name: String,
        /// The passphrase from now on, where there is one.
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
}

/// What to do with keys. They never go over the network.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum KeyCommand {
    /// Make an identity, print it with its recipient, and exit. The identity is kept nowhere: without it, or another one of the
    /// recipients', nobody can read the backups.
    New,
    /// Print the keys of a backup's data files as JSON, for programs that read Parquet.
    Show {
        /// The id of the backup.
        backup: String,
        /// The repository, by its name in the configuration.
        #[arg(long, value_name = "NAME", default_value = selvedge_ops::DEFAULT_NAME)]
        name: String,
        /// Print them although that is to a terminal.
        #[arg(long)]
        reveal: bool,
    },
}
