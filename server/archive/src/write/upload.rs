//! Bytes on their way to the store.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload, PutPayloadMut};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::destination::Destination;
use selvedge_model::error::{Error, Kind, Result};

/// Bytes that become one object: held until they are too many for a single put, then sent in parts.
pub struct Upload {
    destination: Arc<Destination>,
    path: Path,
    held: PutPayloadMut,
    parts: Option<Parts>,
}

/// A part that is on its way may arrive after its upload was aborted, and would be left behind. For so long it may arrive before.
const LAST_PART: Duration = Duration::from_secs(5);

/// Parts of an object that is being sent, one after the other.
struct Parts {
    upload: Box<dyn MultipartUpload>,
    on_its_way: Option<AbortOnDropHandle<object_store::Result<()>>>,
}

impl Upload {
    pub fn new(destination: Arc<Destination>, path: Path) -> Self {
        Self { destination, path, held: PutPayloadMut::new(), parts: None }
    }

    /// All parts have the same size but the last, as some stores want it. One is on its way while the next row group is
    /// made.
    pub async fn push(&mut self, mut bytes: Bytes) -> Result<()> {
        let part_bytes = self.destination.limits.part_bytes;
        while self.held.content_length() + bytes.len() > part_bytes {
            self.held.push(bytes.split_to(part_bytes - self.held.content_length()));
            self.send().await?;
        }
        self.held.push(bytes);
        Ok(())
    }

    /// Sends what is held as a part.
    async fn send(&mut self) -> Result<()> {
        let Self { destination, path, held, parts } = self;
        let parts = match parts {
            Some(parts) => parts,
            None => {
                let upload = destination.store.start_upload(&destination.haste, path).await?;
                parts.insert(Parts { upload, on_its_way: None })
            }
        };
        destination.store.begin_put(&destination.haste, path, held.content_length())?;
        let sent = parts.send(std::mem::take(held).into()).await;
        sent.map_err(|error| destination.store.error("write", path, error))
    }

    /// Waits until no part is on its way.
    pub async fn settle(&mut self) -> Result<()> {
        let Self { destination, path, parts, .. } = self;
        match parts {
            Some(parts) => {
                parts.settle().await.map_err(|error| destination.store.error("write", path, error))
            }
            None => Ok(()),
        }
    }

    /// It is there when this returns, and durable when the backup is committed. Nothing is left of it if that fails.
    pub async fn finish(mut self) -> Result<()> {
        if self.parts.is_none() {
            let Destination { store, haste, .. } = &*self.destination;
            return store.put_hastily(haste, &self.path, self.held.into()).await;
        }
        if let Err(error) = self.send().await {
            return Err(self.abort_after(error).await);
        }
        let Self { destination, path, parts, .. } = &mut self;
        let completed = match parts {
            Some(parts) => parts.complete().await,
            None => Ok(false),
        };
        match completed {
            Ok(false) => Ok(()),
            // Nobody else has a file of this name; whether it is whole is for its checksum to say.
            Ok(true) if destination.store.head(path).await?.is_some() => Ok(()),
            Ok(true) => {
                let text =
                    format!("an upload of {path} to {} was given up by the store", destination.store.place());
                Err(Error::new(Kind::RepositoryUnavailable, text)
                    .hint("look for rules of the bucket that abort uploads"))
            }
            Err(error) => {
                let error = destination.store.error("write", path, error);
                // Some stores cannot abort what failed when it was completed, and say so instead of why it failed. What is
                // left of it is removed with the backup that it was for.
                if let Err(cleanup) = self.abort().await {
                    tracing::debug!(%cleanup, "an upload that could not be completed could not be aborted either");
                }
                Err(error)
            }
        }
    }

    /// Leaves nothing of it.
    pub async fn abort(self) -> Result<()> {
        let Some(mut parts) = self.parts else { return Ok(()) };
        // What became of it does not matter any more.
        tokio::time::timeout(LAST_PART, parts.settle()).await.ok();
        match parts.upload.abort().await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.destination.store.error("clean up", &self.path, error)),
        }
    }

    /// Cleans up after `error`, which is more telling than what may go wrong with that.
    pub async fn abort_after(self, error: Error) -> Error {
        match self.abort().await {
            Ok(()) => error,
            Err(cleanup) => {
                tracing::warn!(%cleanup, "parts of a data file may be left behind");
                error
            }
        }
    }
}

impl Parts {
    /// Waits for the part before.
    async fn send(&mut self, part: PutPayload) -> object_store::Result<()> {
        self.settle().await?;
        let sending = self.upload.put_part(part);
        self.on_its_way = Some(AbortOnDropHandle::new(tokio::spawn(sending.in_current_span())));
        Ok(())
    }

    async fn settle(&mut self) -> object_store::Result<()> {
        match self.on_its_way.take() {
            Some(sending) => {
                sending.await.map_err(|error| object_store::Error::JoinError { source: error })?
            }
            None => Ok(()),
        }
    }

    /// True if there is no such upload any more: the answer to an attempt before this one may have been lost.
    async fn complete(&mut self) -> object_store::Result<bool> {
        self.settle().await?;
        match self.upload.complete().await {
            Ok(_) => Ok(false),
            Err(object_store::Error::NotFound { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }
}
