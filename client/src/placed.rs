//! Following a job for which the server may not have a place yet.

use std::time::{Duration, Instant};

use selvedge_proto::v1::{FailureReason, Job};

use crate::failure::Failure;
use crate::follow::{self, Call, Followed};
use crate::progress::Progress;
use crate::session::Session;
use crate::{Options, Terminal};

/// How often to ask whether there is one.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// How its progress is shown.
pub type Showing = fn(&Options, &Terminal<'_>) -> Progress;

/// Follows a job as [`follow::follow`] does, once there is a place for it, which is waited for so long.
pub async fn follow(
    call: &Call,
    wait: Option<Duration>,
    detach: bool,
    showing: Showing,
    session: &mut Session<'_, '_>,
) -> Result<Followed, Failure> {
    let since = Instant::now();
    let mut is_told = false;
    loop {
        let progress = showing(session.options, session.terminal);
        let failure = match follow::follow(call.clone(), detach, progress, session).await {
            Err(failure) if failure.reason.as_deref() == Some(FailureReason::TooManyJobs.id()) => failure,
            followed => return followed,
        };
        let left = wait.unwrap_or_default().saturating_sub(since.elapsed());
        if left.is_zero() {
            return Err(failure);
        }
        if !is_told {
            session.talk(&format!("waiting for a place: {}", failure.message));
            is_told = true;
        }
        let pause = tokio::time::sleep(left.min(ASK_AGAIN));
        session.terminal.unless_interrupted("nothing was started", pause).await?;
    }
}

/// The same, to its end.
pub async fn to_the_end(
    call: &Call,
    wait: Option<Duration>,
    showing: Showing,
    session: &mut Session<'_, '_>,
) -> Result<Job, Failure> {
    match follow(call, wait, false, showing, session).await? {
        Followed::Ended(job) | Followed::Started(job) => Ok(*job),
    }
}
