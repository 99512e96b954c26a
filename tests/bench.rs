//! The benchmark: backup and restore against the barest client there can be, on one Weaviate in one run.
//!
//! Only ratios mean anything: Weaviate, the client and what else the machine does share its cores.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "bench/bare.rs"]
mod bare;
#[path = "bench/data.rs"]
mod data;
#[path = "bench/report.rs"]
mod report;
#[path = "bench/run.rs"]
mod run;

use anyhow::ensure;
use clap::Parser;
use selvedge_tests::harness::interrupt::interrupted;
use selvedge_tests::harness::programs::{Programs, ServerProcess};
use selvedge_tests::harness::stage::Stage;
use selvedge_tests::harness::weaviate::{Flavour, real_binary};

use bare::Bare;
use run::Bench;

/// Measures backup and restore as ratios to a bare client, on a real Weaviate.
///
/// Uses the `weaviate` on PATH (or SELVEDGE_TEST_WEAVIATE_BIN), unless another is named.
#[derive(Parser)]
#[command(name = "bench")]
pub struct Args {
    /// Use this server instead. Only collections that are made for the benchmark are touched, and dropped after it. Its
    /// key, if it wants one, comes from WEAVIATE_API_KEY.
    #[arg(long, value_name = "URL", requires = "weaviate_grpc_url")]
    weaviate_url: Option<String>,

    #[arg(long, value_name = "URL", requires = "weaviate_url")]
    weaviate_grpc_url: Option<String>,

    #[arg(long, default_value_t = 100_000)]
    objects: usize,

    /// Of each vector.
    #[arg(long, default_value_t = 768)]
    dimensions: usize,

    /// The best of so many counts.
    #[arg(long, default_value_t = 2)]
    rounds: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let programs = Programs::build().await?;
    let stage = match &args.weaviate_url {
        Some(url) => Stage::theirs(url, args.weaviate_grpc_url.clone(), "Bench").await?,
        None => {
            ensure!(
                real_binary().is_some(),
                "there is no weaviate on PATH, and figures of the stand-in say nothing"
            );
            Stage::own(Flavour::Real).await?
        }
    };
    let mut server = None;
    let measured = tokio::select! {
        biased;
        () = interrupted() => Err(anyhow::anyhow!("interrupted")),
        measured = measure(&args, &stage, &programs, &mut server) => measured,
    };
    if let Some(mut server) = server {
        // It may have ended already.
        let _ = server.kill().await;
    }
    stage.close().await?;
    measured
}

async fn measure(
    args: &Args,
    stage: &Stage,
    programs: &Programs,
    server: &mut Option<ServerProcess>,
) -> anyhow::Result<()> {
    Bench { args, stage, programs, bare: Bare::new(stage)? }.run(server).await
}
