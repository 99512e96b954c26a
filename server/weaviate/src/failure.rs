//! What Weaviate's answers mean: one place for REST statuses, gRPC codes and the texts that have to tell them apart.
//!
//! Weaviate answers most gRPC failures with `Unknown` and a text, so the text is all there is to go by.

use std::borrow::Cow;
use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use tonic::{Code, Status};

use selvedge_model::error::{Error, Kind};

/// Texts by which Weaviate tells what went wrong, the more particular first.
const TEXTS: &[(&str, Kind)] = &[
    ("tenant not active", Kind::TenantInactive),
    ("tenant not found", Kind::TenantNotFound),
    ("could not find class", Kind::CollectionNotFound),
    ("class not found", Kind::CollectionNotFound),
    // A node whose schema lags behind, or a class that was dropped.
    ("not present in schema", Kind::CollectionNotFound),
    ("invalid api key", Kind::WeaviateUnauthenticated),
    ("unauthorized", Kind::WeaviateUnauthenticated),
    ("anonymous access not enabled", Kind::WeaviateUnauthenticated),
    ("authorization, forbidden", Kind::WeaviatePermissionDenied),
    // A value that Weaviate took for something else when it read it from disk; see `properties_to_json`.
    ("invalid type: *models.", Kind::CollectionUnsupported),
    ("invalid type: models.", Kind::CollectionUnsupported),
    // One that it cannot read at all.
    ("enrich schema datatypes", Kind::CollectionUnsupported),
    ("no read replica found", Kind::ShardsUnavailable),
    // What asking a shard of a dead node for its status gives.
    ("resolve node name", Kind::ShardsUnavailable),
    ("inconsistent consistency levels", Kind::ShardsUnavailable),
    ("not enough memory", Kind::WeaviateOverloaded),
    ("store is read-only", Kind::WeaviateOverloaded),
    ("READONLY", Kind::WeaviateOverloaded),
    ("cannot reach enough replicas", Kind::WeaviateOverloaded),
    ("no write replica found", Kind::WeaviateOverloaded),
    ("impossible to satisfy consistency level", Kind::ShardsUnavailable),
    ("connect: Post", Kind::WeaviateOverloaded),
    ("connection refused", Kind::WeaviateOverloaded),
    ("Node not ready", Kind::WeaviateOverloaded),
    ("no bucket for prop", Kind::WeaviateOverloaded),
    ("might have been deleted in the meantime", Kind::WeaviateOverloaded),
    ("context deadline exceeded", Kind::WeaviateOverloaded),
    ("leader not found", Kind::WeaviateOverloaded),
    // As many reads as MAXIMUM_CONCURRENT_GET_REQUESTS allows are under way.
    ("Too many requests", Kind::WeaviateOverloaded),
    // A node that is behind with the schema.
    ("deadline exceeded for waiting for update", Kind::WeaviateOverloaded),
    // What a node says of another one that is shutting down.
    ("request not found", Kind::WeaviateOverloaded),
    ("client connection is closing", Kind::WeaviateOverloaded),
    ("code = Unavailable", Kind::WeaviateOverloaded),
    ("unexpected EOF", Kind::WeaviateOverloaded),
    ("connection reset by peer", Kind::WeaviateOverloaded),
    ("broken pipe", Kind::WeaviateOverloaded),
    ("i/o timeout", Kind::WeaviateOverloaded),
];

/// What a text of Weaviate means, if it is known.
pub fn kind_of_text(text: &str) -> Option<Kind> {
    let said = without_quotes(text);
    TEXTS.iter().find(|(part, _)| said.contains(part)).map(|(_, kind)| *kind)
}

/// Without names and values of users, which Weaviate puts between quotes.
fn without_quotes(text: &str) -> Cow<'_, str> {
    if !text.contains(['"', '\'']) {
        return text.into();
    }
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['"', '\'']) {
        let (before, quoted) = rest.split_at(start);
        said.push_str(before);
        let quote = &quoted[..1];
        // An apostrophe within a word opens nothing.
        let opens = !before.ends_with(char::is_alphanumeric);
        match quoted[1..].find(quote).filter(|_| opens) {
            Some(end) => rest = &quoted[end + 2..],
            None => {
                said.push_str(quote);
                rest = &quoted[1..];
            }
        }
    }
    said.push_str(rest);
    said.into()
}

/// The most results that a page should have, if the text says that `asked` were too many. Older versions do not say how many
/// are not.
pub fn most_results(text: &str, asked: u32) -> Option<u32> {
    const SETTING: &str = "QUERY_MAXIMUM_RESULTS '";
    if asked <= 1 || !text.contains("query maximum results exceeded") {
        return None;
    }
    let told = text.split_once(SETTING).and_then(|(_, rest)| rest.split('\'').next()?.parse().ok());
    Some(told.unwrap_or(asked / 2)).filter(|most| *most < asked)
}

/// Whether a shard takes no writes for the moment.
pub fn is_about_read_only(text: &str) -> bool {
    let said = without_quotes(text);
    said.contains("store is read-only") || said.contains("READONLY")
}

/// Whether an object was refused because it has an empty list of dates and its shard is on another node.
pub fn is_about_empty_dates(text: &str) -> bool {
    text.contains("parse as time array")
}

/// Whether replicas could not be asked to agree, because one of them is down.
pub fn is_about_replicas(text: &str) -> bool {
    const TEXTS: [&str; 3] = [
        "inconsistent consistency levels",
        "impossible to satisfy consistency level",
        "cannot achieve consistency level",
    ];
    TEXTS.iter().any(|part| text.contains(part))
}

/// Whether an object that was refused with this text may be accepted later: also where the node that refused it does not
/// know the collection yet.
pub fn is_transient_text(text: &str) -> bool {
    let kind = kind_of_text(text);
    matches!(kind, Some(Kind::WeaviateOverloaded | Kind::ShardsUnavailable | Kind::CollectionNotFound))
}

/// The error for a REST answer that is not a success.
pub fn from_rest(action: &str, status: StatusCode, body: &str) -> Error {
    let text = message_of(body);
    let kind = match status {
        StatusCode::UNAUTHORIZED => Kind::WeaviateUnauthenticated,
        StatusCode::FORBIDDEN => Kind::WeaviatePermissionDenied,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Kind::WeaviateOverloaded,
        _ => kind_of_text(&text).unwrap_or(Kind::WeaviateRefused),
    };
    let code = status.as_u16();
    let text = if text.is_empty() { format!("HTTP {code}") } else { format!("{text} (HTTP {code})") };
    let error = with_hint(Error::new(kind, format!("cannot {action}: {text}")));
    // What Weaviate says of itself when it has no better word.
    if status == StatusCode::INTERNAL_SERVER_ERROR { error.unclear() } else { error }
}

/// The error for a REST call that is answered with another address.
pub fn from_redirect(action: &str, url: &str, status: StatusCode, address: Option<&str>) -> Error {
    let code = status.as_u16();
    let to = address.unwrap_or("another address");
    Error::new(Kind::WeaviateRefused, format!("cannot {action}: {url} redirects to {to} (HTTP {code})"))
        .hint("start the server with the address itself: --weaviate-url (or WEAVIATE_URL)")
}

/// The status of a gRPC call that was not answered in time.
pub fn unanswered(limit: Duration) -> Status {
    let text = format!("timed out after {} s", limit.as_secs());
    let mut status = Status::deadline_exceeded(text.clone());
    status.set_source(Arc::new(io::Error::new(io::ErrorKind::TimedOut, text)));
    status
}

/// The error for a REST call that got no answer.
pub fn from_transport(action: &str, url: &str, error: reqwest::Error) -> Error {
    let cause = if error.is_timeout() { "timed out".to_owned() } else { innermost(&error).to_string() };
    Error::new(
        Kind::WeaviateUnreachable,
        format!("cannot {action}: no answer from Weaviate at {url}: {cause}"),
    )
    .hint("check that Weaviate runs and that the server's --weaviate-url is right")
}

/// The error for a gRPC call that failed.
pub fn from_status(action: &str, url: &str, status: Status) -> Error {
    // A status that was made here, not sent by Weaviate, carries what went wrong with the connection.
    if let Some(source) = status.source().filter(|_| status.code() != Code::OutOfRange) {
        let cause = innermost(source);
        return Error::new(
            Kind::WeaviateUnreachable,
            format!("cannot {action}: no answer from Weaviate's gRPC port at {url}: {cause}"),
        )
        .hint("check that Weaviate runs and that the server's --weaviate-grpc-url is right");
    }
    let kind = kind_of_text(status.message()).unwrap_or_else(|| kind_of_code(status.code()));
    let text = if status.message().is_empty() { status.code().description() } else { status.message() };
    let error = with_hint(Error::new(kind, format!("cannot {action}: {text}")));
    if matches!(status.code(), Code::Unknown | Code::Internal) { error.unclear() } else { error }
}

/// The cause of causes: the layers above it only say in which of them it was noticed.
fn innermost(error: &dyn std::error::Error) -> &dyn std::error::Error {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}

/// Every code is listed, so that a new one has to be thought about.
fn kind_of_code(code: Code) -> Kind {
    match code {
        // Restarting, overloaded, or in a read-only mode that an operator will end.
        Code::Unavailable
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Cancelled => Kind::WeaviateOverloaded,
        Code::Unauthenticated => Kind::WeaviateUnauthenticated,
        Code::PermissionDenied => Kind::WeaviatePermissionDenied,
        Code::Unimplemented => Kind::WeaviateVersionUnsupported,
        Code::NotFound
        | Code::AlreadyExists
        | Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unknown
        | Code::Internal
        | Code::DataLoss
        | Code::Ok => Kind::WeaviateRefused,
    }
}

fn with_hint(error: Error) -> Error {
    let hint = match error.kind() {
        Kind::WeaviateUnauthenticated => {
            "give the server Weaviate's key with WEAVIATE_API_KEY or --weaviate-api-key-file"
        }
        Kind::WeaviatePermissionDenied => {
            "give the key's role this permission in Weaviate, or use another key"
        }
        Kind::WeaviateOverloaded => "try again when Weaviate has recovered; its log says more",
        Kind::ShardsUnavailable => "bring all of Weaviate's nodes up, then try again",
        Kind::TenantInactive => "activate the tenants in Weaviate, or choose active ones with --tenant",
        Kind::CollectionNotFound => "list what there is with `selvedge collections`",
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
    fn texts_decide_where_codes_do_not() {
        let kind = |code, text: &str| from_status("read", "http://w", Status::new(code, text)).kind();
        assert_eq!(
            kind(Code::Unknown, "extract auth: unauthorized: invalid api key"),
            Kind::WeaviateUnauthenticated
        );
        assert_eq!(kind(Code::Unknown, "tenant not active: 't1'"), Kind::TenantInactive);
        assert_eq!(kind(Code::Unknown, "invalid type: *models.GeoCoordinates"), Kind::CollectionUnsupported);
        assert_eq!(kind(Code::Unavailable, "x"), Kind::WeaviateOverloaded);
        assert_eq!(kind(Code::Unknown, "something new"), Kind::WeaviateRefused);
    }

    #[test]
    fn a_rest_error_quotes_weaviate() {
        let body = r#"{"error":[{"message":"class name already exists"}]}"#;
        let error = from_rest("create collection \"A\"", StatusCode::UNPROCESSABLE_ENTITY, body);
        assert_eq!(error.to_string(), "cannot create collection \"A\": class name already exists (HTTP 422)");
        assert_eq!(error.kind(), Kind::WeaviateRefused);
        assert!(!error.is_transient());
    }
}
