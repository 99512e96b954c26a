//! The stand-in as a program, to try things by hand.
#![allow(clippy::print_stdout)]

use clap::Parser;
use selvedge_tests::stand_in::{StandIn, StandInOptions};

/// An in-memory Weaviate for trying Selvedge; everything in it is gone when it ends.
#[derive(Parser)]
#[command(name = "stand-in")]
struct Args {
    /// Port of the REST API; 0 picks a free one.
    #[arg(long, default_value_t = 8080)]
    rest_port: u16,
    /// Port of the gRPC API; 0 picks a free one.
    #[arg(long, default_value_t = 50051)]
    grpc_port: u16,
    /// The server version to behave as.
    #[arg(long, default_value = "1.39.0")]
    version: String,
    /// Demand this API key.
    #[arg(long)]
    api_key: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Args { rest_port, grpc_port, version, api_key } = Args::parse();
    let options = StandInOptions { rest_port, grpc_port, version, api_key, ..StandInOptions::default() };
    let stand_in = StandIn::start(options).await?;
    println!("This is a stand-in for Weaviate {}, in memory only.", stand_in.version());
    println!("REST {}", stand_in.rest_url());
    println!("gRPC {}", stand_in.grpc_url());
    tokio::signal::ctrl_c().await?;
    stand_in.shutdown().await;
    Ok(())
}
