//! How often and how long a call to Weaviate is repeated.

use std::future::Future;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio_util::sync::CancellationToken;

use super::Cluster;
use selvedge_model::error::{Error, Kind, Result};

/// What nobody can tell to be passing or for good is tried so often again.
const UNCLEAR_TRIES: usize = 3;
/// A call that takes longer has failed. Weaviate itself cuts its REST answers off after a minute.
const LONGEST_CALL: Duration = Duration::from_secs(60);
/// However short patience is, a call gets this long.
const SHORTEST_CALL: Duration = Duration::from_secs(10);

/// How long to wait for a Weaviate that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// A person waits for the first sign of life.
    Brief,
    /// A job may have run for hours: a restart of Weaviate must not end it. From the first try of a call to the last it
    /// takes this long.
    Job(Duration),
}

/// Hears of calls that are repeated, so that a job can show what it is waiting for.
pub trait RetryObserver: Send + Sync {
    /// A call failed in a way that may pass, and is repeated after `pause`.
    fn retrying(&self, error: &Error, pause: Duration);
    /// A call that was repeated has been answered.
    fn proceeding(&self);
}

impl Patience {
    /// How long one try of a call may take: no more than half of all patience, so that a call which is lost, as on a
    /// connection that went silent, is made once more.
    pub fn call_limit(self) -> Duration {
        match self {
            Self::Brief => Duration::from_secs(5),
            Self::Job(budget) => (budget / 2).clamp(SHORTEST_CALL, LONGEST_CALL),
        }
    }

    /// The time after which a call is not tried again.
    fn budget(self) -> Duration {
        match self {
            Self::Brief => Duration::from_secs(7),
            Self::Job(budget) => budget,
        }
    }

    /// The pauses between tries.
    fn pauses(self) -> ExponentialBackoff {
        let builder = ExponentialBuilder::default().with_jitter().without_max_times();
        match self {
            Self::Brief => builder
                .with_min_delay(Duration::from_millis(200))
                .with_max_delay(Duration::from_secs(1))
                .with_total_delay(Some(Duration::from_secs(2))),
            Self::Job(budget) => builder
                .with_min_delay(Duration::from_millis(250))
                .with_max_delay(Duration::from_secs(10))
                .with_total_delay(Some(budget)),
        }
        .build()
    }
}

/// The tries of one call: it is repeated until it succeeds, fails for good, or patience ends.
pub struct Tries<'c> {
    cluster: &'c Cluster,
    pauses: ExponentialBackoff,
    started: Instant,
    unclear: usize,
    repeated: bool,
}

impl Tries<'_> {
    /// Waits until it is time to try again what has failed. Gives the error back if that is no use, or patience has ended.
    pub async fn again(&mut self, error: Error) -> Result<()> {
        let stop = self.cluster.stop.clone();
        self.again_unless(&stop, error).await
    }

    /// As [`Tries::again`], but gives the error back as soon as `stop` is cancelled.
    pub async fn again_unless(&mut self, stop: &CancellationToken, error: Error) -> Result<()> {
        let Some(pause) = self.next_pause(&error) else { return Err(error) };
        self.repeated = true;
        self.cluster.observe_retry(&error, pause);
        match stop.run_until_cancelled(tokio::time::sleep(pause)).await {
            Some(()) => Ok(()),
            None => Err(error),
        }
    }

    /// The call has been answered.
    pub fn done(&self) {
        if self.repeated {
            self.cluster.observe_proceeding();
        }
    }

    fn next_pause(&mut self, error: &Error) -> Option<Duration> {
        let passes = error.is_transient() || error.kind() == Kind::ShardsUnavailable;
        if !passes {
            if !error.is_unclear() || self.unclear == UNCLEAR_TRIES {
                return None;
            }
            self.unclear += 1;
        }
        let left = self.cluster.patience.budget().checked_sub(self.started.elapsed())?;
        self.pauses.next().map(|pause| pause.min(left))
    }
}

impl Cluster {
    /// Repeats a call that may be repeated, until it succeeds, fails for good or patience ends.
    pub(super) async fn retrying<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut tries = self.tries();
        loop {
            match call().await {
                Ok(answer) => {
                    tries.done();
                    return Ok(answer);
                }
                Err(error) => tries.again(self.unless_starting(error).await).await?,
            }
        }
    }

    /// For a caller that repeats by itself.
    pub(super) fn tries(&self) -> Tries<'_> {
        let (pauses, started) = (self.patience.pauses(), Instant::now());
        Tries { cluster: self, pauses, started, unclear: 0, repeated: false }
    }

    fn observe_retry(&self, error: &Error, pause: Duration) {
        tracing::debug!(%error, ?pause, "trying again");
        if let Some(observer) = &self.observer {
            observer.retrying(error, pause);
        }
    }

    fn observe_proceeding(&self) {
        if let Some(observer) = &self.observer {
            observer.proceeding();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_hangs_leaves_time_for_another() {
        let limit = |seconds| Patience::Job(Duration::from_secs(seconds)).call_limit().as_secs();
        assert_eq!([limit(0), limit(30), limit(600)], [10, 15, 60]);
        assert!(Patience::Brief.call_limit() < Patience::Brief.budget());
    }
}
