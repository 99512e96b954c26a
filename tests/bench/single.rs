//! One collection: rates, one after the other.

use std::time::Instant;

use anyhow::ensure;
use selvedge_proto::weaviate::BatchObjectsRequest;

use crate::data::{self, OBJECTS_A_REQUEST};
use crate::ground::Ground;
use crate::report;

/// Memory is compared with what so many objects take.
const FEW: usize = 10_000;
/// Reading is short, so it is done more often than writing.
const READS_A_ROUND: usize = 2;

/// One collection.
#[derive(clap::Args)]
pub struct SingleArgs {
    #[arg(long, default_value_t = 100_000)]
    objects: usize,

    /// Of each vector.
    #[arg(long, default_value_t = 768)]
    dimensions: usize,

    /// The best of so many counts.
    #[arg(long, default_value_t = 2)]
    rounds: usize,
}

/// Objects a second: the best of all rounds.
#[derive(Clone, Copy, Debug, Default)]
struct Rates {
    drain: f64,
    backup: f64,
    load: f64,
    /// Writing and counting.
    restore: f64,
    /// The comparison that a restore ends with unless it is told not to.
    compare: f64,
}

struct Single<'a> {
    args: &'a SingleArgs,
    ground: Ground<'a>,
}

pub async fn run(args: &SingleArgs, ground: Ground<'_>) -> anyhow::Result<()> {
    let mut single = Single { args, ground };
    let source = single.ground.stage.name("Source");
    // All at hand before the clock starts.
    let requests: Vec<_> = data::requests(&source, args.objects, args.dimensions).collect();
    let few = &requests[..FEW.div_ceil(OBJECTS_A_REQUEST).min(requests.len())];
    let (_, memory_of_few) = single.rounds(few).await?;
    let (rates, memory) = single.rounds(&requests).await?;
    single.print(rates, objects(few), [memory_of_few, memory]);
    Ok(())
}

impl Single<'_> {
    /// All rounds with these objects and a fresh server, and the most memory that it ever had.
    async fn rounds(&mut self, requests: &[BatchObjectsRequest]) -> anyhow::Result<(Rates, u64)> {
        self.ground.selvedge.start_afresh().await?;
        let mut rates = Rates::default();
        for round in 1..=self.args.rounds {
            report::step(&format!("{} objects, round {round}", objects(requests)));
            self.round(requests, &mut rates).await?;
        }
        let memory = self.ground.selvedge.peak_memory()?;
        self.ground.selvedge.stop().await?;
        Ok((rates, memory))
    }

    async fn round(&self, requests: &[BatchObjectsRequest], rates: &mut Rates) -> anyhow::Result<()> {
        let objects = objects(requests);
        let load = self.load(requests).await?;
        report::detail("bare loader", &format!("{load:>7.0}/s"));
        rates.load = rates.load.max(load);
        let mut last = String::new();
        for read in 1..=READS_A_ROUND {
            let drain = self.drain(objects).await?;
            report::detail("bare drain", &format!("{drain:>7.0}/s"));
            rates.drain = rates.drain.max(drain);
            last = format!("read-{read}");
            let backup = self.backup(&last, objects).await?;
            self.detail("backup", backup)?;
            rates.backup = rates.backup.max(backup);
        }
        let (restore, compare) = self.restore(&last, objects).await?;
        self.detail("restore", restore)?;
        self.detail("compare", compare)?;
        rates.restore = rates.restore.max(restore);
        rates.compare = rates.compare.max(compare);
        self.ground.forget_backups()
    }

    fn detail(&self, what: &str, rate: f64) -> anyhow::Result<()> {
        let peak = self.ground.selvedge.peak_memory()? >> 20;
        report::detail(what, &format!("{rate:>7.0}/s, its peak memory so far {peak} MiB"));
        Ok(())
    }

    /// Fills the source, which is empty before.
    async fn load(&self, requests: &[BatchObjectsRequest]) -> anyhow::Result<f64> {
        self.ground.create(&data::class(&self.ground.stage.name("Source"))).await?;
        let start = Instant::now();
        self.ground.bare.load(requests.iter().cloned()).await?;
        Ok(rate(objects(requests), start))
    }

    async fn drain(&self, objects: usize) -> anyhow::Result<f64> {
        let start = Instant::now();
        let read = self.ground.bare.drain(&self.ground.stage.name("Source")).await?;
        ensure!(read == objects, "the drain read {read} of {objects} objects");
        Ok(rate(read, start))
    }

    async fn backup(&self, id: &str, objects: usize) -> anyhow::Result<f64> {
        let start = Instant::now();
        self.ground.selvedge.run(&["backup", "--id", id, &self.ground.stage.name("Source")]).await?;
        Ok(rate(objects, start))
    }

    /// Beside the source, compared with the backup, and gone afterwards.
    async fn restore(&self, id: &str, objects: usize) -> anyhow::Result<(f64, f64)> {
        let Ground { stage, selvedge, .. } = &self.ground;
        let (source, copy) = (stage.name("Source"), stage.name("Copy"));
        let rename = format!("{source}={copy}");
        let start = Instant::now();
        selvedge.run(&["restore", id, "--rename", &rename, "--verify", "count"]).await?;
        let restored = rate(objects, start);
        let start = Instant::now();
        selvedge.run(&["verify", id, "--rename", &rename, "--against-live"]).await?;
        let compared = rate(objects, start);
        let there = stage.rest.count(&copy, None).await?;
        ensure!(there == objects, "{there} of {objects} objects were restored");
        stage.rest.drop_class(&copy).await?;
        Ok((restored, compared))
    }

    /// `memory` is the server's peak at `few` objects, and at all.
    fn print(&self, rates: Rates, few: usize, memory: [u64; 2]) {
        let SingleArgs { objects, dimensions, rounds } = self.args;
        let what = format!(
            "{objects} objects of {dimensions} dimensions and about 600 bytes; best of {rounds} rounds"
        );
        report::head(self.ground.stage, &what);
        let bare = |what: &str, rate: f64| println!("{what:<28} {rate:>10.0}");
        let ours =
            |what: &str, rate: f64, bare: f64| println!("{what:<28} {rate:>10.0} {:>8.2}", rate / bare);
        println!("{:<28} {:>10} {:>8}", "", "objects/s", "ratio");
        bare("bare gRPC drain, 2 lanes", rates.drain);
        ours("selvedge backup", rates.backup, rates.drain);
        bare("bare BatchObjects, 4 at once", rates.load);
        ours("selvedge restore, counted", rates.restore, rates.load);
        ours("its comparison by digest", rates.compare, rates.drain);
        println!();
        let [of_few, of_all] = memory.map(report::mebibytes);
        println!(
            "peak memory of selvedge-server: {of_few:.0} MiB at {few} objects, {of_all:.0} MiB at {objects}"
        );
    }
}

fn objects(requests: &[BatchObjectsRequest]) -> usize {
    requests.iter().map(|request| request.objects.len()).sum()
}

fn rate(objects: usize, start: Instant) -> f64 {
    objects as f64 / start.elapsed().as_secs_f64()
}
