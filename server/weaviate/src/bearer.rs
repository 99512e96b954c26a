//! What is shown to Weaviate with every call: its key, or a token that is asked for at the provider of identities that Weaviate
//! trusts, and asked for anew before it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::HeaderValue;
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::ClusterConfig;
use super::failure;
use selvedge_model::error::{Error, Kind, Result};

/// How Weaviate lets us in.
#[derive(Debug, Clone)]
pub enum Credentials {
    ApiKey(SecretString),
    Oidc(ClientCredentials),
}

/// OpenID Connect for programs: RFC 6749, section 4.4.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// None: the one that Weaviate tells.
    pub client_id: Option<String>,
    pub client_secret: SecretString,
    /// None: those that Weaviate tells.
    pub scopes: Vec<String>,
    /// None: that of the provider that Weaviate tells.
    pub token_url: Option<String>,
}

/// Clones share the token.
#[derive(Clone)]
pub struct Bearer(Option<Arc<Proof>>);

enum Proof {
    Fixed(HeaderValue),
    Oidc(Tokens),
}

struct Tokens {
    credentials: ClientCredentials,
    rest_url: String,
    client: Client,
    /// Locked while one is asked for: whoever needs one meanwhile waits for it.
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    token: Option<Token>,
    /// When one was refused that should have been good.
    refused: Option<Instant>,
}

struct Token {
    header: HeaderValue,
    until: Instant,
}

/// `/v1/.well-known/openid-configuration`.
#[derive(Deserialize)]
struct Told {
    href: String,
    #[serde(rename = "clientId", default)]
    client_id: String,
    #[serde(default)]
    scopes: Vec<String>,
}

/// The document that it names.
#[derive(Deserialize)]
struct Provider {
    token_endpoint: String,
}

#[derive(Deserialize)]
struct Answer {
    access_token: SecretString,
    /// In seconds.
    expires_in: Option<f64>,
}

/// Of a provider that does not say how long a token is good.
const LIFETIME: Duration = Duration::from_secs(300);
/// What is refused so soon after another one is not refused for its age.
const FRESH: Duration = Duration::from_secs(10);
const PROVIDER_LIMIT: Duration = Duration::from_secs(15);

impl Bearer {
    /// `client` makes one for the provider, and Weaviate's word of it.
    pub fn new(config: &ClusterConfig, client: impl FnOnce() -> Result<Client>) -> Result<Self> {
        let source = match &config.credentials {
            None => return Ok(Self(None)),
            Some(Credentials::ApiKey(key)) => Proof::Fixed(header(key).ok_or_else(|| {
                Error::new(
                    Kind::WeaviateUnauthenticated,
                    "Weaviate's key has characters that no key can have",
                )
            })?),
            Some(Credentials::Oidc(credentials)) => Proof::Oidc(Tokens {
                credentials: credentials.clone(),
                rest_url: config.rest_url.trim_end_matches('/').to_owned(),
                client: client()?,
                current: Mutex::default(),
            }),
        };
        Ok(Self(Some(Arc::new(source))))
    }

    /// For the header `authorization`.
    pub async fn header(&self) -> Result<Option<HeaderValue>> {
        match self.0.as_deref() {
            None => Ok(None),
            Some(Proof::Fixed(header)) => Ok(Some(header.clone())),
            // Of its own, so that not every call has the room in it for what few of them do.
            Some(Proof::Oidc(tokens)) => Box::pin(tokens.header()).await.map(Some),
        }
    }

    /// To be called when Weaviate has refused it. Whether it is worth trying another one.
    pub async fn is_renewed(&self, refused: Option<&HeaderValue>) -> bool {
        let (Some(Proof::Oidc(tokens)), Some(refused)) = (self.0.as_deref(), refused) else { return false };
        let mut current = tokens.current.lock().await;
        // Somebody else was refused with the same one, and another one is there or will be asked for.
        if current.token.as_ref().is_none_or(|token| token.header != *refused) {
            return true;
        }
        let is_final = current.refused.is_some_and(|before| before.elapsed() < FRESH);
        *current = Current { token: None, refused: Some(Instant::now()) };
        !is_final
    }
}

impl Tokens {
    async fn header(&self) -> Result<HeaderValue> {
        let mut current = self.current.lock().await;
        if let Some(token) = current.token.as_ref().filter(|token| Instant::now() < token.until) {
            return Ok(token.header.clone());
        }
        let token = self.ask().await?;
        let header = token.header.clone();
        current.token = Some(token);
        Ok(header)
    }

    async fn ask(&self) -> Result<Token> {
        let ClientCredentials { client_id, client_secret, scopes, token_url } = &self.credentials;
        let told = match (client_id, token_url) {
            (Some(_), Some(_)) => None,
            _ => Some(self.told().await?),
        };
        let told_id = told.as_ref().map(|told| told.client_id.as_str());
        let client_id = client_id.as_deref().or(told_id).filter(|id| !id.is_empty()).ok_or_else(|| {
            Error::new(Kind::WeaviateUnauthenticated, "Weaviate names no client for OpenID Connect")
                .hint("set client_id for the cluster")
        })?;
        let url = match (token_url, &told) {
            (Some(url), _) => url.clone(),
            (None, Some(told)) => self.read::<Provider>(&told.href).await?.token_endpoint,
            (None, None) => return Err(Error::internal("nobody was asked for the provider of tokens")),
        };
        let scopes = match (scopes.is_empty(), &told) {
            (false, _) => scopes.clone(),
            (true, Some(told)) => told.scopes.clone(),
            (true, None) => Vec::new(),
        };
        // Microsoft wants one, and has one that means the application itself:
        // <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>.
        let scopes = match scopes.is_empty() && url.contains("login.microsoftonline.com") {
            true => vec![format!("{client_id}/.default")],
            false => scopes,
        };
        let mut form =
            vec![("grant_type", "client_credentials".to_owned()), ("client_id", client_id.to_owned())];
        form.push(("client_secret", client_secret.expose_secret().to_owned()));
        if !scopes.is_empty() {
            form.push(("scope", scopes.join(" ")));
        }
        let since = Instant::now();
        let answer: Answer = self.send(&url, self.client.post(&url).form(&form)).await?;
        let header = header(&answer.access_token).ok_or_else(|| unusable(&url, "its token is none"))?;
        let seconds = answer.expires_in.filter(|seconds| seconds.is_finite() && *seconds > 0.0);
        let lifetime =
            seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(LIFETIME);
        // Well before its end: a call may take a while to arrive.
        Ok(Token { header, until: since + lifetime.mul_f64(0.8) })
    }

    async fn told(&self) -> Result<Told> {
        self.read(&format!("{}/v1/.well-known/openid-configuration", self.rest_url)).await
    }

    async fn read<T: for<'de> Deserialize<'de>>(&self, url: &str) -> Result<T> {
        self.send(url, self.client.get(url)).await
    }

    async fn send<T: for<'de> Deserialize<'de>>(
        &self,
        url: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<T> {
        let sent = request.timeout(PROVIDER_LIMIT).send().await;
        let answer =
            sent.map_err(|error| Error::from(failure::from_transport("have a token", url, error)))?;
        let status = answer.status();
        let body = answer.text().await;
        let body = body.map_err(|error| Error::from(failure::from_transport("have a token", url, error)))?;
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            let text = format!("cannot have a token: {url} answers HTTP {}", status.as_u16());
            return Err(Error::new(Kind::WeaviateOverloaded, text).hint("look at the provider of identities"));
        }
        if !status.is_success() {
            return Err(unusable(url, &format!("HTTP {}, {}", status.as_u16(), complaint(&body))));
        }
        serde_json::from_str(&body)
            .map_err(|_| unusable(url, "its answer is not what OpenID Connect has there"))
    }
}

/// The `error` of RFC 6749, section 5.2. Nothing else of an answer is repeated: it may quote what it was asked with.
fn complaint(body: &str) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_str(body).ok();
    parsed
        .and_then(|value| value["error"].as_str().map(str::to_owned))
        .unwrap_or_else(|| "without a reason".to_owned())
}

fn unusable(url: &str, what: &str) -> Error {
    Error::new(Kind::WeaviateUnauthenticated, format!("cannot have a token of {url}: {what}"))
        .hint("check client_id, client_secret and scopes of the cluster, and that the provider knows them")
}

/// None if it cannot be in a header.
fn header(secret: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", secret.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some(value)
}
