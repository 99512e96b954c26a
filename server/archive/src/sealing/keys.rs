//! The keys of what is sealed in a repository.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use object_store::path::Path;
use tokio::sync::OnceCell;

use super::holder::Holder;
use super::key::is_sealed;
use super::{Encryption, Key, Keyring, Seal};
use crate::layout;
use crate::store::{Created, Store};
use selvedge_model::error::{Error, Kind, Result};

/// Who may open what a repository holds, and the keys that are known already.
#[derive(Debug, Default)]
pub struct Keys {
    pub(super) holder: Option<Holder>,
    /// By the folder that each is for; None for one that has none. A key that was made here stays known, so a server without an
    /// identity can go on with its own jobs.
    known: Mutex<HashMap<Path, Option<Known>>>,
    /// That backups are encrypted here.
    noted: OnceCell<()>,
}

/// A key, and what is in its `key.age`.
type Known = (Bytes, Arc<Key>);

impl Keys {
    /// `of` is how messages call what it is for.
    pub fn new(encryption: Option<&Encryption>, of: &str) -> Result<Self> {
        let holder = encryption.map(|encryption| Holder::new(encryption, of)).transpose()?;
        Ok(Self { holder, ..Self::default() })
    }

    /// Whether what is written is sealed.
    pub fn are_wanted(&self) -> bool {
        self.holder.is_some()
    }

    /// Whether anything that others have sealed can be opened.
    pub fn can_open(&self) -> bool {
        self.holder.as_ref().is_some_and(Holder::can_open)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Path, Option<Known>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That of a folder, if it is known.
    pub fn of(&self, dir: &Path) -> Seal {
        self.known().get(dir).and_then(|known| Some(known.as_ref()?.1.clone()))
    }

    fn remember(&self, dir: &Path, wrapped: Bytes, key: Arc<Key>) -> Arc<Key> {
        self.known().insert(dir.clone(), Some((wrapped, key.clone())));
        key
    }

    /// The folder may have become another's since, of the same name.
    pub fn forget(&self, dir: &Path) {
        self.known().remove(dir);
    }
}

impl Store {
    /// The key for what is about to be written into a folder; made if there is none. None if nothing is to be sealed here.
    pub async fn make_key(&self, dir: &Path) -> Result<Seal> {
        let Some(keyring) = self.keyring(true).await? else { return Ok(None) };
        let (path, key) = (layout::key(dir), Key::random()?);
        let wrapped = Bytes::from(keyring.wrap(&key)?);
        let known = self.keys.known().get(dir).cloned().flatten();
        // First: should the answer be lost, it is known what may be there.
        let key = self.keys.remember(dir, wrapped.clone(), Arc::new(key));
        let found = match self.create(&path, wrapped).await {
            Ok(Created::Done) => return Ok(Some(key)),
            Ok(Created::Taken(found)) => found,
            Err(error) => {
                if let Some((wrapped, key)) = known {
                    self.keys.remember(dir, wrapped, key);
                }
                return Err(error);
            }
        };
        self.keys.forget(dir);
        let key = match known.filter(|(known, _)| *known == found) {
            Some((_, key)) => key,
            None => Arc::new(self.unwrap(keyring, &path, &found)?),
        };
        Ok(Some(self.keys.remember(dir, found, key)))
    }

    /// What is in a folder is sealed with; None if nothing is. Of a folder of whose name there will never be another.
    pub async fn key_if_any(&self, dir: &Path) -> Result<Seal> {
        if !self.keys.are_wanted() {
            return Ok(None);
        }
        if let Some(known) = self.keys.known().get(dir) {
            return Ok(known.as_ref().map(|(_, key)| key.clone()));
        }
        if self.head(&layout::key(dir)).await?.is_some() {
            return self.key(dir).await.map(Some);
        }
        // It may have got one since.
        Ok(self.keys.known().entry(dir.clone()).or_insert(None).as_ref().map(|(_, key)| key.clone()))
    }

    /// Fails if backups are made here that are encrypted, and this server would make one that is not: somebody has forgotten to
    /// configure it.
    pub async fn refuse_in_the_open(&self) -> Result<()> {
        let path = layout::encrypted();
        if self.keys.are_wanted() {
            let note = || async { self.create(&path, Bytes::from_static(b"{}")).await.map(drop) };
            return self.keys.noted.get_or_try_init(note).await.map(drop);
        }
        if self.head(&path).await?.is_none() {
            return Ok(());
        }
        let text =
            format!("backups in {} are encrypted, and this server is not configured for that", self.place());
        Err(Error::new(Kind::KeyMissing, text).hint(format!(
            "name its recipients in the configuration; if backups in the open are wanted there from now on, delete {path}"
        )))
    }

    /// The key of what is sealed in a folder.
    pub async fn key(&self, dir: &Path) -> Result<Arc<Key>> {
        if let Some(key) = self.keys.of(dir) {
            return Ok(key);
        }
        let path = layout::key(dir);
        if !self.keys.can_open() {
            return Err(self.no_key(&path));
        }
        let Some(keyring) = self.keyring(false).await? else { return Err(self.no_key(&path)) };
        let Some(wrapped) = self.get(&path).await? else {
            let text =
                format!("{path} in {} is missing: what is sealed with it cannot be read", self.place());
            return Err(
                Error::new(Kind::BackupCorrupt, text).hint("bring it back from a copy of the repository")
            );
        };
        let key = self.unwrap(keyring, &path, &wrapped)?;
        Ok(self.keys.remember(dir, wrapped, Arc::new(key)))
    }

    /// What is in a file of a folder, whether or not it is sealed.
    pub async fn opened(&self, dir: &Path, path: &Path, bytes: Bytes) -> Result<Bytes> {
        if !is_sealed(&bytes) {
            return Ok(bytes);
        }
        let key = self.key(dir).await?;
        key.file(path).open(&bytes).map(Bytes::from).ok_or_else(|| {
            let text = format!("{path} in {} is not what was sealed: it was altered, or moved", self.place());
            Error::new(Kind::BackupCorrupt, text).hint("bring it back from a copy of the repository")
        })
    }

    pub(super) fn unwrap(&self, keyring: &Keyring, path: &Path, wrapped: &[u8]) -> Result<Key> {
        match keyring.open(wrapped) {
            Ok(Some(key)) => Ok(key),
            Ok(None) => Err(self.no_key(path)),
            Err(why) => {
                let text = format!("{path} in {} is damaged: {why}", self.place());
                Err(Error::new(Kind::BackupCorrupt, text).hint("bring it back from a copy of the repository"))
            }
        }
    }

    fn no_key(&self, path: &Path) -> Error {
        let what = path.as_ref().trim_end_matches(layout::KEY).trim_end_matches('/');
        let text = format!("{what} in {} is encrypted, and this server has no identity for it", self.place());
        Error::new(Kind::KeyMissing, text)
            .hint("let a server read it that has an identity of one of its recipients, or its passphrase")
    }
}
