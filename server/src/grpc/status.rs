//! The one table from failures to gRPC, and the statuses made from it.

use std::collections::HashMap;
use std::time::Duration;

use selvedge_proto::ERROR_DOMAIN;
use selvedge_proto::v1::FailureReason as Reason;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use selvedge_model::error::{Error, Kind};

/// Statuses travel in HTTP/2 trailers, which proxies limit to few KiB. Of the 4 KiB that Selvedge keeps to, this is for
/// the text; the rest is for the details beside it.
const TEXT_BUDGET: usize = 3000;
const FIELD_TEXT_BUDGET: usize = 400;

/// The status code and the reason of each kind of failure. No arm catches all, so that a new kind does not compile until
/// somebody decides. Never `Unavailable`: proxies would repeat the call, and so the job.
pub fn table(kind: Kind) -> (Code, Reason) {
    match kind {
        Kind::InvalidRequest => (Code::InvalidArgument, Reason::InvalidRequest),
        Kind::CollectionNotFound => (Code::NotFound, Reason::CollectionNotFound),
        Kind::TenantNotFound => (Code::NotFound, Reason::TenantNotFound),
        Kind::BackupNotFound => (Code::NotFound, Reason::BackupNotFound),
        Kind::JobNotFound => (Code::NotFound, Reason::JobNotFound),
        Kind::ClusterUnknown => (Code::NotFound, Reason::ClusterUnknown),
        Kind::RepositoryUnknown => (Code::NotFound, Reason::RepositoryUnknown),
        Kind::CollectionExists => (Code::AlreadyExists, Reason::CollectionExists),
        Kind::BackupExists => (Code::AlreadyExists, Reason::BackupExists),
        Kind::RequestIdReused => (Code::AlreadyExists, Reason::RequestIdReused),
        Kind::CollectionBusy => (Code::Aborted, Reason::CollectionBusy),
        Kind::TooManyJobs => (Code::ResourceExhausted, Reason::TooManyJobs),
        Kind::ConfirmationRequired => (Code::FailedPrecondition, Reason::ConfirmationRequired),
        Kind::CollectionUnsupported => (Code::FailedPrecondition, Reason::CollectionUnsupported),
        Kind::TenantInactive => (Code::FailedPrecondition, Reason::TenantInactive),
        Kind::WeaviateUnreachable => (Code::FailedPrecondition, Reason::WeaviateUnreachable),
        Kind::WeaviateUnauthenticated => (Code::FailedPrecondition, Reason::WeaviateUnauthenticated),
        Kind::WeaviatePermissionDenied => (Code::PermissionDenied, Reason::WeaviatePermissionDenied),
        Kind::WeaviateVersionUnsupported => (Code::FailedPrecondition, Reason::WeaviateVersionUnsupported),
        Kind::WeaviateRefused => (Code::FailedPrecondition, Reason::WeaviateRefused),
        Kind::WeaviateOverloaded => (Code::Aborted, Reason::WeaviateOverloaded),
        Kind::WeaviateUnintelligible => (Code::Internal, Reason::WeaviateUnintelligible),
        Kind::ShardsUnavailable => (Code::Aborted, Reason::ShardsUnavailable),
        Kind::SchemaChanged => (Code::Aborted, Reason::SchemaChanged),
        Kind::SchemaMismatch => (Code::FailedPrecondition, Reason::SchemaMismatch),
        Kind::CountMismatch => (Code::DataLoss, Reason::CountMismatch),
        Kind::ObjectsRefused => (Code::Aborted, Reason::ObjectsRefused),
        Kind::BackupIncomplete => (Code::Aborted, Reason::BackupIncomplete),
        Kind::RestoreIncomplete => (Code::Aborted, Reason::RestoreIncomplete),
        Kind::ContentMismatch => (Code::DataLoss, Reason::ContentMismatch),
        Kind::DifferencesFound => (Code::Aborted, Reason::DifferencesFound),
        Kind::ReferenceTargetMissing => (Code::FailedPrecondition, Reason::ReferenceTargetMissing),
        Kind::BackupCorrupt => (Code::DataLoss, Reason::BackupCorrupt),
        Kind::BackupFormatUnknown => (Code::FailedPrecondition, Reason::BackupFormatUnknown),
        Kind::RepositoryNotFound => (Code::FailedPrecondition, Reason::RepositoryNotFound),
        Kind::RepositoryUnavailable => (Code::FailedPrecondition, Reason::RepositoryUnavailable),
        Kind::RepositoryFull => (Code::ResourceExhausted, Reason::RepositoryFull),
        Kind::Cancelled => (Code::Cancelled, Reason::Cancelled),
        Kind::ServerStopped => (Code::Aborted, Reason::ServerStopped),
        Kind::JobNotResumable => (Code::FailedPrecondition, Reason::JobNotResumable),
        Kind::JobSuperseded => (Code::Aborted, Reason::JobSuperseded),
        Kind::ObjectConflict => (Code::AlreadyExists, Reason::ObjectConflict),
        Kind::BackupHeld => (Code::FailedPrecondition, Reason::BackupHeld),
        Kind::BackupInUse => (Code::Aborted, Reason::BackupInUse),
        Kind::CallerUnknown => (Code::Unauthenticated, Reason::CallerUnknown),
        Kind::CallerNotAllowed => (Code::PermissionDenied, Reason::CallerNotAllowed),
        Kind::KeyMissing => (Code::FailedPrecondition, Reason::KeyMissing),
        Kind::Internal => (Code::Internal, Reason::Internal),
    }
}

/// The reason of a failure, as programs know it.
pub fn reason_of(kind: Kind) -> &'static str {
    table(kind).1.id()
}

/// When to try again, for what passes by itself.
fn retry_after(kind: Kind) -> Option<Duration> {
    match kind {
        Kind::CollectionBusy | Kind::TooManyJobs => Some(Duration::from_secs(5)),
        Kind::WeaviateOverloaded => Some(Duration::from_secs(30)),
        _ => None,
    }
}

/// The status of a call that is refused: there is no job that could carry the hint, so the text does.
pub fn refusal(error: Error) -> Status {
    let (code, reason) = table(error.kind());
    match code {
        Code::Internal | Code::DataLoss => tracing::error!(reason = reason.id(), %error, "call failed"),
        // Counted where they are refused: whoever guesses fills no log.
        Code::Unauthenticated => {}
        _ => tracing::info!(reason = reason.id(), %error, "call refused"),
    }
    let text = match error.hint_text() {
        Some(hint) => format!("{error}\nnext: {hint}"),
        None => error.to_string(),
    };
    build(&error, &text, HashMap::new())
}

/// The status at the end of a job's stream. The job's last message has the hint.
pub fn job_end(error: &Error, job_id: &str) -> Status {
    build(error, &error.to_string(), HashMap::from([("job_id".to_owned(), job_id.to_owned())]))
}

fn build(error: &Error, text: &str, metadata: HashMap<String, String>) -> Status {
    let (code, reason) = table(error.kind());
    let mut details = ErrorDetails::new();
    details.set_error_info(reason.id(), ERROR_DOMAIN, metadata);
    if let Some(delay) = retry_after(error.kind()) {
        details.set_retry_info(Some(delay));
    }
    if let Some(field) = error.field() {
        details.add_bad_request_violation(field, shorten(&error.to_string(), FIELD_TEXT_BUDGET));
    }
    Status::with_error_details(code, shorten(text, TEXT_BUDGET), details)
}

/// Cuts a text so that it takes at most `budget` bytes of a status, in which it is twice: once percent-encoded, and once
/// in the details as base64.
fn shorten(text: &str, budget: usize) -> String {
    let cost = |c: char| {
        let plain = c.is_ascii_alphanumeric()
            || matches!(c, '.' | ',' | ':' | ';' | '-' | '_' | '/' | '(' | ')' | '\'');
        c.len_utf8() * if plain { 1 } else { 3 } + (c.len_utf8() * 4).div_ceil(3)
    };
    let mut spent = 0;
    let end = text.char_indices().find(|(_, c)| {
        spent += cost(*c);
        spent > budget
    });
    match end {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const KINDS: [Kind; 48] = [
        Kind::InvalidRequest,
        Kind::CollectionNotFound,
        Kind::TenantNotFound,
        Kind::BackupNotFound,
        Kind::JobNotFound,
        Kind::ClusterUnknown,
        Kind::RepositoryUnknown,
        Kind::CollectionExists,
        Kind::BackupExists,
        Kind::RequestIdReused,
        Kind::CollectionBusy,
        Kind::TooManyJobs,
        Kind::ConfirmationRequired,
        Kind::CollectionUnsupported,
        Kind::TenantInactive,
        Kind::WeaviateUnreachable,
        Kind::WeaviateUnauthenticated,
        Kind::WeaviatePermissionDenied,
        Kind::WeaviateVersionUnsupported,
        Kind::WeaviateRefused,
        Kind::WeaviateOverloaded,
        Kind::WeaviateUnintelligible,
        Kind::ShardsUnavailable,
        Kind::SchemaChanged,
        Kind::SchemaMismatch,
        Kind::CountMismatch,
        Kind::ObjectsRefused,
        Kind::BackupIncomplete,
        Kind::RestoreIncomplete,
        Kind::ContentMismatch,
        Kind::DifferencesFound,
        Kind::ReferenceTargetMissing,
        Kind::BackupCorrupt,
        Kind::BackupFormatUnknown,
        Kind::RepositoryNotFound,
        Kind::RepositoryUnavailable,
        Kind::RepositoryFull,
        Kind::Cancelled,
        Kind::ServerStopped,
        Kind::JobNotResumable,
        Kind::JobSuperseded,
        Kind::ObjectConflict,
        Kind::BackupHeld,
        Kind::KeyMissing,
        Kind::BackupInUse,
        Kind::CallerUnknown,
        Kind::CallerNotAllowed,
        Kind::Internal,
    ];

    #[test]
    fn each_kind_has_a_reason_of_its_own_that_the_contract_knows() {
        let reasons: HashSet<_> = KINDS.iter().map(|kind| table(*kind).1).collect();
        assert_eq!(reasons.len(), KINDS.len());
        let known = (1..).map_while(|number| Reason::try_from(number).ok());
        assert_eq!(known.collect::<HashSet<_>>(), reasons, "a reason of the contract that nothing gives");
        assert!(
            KINDS.iter().all(|kind| !matches!(table(*kind).0, Code::Ok | Code::Unknown | Code::Unavailable))
        );
    }

    #[test]
    fn a_status_stays_small_and_keeps_its_details_whatever_the_text() {
        for text in ["ü".repeat(5000), "\"".repeat(5000), "a ".repeat(5000), "𝄞".repeat(3000)] {
            let status = refusal(Error::invalid("collections", text).hint("x".repeat(5000)));
            let headers = status.clone().into_http::<()>().into_parts().0.headers;
            let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
            assert!(size < 4096, "{size}");
            let details = status.get_error_details();
            assert_eq!(details.bad_request().unwrap().field_violations[0].field, "collections");
            assert_eq!(details.error_info().unwrap().reason, "INVALID_REQUEST");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do_next_and_when() {
        let status = refusal(Error::new(Kind::TooManyJobs, "4 jobs are running").hint("try again later"));
        assert_eq!(status.message(), "4 jobs are running\nnext: try again later");
        assert!(status.get_error_details().retry_info().is_some());
        let status = job_end(&Error::new(Kind::Cancelled, "the job was cancelled").hint("hm"), "0193");
        assert_eq!((status.code(), status.message()), (Code::Cancelled, "the job was cancelled"));
        assert_eq!(status.get_error_details().error_info().unwrap().metadata["job_id"], "0193");
    }
}
