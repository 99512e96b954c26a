//! What it takes to copy a collection, to copy it again after some changes, and to repair it.

use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::changes;
use crate::data;
use crate::ground::Ground;
use crate::report;

/// A copy, its repetition, and a repair.
#[derive(clap::Args)]
pub struct Args {
    #[arg(long, default_value_t = 100_000)]
    objects: usize,

    /// Of each vector.
    #[arg(long, default_value_t = 768)]
    dimensions: usize,

    /// One in so many is changed before the copy is repeated; one in twice as many is deleted, and as many are new.
    #[arg(long, default_value_t = 100)]
    one_in: usize,

    /// Objects that are changed before the repair.
    #[arg(long, default_value_t = 50)]
    changed: usize,

    /// The best of so many counts.
    #[arg(long, default_value_t = 2)]
    rounds: usize,
}

/// The fastest of all rounds, in seconds.
#[derive(Clone, Copy)]
struct Fastest(f64);

impl Fastest {
    fn note(&mut self, what: &str, start: Instant) {
        let seconds = start.elapsed().as_secs_f64();
        report::detail(what, &format!("{seconds:>6.2} s"));
        self.0 = self.0.min(seconds);
    }
}

pub async fn run(args: &Args, ground: Ground<'_>) -> anyhow::Result<()> {
    let (source, copy) = (ground.stage.name("Source"), ground.stage.name("Copy"));
    let few = args.objects / args.one_in / 2;
    let mut requests: Vec<_> =
        data::requests(&source, args.objects + few * args.rounds, args.dimensions).collect();
    let mut new: Vec<_> = (0..args.rounds).map(|_| changes::take_last(&mut requests, few)).collect();
    ground.selvedge.start_afresh().await?;
    let rename = format!("{source}={copy}");
    let [mut load, mut drain, mut copied, mut repeated, mut backup, mut repair, mut undo] =
        [Fastest(f64::INFINITY); 7];
    for round in 1..=args.rounds {
        report::step(&format!("round {round}"));
        ground.drop_class(&copy).await?;
        ground.create(&data::class(&source)).await?;
        let start = Instant::now();
        ground.bare.load(requests.iter().cloned()).await?;
        load.note("bare loader", start);
        let start = Instant::now();
        ground.bare.drain(&source).await?;
        drain.note("bare drain", start);
        changes::settle().await;
        let start = Instant::now();
        let job = summary(
            &ground
                .selvedge
                .ends_with(0, &["--json", "copy", &source, "--rename", &rename, "--verify", "count"])
                .await?,
        )?;
        copied.note("copy", start);

        changes::make(&ground, &source, &requests, args.one_in).await?;
        ground.bare.load(new.pop().unwrap_or_default()).await?;
        let start = Instant::now();
        let since = text(&job, "id")?;
        ground.selvedge.run(&["copy", "--since", &since, "--yes"]).await?;
        repeated.note("copy --since", start);
        ensure!(ground.stage.rest.count(&copy, None).await? == ground.stage.rest.count(&source, None).await?);

        changes::settle().await;
        let id = format!("before-{round}");
        let start = Instant::now();
        ground.selvedge.run(&["backup", "--id", &id, &source]).await?;
        backup.note("backup", start);
        changes::overwrite(&ground, &requests, args.objects / args.changed + 1).await?;
        let start = Instant::now();
        let job = summary(&ground.selvedge.ends_with(0, &["--json", "repair", &id, &source]).await?)?;
        repair.note("repair", start);
        report::detail("it wrote", &job["collections"][0].to_string());
        ground.selvedge.run(&["verify", &id, "--against-live"]).await?;
        let start = Instant::now();
        ground.selvedge.run(&["undo", &text(&job, "id")?, "--yes"]).await?;
        undo.note("undo", start);
        ground.selvedge.ends_with(6, &["verify", &id, "--against-live"]).await?;
    }
    let what = format!(
        "{} objects of {} dimensions and about 600 bytes; one in {} changed, half as many deleted, and new, before the copy \
         is repeated; {} changed before the repair; best of {}",
        args.objects, args.dimensions, args.one_in, args.changed, args.rounds
    );
    report::head(ground.stage, &what);
    let line = |what: &str, taken: Fastest, of: &str, other: Fastest| {
        println!("{what:<28} {:>8.2} s {:>8.2} of {of}", taken.0, taken.0 / other.0);
    };
    line("copy", copied, "a bare loader's time", load);
    line("copy --since", repeated, "a copy's", copied);
    line("repair", repair, "a backup's", backup);
    line("undo", undo, "a backup's", backup);
    println!("\nrate of a copy: {:.2} of the bare loader's", load.0 / copied.0);
    // Whoever reads takes the cores from whoever writes: here both are one server.
    println!("and of a bare drain and then a bare load: {:.2}", (load.0 + drain.0) / copied.0);
    let peak = report::mebibytes(ground.selvedge.peak_memory()?);
    println!("peak memory of selvedge-server: {peak:.0} MiB");
    Ok(())
}

/// The last line of what a job printed as JSON.
fn summary(out: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(out.lines().last().context("the client printed nothing")?)?)
}

fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    Ok(value[field].as_str().with_context(|| format!("{field} of {value}"))?.to_owned())
}
