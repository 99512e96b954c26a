//! How the server says no, over REST and over gRPC.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tonic::{Code, Status};

pub(crate) type Outcome<T> = Result<T, Refusal>;

#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// `{"error":[{"message":…}]}`, the handlers' own shape.
    Said(u16, String),
    /// `{"code":…,"message":…}`, the shape of what fails before a handler sees it.
    Coded(u16, u32, String),
    /// A status without a body.
    Bare(u16),
}

impl Refusal {
    /// 422, the status of most of them.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::Said(422, text.into())
    }

    pub fn text(&self) -> String {
        match self {
            Self::Said(_, text) | Self::Coded(_, _, text) => text.clone(),
            Self::Bare(status) => format!("status {status}"),
        }
    }

    /// The same refusal with its text set in a longer one.
    pub fn within(self, wrap: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Said(status, text) => Self::Said(status, wrap(&text)),
            other => other,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, body) = match self {
            Self::Said(status, text) => (status, json!({"error": [{"message": text}]}).to_string()),
            Self::Coded(status, code, text) => (status, json!({"code": code, "message": text}).to_string()),
            Self::Bare(status) => (status, String::new()),
        };
        let status = StatusCode::from_u16(status).expect("refusals carry valid statuses");
        (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

impl From<Refusal> for Status {
    /// Almost everything the server refuses over gRPC it refuses with `Unknown`.
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::Said(403, _) => Code::PermissionDenied,
            _ => Code::Unknown,
        };
        Status::new(code, refusal.text())
    }
}
