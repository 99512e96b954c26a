//! Calls that end when their job is cancelled.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic::Status;

use selvedge_model::error::{Error, Kind};

/// For the answer to what was asked before the job was cancelled. CANCELLED is only said after the last write has been
/// answered, so that nothing is written after the job has ended; but a Weaviate that hangs may still do later what it was
/// asked then.
const LAST_ANSWER: Duration = Duration::from_secs(10);

/// What a call does to Weaviate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it can be dropped at any time.
    Reads,
    /// Once it was sent, its answer has to be waited for.
    Changes,
}

/// The job was cancelled before there was an answer.
#[derive(Debug, Clone, Copy)]
pub struct Cut;

impl Cut {
    /// For gRPC: a status that was made here, as those that tell of the connection.
    pub fn status() -> Status {
        let mut status = Status::cancelled(Self.to_string());
        status.set_source(Arc::new(Self));
        status
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the job was cancelled")
    }
}

impl std::error::Error for Cut {}

impl From<Cut> for Error {
    fn from(cut: Cut) -> Self {
        Self::new(Kind::Cancelled, cut.to_string())
    }
}

/// Makes a call that ends with `stop`; one that would begin later is not made at all.
pub async fn until_cancelled<T>(
    stop: &CancellationToken,
    effect: Effect,
    call: impl Future<Output = T>,
) -> Result<T, Cut> {
    if stop.is_cancelled() {
        return Err(Cut);
    }
    let overdue = async {
        stop.cancelled().await;
        if effect == Effect::Changes {
            tokio::time::sleep(LAST_ANSWER).await;
        }
    };
    tokio::select! {
        biased;
        answer = call => Ok(answer),
        () = overdue => Err(Cut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_changes_something_is_waited_for() {
        for (effect, waits) in [(Effect::Reads, false), (Effect::Changes, true)] {
            let stop = CancellationToken::new();
            let answered = until_cancelled(&stop, effect, async {
                stop.cancel();
                tokio::time::sleep(LAST_ANSWER / 2).await;
            });
            assert_eq!(answered.await.is_ok(), waits, "{effect:?}");
            assert!(until_cancelled(&stop, effect, async {}).await.is_err(), "{effect:?} begins nothing");
        }
    }
}
