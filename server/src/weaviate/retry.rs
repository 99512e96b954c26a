//! How often and how long a call to Weaviate is repeated.

use std::future::Future;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder, Retryable};

use super::Cluster;
use crate::error::{Error, Result};

/// How long to wait for a Weaviate that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// A person waits for the first sign of life.
    Brief,
    /// A job may have run for hours: a restart of Weaviate must not end it. The pauses add up to this long.
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
    /// The pauses between tries.
    pub fn pauses(self) -> ExponentialBackoff {
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

impl Cluster {
    /// Repeats a call that may be repeated, until it succeeds, fails for good or patience ends.
    pub(super) async fn retrying<T, F>(&self, call: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut repeated = false;
        let result = call
            .retry(PauseBuilder(self.patience))
            .when(Error::is_transient)
            .notify(|error, pause| {
                repeated = true;
                self.observe_retry(error, pause);
            })
            .await;
        if repeated {
            self.observe_proceeding();
        }
        result
    }

    /// The pauses of a caller that repeats by itself.
    pub fn pauses(&self) -> ExponentialBackoff {
        self.patience.pauses()
    }

    pub fn observe_retry(&self, error: &Error, pause: Duration) {
        tracing::debug!(%error, ?pause, "trying again");
        if let Some(observer) = &self.observer {
            observer.retrying(error, pause);
        }
    }

    pub fn observe_proceeding(&self) {
        if let Some(observer) = &self.observer {
            observer.proceeding();
        }
    }
}

#[derive(Debug)]
struct PauseBuilder(Patience);

impl BackoffBuilder for PauseBuilder {
    type Backoff = ExponentialBackoff;

    fn build(self) -> Self::Backoff {
        self.0.pauses()
    }
}
