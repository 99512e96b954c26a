//! The measurements, one after the other.

use std::process::Stdio;
use std::time::Instant;

use anyhow::ensure;
use selvedge_proto::weaviate::BatchObjectsRequest;
use selvedge_tests::harness::programs::{Programs, ServerProcess};
use selvedge_tests::harness::stage::Stage;

use crate::bare::Bare;
use crate::data::{self, OBJECTS_A_REQUEST};
use crate::{Args, report};

/// Memory is compared with what so many objects take.
pub const FEW: usize = 10_000;
/// Reading is short, so it is done more often than writing.
const READS_A_ROUND: usize = 2;

pub struct Bench<'a> {
    pub args: &'a Args,
    pub stage: &'a Stage,
    pub programs: &'a Programs,
    pub bare: Bare,
}

/// Objects a second: the best of all rounds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    pub drain: f64,
    pub backup: f64,
    pub load: f64,
    /// Writing and counting.
    pub restore: f64,
    /// The comparison that a restore ends with unless it is told not to.
    pub compare: f64,
}

impl Bench<'_> {
    /// `server` is where a running server is kept, so that it can be ended whatever happens.
    pub async fn run(&self, server: &mut Option<ServerProcess>) -> anyhow::Result<()> {
        let source = self.stage.name("Source");
        let requests = data::requests(&source, self.args.objects, self.args.dimensions);
        let few = &requests[..FEW.div_ceil(OBJECTS_A_REQUEST).min(requests.len())];
        let (_, memory_of_few) = self.rounds(server, few).await?;
        let (rates, memory) = self.rounds(server, &requests).await?;
        report::print(self, rates, objects(few), [memory_of_few, memory]);
        Ok(())
    }

    /// All rounds with these objects and a fresh server, and the most memory that it ever had.
    async fn rounds(
        &self,
        server: &mut Option<ServerProcess>,
        requests: &[BatchObjectsRequest],
    ) -> anyhow::Result<(Rates, u64)> {
        let running =
            server.insert(ServerProcess::start(self.programs, &self.stage.server_settings()).await?);
        let mut rates = Rates::default();
        for round in 1..=self.args.rounds {
            report::round(round, objects(requests));
            self.round(running, requests, &mut rates).await?;
        }
        let memory = running.peak_memory()?;
        running.kill().await?;
        Ok((rates, memory))
    }

    async fn round(
        &self,
        server: &ServerProcess,
        requests: &[BatchObjectsRequest],
        rates: &mut Rates,
    ) -> anyhow::Result<()> {
        let objects = objects(requests);
        let load = self.load(requests).await?;
        report::progress("bare loader", load);
        rates.load = rates.load.max(load);
        let mut last = String::new();
        for read in 1..=READS_A_ROUND {
            let drain = self.drain(objects).await?;
            report::progress("bare drain", drain);
            rates.drain = rates.drain.max(drain);
            last = format!("read-{read}");
            let backup = self.backup(server, &last, objects).await?;
            report::progress_of_server("backup", backup, server.peak_memory()?);
            rates.backup = rates.backup.max(backup);
        }
        let (restore, compare) = self.restore(server, &last, objects).await?;
        report::progress_of_server("restore", restore, server.peak_memory()?);
        report::progress_of_server("compare", compare, server.peak_memory()?);
        rates.restore = rates.restore.max(restore);
        rates.compare = rates.compare.max(compare);
        // Enough room for the next round.
        std::fs::remove_dir_all(self.stage.repository().join("backups"))?;
        Ok(())
    }

    /// Fills the source, which is empty before.
    async fn load(&self, requests: &[BatchObjectsRequest]) -> anyhow::Result<f64> {
        let source = self.stage.name("Source");
        if self.stage.rest.classes().await?.contains(&source) {
            self.stage.rest.drop_class(&source).await?;
        }
        self.stage.rest.create(&data::class(&source)).await?;
        let start = Instant::now();
        self.bare.load(requests).await?;
        Ok(rate(objects(requests), start))
    }

    async fn drain(&self, objects: usize) -> anyhow::Result<f64> {
        let start = Instant::now();
        let read = self.bare.drain(&self.stage.name("Source")).await?;
        ensure!(read == objects, "the drain read {read} of {objects} objects");
        Ok(rate(read, start))
    }

    async fn backup(&self, server: &ServerProcess, id: &str, objects: usize) -> anyhow::Result<f64> {
        let start = Instant::now();
        self.selvedge(server, &["backup", "--id", id, &self.stage.name("Source")]).await?;
        Ok(rate(objects, start))
    }

    /// Beside the source, compared with the backup, and gone afterwards.
    async fn restore(&self, server: &ServerProcess, id: &str, objects: usize) -> anyhow::Result<(f64, f64)> {
        let (source, copy) = (self.stage.name("Source"), self.stage.name("Copy"));
        let rename = format!("{source}={copy}");
        let start = Instant::now();
        self.selvedge(server, &["restore", id, "--rename", &rename, "--verify", "count"]).await?;
        let restored = rate(objects, start);
        let start = Instant::now();
        self.selvedge(server, &["verify", id, "--rename", &rename, "--against-live"]).await?;
        let compared = rate(objects, start);
        let there = self.stage.rest.count(&copy, None).await?;
        ensure!(there == objects, "{there} of {objects} objects were restored");
        self.stage.rest.drop_class(&copy).await?;
        Ok((restored, compared))
    }

    async fn selvedge(&self, server: &ServerProcess, arguments: &[&str]) -> anyhow::Result<()> {
        let mut client = self.programs.client(server);
        let status = client.args(["--quiet"]).args(arguments).stdout(Stdio::null()).status().await?;
        ensure!(status.success(), "selvedge {} ended with {status}", arguments.join(" "));
        Ok(())
    }
}

fn objects(requests: &[BatchObjectsRequest]) -> usize {
    requests.iter().map(|request| request.objects.len()).sum()
}

fn rate(objects: usize, start: Instant) -> f64 {
    objects as f64 / start.elapsed().as_secs_f64()
}
