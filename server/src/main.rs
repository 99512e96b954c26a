//! `selvedge-server`: see `--help`.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use selvedge_server::app::{App, shutdown_signal};
use selvedge_server::config::{Config, Flags};
use selvedge_server::error::{Error, Kind, Result};
use tokio::net::TcpListener;

/// Threads for file access and for encoding and decoding data files. Each thread gets a heap of its own from the system's
/// allocator, which keeps what was freed in it: with Tokio's hundreds, a restore's memory would grow with its length.
const BLOCKING_THREADS: usize = 2;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(start()),
        Err(error) => {
            fail(&Error::new(Kind::Internal, "cannot start the runtime's threads").caused_by(error))
        }
    }
}

async fn start() -> ExitCode {
    let flags = Flags::parse();
    let config = match Config::load(&flags) {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    if flags.print_config {
        return write!(std::io::stdout(), "{config}").map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    config.log.init();
    match run(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

async fn run(config: Config) -> Result<()> {
    let shutdown = shutdown_signal()?;
    let address = config.listen;
    let app = App::build(config)?;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Error::new(Kind::Internal, format!("cannot listen on {address}"))
            .hint("choose another address with --listen, or stop what uses this one")
            .caused_by(error)
    })?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %address, "selvedge-server listens");
    let greeting = tokio::spawn(app.greet_clusters());
    let result = app.serve(listener, shutdown).await;
    greeting.abort();
    result
}

/// 2 for a bad configuration, as clap does for bad flags; 1 for anything else.
fn fail(error: &Error) -> ExitCode {
    let next = error.hint_text().map(|hint| format!("\nnext: {hint}")).unwrap_or_default();
    let _ = writeln!(std::io::stderr(), "error: {error}{next}");
    ExitCode::from(if error.kind() == Kind::InvalidRequest { 2 } else { 1 })
}
