//! What holds for every command: which server is asked, for what, and how its answer is shown.

use crate::connect;

/// What holds for every command.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Options {
    /// Where selvedge-server listens. Without a scheme it is http://, or https:// with --ca-file or --client-cert.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "SELVEDGE_SERVER",
        hide_env_values = true,
        default_value = "http://127.0.0.1:50071",
        value_parser = connect::parse_url
    )]
    pub server: String,

    #[command(flatten)]
    pub trust: connect::Trust,

    /// The cluster, by its name in the server's configuration [default: default].
    #[arg(long, global = true, value_name = "NAME", env = "SELVEDGE_CLUSTER", hide_env_values = true)]
    pub cluster: Option<String>,

    /// The repository, by its name in the server's configuration [default: default].
    #[arg(long, global = true, value_name = "NAME", hide_env_values = true)]
    pub repository: Option<String>,

    /// Print results as JSON, one object a line; also the progress of jobs.
    #[arg(long, global = true)]
    pub json: bool,

    /// Show no progress, only warnings, errors and results.
    #[arg(long, global = true)]
    pub no_progress: bool,

    /// Show only errors and results.
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

impl Options {
    /// With what the environment holds and no option may.
    pub fn with_environment(self) -> Self {
        Self { trust: self.trust.with_environment(), ..self }
    }

    /// As requests carry it: empty stands for the server's default.
    pub fn cluster(&self) -> String {
        self.cluster.clone().unwrap_or_default()
    }

    /// As requests carry it: empty stands for the server's default.
    pub fn repository(&self) -> String {
        self.repository.clone().unwrap_or_default()
    }
}
