//! Many collections, or many tenants, with a few objects each: what is measured is all that is not objects.

#[path = "many/parts.rs"]
mod parts;

use std::time::Instant;

use anyhow::ensure;
use serde_json::Value;

use crate::ground::Ground;
use crate::report;
use parts::Parts;

/// How many collections the bare client makes at once, or how many requests for tenants it has in flight.
const MAKES_AT_ONCE: [usize; 2] = [1, 4];
const READS_AT_ONCE: [usize; 4] = [1, 2, 4, 8];
/// Reading is short, so it is done more often than writing.
const READS_A_ROUND: usize = 2;
/// Selvedge may take so many times as long as the bare client.
const BOUND: f64 = 1.3;

/// Measure many small collections, as ratios of times to those of a bare client.
#[derive(clap::Args)]
pub struct Collections {
    #[arg(long, default_value_t = 300)]
    collections: usize,

    /// Of each collection.
    #[arg(long, default_value_t = 10)]
    objects: usize,

    /// Of each vector.
    #[arg(long, default_value_t = 64)]
    dimensions: usize,

    /// The best of so many counts. Weaviate takes a third of a second to make a collection, and all are made three times
    /// a round.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

/// Measure one collection of many small tenants, as ratios of times to those of a bare client.
#[derive(clap::Args)]
pub struct Tenants {
    #[arg(long, default_value_t = 2_000)]
    tenants: usize,

    /// Of each tenant.
    #[arg(long, default_value_t = 5)]
    objects: usize,

    /// Of each vector.
    #[arg(long, default_value_t = 64)]
    dimensions: usize,

    /// The best of so many counts.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

/// The shortest time so far, and with how many calls at once.
#[derive(Clone, Copy, Debug)]
struct Best {
    seconds: f64,
    at_once: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Times {
    make: Best,
    fill: Best,
    read: Best,
    backup: Best,
    restore: Best,
}

struct Many<'a> {
    ground: Ground<'a>,
    parts: Parts,
    /// The class as Weaviate shows it, and takes it.
    class: Value,
}

pub async fn collections(args: &Collections, ground: Ground<'_>) -> anyhow::Result<()> {
    let Collections { collections, objects, dimensions, rounds } = *args;
    ensure!(collections > 0, "there has to be a collection");
    let parts = Parts::collections(ground.stage, collections, objects, dimensions);
    let what =
        format!("{collections} collections of {objects} objects, {dimensions} dimensions; best of {rounds}");
    run(&what, rounds, parts, ground).await
}

pub async fn tenants(args: &Tenants, ground: Ground<'_>) -> anyhow::Result<()> {
    let Tenants { tenants, objects, dimensions, rounds } = *args;
    ensure!(tenants > 0, "there has to be a tenant");
    let parts = Parts::tenants(ground.stage, tenants, objects, dimensions);
    let what = format!("{tenants} tenants of {objects} objects, {dimensions} dimensions; best of {rounds}");
    run(&what, rounds, parts, ground).await
}

async fn run(what: &str, rounds: usize, parts: Parts, ground: Ground<'_>) -> anyhow::Result<()> {
    let class = parts.class(&ground.stage.rest).await?;
    let many = Many { ground, parts, class };
    many.ground.selvedge.start_afresh().await?;
    let mut times = Times::default();
    for round in 1..=rounds {
        report::step(&format!("round {round}"));
        many.round(&mut times).await?;
    }
    report::head(many.ground.stage, what);
    times.print();
    let peak = report::mebibytes(many.ground.selvedge.peak_memory()?);
    println!();
    println!("peak memory of selvedge-server: {peak:.0} MiB");
    Ok(())
}

impl Many<'_> {
    async fn round(&self, times: &mut Times) -> anyhow::Result<()> {
        let (rest, selvedge) = (&self.ground.stage.rest, &self.ground.selvedge);
        self.write(times).await?;
        let (mut last, pattern) = (String::new(), self.parts.pattern(self.ground.stage));
        for read in 1..=READS_A_ROUND {
            self.read(times).await?;
            last = format!("read-{read}");
            let start = Instant::now();
            selvedge.run(&["backup", "--id", &last, &pattern]).await?;
            times.backup.note("backup", start, 1);
        }
        self.parts.drop_all(rest).await?;
        let start = Instant::now();
        selvedge.run(&["restore", &last, "--verify", "count"]).await?;
        times.restore.note("restore", start, 1);
        self.parts.check(rest).await?;
        self.parts.drop_all(rest).await?;
        self.ground.forget_backups()
    }

    /// What a restore does, by the bare client. All is there afterwards.
    async fn write(&self, times: &mut Times) -> anyhow::Result<()> {
        let rest = &self.ground.stage.rest;
        for at_once in MAKES_AT_ONCE {
            self.parts.drop_all(rest).await?;
            let start = Instant::now();
            self.parts.make(rest, &self.class, at_once).await?;
            times.make.note("bare making", start, at_once);
        }
        let start = Instant::now();
        self.ground.bare.load(self.parts.requests()).await?;
        times.fill.note("bare filling", start, 1);
        Ok(())
    }

    /// What a backup does, by the bare client.
    async fn read(&self, times: &mut Times) -> anyhow::Result<()> {
        let parts = self.parts.all();
        for at_once in READS_AT_ONCE {
            let start = Instant::now();
            let read = self.ground.bare.read_each(&parts, at_once).await?;
            times.read.note("bare reading", start, at_once);
            let there = self.parts.objects();
            ensure!(read == there, "the bare client read {read} of {there} objects");
        }
        Ok(())
    }
}

impl Default for Best {
    fn default() -> Self {
        Self { seconds: f64::INFINITY, at_once: 0 }
    }
}

impl Best {
    fn note(&mut self, what: &str, start: Instant, at_once: usize) {
        let seconds = start.elapsed().as_secs_f64();
        report::detail(what, &format!("{seconds:>8.2} s, {at_once} at once"));
        if seconds < self.seconds {
            *self = Self { seconds, at_once };
        }
    }
}

impl Times {
    fn print(&self) {
        let Self { make, fill, read, backup, restore } = self;
        let bare = |what: &str, seconds: f64| println!("{what:<42} {seconds:>8.2}");
        let ours = |what: &str, seconds: f64, bare: f64| {
            let (ratio, verdict) = (seconds / bare, if seconds / bare > BOUND { "too slow" } else { "" });
            println!("{what:<42} {seconds:>8.2} {ratio:>8.2} {verdict}");
        };
        println!("{:<42} {:>8} {:>8}", "", "seconds", "ratio");
        bare(&format!("bare Search for each, {} at once", read.at_once), read.seconds);
        ours("selvedge backup", backup.seconds, read.seconds);
        let write = make.seconds + fill.seconds;
        bare(&format!("bare making, {} at once", make.at_once), make.seconds);
        bare("bare BatchObjects, 4 at once", fill.seconds);
        ours("selvedge restore, counted", restore.seconds, write);
        println!();
        println!(
            "a ratio is time to time: 1 is equal, {BOUND} the bound; the restore's is to both lines above it"
        );
    }
}
