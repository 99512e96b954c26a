//! `selvedge-server`: see `--help`.

mod allocator;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use rustix::fs::Mode;
use secrecy::ExposeSecret;
use selvedge_archive::new_identity;
use selvedge_model::error::{Error, Kind, Result, counted};
use selvedge_server::access::{Role, Token};
use selvedge_server::app::{self, App, shutdown_signal};
use selvedge_server::config::{Command, Config, KeyCommand, Sources};
use selvedge_server::traces::Traces;
use tokio::net::TcpListener;

/// Threads for file access and for encoding and decoding data files: the lanes of a job, and one on which the system writes to
/// the disk. More would only take turns on the processor, and each holds what it works with.
const BLOCKING_THREADS: usize = 4;

/// All jobs have ended when this is waited for.
const LAST_FILES: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    // What is in the collections is nobody else's business: files and folders are made for this user alone.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    allocator::share_one_heap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build();
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(start());
            // A folder that hangs would keep the process as long as it hangs.
            runtime.shutdown_timeout(LAST_FILES);
            code
        }
        Err(error) => {
            fail(&Error::new(Kind::Internal, "cannot start the runtime's threads").caused_by(error))
        }
    }
}

async fn start() -> ExitCode {
    let done = match Sources::read() {
        Ok(sources) => carry_out(&sources).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

async fn carry_out(sources: &Sources) -> Result<()> {
    let config = || Config::load(sources);
    if sources.flags.print_config {
        // Whoever does not read it does not want to know.
        let _ = write!(std::io::stdout(), "{}", config()?);
        return Ok(());
    }
    match &sources.flags.command {
        Some(Command::Init) => init(&config()?).await,
        Some(Command::Token { name, role }) => {
            token(name, *role);
            Ok(())
        }
        Some(Command::Key(KeyCommand::New)) => {
            new_key();
            Ok(())
        }
        Some(Command::Key(KeyCommand::Show { backup, name, reveal })) => {
            show_keys(&config()?, name, backup, *reveal).await
        }
        Some(Command::Rekey { name, new_passphrase_file }) => {
            rekey(&config()?, name, new_passphrase_file.as_deref()).await
        }
        None => {
            let config = config()?;
            let traces = config.otlp_endpoint.as_deref().map(Traces::to).transpose()?;
            config.log.init(traces.as_ref());
            let served = run(config).await;
            if let Some(traces) = traces {
                traces.end().await;
            }
            served
        }
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

/// An identity, and its recipient, as age's own files have them. It is never to be seen again.
fn new_key() {
    let (identity, recipient) = new_identity();
    // Whoever does not read it does not want to have it.
    let _ = writeln!(std::io::stdout(), "# recipient: {recipient}\n{}", identity.expose_secret());
}

async fn show_keys(config: &Config, name: &str, backup: &str, reveal: bool) -> Result<()> {
    let mut out = std::io::stdout();
    if out.is_terminal() && !reveal {
        let text = "keys are not shown on a terminal unasked";
        return Err(Error::invalid("reveal", text).hint("send the output to a program, or say --reveal"));
    }
    let keys = app::keys::show(config, name, backup).await?;
    let json = serde_json::to_string_pretty(&keys)
        .map_err(|error| Error::internal("keys cannot be written as JSON").caused_by(error))?;
    let _ = writeln!(out, "{json}");
    Ok(())
}

async fn rekey(config: &Config, name: &str, new_passphrase_file: Option<&Path>) -> Result<()> {
    let done = app::keys::rewrap(config, name, new_passphrase_file).await?;
    let what = match new_passphrase_file {
        Some(_) => "the identity of the repository".to_owned(),
        None => counted(done.keys, "key"),
    };
    let _ = writeln!(std::io::stdout(), "encrypted anew: {what}");
    if done.closed.is_empty() {
        return Ok(());
    }
    for closed in &done.closed {
        let _ = writeln!(std::io::stderr(), "not: {closed}");
    }
    let text =
        format!("{} could not be opened, and stay as they were", counted(done.closed.len() as u64, "key"));
    Err(Error::new(Kind::KeyMissing, text).hint("add an identity that opens them, and repeat the command"))
}

async fn run(config: Config) -> Result<()> {
    let shutdown = shutdown_signal()?;
    let (address, metrics) = (config.listen, config.metrics_listen);
    let mut app = App::build(config).await?;
    let listener = bind("--listen", address).await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %address, "selvedge-server listens");
    if let Some(address) = metrics {
        app = app.with_metrics_on(bind("--metrics-listen", address).await?);
        tracing::info!(%address, "metrics are shown");
    }
    let greeting = tokio::spawn(app.greet_clusters());
    let result = app.serve(listener, shutdown).await;
    greeting.abort();
    result
}

async fn bind(flag: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Error::new(Kind::Internal, format!("cannot listen on {address}"))
            .hint(format!("choose another address with {flag}, or stop what uses this one"))
            .caused_by(error)
    })
}

/// 2 for a bad configuration, as clap does for bad flags; 1 for anything else.
fn fail(error: &Error) -> ExitCode {
    let next = error.hint_text().map(|hint| format!("\nnext: {hint}")).unwrap_or_default();
    let _ = writeln!(std::io::stderr(), "error: {error}{next}");
    ExitCode::from(if error.kind() == Kind::InvalidRequest { 2 } else { 1 })
}
