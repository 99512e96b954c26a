//! The benchmark: backup and restore against the barest client there can be, on one Weaviate in one run.
//!
//! Only ratios mean anything: Weaviate, the client and what else the machine does share its cores. Memory is the exception.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "bench/bare.rs"]
mod bare;
#[path = "bench/changes.rs"]
mod changes;
#[path = "bench/data.rs"]
mod data;
#[path = "bench/ground.rs"]
mod ground;
#[path = "bench/in_step.rs"]
mod in_step;
#[path = "bench/incremental.rs"]
mod incremental;
#[path = "bench/many.rs"]
mod many;
#[path = "bench/memory.rs"]
mod memory;
#[path = "bench/refused.rs"]
mod refused;
#[path = "bench/report.rs"]
mod report;
#[path = "bench/running.rs"]
mod running;
#[path = "bench/single.rs"]
mod single;

use anyhow::ensure;
use clap::{Parser, Subcommand};
use selvedge_tests::harness::interrupt::interrupted;
use selvedge_tests::harness::programs::Programs;
use selvedge_tests::harness::stage::Stage;
use selvedge_tests::harness::weaviate::{Flavour, real_binary};

use bare::Bare;
use ground::Ground;
use running::Selvedge;

/// Measures backup and restore as ratios to a bare client, on a real Weaviate.
///
/// Without a command, one collection. Uses the `weaviate` on PATH (or SELVEDGE_TEST_WEAVIATE_BIN), unless another is named.
#[derive(Parser)]
#[command(name = "bench", args_conflicts_with_subcommands = true)]
struct Args {
    #[command(flatten)]
    theirs: Theirs,

    #[command(flatten)]
    single: single::SingleArgs,

    #[command(subcommand)]
    shape: Option<Shape>,
}

#[derive(Subcommand)]
enum Shape {
    Incremental(incremental::Args),
    InStep(in_step::Args),
    ManyCollections(many::Collections),
    ManyTenants(many::Tenants),
    Memory(memory::Args),
    Refused(refused::Args),
}

/// A server that is there already.
#[derive(clap::Args)]
struct Theirs {
    /// Use this server instead. Only collections that are made for the benchmark are touched, and dropped after it. Its
    /// key, if it wants one, comes from WEAVIATE_API_KEY.
    #[arg(long, global = true, value_name = "URL", requires = "weaviate_grpc_url")]
    weaviate_url: Option<String>,

    #[arg(long, global = true, value_name = "URL", requires = "weaviate_url")]
    weaviate_grpc_url: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let programs = Programs::build().await?;
    let stage = stage(&args).await?;
    let mut selvedge = Selvedge::new(programs, stage.server_settings());
    let measured = tokio::select! {
        biased;
        () = interrupted() => Err(anyhow::anyhow!("interrupted")),
        measured = measure(&args, &stage, &mut selvedge) => measured,
    };
    // It may have ended already.
    let _ = selvedge.stop().await;
    stage.close().await?;
    measured
}

async fn stage(args: &Args) -> anyhow::Result<Stage> {
    let Theirs { weaviate_url, weaviate_grpc_url } = &args.theirs;
    if let Some(Shape::Refused(_)) = &args.shape {
        ensure!(weaviate_url.is_none(), "only the stand-in refuses what it is told to");
        return Stage::own(Flavour::StandIn).await;
    }
    if let Some(url) = weaviate_url {
        return Stage::theirs(url, weaviate_grpc_url.clone(), "Bench").await;
    }
    ensure!(real_binary().is_some(), "there is no weaviate on PATH, and figures of the stand-in say nothing");
    Stage::own(Flavour::Real).await
}

async fn measure(args: &Args, stage: &Stage, selvedge: &mut Selvedge) -> anyhow::Result<()> {
    let ground = Ground { stage, selvedge, bare: Bare::new(stage)? };
    match &args.shape {
        None => single::run(&args.single, ground).await,
        Some(Shape::Incremental(args)) => incremental::run(args, ground).await,
        Some(Shape::InStep(args)) => in_step::run(args, ground).await,
        Some(Shape::ManyCollections(args)) => many::collections(args, ground).await,
        Some(Shape::ManyTenants(args)) => many::tenants(args, ground).await,
        Some(Shape::Memory(args)) => memory::run(args, ground).await,
        Some(Shape::Refused(args)) => refused::run(args, ground).await,
    }
}
