//! What is done with the keys of encrypted repositories. It is for whoever has the configuration at hand: no key goes over the
//! network.

use std::path::Path;

use selvedge_archive::{BackupId, Repository, Rewrapped};
use selvedge_model::error::{Error, Result};
use serde::Serialize;

use crate::config::{Config, RepositoryPlace, passphrase_in};

/// The keys of a backup's data files, for `footer_key` of pyarrow, `ParquetDecryptionProperties` of polars and others.
#[derive(Debug, Serialize)]
pub struct BackupKeys {
    backup: BackupId,
    files: Vec<FileKey>,
}

#[derive(Debug, Serialize)]
struct FileKey {
    collection: String,
    /// In the repository.
    path: String,
    rows: u64,
    /// 32 bytes in hex.
    key: String,
}

/// Of a backup in the repository of this name.
pub async fn show(config: &Config, name: &str, backup: &str) -> Result<BackupKeys> {
    let id: BackupId = backup.parse()?;
    let reader = open(config, name)?.open_backup(&id).await?;
    if !reader.manifest().is_encrypted() {
        return Err(Error::invalid("backup", format!("backup {id} is not encrypted: its files need no key")));
    }
    let mut files = Vec::new();
    for collection in &reader.manifest().collections {
        let collection = reader.collection(&collection.name).await?;
        for (file, path, key) in collection.file_keys() {
            let (collection, rows) = (collection.collection().name.clone(), file.rows);
            files.push(FileKey { collection, path, rows, key });
        }
    }
    Ok(BackupKeys { backup: id, files })
}

/// For the recipients of the configuration, or for another passphrase.
pub async fn rewrap(config: &Config, name: &str, new_passphrase: Option<&Path>) -> Result<Rewrapped> {
    let (place, repository) = (place(config, name)?, open(config, name)?);
    repository.check().await?;
    let old = place.config.encryption.as_ref().and_then(|encryption| encryption.passphrase.as_ref());
    match (old, new_passphrase) {
        (Some(old), Some(file)) => {
            let new = passphrase_in("--new-passphrase-file", file)?;
            repository.change_passphrase(old, &new).await.map(|()| Rewrapped::default())
        }
        (Some(_), None) => {
            Err(Error::invalid("new_passphrase_file", "repositories with a passphrase need a new one")
                .hint("name a file that holds it with --new-passphrase-file"))
        }
        (None, Some(_)) => {
            let text = format!("repository \"{name}\" has recipients and no passphrase");
            Err(Error::invalid("new_passphrase_file", text)
                .hint("name the recipients in the configuration, and leave out --new-passphrase-file"))
        }
        (None, None) => repository.rewrap_keys().await,
    }
}

fn place<'c>(config: &'c Config, name: &str) -> Result<&'c RepositoryPlace> {
    let mut places = config.repositories.iter();
    let place = places.find(|place| place.config.name == name).ok_or_else(|| {
        let names: Vec<_> = config.repositories.iter().map(|place| place.config.name.as_str()).collect();
        Error::invalid("name", format!("there is no repository \"{name}\" in the configuration"))
            .hint(format!("there are: {}", names.join(", ")))
    })?;
    if place.config.encryption.is_some() {
        return Ok(place);
    }
    Err(Error::invalid("encryption", format!("repository \"{name}\" is not configured to be encrypted"))
        .hint("say what opens it: an identity_file, or a passphrase"))
}

fn open(config: &Config, name: &str) -> Result<Repository> {
    Repository::open(&place(config, name)?.config)
}
