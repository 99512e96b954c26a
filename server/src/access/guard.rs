//! The gate that every call passes: who calls is found out, and whether the method is for them, by its path alone.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tonic::body::Body;
use tonic::codegen::http::header::AUTHORIZATION;
use tonic::codegen::http::{Request, Response};
use tower::{Layer, Service};

use super::Callers;
use super::rights::{Caller, role_of_method};
use crate::grpc::refusal;
use crate::listener::Peer;
use selvedge_model::error::{Error, Kind, Result};

/// Adds the gate to a service.
#[derive(Clone)]
pub struct Guard {
    callers: Callers,
    refusals: Arc<Mutex<Refusals>>,
}

/// So that whoever guesses fills no log.
#[derive(Default)]
struct Refusals {
    logged: Option<Instant>,
    since: u64,
}

const LOG_PAUSE: Duration = Duration::from_secs(10);

impl Guard {
    pub fn new(callers: Callers) -> Self {
        Self { callers, refusals: Arc::default() }
    }

    fn admit<B>(&self, request: &Request<B>) -> Result<Caller> {
        let path = request.uri().path();
        let Some(needed) = role_of_method(path) else { return Ok(Caller { name: None, ..Caller::ANYBODY }) };
        let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = shown.and_then(|shown| shown.strip_prefix("Bearer ").or(shown.strip_prefix("bearer ")));
        let peer = request.extensions().get::<Peer>();
        let certificate = peer.and_then(|peer| peer.certificate.as_deref());
        match self.callers.find(token, certificate) {
            Some(caller) => {
                let method = path.rsplit('/').next().unwrap_or(path);
                caller.check(needed, &format!("call {method}"))?;
                Ok(caller)
            }
            None => {
                self.note(peer);
                let (text, hint) = match token {
                    Some(_) => (
                        "the token is not one that this server knows",
                        "check the token, or have a new one made",
                    ),
                    None => (
                        "this server wants to know who calls, and the call has no token",
                        "send one as `authorization: Bearer …`",
                    ),
                };
                Err(Error::new(Kind::CallerUnknown, text).hint(hint))
            }
        }
    }

    fn note(&self, peer: Option<&Peer>) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.since += 1;
        if refusals.logged.is_none_or(|logged| logged.elapsed() >= LOG_PAUSE) {
            let address = peer.and_then(|peer| peer.address).map(|address| address.to_string());
            tracing::warn!(
                calls = refusals.since,
                from = address,
                "calls of nobody who is known were refused"
            );
            *refusals = Refusals { logged: Some(Instant::now()), since: 0 };
        }
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { guard: self.clone(), inner }
    }
}

#[derive(Clone)]
pub struct Guarded<S> {
    guard: Guard,
    inner: S,
}

impl<S, B> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, std::result::Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.guard.admit(&request) {
            Ok(caller) => {
                let name = caller.name.clone();
                request.extensions_mut().insert(caller);
                let call = self.inner.call(request);
                // Only within the future are we in the span of the call.
                Box::pin(async move {
                    tracing::Span::current().record("caller", name);
                    call.await
                })
            }
            Err(error) => Box::pin(async move { Ok(refusal(error).into_http()) }),
        }
    }
}
