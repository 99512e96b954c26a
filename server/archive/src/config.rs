//! Where a repository is, and how to be let in.

use std::fmt;
use std::time::Duration;

use crate::location::Location;
use crate::sealing::{Encryption, Keys};
use selvedge_model::error::Result;

/// Where a repository is, and how to be let in.
#[derive(Debug, Clone)]
pub struct RepositoryConfig {
    /// The name that requests use.
    pub name: String,
    /// `file:///absolute/path`, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, or `memory://anything`, which
    /// is gone when the server is.
    pub url: String,
    /// Settings of the object store, by the names that `object_store` has for them, with or without the provider in front:
    /// `region` or `aws_region`. Of two with one meaning the later one counts.
    pub options: Vec<StoreOption>,
    /// A PEM file of authorities that are trusted besides those of the system.
    pub ca_file: Option<std::path::PathBuf>,
    /// No other server uses it. Says that it is safe although the store cannot create objects conditionally.
    pub exclusive: bool,
    /// What is written there is sealed.
    pub encryption: Option<Encryption>,
    /// How long a request to an object store is tried again, from the first try to the last.
    pub retry_budget: Duration,
}

/// A setting of an object store. Its value may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreOption {
    pub key: String,
    pub value: String,
    /// The variable of the environment that it is from.
    pub variable: Option<String>,
}

impl RepositoryConfig {
    pub const RETRY_BUDGET: Duration = Duration::from_secs(600);

    pub fn new(name: &str, url: impl Into<String>) -> Self {
        let (name, url) = (name.to_owned(), url.into());
        let (options, ca_file, exclusive, encryption) = (Vec::new(), None, false, None);
        Self { name, url, options, ca_file, exclusive, encryption, retry_budget: Self::RETRY_BUDGET }
    }

    /// With what the provider's usual variables say (`AWS_REGION`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME`…),
    /// where its own options say nothing. Keys, roles and endpoints go together: if it has any of its own, none of the environment
    /// counts.
    pub fn with_environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let Ok(Location::Bucket { provider, .. }) = Location::parse(&self) else { return self };
        let found = variables.into_iter().filter_map(|(variable, value)| {
            let key = provider.key_of_variable(&variable)?;
            // Those of two identities would be mixed, and one's secret sent to the other's store.
            let is_given = self.options.iter().any(|option| {
                provider.mean_the_same(&option.key, &key)
                    || (provider.is_identity(&option.key) && provider.is_identity(&key))
            });
            (!is_given && !value.is_empty()).then_some(StoreOption { key, value, variable: Some(variable) })
        });
        let found: Vec<_> = found.collect();
        self.options.splice(0..0, found);
        self
    }

    /// Whether a setting is the name of a file already.
    pub fn is_file_name(key: &str) -> bool {
        let names = ["service_account", "service_account_path", "application_credentials"];
        names.contains(&key.trim_start_matches("google_"))
    }

    /// Whether an object store at its URL has a setting of this name.
    pub fn knows(&self, key: &str) -> bool {
        matches!(Location::parse(self), Ok(Location::Bucket { provider, .. }) if provider.knows(key))
    }

    /// Fails if it cannot be right, whatever is there.
    pub fn check(&self) -> Result<()> {
        Location::parse(self)?.check(self)?;
        self.keys().map(drop)
    }

    pub(crate) fn keys(&self) -> Result<Keys> {
        Keys::new(self.encryption.as_ref(), &format!("repository \"{}\"", self.name))
    }
}

impl StoreOption {
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into(), variable: None }
    }

    /// Whether the value must not be shown.
    pub fn is_secret(&self) -> bool {
        let words = ["secret", "key", "token", "password", "sas"];
        let is_path = self.key.ends_with("_file") || self.key.ends_with("_id");
        !is_path && words.iter().any(|word| self.key.contains(word)) || self.value.contains('@')
    }
}

impl fmt::Debug for StoreOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=…", self.key)
    }
}
