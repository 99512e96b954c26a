//! API keys, as the server checks them.

use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::response::{IntoResponse, Response};
use tonic::Status;

use super::Shared;
use super::refusal::Refusal;
use super::rights::Rights;

const NOT_ANONYMOUS: &str =
    "anonymous access not enabled. Please authenticate through one of the available methods: [API-keys]";
const NO_SCHEME: &str = "no authentication scheme is configured (API Key or OIDC), but an 'Authorization' header was \
    provided. Please configure an auth scheme or remove the header for anonymous access";
const WRONG_KEY: &str = "unauthorized: invalid api key";

/// What the caller may do; or what is said to a call without the key that is wanted.
pub(crate) fn rights(shared: &Shared, request: &Request, is_grpc: bool) -> Result<Rights, &'static str> {
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|value| value.strip_prefix("Bearer "));
    let options = &shared.options;
    if !is_grpc && request.uri().path().starts_with("/v1/.well-known/") {
        return Ok(Rights::default());
    }
    let is_locked = options.api_key.is_some() || !options.keys.is_empty();
    match token {
        None if !is_locked => Ok(Rights::default()),
        None if is_grpc => Err(WRONG_KEY),
        None => Err(NOT_ANONYMOUS),
        Some(_) if !is_locked => Err(NO_SCHEME),
        Some(token) if options.api_key.as_deref() == Some(token) => Ok(Rights::default()),
        Some(token) => options.keys.iter().find(|key| key.key == token).map(Rights::of).ok_or(WRONG_KEY),
    }
}

pub(crate) fn refuse(text: &str, is_grpc: bool) -> Response {
    if is_grpc {
        return Status::unknown(format!("extract auth: {text}")).into_http();
    }
    Refusal::Coded(401, 401, text.into()).into_response()
}
