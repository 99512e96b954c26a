//! How often and how long a call to Weaviate is repeated.

use std::future::Future;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

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
    /// A call failed in a way that may pass, and is repeated after `pause`; it is given up after `limit` in all.
    fn retrying(&self, error: &Error, pause: Duration, limit: Duration);
    /// A call that was repeated has been answered.
    fn proceeding(&self);
}

impl Patience {
    /// How long one try of a call may take: no more than half of all patience, so that a call which is lost, as on a
    /// connection that went silent, is made once more.
    pub fn call_limit(self) -> Duration {
        match self {
            Self::Brief => Duration::from_secs(3),
            Self::Job(budget) => (budget / 2).clamp(SHORTEST_CALL, LONGEST_CALL),
        }
    }

    /// The time after which a call is not tried again.
    fn budget(self) -> Duration {
        match self {
            Self::Brief => Duration::from_secs(4),
            Self::Job(budget) => budget,
        }
    }

    /// The pauses between tries. They go on for ever: what ends them is the budget.
    fn pauses(self) -> ExponentialBackoff {
        let builder = ExponentialBuilder::default().with_jitter().without_max_times();
        let (shortest, longest) = match self {
            Self::Brief => (Duration::from_millis(200), Duration::from_secs(1)),
            Self::Job(_) => (Duration::from_millis(250), Duration::from_secs(10)),
        };
        builder.with_min_delay(shortest).with_max_delay(longest).build()
    }
}

/// What is left of patience.
#[derive(Debug, Clone, Copy)]
struct Budget {
    started: Instant,
    whole: Duration,
}

impl Budget {
    /// None if it is used up.
    fn left(self) -> Option<Duration> {
        self.whole.checked_sub(self.started.elapsed())
    }
}

tokio::task_local! {
    /// Of the tries that a call belongs to, which is made some layers further down.
    static BUDGET: Budget;
}

/// How long a call may take that could take so long by itself: not much longer than the tries it belongs to.
pub fn clipped(limit: Duration) -> Duration {
    match BUDGET.try_with(|budget| budget.left().unwrap_or_default()) {
        Ok(left) => limit.min(left.max(SHORTEST_CALL)),
        Err(_) => limit,
    }
}

/// The tries of one call: it is repeated until it succeeds, fails for good, or patience ends.
pub struct Tries<'c> {
    cluster: &'c Cluster,
    pauses: ExponentialBackoff,
    budget: Budget,
    unclear: usize,
    repeated: bool,
}

impl Tries<'_> {
    /// Makes one try. The calls it consists of have what is left of the budget.
    pub fn make<F: Future>(&self, call: F) -> impl Future<Output = F::Output> + use<F> {
        BUDGET.scope(self.budget, call)
    }

    /// Waits until it is time to try again what has failed. Gives the error back if that is no use, if patience has ended, or
    /// as soon as the job is cancelled.
    pub async fn again(&mut self, error: Error) -> Result<()> {
        let error = self.make(self.cluster.unless_starting(error)).await;
        let Some(pause) = self.next_pause(&error) else { return Err(error) };
        self.repeated = true;
        self.cluster.observe_retry(&error, pause, self.budget.whole);
        match self.cluster.stop.run_until_cancelled(tokio::time::sleep(pause)).await {
            Some(()) => Ok(()),
            None => Err(error),
        }
    }

    /// Whether what nobody can tell to be passing was tried again as often as makes sense.
    pub fn tried_unclear(&self) -> bool {
        self.unclear == UNCLEAR_TRIES
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
        let left = self.budget.left()?;
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
            match tries.make(call()).await {
                Ok(answer) => {
                    tries.done();
                    return Ok(answer);
                }
                Err(error) => tries.again(error).await?,
            }
        }
    }

    /// For a caller that repeats by itself.
    pub(super) fn tries(&self) -> Tries<'_> {
        let budget = Budget { started: Instant::now(), whole: self.patience.budget() };
        Tries { cluster: self, pauses: self.patience.pauses(), budget, unclear: 0, repeated: false }
    }

    fn observe_retry(&self, error: &Error, pause: Duration, limit: Duration) {
        tracing::debug!(%error, ?pause, "trying again");
        if let Some(observer) = &self.observer {
            observer.retrying(error, pause, limit);
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

    #[tokio::test]
    async fn a_call_takes_no_longer_than_what_is_left_of_patience() {
        let [brief, long] = [Duration::from_secs(5), Duration::from_secs(60)];
        assert_eq!(clipped(long), long);
        let with_left = async |left| {
            let budget = Budget { started: Instant::now(), whole: Duration::from_secs(left) };
            BUDGET.scope(budget, async { [clipped(brief), clipped(long)] }).await
        };
        assert_eq!(with_left(0).await, [brief, SHORTEST_CALL]);
        assert!(with_left(30).await[1] <= Duration::from_secs(30));
        assert_eq!(with_left(600).await, [brief, long]);
    }
}
