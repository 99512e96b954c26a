//! Calls to Weaviate's REST API: JSON in, JSON out.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{CONNECT_TIMEOUT, failure};
use crate::error::{Error, Kind, Result};

/// Dropping a large collection may take Weaviate a while.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A client of one server.
#[derive(Debug, Clone)]
pub struct Rest {
    client: Client,
    base: Arc<str>,
}

impl Rest {
    pub fn new(url: &str, key: Option<&SecretString>) -> Result<Self> {
        let bad = |text: &str| {
            Error::new(Kind::WeaviateUnreachable, format!("\"{url}\" is no address of a Weaviate: {text}"))
                .hint("write it as http://host:8080 or https://host")
        };
        let parsed = Url::parse(url).map_err(|error| bad(&error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(bad("it has to start with http:// or https://"));
        }
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .default_headers(authorization(key)?)
            .build()
            .map_err(|error| Error::internal("cannot set up an HTTP client").caused_by(error))?;
        Ok(Self { client, base: url.trim_end_matches('/').into() })
    }

    /// The answer to a GET; `None` if there is no such thing (404). `action` completes "cannot …".
    pub async fn get(&self, action: &str, path: &str, query: &[(&str, &str)]) -> Result<Option<Value>> {
        self.call(action, self.request(Method::GET, path).query(query)).await
    }

    /// The text of the answer to a GET; `None` if there is no such thing.
    pub async fn get_text(&self, action: &str, path: &str, query: &[(&str, &str)]) -> Result<Option<String>> {
        self.send(action, self.request(Method::GET, path).query(query)).await
    }

    pub async fn post(&self, action: &str, path: &str, body: &Value) -> Result<Option<Value>> {
        self.call(action, self.request(Method::POST, path).json(body)).await
    }

    /// A POST of a body that is JSON already.
    pub async fn post_text(&self, action: &str, path: &str, body: String) -> Result<Option<Value>> {
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, "application/json");
        self.call(action, request.body(body)).await
    }

    pub async fn patch(&self, action: &str, path: &str, body: &Value) -> Result<Option<Value>> {
        self.call(action, self.request(Method::PATCH, path).json(body)).await
    }

    pub async fn put(&self, action: &str, path: &str, body: &Value) -> Result<Option<Value>> {
        self.call(action, self.request(Method::PUT, path).json(body)).await
    }

    pub async fn delete(&self, action: &str, path: &str, body: Option<&Value>) -> Result<Option<Value>> {
        let request = self.request(Method::DELETE, path);
        self.call(action, if let Some(body) = body { request.json(body) } else { request }).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    async fn call(&self, action: &str, request: RequestBuilder) -> Result<Option<Value>> {
        match self.send(action, request).await? {
            None => Ok(None),
            Some(body) if body.trim().is_empty() => Ok(Some(Value::Null)),
            Some(body) => serde_json::from_str(&body).map(Some).map_err(|error| {
                Error::new(
                    Kind::WeaviateUnreachable,
                    format!("cannot {action}: what answers at {} is not Weaviate's REST API", self.base),
                )
                .hint("check the server's --weaviate-url")
                .caused_by(error)
            }),
        }
    }

    /// The body of a success; `None` for 404.
    async fn send(&self, action: &str, request: RequestBuilder) -> Result<Option<String>> {
        let transport = |error| failure::from_transport(action, &self.base, error);
        let response = request.send().await.map_err(transport)?;
        let status = response.status();
        let body = response.text().await.map_err(transport)?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !status.is_success() {
            return Err(failure::from_rest(action, status, &body));
        }
        Ok(Some(body))
    }
}

fn authorization(key: Option<&SecretString>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    if let Some(key) = key {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret())).map_err(|_| {
            Error::new(Kind::WeaviateUnauthenticated, "Weaviate's key has characters that no key can have")
        })?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}
