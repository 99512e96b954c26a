//! The quick start: the two programs and a Weaviate, a round trip of everything in it, and a comparison at the end.
//!
//! Exits 0 if nothing is different after it, 1 if something is or went wrong, 130 if it was interrupted.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "quickstart/collections.rs"]
mod collections;
#[path = "quickstart/tour.rs"]
mod tour;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use selvedge_tests::harness::interrupt::interrupted;
use selvedge_tests::harness::programs::{Programs, ServerProcess};
use selvedge_tests::harness::stage::Stage;
use selvedge_tests::harness::weaviate::{Flavour, real_binary};

/// Backs up, clears and restores some twelve thousand objects with the real programs, and compares all of them.
///
/// Uses the `weaviate` on PATH (or SELVEDGE_TEST_WEAVIATE_BIN) if there is one, otherwise an in-memory stand-in.
#[derive(Parser)]
#[command(name = "quickstart")]
struct Args {
    /// Use this server instead. Only collections that are made for the quick start are touched, and dropped after it. Its
    /// key, if it wants one, comes from WEAVIATE_API_KEY.
    #[arg(long, value_name = "URL")]
    weaviate_url: Option<String>,

    /// The server's gRPC address [default: port 50051 of the same host].
    #[arg(long, value_name = "URL", requires = "weaviate_url")]
    weaviate_grpc_url: Option<String>,
}

/// What has to be cleaned up, as soon as it exists.
#[derive(Default)]
struct Running {
    stage: Option<Stage>,
    server: Option<ServerProcess>,
}

#[tokio::main]
async fn main() -> ExitCode {
    // The alias ends with `--`, so that both `cargo quickstart --help` and `cargo quickstart -- --help` arrive here.
    let mut words: Vec<_> = std::env::args_os().collect();
    if words.get(1).is_some_and(|word| word == "--") {
        words.remove(1);
    }
    let args = Args::parse_from(words);
    let mut running = Running::default();
    let ended = tokio::select! {
        // First: Ctrl-C also ends the client, which then looks like a failure.
        biased;
        () = interrupted() => None,
        ended = play(&args, &mut running) => Some(ended),
    };
    let log = running.server.as_ref().map(ServerProcess::log_tail).unwrap_or_default();
    let clean = tokio::select! {
        cleaned = running.close() => cleaned.inspect_err(|error| eprintln!("error: cleaning up: {error:#}")).is_ok(),
        () = interrupted() => false,
    };
    match ended {
        Some(Ok(true)) if clean => ExitCode::SUCCESS,
        Some(Ok(_)) => ExitCode::FAILURE,
        Some(Err(error)) => {
            eprintln!("\nerror: {error:#}");
            if !log.is_empty() {
                eprintln!("\nThe server's log ends:\n{log}");
            }
            ExitCode::FAILURE
        }
        None => {
            eprintln!(
                "\ninterrupted; {}",
                if clean { "everything is cleaned up" } else { "not everything is cleaned up" }
            );
            ExitCode::from(130)
        }
    }
}

/// True if nothing is different at the end.
async fn play(args: &Args, running: &mut Running) -> anyhow::Result<bool> {
    println!("Building selvedge and selvedge-server, which takes a while the first time.");
    let programs = Programs::build().await?;
    let start = Instant::now();
    let stage = running.stage.insert(set(args).await?);
    collections::seed(stage).await?;
    let settings = stage.server_settings();
    let server = running.server.insert(ServerProcess::start(&programs, &settings).await?);
    println!(
        "\n# The server, which does the work. The client below only asks for it; other services can, too (gRPC)."
    );
    println!("$ selvedge-server {} &", server.arguments.join(" "));
    println!("$ export SELVEDGE_SERVER={}", server.url);
    let same = tour::Tour { stage, programs: &programs, server }.run().await?;
    println!("(in {:.0} s, without building)", start.elapsed().as_secs_f64());
    Ok(same)
}

/// Says honestly what is being used.
async fn set(args: &Args) -> anyhow::Result<Stage> {
    if let Some(url) = &args.weaviate_url {
        let stage = Stage::theirs(url, args.weaviate_grpc_url.clone(), "Demo").await?;
        let (version, pattern) = (&stage.version, stage.pattern().unwrap_or_default());
        println!(
            "\nWeaviate {version} at {url}, yours: only collections named {pattern} are made, used and dropped."
        );
        return Ok(stage);
    }
    let Some(binary) = real_binary() else {
        let stage = Stage::own(Flavour::StandIn).await?;
        println!(
            "\nThere is no weaviate on PATH, so this plays on the stand-in: an in-memory imitation of Weaviate"
        );
        println!(
            "{} that Selvedge's tests run on. For the real thing put one on PATH, or say",
            stage.version
        );
        println!("cargo quickstart -- --weaviate-url URL.");
        return Ok(stage);
    };
    let stage = Stage::own(Flavour::Real).await?;
    println!("\nWeaviate {}: {}, started for this run only.", stage.version, binary.display());
    Ok(stage)
}

impl Running {
    /// First the server goes, which might still be writing.
    async fn close(self) -> anyhow::Result<()> {
        if let Some(mut server) = self.server {
            server.kill().await?;
        }
        if let Some(stage) = self.stage {
            stage.close().await?;
        }
        Ok(())
    }
}
