//! Who may open what a repository holds, as it is configured.

use secrecy::SecretString;

/// Whoever has one of the identities can read. All of it empty is no encryption at all, which a repository has by not having this.
#[derive(Debug, Clone, Default)]
pub struct Encryption {
    /// Public keys of age: `age1…`.
    pub recipients: Vec<String>,
    /// What is in a file of age identities: `AGE-SECRET-KEY-1…`, a line each. Without it, nothing can be read.
    pub identity: Option<SecretString>,
    /// Instead of recipients and identities.
    pub passphrase: Option<SecretString>,
}
