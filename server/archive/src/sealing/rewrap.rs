//! Keys that get other recipients, while what they are for stays as it is.

use age::secrecy::SecretString;
use bytes::Bytes;
use object_store::path::Path;

use super::keyring::{unwrap_identity, wrap_identity, wrong_passphrase};
use crate::store::Store;
use crate::threads::off_the_async_threads;
use crate::{Repository, layout};
use selvedge_model::error::{Error, Kind, Result};

/// What became of the keys of a repository.
#[derive(Debug, Default)]
pub struct Rewrapped {
    /// For how many backups and jobs.
    pub keys: u64,
    /// What cannot be opened here, and so stays as it was: a sentence on each.
    pub closed: Vec<String>,
}

impl Repository {
    /// Encrypts the key of each backup and job for the recipients that are configured now. What is cut off can be repeated.
    pub async fn rewrap_keys(&self) -> Result<Rewrapped> {
        let mut done = Rewrapped::default();
        for dir in self.sealed_folders().await? {
            match self.store().rewrap_key(&dir).await {
                Ok(true) => done.keys += 1,
                Ok(false) => {}
                // A key that is damaged is no reason to leave the others as they are.
                Err(error) if matches!(error.kind(), Kind::KeyMissing | Kind::BackupCorrupt) => {
                    done.closed.push(error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Encrypts the identity of the repository with another passphrase, so that none of its keys has to be.
    pub async fn change_passphrase(&self, old: &SecretString, new: &SecretString) -> Result<()> {
        let (path, place) = (layout::identity(), self.store().place());
        let wrapped = self.store().get(&path).await?.ok_or_else(|| {
            Error::new(
                Kind::KeyMissing,
                format!("{place} has no {path}: nothing was encrypted there with a passphrase"),
            )
        })?;
        let (old, new) = (old.clone(), new.clone());
        let again = off_the_async_threads(move || {
            let identity = unwrap_identity(&wrapped, &old).map_err(|_| wrong_passphrase(&place))?;
            wrap_identity(&identity, &new)
        });
        self.store().put(&path, Bytes::from(again.await?).into()).await
    }

    /// Of backups that are made at the moment, the key is left to those who make them.
    async fn sealed_folders(&self) -> Result<Vec<Path>> {
        let mut dirs: Vec<_> = self.catalog().await?.committed().map(layout::backup_dir).collect();
        dirs.extend(self.job_ids().await?.into_iter().map(|id| layout::jobs_dir().join(id)));
        Ok(dirs)
    }
}

impl Store {
    /// False if there is no key.
    async fn rewrap_key(&self, dir: &Path) -> Result<bool> {
        let path = layout::key(dir);
        let Some(keyring) = self.keyring(false).await? else { return Ok(false) };
        let again = |wrapped: &Bytes| {
            let key = self.unwrap(keyring, &path, wrapped)?;
            keyring.wrap(&key).map(Bytes::from)
        };
        let is_there = self.exchange(&path, again).await?;
        self.keys.forget(dir);
        Ok(is_there)
    }
}
