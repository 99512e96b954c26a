//! The support matrix: what of one version of Weaviate comes back on another, tried on real servers.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "matrix/crossing.rs"]
mod crossing;
#[path = "matrix/kinds.rs"]
mod kinds;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;
use selvedge_tests::harness::interrupt::interrupted;
use selvedge_tests::harness::programs::Programs;
use selvedge_tests::harness::weaviate::real_binary;

use crossing::{Crossed, Verdict, cross};
use kinds::KINDS;

/// Backs up collections of many kinds on each version and restores them on another, or copies them there, and prints what became of them as Markdown.
///
/// Each binary is tried as the source of what goes onto the current one, and as the target of what comes from there. Exits with
/// an error if anything came back otherwise than it was, or was refused after something had been written.
#[derive(Parser)]
#[command(name = "matrix")]
struct Args {
    /// Weaviate servers of other versions.
    #[arg(value_name = "BINARY", required = true)]
    others: Vec<PathBuf>,

    /// The server of the current version [default: the `weaviate` on PATH, or SELVEDGE_TEST_WEAVIATE_BIN].
    #[arg(long, value_name = "BINARY")]
    current: Option<PathBuf>,

    /// Copy from server to server, instead of a backup and a restore.
    #[arg(long)]
    copy: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let current = args.current.clone().or_else(real_binary).context("there is no weaviate on PATH")?;
    let programs = Programs::build().await?;
    tokio::select! {
        biased;
        () = interrupted() => Err(anyhow::anyhow!("interrupted")),
        run = run(&args.others, &current, &programs, args.copy) => run,
    }
}

async fn run(others: &[PathBuf], current: &Path, programs: &Programs, copies: bool) -> anyhow::Result<()> {
    let (mut from_others, mut onto_others) = (Vec::new(), Vec::new());
    for other in others {
        from_others.push(cross(programs, other, current, copies).await?);
        onto_others.push(cross(programs, current, other, copies).await?);
    }
    print("onto", &from_others, |crossed| (&crossed.from, &crossed.onto));
    print("from", &onto_others, |crossed| (&crossed.onto, &crossed.from));
    let all = from_others.iter().chain(&onto_others);
    let failed =
        all.flat_map(|crossed| &crossed.verdicts).filter(|verdict| matches!(verdict, Verdict::Failed(_)));
    anyhow::ensure!(failed.count() == 0, "not everything came back or was refused in time");
    Ok(())
}

/// A table with a row for each kind. `versions` are those of the column and of all of them.
fn print(direction: &str, all: &[Crossed], versions: impl Fn(&Crossed) -> (&String, &String)) {
    let Some(first) = all.first() else { return };
    let columns: Vec<_> = all.iter().map(|crossed| versions(crossed).0.as_str()).collect();
    println!("\n| {direction} {} | {} |", versions(first).1, columns.join(" | "));
    println!("|---|{}", "---|".repeat(columns.len()));
    let mut reasons = Vec::new();
    for (at, kind) in KINDS.iter().enumerate() {
        let cells: Vec<_> = all.iter().map(|crossed| crossed.verdicts[at].word()).collect();
        println!("| {} | {} |", kind.name, cells.join(" | "));
        for (crossed, column) in all.iter().zip(&columns) {
            if let Some(text) = crossed.verdicts[at].text() {
                reasons.push(format!("{}, {column}: {text}", kind.name));
            }
        }
    }
    reasons.iter().for_each(|reason| eprintln!("{reason}"));
}
