//! What a backup takes that reads only what has changed, beside one that reads everything.

use std::time::Instant;

use anyhow::Context;
use serde_json::Value;

use crate::changes;
use crate::data;
use crate::ground::Ground;
use crate::report;

/// A full backup, changes, and an incremental one.
#[derive(clap::Args)]
pub struct Args {
    #[arg(long, default_value_t = 100_000)]
    objects: usize,

    /// Of each vector.
    #[arg(long, default_value_t = 768)]
    dimensions: usize,

    /// One in so many is changed; one in twice as many is deleted, and as many are new.
    #[arg(long, default_value_t = 100)]
    one_in: usize,

    /// The best of so many counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// The best of all rounds.
#[derive(Clone, Copy)]
struct Taken {
    seconds: f64,
    bytes: u64,
}

pub async fn run(args: &Args, ground: Ground<'_>) -> anyhow::Result<()> {
    let source = ground.stage.name("Source");
    let few = args.objects / args.one_in / 2;
    let mut requests: Vec<_> = data::requests(&source, args.objects + few, args.dimensions).collect();
    let new = changes::take_last(&mut requests, few);
    ground.create(&data::class(&source)).await?;
    report::step("loading");
    ground.bare.load(requests.iter().cloned()).await?;
    changes::settle().await;
    ground.selvedge.start_afresh().await?;
    let mut full = None;
    for round in 1..=args.rounds {
        full = best(full, backup(&ground, &format!("full-{round}"), &[]).await?);
    }
    report::step("changing");
    changes::make(&ground, &source, &requests, args.one_in).await?;
    ground.bare.load(new).await?;
    let parent = format!("full-{}", args.rounds);
    let (mut times, mut content) = (None, None);
    for round in 1..=args.rounds {
        let options = ["--parent", &parent];
        times = best(times, backup(&ground, &format!("times-{round}"), &options).await?);
    }
    let options = ["--parent", &parent, "--check-all"];
    content = best(content, backup(&ground, "content", &options).await?);
    ground.selvedge.run(&["verify", "times-1", "--against-live"]).await?;
    let (Some(full), Some(times), Some(content)) = (full, times, content) else {
        anyhow::bail!("there was no round");
    };
    let what = format!(
        "{} objects of {} dimensions and about 600 bytes; one in {} changed, half as many deleted, and new; best of {}",
        args.objects, args.dimensions, args.one_in, args.rounds
    );
    report::head(ground.stage, &what);
    println!("{:<28} {:>10} {:>10} {:>8} {:>8}", "", "seconds", "MiB", "time", "bytes");
    let line = |what: &str, taken: Taken| {
        let (time, bytes) = (taken.seconds / full.seconds, taken.bytes as f64 / full.bytes as f64);
        let mebibytes = report::mebibytes(taken.bytes);
        println!("{what:<28} {:>10.2} {mebibytes:>10.1} {time:>8.2} {bytes:>8.3}", taken.seconds);
    };
    line("full", full);
    line("incremental", times);
    line("incremental, --check-all", content);
    let peak = report::mebibytes(ground.selvedge.peak_memory()?);
    println!("\npeak memory of selvedge-server: {peak:.0} MiB");
    Ok(())
}

fn best(before: Option<Taken>, now: Taken) -> Option<Taken> {
    Some(before.filter(|before| before.seconds <= now.seconds).unwrap_or(now))
}

/// What it took, and the bytes that are the backup's own.
async fn backup(ground: &Ground<'_>, id: &str, options: &[&str]) -> anyhow::Result<Taken> {
    let source = ground.stage.name("Source");
    let start = Instant::now();
    ground.selvedge.run(&[&["backup", "--id", id, &source][..], options].concat()).await?;
    let seconds = start.elapsed().as_secs_f64();
    let shown: Value = serde_json::from_str(&ground.selvedge.ends_with(0, &["--json", "show", id]).await?)?;
    let inherited = &shown["collections"][0]["inheritance"]["bytes"];
    let bytes = shown["bytes"].as_u64().context("bytes")? - inherited.as_u64().unwrap_or(0);
    report::detail(id, &format!("{seconds:>6.2} s, {:.1} MiB", report::mebibytes(bytes)));
    Ok(Taken { seconds, bytes })
}
