use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

/// A store in memory whose write number `fail_at` finds the disk full, or succeeds and loses the answer.
#[derive(Debug)]
pub struct FaultyStore {
    pub inner: InMemory,
    faults: Arc<Faults>,
}

#[derive(Debug)]
struct Faults {
    /// Writes until the fault; negative once it has happened.
    left: AtomicI64,
    lose_answer: bool,
    aborted: AtomicUsize,
    /// Creations that are still to be told that the object is taken, though nothing is there.
    lost_races: AtomicUsize,
}

impl FaultyStore {
    pub fn new(fail_at: i64, lose_answer: bool) -> Self {
        let (aborted, lost_races) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let faults = Faults { left: fail_at.into(), lose_answer, aborted, lost_races };
        Self { inner: InMemory::new(), faults: Arc::new(faults) }
    }

    /// As S3 answers the loser of a race in which nobody has won yet.
    pub fn that_loses_races(self, times: usize) -> Self {
        self.faults.lost_races.store(times, Ordering::SeqCst);
        self
    }

    pub fn has_failed(&self) -> bool {
        self.faults.left.load(Ordering::SeqCst) < 0
    }

    pub fn aborted(&self) -> usize {
        self.faults.aborted.load(Ordering::SeqCst)
    }
}

impl Faults {
    fn is_due(&self) -> bool {
        self.left.fetch_sub(1, Ordering::SeqCst) == 0
    }

    fn error() -> object_store::Error {
        let source = io::Error::from(io::ErrorKind::StorageFull);
        object_store::Error::Generic { store: "faulty", source: Box::new(source) }
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyStore")
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let less = |races: usize| races.checked_sub(1);
        if options.mode == PutMode::Create
            && self.faults.lost_races.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
        {
            let source = "conflict".into();
            return Err(object_store::Error::AlreadyExists { path: path.to_string(), source });
        }
        let due = self.faults.is_due();
        if due && !self.faults.lose_answer {
            return Err(Faults::error());
        }
        let put = self.inner.put_opts(path, payload, options).await?;
        if due { Err(Faults::error()) } else { Ok(put) }
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if self.faults.is_due() {
            return Err(Faults::error());
        }
        let inner = self.inner.put_multipart_opts(path, options).await?;
        Ok(Box::new(FaultyUpload { inner, faults: self.faults.clone() }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct FaultyUpload {
    inner: Box<dyn MultipartUpload>,
    faults: Arc<Faults>,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        if self.faults.is_due() {
            Box::pin(async { Err(Faults::error()) })
        } else {
            self.inner.put_part(data)
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        if self.faults.is_due() { Err(Faults::error()) } else { self.inner.complete().await }
    }

    async fn abort(&mut self) -> Result<()> {
        self.faults.aborted.fetch_add(1, Ordering::SeqCst);
        self.inner.abort().await
    }
}
