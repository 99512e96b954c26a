//! HTTP clients whose failures say what can be tried again.

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};

/// Connects as `object_store` does, and tells requests that never left from those that nobody knows anything of: it takes both for
/// the latter, and repeats neither.
#[derive(Debug)]
pub struct Connector;

#[derive(Debug)]
struct Client(HttpClient);

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Client(client)))
    }
}

#[async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.0.execute(request).await.map_err(|error| match error.kind() {
            HttpErrorKind::Unknown if never_left(&error) => HttpError::new(HttpErrorKind::Request, error),
            _ => error,
        })
    }
}

/// What hyper says of a request for which there was no connection any more when it was to be sent.
fn never_left(error: &HttpError) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if text.contains("connection was not ready") || text.contains("operation was canceled") {
            return true;
        }
        cause = error.source();
    }
    false
}
