//! Starting a job and following it to its end, over broken connections too.

mod call;

use std::future::pending;
use std::mem;
use std::time::Duration;

use selvedge_proto::v1::{FailureReason, Job, JobPhase, JobState};
use tokio::time::{Instant, timeout};
use tokio_stream::StreamExt;
use tonic::{Code, Status};

use call::JobStream;
pub use call::{Call, request_id};

use crate::failure::{self, Asked, Failure};
use crate::progress::Progress;
use crate::session::Session;
use crate::{ExitCode, words};

/// Waits between attempts to find the server again; they start anew after a connection that was stable.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// A connection that still carries messages after this long is not broken by what broke the one before.
const STABLE: Duration = Duration::from_secs(5);
/// How long to wait for the status behind a terminal message.
const STATUS_TIMEOUT: Duration = Duration::from_secs(5);
/// Whoever detaches still waits so long for a refusal: many plans are made by then. What is refused later `jobs watch` tells.
const REFUSED_WITHIN: Duration = Duration::from_millis(150);

/// How far a job was followed.
#[derive(Debug)]
pub enum Followed {
    /// It has a terminal state, which need not be success.
    Ended(Box<Job>),
    /// Its first message arrived, and more was not wanted.
    Started(Box<Job>),
}

/// Follows a job; with `detach` only until it has started, and was not refused at once.
pub async fn follow(
    call: Call,
    detach: bool,
    progress: Progress,
    session: &mut Session<'_, '_>,
) -> Result<Followed, Failure> {
    let mut interrupt = mem::replace(&mut session.terminal.interrupt, Box::pin(pending()));
    let mut follower = Follower { session, call, detach, progress, last: None, since: Instant::now() };
    let followed = tokio::select! {
        biased;
        () = &mut interrupt => Err(Break::Interrupted),
        followed = follower.run() => followed,
    };
    let Follower { session, mut progress, last, .. } = follower;
    progress.end(session.terminal);
    if !matches!(followed, Err(Break::Interrupted)) {
        session.terminal.interrupt = interrupt;
    }
    followed.map_err(|broken| broken.into_failure(last.as_ref(), session.server.url(), &session.asked))
}

struct Follower<'f, 's, 't> {
    session: &'f mut Session<'s, 't>,
    call: Call,
    detach: bool,
    progress: Progress,
    /// The newest state that arrived.
    last: Option<Job>,
    since: Instant,
}

impl Follower<'_, '_, '_> {
    async fn run(&mut self) -> Result<Followed, Break> {
        let mut pauses = PAUSES.iter();
        loop {
            let lost = match self.attend(&mut pauses).await {
                Err(Break::Lost(status)) => status,
                ended => return ended,
            };
            let Some(pause) = pauses.next() else { return Err(Break::Lost(lost)) };
            if pauses.len() + 1 == PAUSES.len() {
                let text = format!("lost the connection to {}; trying again", self.session.server.url());
                self.progress.note(&text, self.session);
            }
            tokio::time::sleep(*pause).await;
            // Without a first message the starting call is repeated. Its request id keeps that from starting twice, and of a
            // job that was resumed the server refuses it.
            if let Some(job) = &self.last {
                self.call = Call::Watch(job.id.clone());
            }
        }
    }

    /// Follows the job on one connection.
    async fn attend(&mut self, pauses: &mut std::slice::Iter<'_, Duration>) -> Result<Followed, Break> {
        let connecting = Instant::now();
        let mut stream = self.call.open(&self.session.server).await.map_err(Break::from)?;
        while let Some(job) = stream.next().await {
            let job = job?;
            if connecting.elapsed() >= STABLE {
                *pauses = PAUSES.iter();
            }
            let at = self.since.elapsed();
            let ended = words::has_ended(job.state());
            self.last = Some(job.clone());
            if self.detach && !ended {
                return Ok(unless_refused(job, stream).await);
            }
            self.progress.show(&job, at, self.session).map_err(Break::Failed)?;
            if ended {
                return Ok(Followed::Ended(Box::new(explained(job, stream).await)));
            }
            if self.session.terminal.reader_gone() {
                return Err(Break::Unread);
            }
        }
        Err(Break::Lost(Status::unknown("the stream ended before the job did")))
    }
}

/// A job that has started, or the refusal of it if that comes soon: no list of jobs tells of it later.
async fn unless_refused(started: Job, mut stream: JobStream) -> Followed {
    let refused = async {
        let mut is_planning = plans(&started);
        while is_planning && let Some(Ok(job)) = stream.next().await {
            if job.state() == JobState::Refused {
                return Some(job);
            }
            is_planning = plans(&job);
        }
        None
    };
    let heard = timeout(REFUSED_WITHIN, refused).await;
    match heard {
        Ok(Some(job)) => Followed::Ended(Box::new(job)),
        _ => Followed::Started(Box::new(started)),
    }
}

/// Whether it can still be refused, and soon: what waits for other jobs may wait for long.
fn plans(job: &Job) -> bool {
    !words::has_ended(job.state())
        && job.jobs_ahead == 0
        && matches!(job.phase(), JobPhase::Unspecified | JobPhase::Planning)
}

/// The job with the reason from the status behind it, should it have none itself.
async fn explained(mut job: Job, mut stream: JobStream) -> Job {
    if job.failure.is_none()
        && job.state() != JobState::Succeeded
        && let Ok(Some(Err(status))) = timeout(STATUS_TIMEOUT, stream.next()).await
        && let Some(id) = failure::reason_id(&status)
    {
        job.failure = Some(selvedge_proto::v1::JobFailure {
            reason: FailureReason::from_id(&id).into(),
            message: status.message().to_owned(),
            hint: String::new(),
        });
    }
    job
}

/// Why following stopped before the job had ended.
#[derive(Debug)]
enum Break {
    Interrupted,
    /// Nobody reads the output any more.
    Unread,
    /// The connection broke; the job may run on.
    Lost(Status),
    /// The server refused the call.
    Refused(Status),
    Failed(Failure),
}

impl From<Status> for Break {
    fn from(status: Status) -> Self {
        if failure::reason_id(&status).is_some() {
            return Self::Refused(status);
        }
        match status.code() {
            // Somebody answered, and would answer the same again.
            Code::Unimplemented
            | Code::Unauthenticated
            | Code::PermissionDenied
            | Code::InvalidArgument
            | Code::OutOfRange
            | Code::ResourceExhausted => Self::Refused(status),
            // What a broken connection, a proxy without its server, or a server that is going down look like.
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss => Self::Lost(status),
        }
    }
}

impl Break {
    fn into_failure(self, last: Option<&Job>, url: &str, asked: &Asked) -> Failure {
        match (self, last) {
            (Self::Failed(failure), _) => failure,
            (Self::Refused(status), Some(job)) if is_unknown_job(&status) => {
                Failure::new(ExitCode::NotFound, format!("the server does not know job {} any more", job.id))
                    .hint("see `selvedge jobs list` for the jobs it knows, and `selvedge list` for what is complete")
            }
            (Self::Refused(status), _) => Failure::of_status(&status, url, asked),
            (Self::Lost(status), None) => Failure::of_status(&status, url, asked)
                .hint("`selvedge jobs list` shows whether the job was started, once the server can be reached again"),
            (Self::Lost(status), Some(job)) => {
                let text = format!(
                    "lost the connection to {url}: {}; job {} may have been interrupted with the server",
                    status.message(),
                    job.id
                );
                Failure::new(ExitCode::Unreachable, text).hint(format!(
                    "once the server can be reached again, `selvedge jobs watch {0}` shows whether it runs on, and `selvedge jobs resume {0}` goes on with it if it was interrupted",
                    job.id
                ))
            }
            (Self::Interrupted, None) => {
                Failure::new(ExitCode::Interrupted, "the server had not answered yet; a job may have been started")
                    .hint("`selvedge jobs list` shows it")
            }
            (Self::Interrupted, Some(job)) => {
                let hint = format!("watch it with `selvedge jobs watch {0}`, or stop it with `selvedge jobs cancel {0}`", job.id);
                Failure::new(ExitCode::Interrupted, format!("job {} runs on", job.id)).hint(hint)
            }
            (Self::Unread, job) => {
                let id = job.map_or("", |job| &job.id);
                let text = format!("nobody reads the output; job {id} runs on");
                Failure::new(ExitCode::Interrupted, text).hint(format!("watch it with `selvedge jobs watch {id}`"))
            }
        }
    }
}

fn is_unknown_job(status: &Status) -> bool {
    failure::reason_id(status).is_some_and(|id| FailureReason::from_id(&id) == FailureReason::JobNotFound)
}

#[cfg(test)]
#[path = "follow/tests.rs"]
mod tests;
