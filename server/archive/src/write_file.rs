//! One data file on its way to the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload, PutPayloadMut};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::DataFile;
use super::encode::{Encoder, TenantBatch};
use super::write_collection::Target;
use selvedge_model::Content;
use selvedge_model::error::{Error, Result};

/// A file that takes more rows.
pub struct OpenFile {
    name: String,
    /// Away while a thread encodes with it.
    encoder: Box<Encoder>,
    upload: Upload,
    /// Counts the bytes of all the files of a data writer.
    written: Arc<AtomicU64>,
}

impl OpenFile {
    pub fn new(target: &Arc<Target>, written: Arc<AtomicU64>) -> Result<Self> {
        // Never used before, also not by an attempt that failed.
        let name = format!("{}.parquet", Uuid::now_v7().simple());
        let encoder = Box::new(Encoder::new(target.columns.clone())?);
        let upload = Upload {
            path: target.path(&name),
            target: target.clone(),
            held: PutPayloadMut::new(),
            parts: None,
        };
        Ok(Self { name, encoder, upload, written })
    }

    pub fn bytes(&self) -> u64 {
        self.encoder.bytes
    }

    /// Appends a row group. The file is gone if that fails.
    pub async fn write(self, batches: Vec<TenantBatch>) -> Result<Self> {
        let Self { name, mut encoder, mut upload, written } = self;
        let encoded = off_the_async_threads(move || Ok((encoder.encode_row_group(batches)?, encoder))).await;
        let (bytes, encoder) = match encoded {
            Ok(encoded) => encoded,
            Err(error) => return Err(upload.abort_after(error).await),
        };
        written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        match upload.push(bytes).await {
            Ok(()) => Ok(Self { name, encoder, upload, written }),
            Err(error) => Err(upload.abort_after(error).await),
        }
    }

    /// Durable when it returns. The file is gone if that fails.
    pub async fn finish(self) -> Result<(DataFile, Content)> {
        let Self { name, mut encoder, mut upload, written } = self;
        let (bytes, footer, blake3) = match encoder.finish() {
            Ok(ended) => ended,
            Err(error) => return Err(upload.abort_after(error).await),
        };
        written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if let Err(error) = upload.push(bytes).await {
            return Err(upload.abort_after(error).await);
        }
        upload.finish().await?;
        let Encoder { bytes, rows, row_groups, tenants, without_vector, content, .. } = *encoder;
        let digest = Some(content.total());
        let file =
            DataFile { name, rows, bytes, blake3, row_groups, footer, tenants, without_vector, digest };
        Ok((file, content))
    }

    /// Leaves nothing of the file.
    pub async fn abort(self) -> Result<()> {
        self.upload.abort().await
    }
}

/// Bytes that become one object: held until they are too many for a single put, then sent in parts.
struct Upload {
    target: Arc<Target>,
    path: Path,
    held: PutPayloadMut,
    parts: Option<Parts>,
}

/// Parts of an object that is being sent, one after the other.
struct Parts {
    upload: Box<dyn MultipartUpload>,
    on_its_way: Option<AbortOnDropHandle<object_store::Result<()>>>,
}

impl Upload {
    /// All parts have the same size but the last, as some stores want it. One is on its way while the next row group is
    /// made.
    async fn push(&mut self, mut bytes: Bytes) -> Result<()> {
        let part_bytes = self.target.limits.part_bytes;
        while self.held.content_length() + bytes.len() > part_bytes {
            self.held.push(bytes.split_to(part_bytes - self.held.content_length()));
            self.send().await?;
        }
        self.held.push(bytes);
        Ok(())
    }

    /// Sends what is held as a part.
    async fn send(&mut self) -> Result<()> {
        let Self { target, path, held, parts } = self;
        let parts = match parts {
            Some(parts) => parts,
            None => parts.insert(Parts { upload: target.store.start_upload(path).await?, on_its_way: None }),
        };
        let sent = parts.send(std::mem::take(held).into()).await;
        sent.map_err(|error| target.store.error("write", path, error))
    }

    async fn finish(mut self) -> Result<()> {
        if self.parts.is_none() {
            return self.target.store.put(&self.path, self.held.into()).await;
        }
        if let Err(error) = self.send().await {
            return Err(self.abort_after(error).await);
        }
        let Self { target, path, parts, .. } = &mut self;
        let completed = match parts {
            Some(parts) => parts.complete().await,
            None => Ok(()),
        };
        match completed {
            Ok(()) => Ok(()),
            Err(error) => {
                let error = target.store.error("write", path, error);
                // Some stores cannot abort what failed when it was completed, and say so instead of why it failed. What is
                // left of it is removed with the backup that it was for.
                if let Err(cleanup) = self.abort().await {
                    tracing::debug!(%cleanup, "an upload that could not be completed could not be aborted either");
                }
                Err(error)
            }
        }
    }

    async fn abort(self) -> Result<()> {
        let Some(mut parts) = self.parts else { return Ok(()) };
        drop(parts.on_its_way.take());
        match parts.upload.abort().await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.target.store.error("clean up", &self.path, error)),
        }
    }

    /// Cleans up after `error`, which is more telling than what may go wrong with that.
    async fn abort_after(self, error: Error) -> Error {
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
        self.on_its_way = Some(AbortOnDropHandle::new(tokio::spawn(sending)));
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

    async fn complete(&mut self) -> object_store::Result<()> {
        self.settle().await?;
        self.upload.complete().await.map(drop)
    }
}

/// Runs CPU work where it does not hold up I/O.
pub async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failure) => Err(Error::internal("encoding or decoding a data file broke off").caused_by(failure)),
    }
}
