//! The errors that failed calls become.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use tonic::Status;

use super::cancel::Cut;
use super::fault::{Fault, Outlook};
use selvedge_model::error::{Error, Kind};

/// A REST call that failed: what that means here, and what to say of it.
#[derive(Debug)]
pub struct Failed {
    pub fault: Fault,
    /// Weaviate's own words, if there were any.
    pub words: Box<str>,
    pub error: Error,
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

impl From<Cut> for Failed {
    fn from(cut: Cut) -> Self {
        Self { fault: Fault::Cancelled, words: Box::default(), error: cut.into() }
    }
}

impl Failed {
    fn new(fault: Fault, error: Error) -> Self {
        Self { fault, words: Box::default(), error }
    }
}

/// The error for something of an action that failed, as far as its kind and its hint go by the fault.
pub fn error(fault: Fault, text: String) -> Error {
    let error = with_hint(Error::new(fault.kind(), text));
    if fault.outlook() == Outlook::Unclear { error.unclear() } else { error }
}

/// A call that could not be made, for want of something to show.
pub fn from_bearer(error: Error) -> Failed {
    let fault = if error.is_transient() { Fault::Busy } else { Fault::Unauthenticated };
    Failed::new(fault, error)
}

/// A REST answer that is not a success.
pub fn from_rest(action: &str, status: StatusCode, body: &str) -> Failed {
    let words = message_of(body);
    let fault = Fault::of_rest(status, &words);
    let code = status.as_u16();
    let text = if words.is_empty() { format!("HTTP {code}") } else { format!("{words} (HTTP {code})") };
    Failed { fault, words: words.into(), error: error(fault, format!("cannot {action}: {text}")) }
}

/// A REST call that is answered with another address.
pub fn from_redirect(action: &str, url: &str, status: StatusCode, address: Option<&str>) -> Failed {
    let code = status.as_u16();
    let to = address.unwrap_or("another address");
    let text = format!("cannot {action}: {url} redirects to {to} (HTTP {code})");
    let hint = "set the address itself as that of Weaviate's REST API in the server's configuration";
    Failed::new(Fault::Refused, Error::new(Kind::WeaviateRefused, text).hint(hint))
}

/// A REST answer for which there is no room.
pub fn no_room(action: &str, bytes: usize) -> Failed {
    let fault = Fault::LargerThanRoom(bytes);
    Failed::new(fault, error(fault, format!("cannot {action}: the answer has {bytes} bytes or more")))
}

/// The status of a gRPC call that was not answered in time.
pub fn unanswered(limit: Duration) -> Status {
    let text = format!("timed out after {} s", limit.as_secs());
    let mut status = Status::deadline_exceeded(text.clone());
    status.set_source(Arc::new(io::Error::new(io::ErrorKind::TimedOut, text)));
    status
}

/// A REST call that got no answer.
pub fn from_transport(action: &str, url: &str, error: reqwest::Error) -> Failed {
    let cause = if error.is_timeout() { "timed out".to_owned() } else { innermost(&error).to_string() };
    let text = format!("cannot {action}: no answer from Weaviate at {url}: {cause}");
    let hint = "check that Weaviate runs, and the address of its REST API in the server's configuration";
    Failed::new(Fault::Unanswered, Error::new(Kind::WeaviateUnreachable, text).hint(hint))
}

/// The error for a gRPC call that failed.
pub fn from_status(action: &str, url: &str, status: Status) -> Error {
    match (Fault::of_status(&status), status.source()) {
        (Fault::Cancelled, _) => Cut.into(),
        (Fault::Unanswered, Some(source)) => {
            let cause = innermost(source);
            let text = format!("cannot {action}: no answer from Weaviate's gRPC port at {url}: {cause}");
            Error::new(Kind::WeaviateUnreachable, text).hint(
                "check that Weaviate runs, and the address of its gRPC API in the server's configuration",
            )
        }
        (fault, _) => {
            let said = status.message();
            let text = if said.is_empty() { status.code().description() } else { said };
            error(fault, format!("cannot {action}: {text}"))
        }
    }
}

/// The cause of causes: the layers above it only say in which of them it was noticed.
fn innermost<'e>(error: &'e (dyn std::error::Error + 'static)) -> &'e (dyn std::error::Error + 'static) {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}

fn with_hint(error: Error) -> Error {
    let hint = match error.kind() {
        Kind::WeaviateUnauthenticated => {
            "set Weaviate's key in the server's configuration, or leave it out where Weaviate takes none"
        }
        Kind::WeaviatePermissionDenied => {
            "give the key's role this permission in Weaviate, or use another key"
        }
        Kind::WeaviateOverloaded => "try again when Weaviate has recovered; its log says more",
        Kind::ShardsUnavailable => "bring all of Weaviate's nodes up, then try again",
        Kind::TenantInactive => "activate the tenants in Weaviate, or choose active ones",
        Kind::CollectionNotFound => "list what there is",
        _ => return error,
    };
    error.hint(hint)
}

/// The text inside Weaviate's `{"error": [{"message": …}]}`, or the start of whatever was sent instead.
fn message_of(body: &str) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let messages = parsed.as_ref().and_then(|value| value["error"].as_array());
    if let Some(messages) = messages {
        let texts: Vec<_> = messages.iter().filter_map(|error| error["message"].as_str()).collect();
        return texts.join("; ");
    }
    let message = parsed.as_ref().and_then(|value| value["message"].as_str());
    message.unwrap_or(body).chars().take(300).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_error_quotes_weaviate() {
        let body = r#"{"error":[{"message":"class name already exists"}]}"#;
        let failed = from_rest("create collection \"A\"", StatusCode::UNPROCESSABLE_ENTITY, body);
        let error = failed.error;
        assert_eq!(error.to_string(), "cannot create collection \"A\": class name already exists (HTTP 422)");
        assert_eq!(error.kind(), Kind::WeaviateRefused);
        assert!(!error.is_transient());
    }
}
