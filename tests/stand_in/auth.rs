//! API keys, as the server checks them.

use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::response::{IntoResponse, Response};
use tonic::Status;

use super::Shared;
use super::refusal::Refusal;

const NOT_ANONYMOUS: &str =
    "anonymous access not enabled. Please authenticate through one of the available methods: [API-keys]";
const NO_SCHEME: &str = "no authentication scheme is configured (API Key or OIDC), but an 'Authorization' header was \
    provided. Please configure an auth scheme or remove the header for anonymous access";
const WRONG_KEY: &str = "unauthorized: invalid api key";

/// The answer to a call without the key that is wanted.
pub(crate) fn check(shared: &Shared, request: &Request, is_grpc: bool) -> Option<Response> {
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|value| value.strip_prefix("Bearer "));
    let text = match (&shared.options.api_key, token) {
        (Some(key), Some(token)) if key == token => return None,
        (Some(_), Some(_)) => WRONG_KEY,
        (Some(_), None) if is_grpc => WRONG_KEY,
        (Some(_), None) => NOT_ANONYMOUS,
        (None, Some(_)) => NO_SCHEME,
        (None, None) => return None,
    };
    if is_grpc {
        return Some(Status::unknown(format!("extract auth: {text}")).into_http());
    }
    if request.uri().path().starts_with("/v1/.well-known/") {
        return None;
    }
    Some(Refusal::Coded(401, 401, text.into()).into_response())
}
