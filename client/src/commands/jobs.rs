//! `selvedge jobs`

mod cancel;
mod failures;
pub mod list;
mod show;

use clap::Subcommand;
use selvedge_proto::v1::ResumeJobRequest;

use super::{Session, Starting, run_job};
use crate::failure::Failure;
use crate::follow::Call;
use crate::suggest;

const LISTING: &str = "\
Examples:
  selvedge jobs list
  selvedge jobs list --active";

const SHOWING: &str = "\
Examples:
  selvedge jobs show last                          # the newest one
  selvedge jobs show 01a215a1                      # a beginning of its id is enough";

const WATCHING: &str = "\
Examples:
  selvedge jobs watch last
  selvedge jobs watch 01a215a1 --json";

const RESUMING: &str = "\
Examples:
  selvedge jobs resume last
  selvedge jobs resume 01a215a1 --wait 30m --detach";

const FAILURES: &str = "\
Examples:
  selvedge jobs failures last --limit 20
  selvedge jobs failures 01a215a1 --json";

const CANCELLING: &str = "\
Examples:
  selvedge jobs cancel last
  selvedge jobs cancel 01a215a1";

/// List, show, watch, resume and cancel jobs.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List jobs, newest first.
    #[command(visible_alias = "ls", after_help = LISTING)]
    List {
        /// Only jobs that have not ended.
        #[arg(long)]
        active: bool,
    },
    /// Show the state of a job as it is now.
    #[command(after_help = SHOWING)]
    Show {
        /// The job's id, a beginning of it that no other has, or `last` for the newest.
        #[arg(add = suggest::jobs())]
        id: String,
    },
    /// Follow a job to its end, with its exit code.
    #[command(after_help = WATCHING)]
    Watch {
        /// The job's id, a beginning of it that no other has, or `last` for the newest.
        #[arg(add = suggest::jobs())]
        id: String,
    },
    /// Go on with a job that was interrupted, failed or was cancelled.
    #[command(after_help = RESUMING)]
    Resume {
        /// The job's id, a beginning of it that no other has, or `last` for the newest.
        #[arg(add = suggest::jobs())]
        id: String,
        #[command(flatten)]
        starting: Starting,
    },
    /// List what Weaviate refused of a restore.
    #[command(after_help = FAILURES)]
    Failures {
        /// The job's id, a beginning of it that no other has, or `last` for the newest.
        #[arg(add = suggest::jobs())]
        id: String,
        /// List up to this many [default: all].
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        limit: Option<u64>,
    },
    /// Ask a job to stop.
    #[command(after_help = CANCELLING)]
    Cancel {
        /// The job's id, a beginning of it that no other has, or `last` for the newest.
        #[arg(add = suggest::jobs())]
        id: String,
    },
}

impl Args {
    /// The id of the job that is meant; empty if it is about all.
    pub fn job(&self) -> &str {
        match &self.command {
            Command::List { .. } => "",
            Command::Show { id }
            | Command::Watch { id }
            | Command::Resume { id, .. }
            | Command::Failures { id, .. }
            | Command::Cancel { id } => id,
        }
    }
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    match args.command {
        Command::List { active } => list::run(active, session).await,
        Command::Show { id } => show::run(id, session).await,
        Command::Watch { id } => run_job(Call::Watch(id), &Starting::default(), session).await,
        Command::Resume { id, starting } => {
            let request = ResumeJobRequest { job_id: id, lock_timeout: starting.lock_timeout() };
            run_job(Call::Resume(request), &starting, session).await
        }
        Command::Failures { id, limit } => failures::run(id, limit, session).await,
        Command::Cancel { id } => cancel::run(id, session).await,
    }
}
