//! A restore of which Weaviate takes nothing: what is kept of each object that was refused adds up.

use anyhow::Context;
use selvedge_tests::stand_in::faults::{Call, Objects};

use crate::data;
use crate::ground::Ground;
use crate::report;

const DIMENSIONS: usize = 4;
/// What the larger of the two counts is a multiple of.
const TIMES: usize = 4;
/// Nothing that passes, and in Weaviate's words.
const REASON: &str = "invalid text property 'text' on class 'Copy': not a string, but json.Number";
/// The exit code for what is not whole.
const PARTIAL: i32 = 5;

/// Measure a restore of which everything is refused for good, on the stand-in.
#[derive(clap::Args)]
pub struct Args {
    /// A quarter of them is measured too, to compare.
    #[arg(long, default_value_t = 1_000_000)]
    objects: usize,
}

/// What a restore needs of its server.
struct Cost {
    objects: usize,
    /// Of processor time.
    seconds: f64,
    memory: u64,
}

pub async fn run(args: &Args, mut ground: Ground<'_>) -> anyhow::Result<()> {
    let few = restore(&mut ground, args.objects / TIMES).await?;
    let all = restore(&mut ground, args.objects).await?;
    report::head(ground.stage, "the stand-in; a restore of which every object is refused for good");
    println!("{:<28} {:>12} {:>8}", "", "processor s", "MiB");
    for Cost { objects, seconds, memory } in [&few, &all] {
        let what = format!("{objects} objects");
        println!("{what:<28} {seconds:>12.2} {:>8.0}", report::mebibytes(*memory));
    }
    let (time, memory) = (all.seconds / few.seconds, all.memory as f64 / few.memory as f64);
    println!("{:<28} {time:>12.2} {memory:>8.2}", "ratio");
    println!();
    println!("time that grows as objects do has a ratio of {TIMES}");
    Ok(())
}

/// By a server that does nothing else.
async fn restore(ground: &mut Ground<'_>, objects: usize) -> anyhow::Result<Cost> {
    report::step(&format!("{objects} objects"));
    let stand_in = ground.stage.stand_in().context("only the stand-in refuses what it is told to")?;
    let faults = stand_in.faults();
    let (source, copy) = (ground.stage.name("Source"), ground.stage.name("Copy"));
    ground.create(&data::small_class(&source)).await?;
    ground.bare.load(data::small_requests(&source, "", objects, DIMENSIONS)).await?;
    ground.selvedge.start_afresh().await?;
    ground.selvedge.run(&["backup", "--id", "first", &source]).await?;
    ground.selvedge.start_afresh().await?;
    faults.on(Call::grpc("BatchObjects")).always().refuse_objects(Objects::All, REASON);
    let before = ground.selvedge.processor_time()?;
    ground
        .selvedge
        .ends_with(PARTIAL, &["restore", "first", "--rename", &format!("{source}={copy}")])
        .await?;
    let seconds = (ground.selvedge.processor_time()? - before).as_secs_f64();
    let memory = ground.selvedge.peak_memory()?;
    report::detail(
        "restore",
        &format!("{seconds:.2} s of processor time, {:.0} MiB", report::mebibytes(memory)),
    );
    faults.clear();
    ground.clear(&[&source, &copy]).await?;
    Ok(Cost { objects, seconds, memory })
}
