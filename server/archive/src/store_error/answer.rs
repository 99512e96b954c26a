//! What an object store over the network has answered, in words.

use std::error::Error as StdError;
use std::fmt::Write;

use object_store::client::{HttpError, HttpErrorKind};

use selvedge_model::error::{Error, Kind};

/// What a request came to.
pub enum Answer {
    /// Sent somewhere else: only S3 does that, to who asks the wrong region.
    Elsewhere,
    /// Refused, with the code and the message that its body has. All three providers use the same XML for it.
    Refused { status: u16, code: String, message: String },
    /// There was none.
    None { kind: HttpErrorKind, text: String },
}

/// What the texts of failed requests begin with in `object_store`.
const REDIRECTED: &str = "Received redirect without LOCATION";
const REFUSED: &str = "Server returned non-2xx status code: ";
const FAILED: &str = "Server returned error response: ";

/// Of a message: some quote everything that was signed.
const LONGEST_MESSAGE: usize = 300;

impl Answer {
    /// None if it is no answer that failed. What was answered is known by its text only: `object_store` keeps the type to itself.
    pub fn of(error: &object_store::Error) -> Option<Self> {
        let mut cause = error.source();
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<HttpError>() {
                return Some(Self::None { kind: error.kind(), text: innermost(error) });
            }
            let text = error.to_string();
            if text.starts_with(REDIRECTED) {
                return Some(Self::Elsewhere);
            }
            if let Some(rest) = text.strip_prefix(REFUSED) {
                let status = rest.split(' ').next().and_then(|status| status.parse().ok());
                return Some(Self::refused(status.unwrap_or_default(), rest));
            }
            if let Some(body) = text.strip_prefix(FAILED) {
                return Some(Self::refused(500, body));
            }
            cause = error.source();
        }
        None
    }

    /// Whether the request may have been carried out although no answer came.
    pub fn leaves_open(&self) -> bool {
        use HttpErrorKind::{Interrupted, Request, Timeout, Unknown};
        matches!(self, Self::None { kind: Timeout | Interrupted | Request | Unknown, .. })
    }

    /// Whether the store does not know what it was asked to do.
    pub fn is_not_implemented(&self) -> bool {
        matches!(self, Self::Refused { status: 501, .. })
    }

    fn refused(status: u16, body: &str) -> Self {
        let code = element(body, "Code").unwrap_or_default().to_owned();
        let message = unescaped(element(body, "Message").unwrap_or_default());
        let message = message.lines().next().unwrap_or_default().chars().take(LONGEST_MESSAGE).collect();
        Self::Refused { status, code, message }
    }

    /// `message` says what was tried.
    pub fn into_error(self, message: String) -> Error {
        let (kind, hint) = self.meaning();
        let message = format!("{message}: {}", self.text());
        Error::new(kind, message).hint(hint)
    }

    fn text(&self) -> String {
        match self {
            Self::Elsewhere => "the store sends us to another region".to_owned(),
            Self::None { text, .. } => text.clone(),
            Self::Refused { status, code, message } => {
                let mut text = format!("the store answers {status}");
                // Writing to a string does not fail.
                let _ = write!(text, "{}{code}", if code.is_empty() { "" } else { " " });
                let _ = write!(text, "{}{message}", if message.is_empty() { "" } else { ", " });
                text
            }
        }
    }

    /// The codes: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>,
    /// <https://cloud.google.com/storage/docs/xml-api/reference-status>,
    /// <https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes>.
    fn meaning(&self) -> (Kind, &'static str) {
        use Kind::{RepositoryFull, RepositoryNotFound, RepositoryUnavailable};
        match self {
            Self::Elsewhere => (RepositoryUnavailable, REGION),
            Self::None { kind: HttpErrorKind::Connect, .. } => (
                RepositoryUnavailable,
                "nothing can be reached there: check the endpoint, its scheme and port, its certificate (ca_file), the network and \
                 the proxy",
            ),
            Self::None { .. } => (
                RepositoryUnavailable,
                "it has not answered in time or has broken off: check the endpoint, its load and the network, then try again",
            ),
            Self::Refused { status, code, .. } => match (code.as_str(), status) {
                ("NoSuchUpload", _) => (
                    RepositoryUnavailable,
                    "the store has given up an upload: look for rules of the bucket that abort uploads",
                ),
                ("NoSuchBucket" | "ContainerNotFound" | "InvalidBucketName", _) | (_, 404) => (
                    RepositoryNotFound,
                    "there is no such bucket: check its name, the endpoint and the region; Selvedge does not make buckets",
                ),
                (
                    "AuthorizationHeaderMalformed"
                    | "PermanentRedirect"
                    | "IllegalLocationConstraintException",
                    _,
                )
                | (_, 301 | 307) => (RepositoryUnavailable, REGION),
                ("RequestTimeTooSkewed", _) => (
                    RepositoryUnavailable,
                    "the clock of this machine and that of the store differ by too much: set this one right (NTP)",
                ),
                (
                    "InvalidAccessKeyId"
                    | "SignatureDoesNotMatch"
                    | "AuthenticationFailed"
                    | "InvalidAuthenticationInfo",
                    _,
                )
                | (_, 401) => (
                    RepositoryUnavailable,
                    "the key is not the right one: check the key and its secret, and that both are for this store",
                ),
                ("ExpiredToken" | "InvalidToken" | "TokenRefreshRequired", _) => {
                    (RepositoryUnavailable, "the session's token is no longer good: have a new one made")
                }
                ("QuotaExceeded" | "EntityTooLarge" | "AccountLimitExceeded", _) | (_, 507) => {
                    (RepositoryFull, "free space there, or use another repository; then start the job again")
                }
                (_, 403) => (
                    RepositoryUnavailable,
                    "the key may not do that: let it list the bucket, and read, write and delete what is in it; S3 also says this of \
                     what is not there to who may not list",
                ),
                (_, 500..) | (_, 429) => (
                    RepositoryUnavailable,
                    "the store is overloaded or broken: try again when it has recovered",
                ),
                _ => (RepositoryUnavailable, "look the code up in the manual of the store"),
            },
        }
    }
}

/// What XML writes in other words.
fn unescaped(text: &str) -> String {
    let plain =
        [("&#34;", "\""), ("&quot;", "\""), ("&#39;", "'"), ("&apos;", "'"), ("&lt;", "<"), ("&gt;", ">")];
    let text = plain.iter().fold(text.to_owned(), |text, (written, meant)| text.replace(written, meant));
    text.replace("&amp;", "&")
}

const REGION: &str = "the bucket is in another region: set region (AWS_REGION) to that of the bucket";

/// The text of an element of a flat XML document, such as every store answers with.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(text, _)| text)
}

/// The innermost cause says what happened; those around it only that something did.
fn innermost(error: &dyn StdError) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> Error {
        let body = format!("<Error><Code>{code}</Code><Message>No.\nSigned: secret</Message></Error>");
        Answer::refused(status, &body).into_error("cannot list backups".to_owned())
    }

    #[test]
    fn codes_say_what_to_do() {
        let cases = [
            (404, "NoSuchBucket", "no such bucket"),
            (404, "", "no such bucket"),
            (403, "SignatureDoesNotMatch", "its secret"),
            (403, "AuthenticationFailed", "its secret"),
            (403, "RequestTimeTooSkewed", "NTP"),
            (400, "AuthorizationHeaderMalformed", "AWS_REGION"),
            (403, "AccessDenied", "let it list"),
            (503, "SlowDown", "overloaded"),
        ];
        for (status, code, hint) in cases {
            let error = refused(status, code);
            assert!(error.hint_text().unwrap().contains(hint), "{code}: {error:?}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let text = refused(403, "AccessDenied").to_string();
        assert_eq!(text, "cannot list backups: the store answers 403 AccessDenied, No.");
        assert_eq!(
            Answer::refused(502, "<html>").into_error(String::new()).to_string(),
            ": the store answers 502"
        );
    }
}
