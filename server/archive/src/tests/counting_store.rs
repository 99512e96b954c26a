use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// A store in memory that notes what it is asked for, and may refuse to be written to.
#[derive(Debug, Default)]
pub struct CountingStore {
    inner: InMemory,
    requests: Mutex<Vec<String>>,
    is_read_only: AtomicBool,
}

impl CountingStore {
    /// Those since it was asked last.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    pub fn refuse_writes(&self) {
        self.is_read_only.store(true, Ordering::SeqCst);
    }

    fn note(&self, action: &str, path: Option<&Path>) {
        let path = path.map(ToString::to_string).unwrap_or_default();
        self.requests.lock().unwrap().push(format!("{action} {path}"));
    }

    fn note_write(&self, action: &str, path: &Path) -> Result<()> {
        self.note(action, Some(path));
        if self.is_read_only.load(Ordering::SeqCst) { Err(refused()) } else { Ok(()) }
    }
}

fn refused() -> Error {
    Error::Generic { store: "CountingStore", source: "nobody may write here".into() }
}

impl fmt::Display for CountingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CountingStore")
    }
}

#[async_trait]
impl ObjectStore for CountingStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.note_write("put", path)?;
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.note_write("upload", path)?;
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.note(if options.head { "head" } else { "get" }, Some(path));
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.note("delete", None);
        if self.is_read_only.load(Ordering::SeqCst) {
            return paths.map(|_| Err(refused())).boxed();
        }
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.note("list", prefix);
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.note("list folders", prefix);
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.note_write("copy", to)?;
        self.inner.copy_opts(from, to, options).await
    }
}
