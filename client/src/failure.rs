//! Why a command did not do what was asked, and what to do next.

mod advice;
mod asked;
mod reason;

use std::error::Error;

use selvedge_proto::ERROR_DOMAIN;
use selvedge_proto::v1::{FailureReason, Job, JobState};
use tonic::{Code, Status};
use tonic_types::StatusExt;

pub use asked::Asked;

use crate::{ExitCode, words};

/// What ends a command without success.
#[derive(Clone, Debug)]
pub struct Failure {
    pub exit: ExitCode,
    /// The reason as the server gave it, such as `COLLECTION_NOT_FOUND`; `None` if the failure is not the server's.
    pub reason: Option<String>,
    pub message: String,
    /// What to do next; may be empty.
    pub hint: String,
}

impl Failure {
    pub fn new(exit: ExitCode, message: impl Into<String>) -> Self {
        Self { exit, reason: None, message: message.into(), hint: String::new() }
    }

    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// What the server would say of a question that is asked here.
    pub fn unconfirmed(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Refused, message)
            .hint("repeat the command with --yes if that is what you want")
            .because(FailureReason::ConfirmationRequired.id().to_owned())
    }

    /// No connection at all.
    pub fn unreachable(url: &str, error: &dyn Error) -> Self {
        let cause = root_cause(error);
        let text = format!("cannot reach selvedge-server at {url}: {cause}");
        Self::new(ExitCode::Unreachable, text).hint(connecting(url, &cause))
    }

    /// What a call was answered with.
    pub fn of_status(status: &Status, url: &str, asked: &Asked) -> Self {
        let Some(id) = reason_id(status) else { return Self::of_foreign_status(status, url) };
        let reason = FailureReason::from_id(&id);
        // The server puts its hint on a line of its own.
        let (message, hint) = status.message().split_once("\nnext: ").unwrap_or((status.message(), ""));
        Self::new(reason::exit(reason), message).hint(advice::next(reason, message, hint, asked)).because(id)
    }

    /// A status that does not come from our server: from the connection, a proxy, or somebody else's server.
    fn of_foreign_status(status: &Status, url: &str) -> Self {
        let failure = |exit, text: &str| {
            let separator = if status.message().is_empty() { "" } else { ": " };
            Self::new(exit, format!("{url} {text}{separator}{}", status.message()))
        };
        match status.code() {
            Code::Unimplemented => failure(ExitCode::Unreachable, "does not know this call")
                .hint("check that selvedge-server listens there, and that it is as new as this client"),
            Code::Unauthenticated | Code::PermissionDenied => failure(ExitCode::Refused, "refuses this call"),
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::InvalidArgument
            | Code::DeadlineExceeded
            | Code::NotFound
            | Code::AlreadyExists
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss => failure(ExitCode::Unreachable, "does not answer as selvedge-server does")
                .hint("check that selvedge-server runs and listens there"),
        }
    }

    /// Why a job that has ended did not succeed.
    pub fn of_job(job: &Job) -> Self {
        let state = words::state(job.state());
        let Some(failure) = &job.failure else {
            let exit = if job.state() == JobState::Partial { ExitCode::Partial } else { ExitCode::Failed };
            let hint = advice::next(FailureReason::Unspecified, "", "", &Asked::of_job(job));
            return Self::new(exit, format!("job {} ended {state}", job.id)).hint(hint);
        };
        let reason = failure.reason();
        let exit = match (job.state(), reason::exit(reason)) {
            (_, ExitCode::Integrity) => ExitCode::Integrity,
            (JobState::Partial, _) => ExitCode::Partial,
            (_, exit) => exit,
        };
        let hint = advice::next(reason, &failure.message, &failure.hint, &Asked::of_job(job));
        Self::new(exit, failure.message.clone()).hint(hint).because(reason.id().to_owned())
    }

    fn because(self, reason: String) -> Self {
        Self { reason: Some(reason), ..self }
    }
}

/// The reason our server gave; `None` if the status is not our server's.
pub fn reason_id(status: &Status) -> Option<String> {
    let info = status.get_details_error_info()?;
    (info.domain == ERROR_DOMAIN).then_some(info.reason)
}

/// What to do about a connection that there is not, by what TLS or HTTP/2 say of it.
fn connecting(url: &str, cause: &str) -> &'static str {
    let says = |words: &str| cause.contains(words);
    match url.starts_with("https://") {
        true if says("UnknownIssuer") => {
            "name the authority that has signed the server's certificate: --ca-file, or SELVEDGE_CA_FILE"
        }
        true if says("NotValidForName") || says("not valid for name") => {
            "call the server by a name that its certificate has: --server, or SELVEDGE_SERVER"
        }
        true if says("KeyMismatch") => "give the key that the certificate was made with: --client-key",
        true if says("InvalidMessage") || says("InvalidContentType") || says("corrupt message") => {
            "if the server has no TLS, say http:// in --server (or SELVEDGE_SERVER)"
        }
        false if says("h2 protocol error") || says("http2 error") || says("transport error") => {
            "if the server has TLS, say https:// in --server (or SELVEDGE_SERVER)"
        }
        _ => "start it with `selvedge-server`, or say with --server (or SELVEDGE_SERVER) where it listens",
    }
}

fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
#[path = "failure/tests.rs"]
mod tests;
