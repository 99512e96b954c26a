//! Clients of object stores: S3, Google Cloud Storage, Azure Blob Storage, and what speaks as they do.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, Certificate, ClientOptions, ObjectStore, RetryConfig};

use super::connector::Connector;
use crate::RepositoryConfig;
use crate::location::Provider;
use selvedge_model::error::{Error, Result};

/// A bucket, or a folder in it. Each of these clients has all of it; they differ in how long they wait.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// For small objects, lists, and reading: what is read of an object is asked for again where it broke off.
    pub objects: Arc<dyn ObjectStore>,
    /// For what takes its time to be sent.
    pub uploads: Arc<dyn ObjectStore>,
    /// For what somebody waits for who may have mistyped the address.
    pub prompt: Arc<dyn ObjectStore>,
}

/// How long a client waits.
struct Patience {
    /// For an answer, from the first byte that is sent, and then for each piece of it.
    answer: Duration,
    tries: usize,
    budget: Duration,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A part of 5 MiB then may come at 18 kB/s.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(300);
const PROMPT: Patience =
    Patience { answer: Duration::from_secs(8), tries: 1, budget: Duration::from_secs(5) };
/// A request is signed once, and no longer good after a quarter of an hour.
const LONGEST_BUDGET: Duration = Duration::from_secs(600);

impl Bucket {
    pub fn open(config: &RepositoryConfig, provider: Provider, bucket: &str, prefix: &Path) -> Result<Self> {
        // The only state of the process: rustls wants its provider there. An error means that it is.
        rustls::crypto::ring::default_provider().install_default().ok();
        let open = |patience: Patience| -> Result<Arc<dyn ObjectStore>> {
            let store = connect(config, provider, bucket, &patience)?;
            Ok(if prefix.as_ref().is_empty() {
                store
            } else {
                Arc::new(PrefixStore::new(store, prefix.clone()))
            })
        };
        let patient =
            |answer| Patience { answer, tries: usize::MAX, budget: config.retry_budget.min(LONGEST_BUDGET) };
        Ok(Self {
            objects: open(patient(ANSWER_TIMEOUT))?,
            uploads: open(patient(UPLOAD_TIMEOUT))?,
            prompt: open(PROMPT)?,
        })
    }
}

fn connect(
    config: &RepositoryConfig,
    provider: Provider,
    bucket: &str,
    patience: &Patience,
) -> Result<Arc<dyn ObjectStore>> {
    let client = client(config, provider, patience)?;
    let retry = RetryConfig {
        backoff: BackoffConfig { init_backoff: Duration::from_millis(100), ..BackoffConfig::default() },
        max_retries: patience.tries,
        retry_timeout: patience.budget,
    };
    /// Providers differ in their types only.
    macro_rules! build {
        ($builder:ty) => {{
            let builder = <$builder>::new()
                .with_http_connector(Connector)
                .with_client_options(client)
                .with_retry(retry);
            let with_option = |builder: $builder, option: &crate::StoreOption| match option.key.parse() {
                Ok(key) => builder.with_config(key, &option.value),
                // Was refused before.
                Err(_) => builder,
            };
            config.options.iter().fold(builder, with_option)
        }};
    }
    let built: object_store::Result<Arc<dyn ObjectStore>> = match provider {
        Provider::S3 => {
            build!(AmazonS3Builder).with_bucket_name(bucket).build().map(|store| Arc::new(store) as _)
        }
        Provider::Google => build!(GoogleCloudStorageBuilder)
            .with_bucket_name(bucket)
            .build()
            .map(|store| Arc::new(store) as _),
        Provider::Azure => build!(MicrosoftAzureBuilder)
            .with_container_name(bucket)
            .build()
            .map(|store| Arc::new(store) as _),
    };
    built.map_err(|error| {
        let text = format!("repository \"{}\": {} cannot be set up", config.name, config.url);
        Error::invalid("repository", text)
            .hint("correct its settings, or the provider's variables in the environment")
            .caused_by(error)
    })
}

fn client(config: &RepositoryConfig, provider: Provider, patience: &Patience) -> Result<ClientOptions> {
    let mut client = ClientOptions::new()
        // Of a whole request, whose length depends on the object: what counts is that something comes.
        .with_timeout_disabled()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_read_timeout(patience.answer)
        // Whoever writes http:// means it. Google's keys hold addresses of their own.
        .with_allow_http(
            provider == Provider::Google
                || config.options.iter().any(|option| option.value.starts_with("http://")),
        );
    if let Some(file) = &config.ca_file {
        let unusable = |error: Box<dyn std::error::Error + Send + Sync>| {
            let text = format!("repository \"{}\": ca_file {} cannot be used", config.name, file.display());
            Error::invalid("ca_file", text).hint("name a PEM file of certificates").caused_by(error)
        };
        let pem = std::fs::read(file).map_err(|error| unusable(error.into()))?;
        let found = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(error.into()))?;
        if found.is_empty() {
            return Err(unusable("there is no certificate in it".into()));
        }
        client = found.into_iter().fold(client, ClientOptions::with_root_certificate);
    }
    Ok(client)
}
