//! The URLs of repositories.

use std::path::PathBuf;

use object_store::aws::AmazonS3ConfigKey;
use object_store::azure::AzureConfigKey;
use object_store::gcp::GoogleConfigKey;
use object_store::path::Path;

use crate::RepositoryConfig;
use selvedge_model::error::{Error, Result};
use selvedge_model::nearest;

/// Where a repository is.
#[derive(Debug, PartialEq, Eq)]
pub enum Location {
    Memory,
    Folder(PathBuf),
    Bucket {
        provider: Provider,
        /// The bucket, or Azure's container.
        bucket: String,
        /// Empty for the whole of it.
        prefix: Path,
    },
}

/// Whose protocol an object store speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    S3,
    Google,
    Azure,
}

impl Location {
    pub fn parse(config: &RepositoryConfig) -> Result<Self> {
        let RepositoryConfig { name, url, .. } = config;
        let Some((scheme, rest)) = url.split_once("://") else { return Err(malformed(name, url)) };
        let provider = match scheme {
            "file" if rest.starts_with('/') => return Ok(Self::Folder(rest.into())),
            "memory" => return Ok(Self::Memory),
            "s3" => Provider::S3,
            "gs" => Provider::Google,
            "az" => Provider::Azure,
            _ => return Err(malformed(name, url)),
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
        if bucket.is_empty() || !bucket.chars().all(is_name) {
            let text = format!("repository \"{name}\": {scheme}:// must be followed by the name of a bucket");
            return Err(Error::invalid("repository", text).hint(format!(
                "write it as {scheme}://bucket or {scheme}://bucket/folder; keys, regions and endpoints are settings of their own"
            )));
        }
        if prefix.contains(['?', '#', '@']) {
            let text = format!(
                "repository \"{name}\": {scheme}://{bucket}/… has more than a folder after the bucket"
            );
            return Err(Error::invalid("repository", text).hint(
                "keys, regions and endpoints are settings of their own, and do not belong into the URL",
            ));
        }
        let prefix = Path::parse(prefix.trim_end_matches('/')).map_err(|error| {
            let text = format!("repository \"{name}\": \"{prefix}\" cannot be a folder in a bucket");
            Error::invalid("repository", text).caused_by(error)
        })?;
        Ok(Self::Bucket { provider, bucket: bucket.to_owned(), prefix })
    }

    /// Whether the settings fit.
    pub fn check(&self, config: &RepositoryConfig) -> Result<()> {
        let RepositoryConfig { name, url, options, ca_file, exclusive: _, encryption: _, retry_budget: _ } =
            config;
        let Self::Bucket { provider, .. } = self else {
            let given = options.first().map(|option| option.key.as_str());
            return match given.or(ca_file.as_ref().map(|_| "ca_file")) {
                Some(key) => Err(Error::invalid(
                    "repository",
                    format!("repository \"{name}\": {url} is no bucket, and has no setting \"{key}\""),
                )),
                None => Ok(()),
            };
        };
        match options.iter().find(|option| !provider.knows(&option.key)) {
            None => Ok(()),
            Some(unknown) => {
                let text = format!("repository \"{name}\": {url} has no setting \"{}\"", unknown.key);
                let near = nearest(&unknown.key, provider.usual_keys());
                Err(Error::invalid("repository", text).hint(match near {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("those that are usual: {}", provider.usual_keys().join(", ")),
                }))
            }
        }
    }
}

impl Provider {
    /// What its settings and variables begin with.
    fn word(self) -> &'static str {
        match self {
            Self::S3 => "aws",
            Self::Google => "google",
            Self::Azure => "azure",
        }
    }

    pub fn knows(self, key: &str) -> bool {
        match self {
            Self::S3 => key.parse::<AmazonS3ConfigKey>().is_ok(),
            Self::Google => key.parse::<GoogleConfigKey>().is_ok(),
            Self::Azure => key.parse::<AzureConfigKey>().is_ok(),
        }
    }

    pub fn mean_the_same(self, a: &str, b: &str) -> bool {
        match self {
            Self::S3 => same::<AmazonS3ConfigKey>(a, b),
            Self::Google => same::<GoogleConfigKey>(a, b),
            Self::Azure => same::<AzureConfigKey>(a, b),
        }
    }

    /// Whether a setting says who we are, or where: of those, a repository has all its own or none.
    pub fn is_identity(self, key: &str) -> bool {
        let words = [
            "key",
            "secret",
            "token",
            "role",
            "sas",
            "client",
            "account",
            "credential",
            "identity",
            "msi",
            "endpoint",
        ];
        self.knows(key) && words.iter().any(|word| key.contains(word)) && !key.contains("sse_")
    }

    /// The setting that a variable of the environment is for.
    pub fn key_of_variable(self, variable: &str) -> Option<String> {
        let key = variable.to_ascii_lowercase();
        let is_its = key.strip_prefix(self.word()).is_some_and(|rest| rest.starts_with('_'));
        match (self, variable) {
            _ if is_its && self.knows(&key) => Some(key),
            (Self::Azure, "IDENTITY_ENDPOINT") => Some("azure_identity_endpoint".to_owned()),
            _ => None,
        }
    }

    fn usual_keys(self) -> &'static [&'static str] {
        match self {
            Self::S3 => &[
                "access_key_id",
                "secret_access_key",
                "session_token",
                "region",
                "endpoint",
                "virtual_hosted_style_request",
                "role_arn",
                "web_identity_token_file",
                "server_side_encryption",
                "sse_kms_key_id",
                "checksum_algorithm",
                "proxy_url",
            ],
            Self::Google => &[
                "service_account",
                "service_account_key",
                "application_credentials",
                "base_url",
                "proxy_url",
            ],
            Self::Azure => &[
                "account_name",
                "account_key",
                "sas_token",
                "client_id",
                "client_secret",
                "tenant_id",
                "endpoint",
                "use_emulator",
                "proxy_url",
            ],
        }
    }
}

fn same<K: std::str::FromStr + PartialEq>(a: &str, b: &str) -> bool {
    matches!((a.parse::<K>(), b.parse::<K>()), (Ok(a), Ok(b)) if a == b)
}

fn malformed(name: &str, url: &str) -> Error {
    // It may hold a key.
    let shown = if url.contains(['@', '?']) { "what is given" } else { url };
    let text = format!("repository \"{name}\": \"{shown}\" is not the URL of a repository");
    let error = Error::invalid("repository", text);
    let path = url.strip_prefix("file://").or(url.strip_prefix("file:")).unwrap_or(url);
    match std::path::absolute(path) {
        Ok(absolute) if !path.contains("://") => {
            error.hint(format!("write a folder with its whole path: file://{}", absolute.display()))
        }
        _ => error.hint("write file:///var/backups/weaviate, s3://bucket/folder, gs://bucket/folder or az://container/folder"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOption;

    fn config(url: &str, options: &[(&str, &str)]) -> RepositoryConfig {
        let options = options.iter().map(|(key, value)| StoreOption::new(*key, *value)).collect();
        RepositoryConfig { options, ..RepositoryConfig::new("r", url) }
    }

    #[test]
    fn urls_say_where() {
        let parse = |url| Location::parse(&config(url, &[])).unwrap();
        assert_eq!(parse("file:///a b"), Location::Folder("/a b".into()));
        let bucket = |provider, bucket: &str, prefix: &str| Location::Bucket {
            provider,
            bucket: bucket.to_owned(),
            prefix: prefix.into(),
        };
        assert_eq!(parse("s3://b"), bucket(Provider::S3, "b", ""));
        assert_eq!(parse("gs://b.c/"), bucket(Provider::Google, "b.c", ""));
        assert_eq!(parse("az://b/c/d/"), bucket(Provider::Azure, "b", "c/d"));
        for bad in ["s3://", "s3:///x", "s3://key:secret@b", "file://x", "http://x", "x", "az://b/c?sig=x"] {
            assert!(Location::parse(&config(bad, &[])).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_setting_is_refused_with_the_nearest() {
        let error = config("s3://b", &[("regoin", "x")]).check().unwrap_err();
        assert_eq!(error.hint_text(), Some("did you mean region?"));
        assert!(config("file:///b", &[("region", "x")]).check().is_err());
        config("s3://b", &[("aws_region", "x"), ("endpoint", "y"), ("connect_timeout", "5s")])
            .check()
            .unwrap();
    }

    #[test]
    fn its_own_settings_go_before_the_environment() {
        let variables = [
            ("AWS_REGION", "env"),
            ("AWS_ENDPOINT_URL", "env"),
            ("AWS_PROFILE", "x"),
            ("AZURE_TENANT_ID", "x"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let own = config("s3://b", &[("endpoint", "own")]).with_environment(variables);
        let options: Vec<_> =
            own.options.iter().map(|option| (option.key.as_str(), option.value.as_str())).collect();
        assert_eq!(options, [("aws_region", "env"), ("endpoint", "own")]);
        // Not half of one identity and half of another.
        let token = ("AWS_SESSION_TOKEN".to_owned(), "env".to_owned());
        let own = config("s3://b", &[("access_key_id", "own")]).with_environment([token]);
        assert_eq!(own.options.len(), 1);
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret = |key, value| StoreOption::new(key, value).is_secret();
        for key in [
            "secret_access_key",
            "aws_session_token",
            "account_key",
            "sas_token",
            "client_secret",
            "service_account_key",
        ] {
            assert!(secret(key, "x"), "{key}");
        }
        for key in ["region", "access_key_id", "endpoint", "web_identity_token_file", "service_account"] {
            assert!(!secret(key, "x"), "{key}");
        }
        assert!(secret("proxy_url", "http://me:secret@proxy"));
        assert!(!format!("{:?}", config("s3://b", &[("secret_access_key", "hunter2")])).contains("hunter2"));
    }
}
