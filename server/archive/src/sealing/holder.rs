//! Who this server is for a repository: recipients and identities, or a passphrase for the identity that is in it.

use std::sync::OnceLock;

use age::secrecy::SecretString;
use bytes::Bytes;
use tokio::sync::OnceCell;

use super::keyring::{make_identity, recipient_of, unwrap_identity, wrong_passphrase};
use super::{Encryption, Keyring};
use crate::layout;
use crate::store::{Created, Store};
use crate::threads::off_the_async_threads;
use selvedge_model::error::{Error, Kind, Result};

#[derive(Debug)]
pub enum Holder {
    Keyring(Keyring),
    /// Opens the identity that is in the repository. That takes a second, so it is done once, also if it does not.
    Passphrase {
        passphrase: SecretString,
        opened: OnceCell<Keyring>,
        is_wrong: OnceLock<()>,
    },
}

impl Holder {
    /// `of` is how messages call what it is for.
    pub fn new(encryption: &Encryption, of: &str) -> Result<Self> {
        match &encryption.passphrase {
            None => Keyring::new(encryption, of).map(Self::Keyring),
            Some(passphrase) => Ok(Self::Passphrase {
                passphrase: passphrase.clone(),
                opened: OnceCell::new(),
                is_wrong: OnceLock::new(),
            }),
        }
    }

    /// Whether anything that others have sealed can be opened.
    pub fn can_open(&self) -> bool {
        match self {
            Self::Keyring(keyring) => keyring.opens(),
            Self::Passphrase { .. } => true,
        }
    }
}

impl Store {
    /// Opens the identity that a passphrase is for, if there is one yet. Fails if the passphrase is wrong.
    pub async fn unlock(&self) -> Result<()> {
        match self.is_locked().await? {
            true => self.keyring(false).await.map(drop),
            false => Ok(()),
        }
    }

    /// Whether there is an identity that a passphrase is for, or should be.
    async fn is_locked(&self) -> Result<bool> {
        let by_passphrase = matches!(self.keys.holder, Some(Holder::Passphrase { .. }));
        Ok(by_passphrase
            && (self.head(&layout::identity()).await?.is_some()
                || self.head(&layout::recipient()).await?.is_some()))
    }

    /// None if nothing is to be sealed here. `make` if the identity that a passphrase is for may be made now.
    pub async fn keyring(&self, make: bool) -> Result<Option<&Keyring>> {
        let (passphrase, opened, is_wrong) = match &self.keys.holder {
            None => return Ok(None),
            Some(Holder::Keyring(keyring)) => return Ok(Some(keyring)),
            Some(Holder::Passphrase { passphrase, opened, is_wrong }) => (passphrase, opened, is_wrong),
        };
        if is_wrong.get().is_some() {
            return Err(wrong_passphrase(&self.place()));
        }
        let open = || async {
            let identity = self.identity(passphrase, make).await?;
            let identity = identity.ok_or_else(|| {
                is_wrong.get_or_init(|| ());
                wrong_passphrase(&self.place())
            })?;
            self.recognize_identity(&identity, make).await?;
            let encryption = Encryption { identity: Some(identity), ..Encryption::default() };
            Keyring::new(&encryption, &self.place())
        };
        opened.get_or_try_init(open).await.map(Some)
    }

    /// The identity in the repository. None if the passphrase does not open it.
    async fn identity(&self, passphrase: &SecretString, make: bool) -> Result<Option<SecretString>> {
        let path = layout::identity();
        let wrapped = match self.get(&path).await? {
            Some(wrapped) => wrapped,
            // Whoever has lost it must not be given another one for it.
            None if !make || self.head(&layout::recipient()).await?.is_some() => {
                let text = format!("{path} in {} is missing, which the passphrase opens", self.place());
                return Err(
                    Error::new(Kind::KeyMissing, text).hint("bring it back from a copy of the repository")
                );
            }
            None => {
                let passphrase = passphrase.clone();
                let new: Bytes = off_the_async_threads(move || make_identity(&passphrase)).await?.into();
                match self.create(&path, new.clone()).await? {
                    Created::Done => new,
                    Created::Taken(other) => other,
                }
            }
        };
        let passphrase = passphrase.clone();
        off_the_async_threads(move || Ok(unwrap_identity(&wrapped, &passphrase).ok())).await
    }

    /// Fails if it is not the one that was there first. `make` if it may be the first.
    async fn recognize_identity(&self, identity: &SecretString, make: bool) -> Result<()> {
        let (path, own) = (layout::recipient(), recipient_of(identity));
        let first = match make {
            false => self.get(&path).await?,
            true => match self.create(&path, own.clone().into()).await? {
                Created::Done => None,
                Created::Taken(first) => Some(first),
            },
        };
        if first.is_none_or(|first| first == own.as_bytes()) {
            return Ok(());
        }
        let text = format!("{} in {} is not the one that was there first", layout::identity(), self.place());
        Err(Error::new(Kind::KeyMissing, text).hint(format!(
            "bring it back from a copy of the repository, the one whose recipient is in {path}"
        )))
    }
}
