//! A repository on a disk that fills up.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

/// Passes everything on to another store, until so many bytes have been written; then the disk is full, until something is
/// deleted.
#[derive(Debug, Clone)]
pub struct FullStore {
    inner: Arc<dyn ObjectStore>,
    room: Arc<AtomicI64>,
}

impl FullStore {
    pub fn new(inner: Arc<dyn ObjectStore>, room: i64) -> Self {
        Self { inner, room: Arc::new(AtomicI64::new(room)) }
    }

    fn take(&self, bytes: usize) -> Result<()> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        // What does not fit leaves the room as it is.
        let fits = |room| (room >= bytes).then_some(room - bytes);
        if self.room.fetch_update(SeqCst, SeqCst, fits).is_ok() {
            return Ok(());
        }
        let source = Box::new(io::Error::new(io::ErrorKind::StorageFull, "no space left on device"));
        Err(Error::Generic { store: "FullStore", source })
    }
}

impl fmt::Display for FullStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FullStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FullStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.take(payload.content_length())?;
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(FullUpload { inner, store: self.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let freed = locations.then(move |location| {
            let store = store.clone();
            async move {
                let location = location?;
                let size = store.inner.head(&location).await.map_or(0, |meta| meta.size);
                store.room.fetch_add(i64::try_from(size).unwrap_or(i64::MAX), SeqCst);
                Ok(location)
            }
        });
        self.inner.delete_stream(freed.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct FullUpload {
    inner: Box<dyn MultipartUpload>,
    store: FullStore,
}

#[async_trait]
impl MultipartUpload for FullUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match self.store.take(data.content_length()) {
            Ok(()) => self.inner.put_part(data),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
