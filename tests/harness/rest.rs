//! A plain client of Weaviate's REST API, for setting things up and looking at them behind Selvedge's back.

use anyhow::{Context, ensure};
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// Talks to one Weaviate.
#[derive(Debug, Clone)]
pub struct Rest {
    client: Client,
    url: String,
    key: Option<String>,
}

impl Rest {
    pub fn new(url: &str) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        // Without TLS, no certificates are needed, and reading them takes longer than most calls.
        let client = Client::builder().no_proxy().tls_certs_only([]).build();
        let client = client.expect("a client without special settings");
        Self { client, url: url.trim_end_matches('/').to_owned(), key: None }
    }

    /// The same server, with an API key in every call.
    pub fn with_key(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<(u16, String)> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    /// The status and the body, null if there is none.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, Value)> {
        let (status, text) = self.send(method, path, body).await?;
        let body = if text.trim().is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        };
        Ok((status, body))
    }

    /// What GET answers, as it is printed.
    pub async fn text(&self, path: &str) -> anyhow::Result<String> {
        let (status, text) = self.send(Method::GET, path, None).await?;
        ensure!((200..300).contains(&status), "GET {path}: {status} {text}");
        Ok(text)
    }

    async fn expect(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let (status, answer) = self.call(method.clone(), path, body).await?;
        ensure!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        Ok(answer)
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.expect(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.expect(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.expect(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.expect(Method::DELETE, path, None).await
    }

    /// The names of all collections.
    pub async fn classes(&self) -> anyhow::Result<Vec<String>> {
        let schema = self.get("/v1/schema").await?;
        let classes = schema["classes"].as_array().cloned().unwrap_or_default();
        let name =
            |class: &Value| class["class"].as_str().map(str::to_owned).context("a class without a name");
        classes.iter().map(name).collect()
    }

    pub async fn create(&self, class: &Value) -> anyhow::Result<()> {
        self.post("/v1/schema", class).await.map(drop)
    }

    pub async fn drop_class(&self, name: &str) -> anyhow::Result<()> {
        self.delete(&format!("/v1/schema/{name}")).await.map(drop)
    }

    /// Drops everything there is. Only ever called on servers that the tests have started themselves.
    pub async fn drop_all(&self) -> anyhow::Result<()> {
        for name in self.classes().await? {
            self.drop_class(&name).await?;
        }
        let (status, aliases) = self.call(Method::GET, "/v1/aliases", None).await?;
        for alias in aliases["aliases"].as_array().filter(|_| status == 200).into_iter().flatten() {
            self.delete(&format!("/v1/aliases/{}", alias["alias"].as_str().unwrap_or_default())).await?;
        }
        Ok(())
    }

    /// Writes objects as they are, and fails if one is refused.
    pub async fn write(&self, objects: &[Value]) -> anyhow::Result<()> {
        for chunk in objects.chunks(200) {
            let answers = self.post("/v1/batch/objects", &json!({"objects": chunk})).await?;
            for answer in answers.as_array().into_iter().flatten() {
                let errors = &answer["result"]["errors"];
                ensure!(errors.is_null(), "object {} was refused: {errors}", answer["id"]);
            }
        }
        Ok(())
    }

    /// Adds references to stored objects, whether or not there is what they point to, and fails if one is refused.
    pub async fn link(&self, references: &[Value]) -> anyhow::Result<()> {
        for chunk in references.chunks(200) {
            let answers = self.post("/v1/batch/references", &chunk.into()).await?;
            let answers = answers.as_array().map(Vec::as_slice).unwrap_or_default();
            ensure!(answers.len() == chunk.len(), "{} answers to {} references", answers.len(), chunk.len());
            for (answer, reference) in answers.iter().zip(chunk) {
                let errors = &answer["result"]["errors"];
                ensure!(errors.is_null(), "reference {reference} was refused: {errors}");
            }
        }
        Ok(())
    }

    /// Counts by listing, which no shortcut can falsify.
    pub async fn count(&self, class: &str, tenant: Option<&str>) -> anyhow::Result<usize> {
        let tenant = tenant.map_or(String::new(), |tenant| format!("&tenant={tenant}"));
        let (mut count, mut after) = (0, String::new());
        loop {
            let page =
                self.get(&format!("/v1/objects?class={class}&limit=100&after={after}{tenant}")).await?;
            let Some(last) = page["objects"].as_array().and_then(|objects| objects.last()) else {
                return Ok(count);
            };
            count += page["objects"].as_array().map_or(0, Vec::len);
            after = last["id"].as_str().context("an object without an id")?.to_owned();
        }
    }
}
