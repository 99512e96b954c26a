//! One data file on its way to the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::destination::Destination;
use super::upload::Upload;
use crate::data_file::DataFile;
use crate::format::{Account, Encoder, TenantBatch};
use crate::threads::off_the_async_threads;
use selvedge_model::error::{Error, Result};
use selvedge_model::{Content, UuidRange};

/// A data file, and what it holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Written {
    pub file: DataFile,
    pub content: Content,
}

/// A file that takes more rows. It is gone if anything fails.
pub struct OpenFile {
    name: String,
    /// Away while a thread encodes with it.
    encoder: Box<Encoder>,
    upload: Upload,
    /// Counts the bytes of the file for those who only look on.
    written: Arc<AtomicU64>,
}

impl OpenFile {
    pub fn new(destination: &Arc<Destination>, written: Arc<AtomicU64>) -> Result<Self> {
        // Never used before, also not by an attempt that failed.
        let name = format!("{}{}", Uuid::now_v7().simple(), destination.format.extension());
        let path = destination.data_file(&name);
        let key = destination.seal.as_ref().map(|key| key.file(&path));
        let encoder = Box::new(Encoder::new(destination.columns.clone(), destination.format, key)?);
        let upload = Upload::new(destination.clone(), path);
        Ok(Self { name, encoder, upload, written })
    }

    /// Appends batches, in row groups of about `group_bytes` raw bytes.
    pub async fn write(self, batches: Vec<TenantBatch>, group_bytes: usize) -> Result<Self> {
        let Self { name, mut encoder, mut upload, written } = self;
        let encoded =
            off_the_async_threads(move || Ok((encoder.encode(batches, group_bytes)?, encoder))).await;
        let (row_groups, encoder) = match encoded {
            Ok(encoded) => encoded,
            Err(error) => return Err(upload.abort_after(error).await),
        };
        for bytes in row_groups {
            written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            if let Err(error) = upload.push(bytes).await {
                return Err(upload.abort_after(error).await);
            }
        }
        Ok(Self { name, encoder, upload, written })
    }

    /// Waits until all that makes whole parts is with the store.
    pub async fn settle(mut self) -> Result<Self> {
        match self.upload.settle().await {
            Ok(()) => Ok(self),
            Err(error) => Err(self.abort_after(error).await),
        }
    }

    /// Ends the file. It is there when this returns, and durable when the backup is committed.
    pub async fn finish(self, covers: Option<UuidRange>) -> Result<Written> {
        let Self { name, mut encoder, mut upload, written } = self;
        let (end, footer, blake3) = match encoder.finish() {
            Ok(ended) => ended,
            Err(error) => return Err(upload.abort_after(error).await),
        };
        written.fetch_add(end.len() as u64, Ordering::Relaxed);
        if let Err(error) = upload.push(end).await {
            return Err(upload.abort_after(error).await);
        }
        upload.finish().await?;
        let Encoder { bytes, row_groups, account, .. } = *encoder;
        let Account { rows, tenants, without_vector, content } = account;
        let digest = Some(content.total());
        let file = DataFile {
            name,
            rows,
            bytes,
            blake3,
            covers,
            row_groups,
            footer,
            tenants,
            without_vector,
            digest,
        };
        Ok(Written { file, content })
    }

    /// Leaves nothing of the file.
    pub async fn abort(self) -> Result<()> {
        self.upload.abort().await
    }

    /// Leaves nothing of the file, because of `error`.
    pub async fn abort_after(self, error: Error) -> Error {
        self.upload.abort_after(error).await
    }
}
