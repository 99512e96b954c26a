//! Calls to Weaviate's REST API: JSON in, JSON out.
//!
//! Calls end when the job is cancelled that they are made for; see `cancel`.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::bearer::Bearer;
use super::cancel::{Effect, until_cancelled};
use super::failure::{self, Failed};
use super::{CONNECT_TIMEOUT, MAX_REPLY, REST_ADDRESS, retry};
use selvedge_model::error::{Error, Kind, Result};

/// So much is read of what is said of a failure.
const LONGEST_COMPLAINT: usize = 1 << 20;

/// A client of one server.
#[derive(Clone)]
pub struct Rest {
    client: Client,
    base: Arc<str>,
    bearer: Bearer,
    /// How long a call may take.
    limit: Duration,
    /// Ends calls.
    cut: CancellationToken,
}

impl Rest {
    pub fn new(url: &str, client: Client, bearer: Bearer, limit: Duration) -> Result<Self> {
        let bad = |text: &str| {
            Error::new(Kind::WeaviateUnreachable, format!("\"{url}\" is no address of a Weaviate: {text}"))
                .hint("write it as http://host:8080 or https://host")
        };
        let parsed = Url::parse(url).map_err(|error| bad(&error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(bad("it has to start with http:// or https://"));
        }
        let base = url.trim_end_matches('/').into();
        Ok(Self { client, base, bearer, limit, cut: CancellationToken::new() })
    }

    /// The same server, which may take so long for a call, and no longer than until `cut` is cancelled.
    pub fn with(&self, limit: Duration, cut: CancellationToken) -> Self {
        Self { limit, cut, ..self.clone() }
    }

    /// The status alone that a GET is answered with, whichever it is.
    pub async fn status(&self, action: &str, path: &str) -> Result<u16> {
        let answer = self.answer(action, self.request(Method::GET, path));
        let response = until_cancelled(&self.cut, Effect::Reads, answer).await??;
        Ok(response.status().as_u16())
    }

    /// The date that a GET is answered with.
    pub async fn date(&self, action: &str, path: &str) -> Result<Option<String>> {
        let answer = self.answer(action, self.request(Method::GET, path));
        let response = until_cancelled(&self.cut, Effect::Reads, Box::pin(answer)).await??;
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
        Ok(date.map(str::to_owned))
    }

    /// The answer to a GET; `None` if there is no such thing (404). `action` completes "cannot …".
    pub async fn get(&self, action: &str, path: &str, query: &[(&str, &str)]) -> Result<Option<Value>> {
        self.call(action, Effect::Reads, self.request(Method::GET, path).query(query)).await
    }

    /// The text of the answer to a GET, which may weigh so much; `None` if there is no such thing.
    pub async fn get_text(
        &self,
        action: &str,
        path: &str,
        query: &[(&str, &str)],
        room: usize,
    ) -> Result<Option<String>, Failed> {
        self.send(action, Effect::Reads, self.request(Method::GET, path).query(query), room).await
    }

    pub async fn post(&self, action: &str, path: &str, body: &Value) -> Result<Option<Value>> {
        self.call(action, Effect::Changes, self.request(Method::POST, path).json(body)).await
    }

    /// A POST of a question.
    pub async fn ask(&self, action: &str, path: &str, body: &Value) -> Result<Option<Value>> {
        self.call(action, Effect::Reads, self.request(Method::POST, path).json(body)).await
    }

    /// A POST of a body that is JSON already.
    pub async fn post_text(&self, action: &str, path: &str, body: String) -> Result<Option<Value>> {
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, "application/json");
        self.call(action, Effect::Changes, request.body(body)).await
    }

    pub async fn patch(&self, action: &str, path: &str, body: &Value) -> Result<Option<Value>> {
        self.call(action, Effect::Changes, self.request(Method::PATCH, path).json(body)).await
    }

    pub async fn put(&self, action: &str, path: &str, body: &Value) -> Result<Option<Value>> {
        self.call(action, Effect::Changes, self.request(Method::PUT, path).json(body)).await
    }

    pub async fn delete(&self, action: &str, path: &str, body: Option<&Value>) -> Result<Option<Value>> {
        let request = self.request(Method::DELETE, path);
        let request = if let Some(body) = body { request.json(body) } else { request };
        self.call(action, Effect::Changes, request).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).timeout(retry::clipped(self.limit))
    }

    async fn call(&self, action: &str, effect: Effect, request: RequestBuilder) -> Result<Option<Value>> {
        match self.send(action, effect, request, usize::MAX).await? {
            None => Ok(None),
            Some(body) if body.trim().is_empty() => Ok(Some(Value::Null)),
            Some(body) => serde_json::from_str(&body).map(Some).map_err(|error| {
                Error::new(
                    Kind::WeaviateUnreachable,
                    format!("cannot {action}: what answers at {} is not Weaviate's REST API", self.base),
                )
                .hint(REST_ADDRESS)
                .caused_by(error)
            }),
        }
    }

    /// The body of a success, which may weigh so much; `None` for 404.
    async fn send(
        &self,
        action: &str,
        effect: Effect,
        request: RequestBuilder,
        room: usize,
    ) -> Result<Option<String>, Failed> {
        let call = async {
            let response = self.answer(action, request).await?;
            let status = response.status();
            if status.is_success() {
                return self.body(action, response, room).await.map(Some);
            }
            let said = self.complaint(action, response).await?;
            match status {
                StatusCode::NOT_FOUND => Ok(None),
                status => Err(failure::from_rest(action, status, &said)),
            }
        };
        // Of its own: calls are made deep inside of jobs, whose futures would have all of it in them.
        until_cancelled(&self.cut, effect, Box::pin(call)).await?
    }

    /// Reads a body, but no further than there is room for it.
    async fn body(&self, action: &str, mut response: Response, room: usize) -> Result<String, Failed> {
        let told =
            response.content_length().map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
        if told > room {
            return Err(failure::no_room(action, told));
        }
        let lost = |error| failure::from_transport(action, &self.base, error);
        let mut body = Vec::<u8>::with_capacity(told.min(MAX_REPLY));
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if chunk.len() > room - body.len() {
                return Err(failure::no_room(action, body.len() + chunk.len()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(String::from_utf8(body)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// What is said of a failure, or the beginning of it: it is short, unless it is not Weaviate that says it.
    async fn complaint(&self, action: &str, mut response: Response) -> Result<String, Failed> {
        let lost = |error| failure::from_transport(action, &self.base, error);
        let mut body = Vec::<u8>::new();
        while body.len() < LONGEST_COMPLAINT
            && let Some(chunk) = response.chunk().await.map_err(lost)?
        {
            let wanted = chunk.len().min(LONGEST_COMPLAINT - body.len());
            body.extend_from_slice(&chunk[..wanted]);
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    async fn sent(
        &self,
        action: &str,
        request: RequestBuilder,
        bearer: Option<HeaderValue>,
    ) -> Result<Response, Failed> {
        let request = match bearer {
            Some(bearer) => request.header(AUTHORIZATION, bearer),
            None => request,
        };
        request.send().await.map_err(|error| failure::from_transport(action, &self.base, error))
    }

    /// The head of the answer, of whatever status, unless it sends us elsewhere.
    async fn answer(&self, action: &str, request: RequestBuilder) -> Result<Response, Failed> {
        let again = request.try_clone();
        let bearer = self.bearer.header().await.map_err(failure::from_bearer)?;
        let mut response = self.sent(action, request, bearer.clone()).await?;
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(again) = again
            && self.bearer.is_renewed(bearer.as_ref()).await
        {
            let bearer = self.bearer.header().await.map_err(failure::from_bearer)?;
            response = self.sent(action, again, bearer).await?;
        }
        if response.status().is_redirection() {
            let address = response.headers().get(LOCATION).and_then(|address| address.to_str().ok());
            return Err(failure::from_redirect(action, &self.base, response.status(), address));
        }
        Ok(response)
    }
}

/// A client for this address, to be told of authorities in PEM that are not the system's.
pub fn client(url: &str, authorities: Option<&[u8]>, headers: HeaderMap) -> Result<Client> {
    let mut client = match url.starts_with("https:") {
        true => Client::builder(),
        // Reading the machine's certificates takes longer than anything else here, and nobody shows one.
        false => Client::builder().tls_certs_only([]),
    };
    if let Some(pem) = authorities {
        let certificates = Certificate::from_pem_bundle(pem);
        let certificates = certificates.map_err(|error| {
            Error::invalid("ca_file", "ca_file does not hold certificates in PEM").caused_by(error)
        })?;
        client = client.tls_certs_merge(certificates);
    }
    client
        .connect_timeout(CONNECT_TIMEOUT)
        .default_headers(headers)
        // A redirect turns a POST into a GET, and what was to be created counts as created.
        .redirect(Policy::none())
        // As gRPC, which knows no proxies: the two must not end up at different places.
        .no_proxy()
        .build()
        .map_err(|error| Error::internal("cannot set up an HTTP client").caused_by(error))
}
