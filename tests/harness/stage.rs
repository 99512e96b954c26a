//! Where the quick start and the benchmark play: a Weaviate of their own or of the user's, and a folder.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use tempfile::TempDir;
use uuid::Uuid;

use super::programs::ServerSettings;
use super::rest::Rest;
use super::weaviate::{Flavour, Weaviate, WeaviateOptions};
use crate::stand_in::StandIn;

pub struct Stage {
    pub rest: Rest,
    pub version: String,
    /// Of the user's server, only if the user said it.
    pub grpc_url: Option<String>,
    pub key: Option<String>,
    /// What the names of our collections begin with; empty on a server of our own.
    prefix: String,
    folder: TempDir,
    /// `None` if it is the user's.
    ours: Option<Weaviate>,
}

impl Stage {
    /// Starts a Weaviate that is gone when the stage is.
    pub async fn own(flavour: Flavour) -> anyhow::Result<Self> {
        let weaviate = Weaviate::start(flavour, WeaviateOptions::default()).await?;
        Ok(Self {
            rest: Rest::new(&weaviate.rest_url()),
            version: weaviate.version().to_owned(),
            grpc_url: Some(weaviate.grpc_url()),
            key: None,
            prefix: String::new(),
            folder: folder()?,
            ours: Some(weaviate),
        })
    }

    /// A running server, in which nothing is touched but collections whose names begin with `word` and a random number.
    /// Its key comes from `WEAVIATE_API_KEY`.
    pub async fn theirs(url: &str, grpc_url: Option<String>, word: &str) -> anyhow::Result<Self> {
        let key = std::env::var("WEAVIATE_API_KEY").ok().filter(|key| !key.is_empty());
        let rest = Rest::new(url);
        let rest = if let Some(key) = &key { rest.with_key(key) } else { rest };
        let meta = rest.get("/v1/meta").await.with_context(|| format!("asking {url} for its version"))?;
        let version = meta["version"].as_str().with_context(|| format!("{url} is no Weaviate"))?.to_owned();
        let prefix = format!("{word}{}_", &Uuid::new_v4().simple().to_string()[..6]);
        let stage = Self { rest, version, grpc_url, key, prefix, folder: folder()?, ours: None };
        ensure!(
            stage.collections().await?.is_empty(),
            "there are collections named {}* already",
            stage.prefix
        );
        Ok(stage)
    }

    /// For faults; `None` if it is a real one.
    pub fn stand_in(&self) -> Option<&StandIn> {
        self.ours.as_ref().and_then(Weaviate::stand_in)
    }

    /// What a collection is called here.
    pub fn name(&self, plain: &str) -> String {
        format!("{}{plain}", self.prefix)
    }

    /// The pattern of our collections, where there may be others.
    pub fn pattern(&self) -> Option<String> {
        (!self.prefix.is_empty()).then(|| format!("{}*", self.prefix))
    }

    /// For a Selvedge server on this Weaviate.
    pub fn server_settings(&self) -> ServerSettings {
        ServerSettings {
            weaviate_url: self.rest.url().to_owned(),
            weaviate_grpc_url: self.grpc_url.clone(),
            weaviate_api_key: self.key.clone(),
            max_jobs: None,
            metrics: None,
            resume_on_start: false,
            repository: self.repository().display().to_string(),
            env: Vec::new(),
            log: self.repository().with_extension("log"),
        }
    }

    pub fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// Leaves nothing behind. Whatever else is still writing has to be ended before.
    pub async fn close(self) -> anyhow::Result<()> {
        if self.ours.is_none() {
            for name in self.collections().await? {
                self.rest.drop_class(&name).await?;
            }
        }
        Ok(())
    }

    /// Those of ours that there are.
    async fn collections(&self) -> anyhow::Result<Vec<String>> {
        let names = self.rest.classes().await?.into_iter();
        Ok(names.filter(|name| name.starts_with(&self.prefix)).collect())
    }
}

fn folder() -> anyhow::Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("selvedge-").tempdir()?)
}
