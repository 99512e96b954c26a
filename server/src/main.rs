//! `selvedge-server`: see `--help`.

mod allocator;

use std::io::Write;
use std::process::ExitCode;

use rustix::fs::Mode;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_server::access::{Role, Token};
use selvedge_server::app::{self, App, shutdown_signal};
use selvedge_server::config::{Command, Config, Sources};
use tokio::net::TcpListener;

/// Threads for file access and for encoding and decoding data files: the lanes of a job, and one on which the system writes to
/// the disk. More would only take turns on the processor, and each holds what it works with.
const BLOCKING_THREADS: usize = 4;

fn main() -> ExitCode {
    // What is in the collections is nobody else's business: files and folders are made for this user alone.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    allocator::share_one_heap();
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
    let loaded = Sources::read().and_then(|sources| Ok((Config::load(&sources)?, sources.flags)));
    let (config, flags) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return fail(&error),
    };
    if flags.print_config {
        return write!(std::io::stdout(), "{config}").map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let done = match flags.command {
        Some(Command::Init) => init(&config).await,
        Some(Command::Token { name, role }) => {
            token(&name, role);
            Ok(())
        }
        None => {
            config.log.init();
            run(config).await
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Says what it made on standard output, like any command.
async fn init(config: &Config) -> Result<()> {
    for url in app::init(config).await? {
        // Whoever does not read it does not want to know.
        let _ = writeln!(std::io::stdout(), "repository {url}");
    }
    Ok(())
}

/// The token goes to standard output, and is never to be seen again.
fn token(name: &str, role: Role) {
    let token = Token::generate();
    let name = name.escape_default();
    let (reveal, hash) = (token.reveal(), token.hash());
    // Whoever does not read it does not want to have it.
    let _ = writeln!(
        std::io::stdout(),
        "{reveal}\n\n# for the file of --callers:\n[[tokens]]\nname = \"{name}\"\nrole = \"{role}\"\nblake3 = \"{hash}\""
    );
}

async fn run(config: Config) -> Result<()> {
    let shutdown = shutdown_signal()?;
    let address = config.listen;
    let app = App::build(config).await?;
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
