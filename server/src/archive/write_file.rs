//! One data file on its way to the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{PutPayload, WriteMultipart};
use uuid::Uuid;

use super::DataFile;
use super::encode::{Encoder, TenantBatch};
use super::write_collection::Target;
use crate::error::{Error, Result};
use crate::model::Content;

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
        let upload =
            Upload { path: target.path(&name), target: target.clone(), held: Vec::new(), multipart: None };
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
    held: Vec<Bytes>,
    multipart: Option<WriteMultipart>,
}

impl Upload {
    async fn push(&mut self, bytes: Bytes) -> Result<()> {
        self.held.push(bytes);
        let held: usize = self.held.iter().map(Bytes::len).sum();
        let part_bytes = self.target.limits.part_bytes;
        if self.multipart.is_none() && held > part_bytes {
            self.multipart = Some(self.target.store.start_upload(&self.path, part_bytes).await?);
        }
        if let Some(multipart) = &mut self.multipart {
            for bytes in self.held.drain(..) {
                // At most one part is on its way while the next row group is made.
                let sent = multipart.wait_for_capacity(1).await;
                sent.map_err(|error| self.target.store.error("write", &self.path, error))?;
                multipart.put(bytes);
            }
        }
        Ok(())
    }

    async fn finish(self) -> Result<()> {
        let store = &self.target.store;
        match self.multipart {
            // On failure it aborts by itself.
            Some(multipart) => match multipart.finish().await {
                Ok(_) => Ok(()),
                Err(error) => Err(store.error("write", &self.path, error)),
            },
            None => store.put(&self.path, PutPayload::from_iter(self.held)).await,
        }
    }

    async fn abort(self) -> Result<()> {
        match self.multipart {
            Some(multipart) => multipart
                .abort()
                .await
                .map_err(|error| self.target.store.error("clean up", &self.path, error)),
            None => Ok(()),
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

/// Runs CPU work where it does not hold up I/O.
pub async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failure) => Err(Error::internal("encoding or decoding a data file broke off").caused_by(failure)),
    }
}
