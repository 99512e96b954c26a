//! Creating an object only where there is none. Everything that two servers might do at once rests on it.

use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, UpdateVersion};
use tokio::sync::{Mutex, OnceCell};
use uuid::Uuid;

use super::Store;
use crate::layout;
use crate::store_error::Answer;
use selvedge_model::error::{Error, Kind, Result};

/// A store that answers "taken" to the loser of a race may have nothing there a moment later: S3 says so when two create
/// the same object at once and neither has ended. And what is not answered is not repeated by the client: it cannot know
/// that what it may find then is its own.
const CREATE_AGAIN: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_secs(1)];

/// What became of a create-only put.
pub enum Created {
    /// The object is there, with the bytes that were to be put.
    Done,
    /// Something else was there before.
    Taken(Bytes),
}

/// Why a create-only put never replaces anything.
#[derive(Debug)]
pub enum Creation {
    /// The store is known for it.
    Known,
    /// The store has shown it, or is asked to before the first one.
    Shown(OnceCell<()>),
    /// Nobody else writes there, and within this process it is one after the other.
    Alone(Mutex<()>),
}

impl Store {
    /// Never replaces anything. The answer to an attempt before this one may have been lost, so whatever the store
    /// says, the object counts as created if it has these bytes.
    pub async fn create(&self, path: &Path, bytes: Bytes) -> Result<Created> {
        let _alone = match &self.creation {
            Creation::Known => None,
            Creation::Shown(shown) => {
                shown.get_or_try_init(|| self.show_creation()).await?;
                None
            }
            Creation::Alone(alone) => Some(alone.lock().await),
        };
        for pause in CREATE_AGAIN {
            match self.create_once(path, &bytes).await? {
                Some(created) => return Ok(created),
                None => tokio::time::sleep(pause).await,
            }
        }
        let taken = object_store::Error::AlreadyExists {
            path: path.to_string(),
            source: "it is taken, and nothing is there".into(),
        };
        self.create_once(path, &bytes).await?.ok_or_else(|| self.error("write", path, taken))
    }

    /// None if the object is taken, and yet not there; or if nobody knows what became of it, and it is not there.
    async fn create_once(&self, path: &Path, bytes: &Bytes) -> Result<Option<Created>> {
        if let Creation::Alone(_) = self.creation
            && let Some(found) = self.get(path).await?
        {
            return Ok(Some(if found == *bytes { Created::Done } else { Created::Taken(found) }));
        }
        let mode = match self.creation {
            Creation::Alone(_) => PutMode::Overwrite,
            Creation::Known | Creation::Shown(_) => PutMode::Create,
        };
        let put = self.objects.put_opts(path, bytes.clone().into(), mode.into()).await;
        let Err(error) = put else { return Ok(Some(Created::Done)) };
        let is_taken = is_taken(&error);
        let found = self.get(path).await;
        match found {
            // A folder loses no answers. What failed there is the way to the disk: the bytes can be read and are not safe.
            Ok(Some(found)) if found == *bytes && !is_taken && self.folder.is_some() => {
                self.delete(vec![path.clone()]).await.ok();
                Err(self.error("write", path, error))
            }
            Ok(Some(found)) if found == *bytes => Ok(Some(Created::Done)),
            Ok(Some(found)) if is_taken => Ok(Some(Created::Taken(found))),
            Ok(None) if is_taken || is_unanswered(&error) => Ok(None),
            // The failure to write says more than one to read after it.
            _ => Err(self.error("write", path, error)),
        }
    }

    /// Some stores that speak S3 take the condition for decoration. With one of those two servers could have the same backup,
    /// or the same collection, at once.
    pub async fn show_creation(&self) -> Result<()> {
        let path = layout::probe(Uuid::new_v4());
        let failed = |error| self.error("create", &path, error);
        let put = async |bytes: &'static str| {
            self.objects.put_opts(&path, bytes.into(), PutMode::Create.into()).await
        };
        // Nobody else has this name: what is there is our own, whose answer was lost.
        let first = match put("1").await {
            Err(error) if !is_taken(&error) => Err(error),
            _ => Ok(()),
        };
        let second = match first {
            Ok(()) => put("2").await.map(drop),
            Err(error) => Err(error),
        };
        let deleted = self.delete(vec![path.clone()]).await;
        match second {
            Err(error) if is_taken(&error) => deleted.map(drop),
            Err(error) if !is_not_known(&error) => Err(failed(error)),
            // Replaced, or refused for being asked so.
            Ok(()) | Err(_) => {
                let text = format!(
                    "{} is not safe to write to: asked to create an object only where there is none, the store replaces one or \
                     does not know how, so two servers could take the same backup or the same collection at once",
                    self.place()
                );
                Err(Error::new(Kind::RepositoryUnavailable, text).hint(
                    "use a version of the store that minds \"If-None-Match: *\"; or, if this server is and stays the only one on \
                     this repository, set exclusive = true for it in the configuration",
                ))
            }
        }
    }
}

impl Store {
    /// Puts what `new` makes of an object in its place, and in nobody else's. False if there is none. A folder cannot replace
    /// conditionally: there it is looked at once more just before.
    pub async fn exchange(&self, path: &Path, new: impl Fn(&Bytes) -> Result<Bytes>) -> Result<bool> {
        for pause in CREATE_AGAIN {
            match self.exchange_once(path, &new).await? {
                Some(is_there) => return Ok(is_there),
                None => tokio::time::sleep(pause).await,
            }
        }
        let text = format!("{path} in {} is being changed by others all the time", self.place());
        Err(Error::new(Kind::RepositoryUnavailable, text).hint("try again"))
    }

    /// None if it was changed meanwhile.
    async fn exchange_once(
        &self,
        path: &Path,
        new: &impl Fn(&Bytes) -> Result<Bytes>,
    ) -> Result<Option<bool>> {
        let got = match self.objects.get(path).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(Some(false)),
            got => got.map_err(|error| self.error("read", path, error))?,
        };
        let version = UpdateVersion { e_tag: got.meta.e_tag.clone(), version: got.meta.version.clone() };
        let old = got.bytes().await.map_err(|error| self.error("read", path, error))?;
        let new = new(&old)?;
        let mode = match self.creation {
            Creation::Shown(_) => PutMode::Update(version),
            _ if self.get(path).await? == Some(old) => PutMode::Overwrite,
            _ => return Ok(None),
        };
        let Err(error) = self.objects.put_opts(path, new.clone().into(), mode.into()).await else {
            return Ok(Some(true));
        };
        match self.get(path).await? {
            // It was ours, and its answer was lost.
            Some(found) if found == new => Ok(Some(true)),
            _ if is_taken(&error) => Ok(None),
            _ => Err(self.error("write", path, error)),
        }
    }
}

fn is_taken(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. })
}

fn is_unanswered(error: &object_store::Error) -> bool {
    Answer::of(error).is_some_and(|answer| answer.leaves_open())
}

/// Whether the store says that it does not know this condition.
fn is_not_known(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotImplemented { .. })
        || Answer::of(error).is_some_and(|answer| answer.is_not_implemented())
}
