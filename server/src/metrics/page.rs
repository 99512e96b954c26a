//! The page over HTTP: `/metrics`, `/healthz`, `/readyz`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::jobs::Registry;
use crate::readiness::Readiness;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";
/// Scrapers and probes are few.
const CONNECTIONS: usize = 64;
/// Whoever has not asked by then has nothing to ask.
const SILENCE: Duration = Duration::from_secs(60);
/// After a failure to accept, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// What is told, and to anybody.
pub struct Page {
    registry: Arc<Registry>,
    readiness: Arc<Readiness>,
}

impl Page {
    pub fn new(registry: Arc<Registry>, readiness: Arc<Readiness>) -> Self {
        Self { registry, readiness }
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let is_known = matches!(*method, Method::GET | Method::HEAD);
        match path {
            "/metrics" if is_known => match self.registry.scrape() {
                Ok(text) => response(StatusCode::OK, OPEN_METRICS, text),
                Err(error) => {
                    tracing::error!(%error, "a scrape failed");
                    response(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("{error}\n"))
                }
            },
            "/healthz" if is_known => response(StatusCode::OK, PLAIN, "ok\n".to_owned()),
            "/readyz" if is_known => match self.readiness.why_not() {
                None => response(StatusCode::OK, PLAIN, "ok\n".to_owned()),
                Some(why_not) => response(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{why_not}\n")),
            },
            _ => {
                let text = "there are /metrics, /healthz and /readyz\n".to_owned();
                response(StatusCode::NOT_FOUND, PLAIN, text)
            }
        }
    }
}

fn response(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Never ends. Connections end with it.
pub async fn serve(listener: TcpListener, page: Page) {
    let (page, places) = (Arc::new(page), Arc::new(Semaphore::new(CONNECTIONS)));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(talk(stream, Arc::clone(&page), place));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection for metrics could not be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn talk(stream: TcpStream, page: Arc<Page>, _place: OwnedSemaphorePermit) {
    let answers = service_fn(move |request: Request<Incoming>| {
        let answer = page.answer(request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(answer) }
    });
    let talking = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE)
        .serve_connection(TokioIo::new(stream), answers);
    // Whoever hangs up has heard enough.
    let _ = talking.await;
}
