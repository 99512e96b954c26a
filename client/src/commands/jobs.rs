//! `selvedge jobs`

mod cancel;
mod list;
mod show;

use clap::Subcommand;

use super::{Session, run_job};
use crate::failure::Failure;
use crate::follow::Call;

/// List, show, watch and cancel jobs.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List jobs, newest first.
    List {
        /// Only jobs that have not ended.
        #[arg(long)]
        active: bool,
    },
    /// Show the state of a job as it is now.
    Show {
        /// The job's id.
        id: String,
    },
    /// Follow a job to its end, with its exit code.
    Watch {
        /// The job's id.
        id: String,
    },
    /// Ask a job to stop.
    Cancel {
        /// The job's id.
        id: String,
    },
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    match args.command {
        Command::List { active } => list::run(active, session).await,
        Command::Show { id } => show::run(id, session).await,
        Command::Watch { id } => run_job(Call::Watch(id), false, session).await,
        Command::Cancel { id } => cancel::run(id, session).await,
    }
}
