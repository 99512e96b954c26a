//! The client of Selvedge: parses a command line, calls `selvedge-server`, shows what comes back.
//!
//! [`run`] is a whole invocation without the process around it, so that tests can give it their own terminal.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::expect_used))]

mod args;
mod commands;
mod confirm;
mod connect;
mod exit;
mod failure;
mod follow;
mod format;
mod job_ids;
mod json;
mod options;
mod pairs;
mod patches;
mod placed;
mod plan;
mod progress;
mod remarks;
mod report;
#[cfg(test)]
mod scripted;
mod session;
mod suggest;
mod table;
mod telling;
mod terminal;
mod words;

pub use args::{Args, Command};
pub use exit::ExitCode;
pub use options::Options;
pub use terminal::Terminal;

use clap::CommandFactory;
use connect::Server;
use failure::{Asked, Failure};
use session::Session;

/// If a shell has called to complete what is typed, answers it and ends the process.
pub fn complete() {
    clap_complete::env::CompleteEnv::with_factory(command).var(commands::completions::VARIABLE).complete();
}

/// The description of the command line: for help, completions and tests.
pub fn command() -> clap::Command {
    Args::command()
}

/// Runs one command. Results go to `terminal.out`, everything else to `terminal.err`.
pub async fn run(args: Args, terminal: &mut Terminal<'_>) -> ExitCode {
    let Args { options, command } = args;
    match dispatch(command, &options, terminal).await {
        Ok(()) => ExitCode::Done,
        Err(failure) => {
            telling::end(&failure, &options, terminal);
            failure.exit
        }
    }
}

async fn dispatch(command: Command, options: &Options, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    match command {
        Command::Completions(args) => return commands::completions::run(args, terminal),
        Command::Man(args) => return commands::man::run(&args, terminal),
        _ => {}
    }
    let server = terminal
        .unless_interrupted("nothing was started", Server::connect(&options.server, &options.trust))
        .await??;
    let asked = Asked::by_command(&command);
    let mut session = Session { server, options, terminal, asked };
    match command {
        Command::Backup(args) => commands::backup::run(args, &mut session).await,
        Command::Restore(args) => commands::restore::run(*args, &mut session).await,
        Command::Copy(args) => commands::copy::run(*args, &mut session).await,
        Command::Clear(args) => commands::clear::run(args, &mut session).await,
        Command::Repair(args) => commands::repair::run(args, &mut session).await,
        Command::Undo(args) => commands::undo::run(args, &mut session).await,
        Command::List(args) => commands::list::run(args, &mut session).await,
        Command::Show(args) => commands::show::run(args, &mut session).await,
        Command::Verify(args) => commands::verify::run(args, &mut session).await,
        Command::Diff(args) => commands::diff::run(args, &mut session).await,
        Command::Export(args) => commands::export::run(args, &mut session).await,
        Command::Import(args) => commands::import::run(args, &mut session).await,
        Command::Delete(args) => commands::keeping::delete(args, &mut session).await,
        Command::Hold(args) => commands::keeping::hold(args, &mut session).await,
        Command::Release(args) => commands::keeping::release(args, &mut session).await,
        Command::Prune(args) => commands::prune::run(args, &mut session).await,
        Command::Collections(args) => commands::collections::run(args, &mut session).await,
        Command::Status(args) => commands::status::run(args, &mut session).await,
        Command::Check(args) => commands::check::run(args, &mut session).await,
        Command::Jobs(args) => commands::jobs::run(args, &mut session).await,
        Command::Completions(args) => commands::completions::run(args, session.terminal),
        Command::Man(args) => commands::man::run(&args, session.terminal),
    }
}
