//! What a server tells of its work to those who watch many of them: numbers, as OpenMetrics has them.
//!
//! Nothing waits for a scrape. What jobs count while they run is looked at when somebody asks; what there is in repositories is
//! found out beside everything else, now and then, and never for a scrape.

mod families;
mod page;
mod stock;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::sync::Notify;

use self::families::{
    JobFamilies, KINDS, OfBytes, OfCause, OfCollection, OfEnd, OfKind, OfRepository, RepositoryFamilies,
};
pub use self::page::{Page, serve};
pub use self::stock::keep_up;
use crate::grpc::reason_of;
use crate::jobs::{Job, Lifecycle, State};
use selvedge_model::error::{Error, Result};
use selvedge_ops::{Budget, Operation, Stock, Totals};

/// Before the name of each.
const PREFIX: &str = "selvedge";

/// All numbers of a server.
#[derive(Debug)]
pub struct Metrics {
    all: Registry,
    jobs: JobFamilies,
    repositories: RepositoryFamilies,
    /// What there is in which repository, when it was looked at last.
    stocks: Mutex<BTreeMap<String, Stock>>,
    /// Told when there is something new in a repository, or something gone.
    changed: Notify,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut all = Registry::with_prefix(PREFIX);
        let (jobs, repositories) =
            (JobFamilies::registered(&mut all), RepositoryFamilies::registered(&mut all));
        Self { all, jobs, repositories, stocks: Mutex::default(), changed: Notify::new() }
    }
}

impl Metrics {
    /// The page, with what these jobs, which are those that have not ended, are at.
    pub fn render(&self, jobs: &[Arc<Job>], budget: &Budget) -> Result<String> {
        self.sample(jobs);
        self.jobs.budget.set(whole(budget.total() as u64));
        self.jobs.in_use.set(whole(budget.in_use() as u64));
        let mut text = String::new();
        encode(&mut text, &self.all)
            .map_err(|error| Error::internal("the metrics cannot be written").caused_by(error))?;
        Ok(text)
    }

    fn sample(&self, jobs: &[Arc<Job>]) {
        let mut now = KINDS.map(|kind| (kind, [0, 0, 0]));
        for job in jobs {
            let kind = job.request.operation.name();
            self.count(kind, &job.gain(false));
            let Some((_, [running, queued, waiting])) = now.iter_mut().find(|(of, _)| *of == kind) else {
                continue;
            };
            match job.state() {
                State::Pending => *queued += 1,
                State::Running | State::Cancelling => *running += 1,
                // Since they were listed.
                State::Succeeded
                | State::Partial
                | State::Failed
                | State::Cancelled
                | State::Interrupted
                | State::Refused => {
                    continue;
                }
            }
            *waiting += i64::from(job.is_waiting());
        }
        for (kind, [running, queued, waiting]) in now {
            let of = OfKind { kind };
            self.jobs.running.get_or_create(&of).set(running);
            self.jobs.queued.get_or_create(&of).set(queued);
            self.jobs.waiting.get_or_create(&of).set(waiting);
        }
    }

    fn count(&self, kind: &'static str, gain: &Totals) {
        self.jobs.objects.get_or_create(&OfKind { kind }).inc_by(gain.objects);
        for (direction, bytes) in [("read", gain.bytes_read), ("written", gain.bytes_written)] {
            self.jobs.bytes.get_or_create(&OfBytes { kind, direction }).inc_by(bytes);
        }
        for (cause, count) in &gain.retries {
            self.jobs.retries.get_or_create(&OfCause { cause: reason_of(*cause) }).inc_by(*count);
        }
    }

    /// To be told once of each job, with how it ends. A dry run is no job that succeeds or fails.
    pub fn end(&self, job: &Job, lifecycle: &Lifecycle) {
        let kind = job.request.operation.name();
        self.count(kind, &job.gain(true));
        if job.request.operation.is_dry_run() {
            return;
        }
        self.jobs.ended.get_or_create(&OfEnd { kind, state: lifecycle.state.name() }).inc();
        // What is turned down takes no time, and is no measure of what is done.
        if let Some(seconds) = lifecycle.seconds().filter(|_| lifecycle.state != State::Refused) {
            self.jobs.seconds.get_or_create(&OfKind { kind }).observe(seconds);
        }
        let is_made = matches!(lifecycle.state, State::Succeeded | State::Partial)
            && matches!(job.request.operation, Operation::Backup(_));
        // What is destroyed may have been backed up first.
        if is_made || lifecycle.report.backed_up.is_some() {
            self.catalog_changed();
        }
    }

    /// There is a backup more or less than before, or may be.
    pub fn catalog_changed(&self) {
        self.changed.notify_one();
    }

    pub fn tell_reachable(&self, repository: &str, is_reachable: bool) {
        let of = OfRepository { repository: repository.to_owned() };
        self.repositories.reachable.get_or_create(&of).set(i64::from(is_reachable));
    }

    fn tell_stock(&self, repository: &str, stock: Stock) {
        let of = OfRepository { repository: repository.to_owned() };
        self.repositories.backups.get_or_create(&of).set(whole(stock.backups));
        self.repositories.bytes.get_or_create(&of).set(whole(stock.bytes));
        match stock.newest {
            Some(time) => {
                self.repositories.newest.get_or_create(&of).set(time.timestamp());
            }
            None => {
                self.repositories.newest.remove(&of);
            }
        }
        match stock.space {
            Some((free, capacity)) => {
                self.repositories.free.get_or_create(&of).set(whole(free));
                self.repositories.capacity.get_or_create(&of).set(whole(capacity));
            }
            None => {
                self.repositories.free.remove(&of);
                self.repositories.capacity.remove(&of);
            }
        }
        let mut stocks = self.stocks.lock().unwrap_or_else(PoisonError::into_inner);
        let before = successes(&stocks);
        stocks.insert(repository.to_owned(), stock);
        let now = successes(&stocks);
        for (cluster, collection) in before.into_keys().filter(|of| !now.contains_key(of)) {
            self.repositories.last_success.remove(&OfCollection { cluster, collection });
        }
        for ((cluster, collection), time) in now {
            self.repositories.last_success.get_or_create(&OfCollection { cluster, collection }).set(time);
        }
    }
}

/// In whichever repository, by the names of the cluster and of the collection.
fn successes(stocks: &BTreeMap<String, Stock>) -> BTreeMap<(String, String), i64> {
    let mut newest = BTreeMap::new();
    for ((cluster, collection), covering) in stocks.values().flat_map(|stock| &stock.successes) {
        let (of, time) = ((cluster.name.clone(), collection.clone()), covering.time.timestamp());
        let known = newest.entry(of).or_insert(time);
        *known = time.max(*known);
    }
    newest
}

/// Gauges are signed.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
