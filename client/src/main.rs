//! The command line of Selvedge; see the library for everything but the process around it.

use std::{io, process};

use clap::Parser;
use selvedge::{Args, Terminal};

fn main() -> io::Result<process::ExitCode> {
    selvedge::complete();
    let args = Args::parse().with_environment();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let mut terminal = Terminal::of_process(&mut out, &mut err);
    let code = runtime.block_on(selvedge::run(args, &mut terminal));
    // Not a plain drop: a thread may still be waiting for a line of stdin.
    runtime.shutdown_background();
    Ok(code.into())
}
