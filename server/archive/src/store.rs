//! The object store with its failures put into words.

mod bucket;
mod connector;
mod creating;
mod haste;

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;
use uuid::Uuid;

pub use self::bucket::Bucket;
pub use self::creating::Created;
use self::creating::Creation;
pub use self::haste::{Folder, Haste};
use crate::checksum::Checksum;
use crate::layout::BACKUPS;
use crate::sealing::Keys;
use crate::store_error::{Answer, store_error};
use crate::threads::off_the_async_threads;
use selvedge_model::error::{Error, Result};

/// What is read at once of an object that is only hashed. (A stream of a local file comes in pieces of 8 KiB, each of
/// them a task of its own.)
const PIECE: usize = 4 << 20;

#[derive(Debug)]
pub struct Store {
    pub name: String,
    pub url: String,
    /// The id of the repository that was found first: another one in its place is not it.
    pub(super) known: OnceLock<Uuid>,
    /// Of what is sealed in it.
    pub keys: Keys,
    objects: Arc<dyn ObjectStore>,
    /// Where it is, if it is a folder of this machine.
    folder: Option<Folder>,
    /// Other clients of the same, if it is a bucket.
    bucket: Option<Bucket>,
    creation: Creation,
}

impl Store {
    pub fn new(name: &str, url: &str, objects: Arc<dyn ObjectStore>) -> Self {
        let (known, folder, bucket) = (OnceLock::new(), None, None);
        let (name, url) = (name.to_owned(), url.to_owned());
        Self { name, url, known, keys: Keys::default(), objects, folder, bucket, creation: Creation::Known }
    }

    /// What is written from now on is sealed, if the keys are for that.
    pub fn with_keys(self, keys: Keys) -> Self {
        Self { keys, ..self }
    }

    /// A store that is a folder of this machine.
    pub fn in_folder(name: &str, url: &str, folder: Folder, objects: Arc<dyn ObjectStore>) -> Self {
        Self { folder: Some(folder), ..Self::new(name, url, objects) }
    }

    /// A store over the network. `is_exclusive` if nobody else writes there.
    pub fn in_bucket(name: &str, url: &str, bucket: Bucket, is_exclusive: bool) -> Self {
        let creation = match is_exclusive {
            true => Creation::Alone(Mutex::default()),
            false => Creation::Shown(OnceCell::new()),
        };
        let objects = Arc::clone(&bucket.objects);
        Self { bucket: Some(bucket), creation, ..Self::new(name, url, objects) }
    }

    /// For what somebody waits for who may have mistyped the address.
    fn prompt(&self) -> &Arc<dyn ObjectStore> {
        self.bucket.as_ref().map_or(&self.objects, |bucket| &bucket.prompt)
    }

    /// Fails if the bucket is not there or is nothing for us, before its lack is taken for that of an object. A list tells it,
    /// which is not allowed to everybody who may read objects.
    pub async fn reach(&self) -> Result<()> {
        let Some(bucket) = &self.bucket else { return Ok(()) };
        match bucket.prompt.list(Some(&Path::from(BACKUPS))).next().await {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(self.error("list", &Path::from(BACKUPS), error)),
        }
    }

    /// Leave to be hasty, where that is known to work. To be asked for before anything is put.
    pub async fn hasten(&self) -> Result<Haste> {
        let Some(folder) = &self.folder else { return Ok(Haste::default()) };
        folder.hasten().await
    }

    /// Where to put what need not be durable before [`Store::settle`].
    fn hasty(&self, haste: &Haste) -> &Arc<dyn ObjectStore> {
        match (&self.folder, &self.bucket) {
            (Some(folder), _) if haste.is_given() => &folder.hasty,
            (_, Some(bucket)) => &bucket.uploads,
            _ => &self.objects,
        }
    }

    /// To be called before so many bytes are put in this haste. Fails as soon as it is known that what was put before cannot
    /// be made durable.
    pub fn begin_put(&self, haste: &Haste, path: &Path, bytes: usize) -> Result<()> {
        haste.put(bytes).map_err(|error| self.folder_error("write", path, error))
    }

    fn folder_error(&self, action: &str, path: &Path, error: std::io::Error) -> Error {
        self.error(action, path, object_store::Error::Generic { store: "folder", source: Box::new(error) })
    }

    /// Makes everything durable that was put in this haste: in one go, which takes a fraction of the time that waiting
    /// for each file would.
    pub async fn settle(&self, haste: &Haste) -> Result<()> {
        let haste = haste.clone();
        let settled = off_the_async_threads(move || Ok(haste.settle()));
        settled.await?.map_err(|error| self.folder_error("write", &Path::from(BACKUPS), error))
    }

    /// How messages call it.
    pub fn place(&self) -> String {
        format!("repository \"{}\" ({})", self.name, self.url)
    }

    /// What comes before a place in the repository where others look for it: nothing in a folder, where they are to be.
    pub fn prefix(&self) -> String {
        if self.is_bucket() { format!("{}/", self.url.trim_end_matches('/')) } else { String::new() }
    }

    pub fn error(&self, action: &str, path: &Path, error: object_store::Error) -> Error {
        store_error(action, path, &self.place(), error)
    }

    /// Replaces what is there. Durable when it returns.
    pub async fn put(&self, path: &Path, payload: PutPayload) -> Result<()> {
        self.put_by(&self.objects, path, payload).await
    }

    /// As [`Store::put`], for somebody who waits.
    pub async fn put_promptly(&self, path: &Path, payload: PutPayload) -> Result<()> {
        self.put_by(self.prompt(), path, payload).await
    }

    async fn put_by(&self, client: &Arc<dyn ObjectStore>, path: &Path, payload: PutPayload) -> Result<()> {
        let put = client.put(path, payload).await;
        put.map(drop).map_err(|error| self.error("write", path, error))
    }

    pub fn is_bucket(&self) -> bool {
        self.bucket.is_some()
    }

    /// Whether only this server is said to write there, and nothing else keeps two from creating the same.
    pub fn is_exclusive(&self) -> bool {
        matches!(self.creation, Creation::Alone(_))
    }

    /// Of the disk that it is on, if it is a folder: the bytes that are free for us, and all.
    pub fn space(&self) -> Option<Result<(u64, u64)>> {
        let found = rustix::fs::statvfs(&self.folder.as_ref()?.path);
        let failed = |error: rustix::io::Errno| self.folder_error("look at", &Path::default(), error.into());
        Some(
            found
                .map(|found| (found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize))
                .map_err(failed),
        )
    }

    /// As [`Store::put`], but only as durable as the machine is: for what is lost without harm.
    pub async fn jot(&self, path: &Path, payload: PutPayload) -> Result<()> {
        let client = self.folder.as_ref().map_or(&self.objects, |folder| &folder.hasty);
        self.put_by(client, path, payload).await
    }

    /// As [`Store::put`], but durable only after [`Store::settle`].
    pub async fn put_hastily(&self, haste: &Haste, path: &Path, payload: PutPayload) -> Result<()> {
        self.begin_put(haste, path, payload.content_length())?;
        self.put_by(self.hasty(haste), path, payload).await
    }

    /// None if there is no such object.
    pub async fn get(&self, path: &Path) -> Result<Option<Bytes>> {
        self.get_by(&self.objects, path).await
    }

    /// As [`Store::get`], for somebody who waits.
    pub async fn get_promptly(&self, path: &Path) -> Result<Option<Bytes>> {
        self.get_by(self.prompt(), path).await
    }

    async fn get_by(&self, client: &Arc<dyn ObjectStore>, path: &Path) -> Result<Option<Bytes>> {
        let read = async { client.get(path).await?.bytes().await };
        self.found("read", path, read.await)
    }

    /// None if there is no such object. May return less than asked for if the object is shorter.
    pub async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Option<Vec<Bytes>>> {
        self.found("read", path, self.objects.get_ranges(path, ranges).await)
    }

    /// The BLAKE3 of an object of `size` bytes, read once and not kept. `read` hears how many bytes each piece had. None if
    /// there is no such object.
    pub async fn checksum(
        &self,
        path: &Path,
        size: u64,
        mut read: impl FnMut(u64),
    ) -> Result<Option<Checksum>> {
        let hash = async {
            let mut hasher = blake3::Hasher::new();
            for start in (0..size).step_by(PIECE) {
                let end = size.min(start + PIECE as u64);
                let piece = self.objects.get_range(path, start..end).await?;
                hasher.update(&piece);
                read(piece.len() as u64);
            }
            Ok(hasher.finalize().into())
        };
        self.found("read", path, hash.await)
    }

    /// Whether an object is there and has the bytes it should have. Reads all of it.
    pub async fn holds(&self, path: &Path, size: u64, checksum: Checksum) -> Result<bool> {
        let found = self.head(path).await?.map(|meta| meta.size);
        Ok(found == Some(size) && self.checksum(path, size, |_| {}).await? == Some(checksum))
    }

    /// None if there is no such object.
    pub async fn head(&self, path: &Path) -> Result<Option<ObjectMeta>> {
        self.found("read", path, self.objects.head(path).await)
    }

    fn found<T>(&self, action: &str, path: &Path, result: object_store::Result<T>) -> Result<Option<T>> {
        match result {
            Ok(found) => Ok(Some(found)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.error(action, path, error)),
        }
    }

    /// The names of the folders in a folder.
    pub async fn folder_names(&self, dir: &Path) -> Result<Vec<String>> {
        let list = || self.objects.list_with_delimiter(Some(dir));
        let listed = listed_again(list).await.map_err(|error| self.error("list", dir, error))?;
        Ok(listed.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned)).collect())
    }

    /// Everything below `dir`.
    pub async fn list(&self, dir: &Path) -> Result<Vec<Path>> {
        Ok(self.list_with_sizes(dir).await?.into_iter().map(|meta| meta.location).collect())
    }

    /// Everything below `dir`, with its size and its time.
    pub async fn list_with_sizes(&self, dir: &Path) -> Result<Vec<ObjectMeta>> {
        let list = || self.objects.list(Some(dir)).try_collect();
        listed_again(list).await.map_err(|error| self.error("list", dir, error))
    }

    /// Deletes as many as it can, and says how many there were. What is gone already is no failure.
    pub async fn delete(&self, paths: Vec<Path>) -> Result<u64> {
        let first = paths.first().cloned().unwrap_or_default();
        let mut results = self.objects.delete_stream(stream::iter(paths.into_iter().map(Ok)).boxed());
        let mut deleted = 0;
        let mut failed = None;
        while let Some(result) = results.next().await {
            match result {
                Ok(_) => deleted += 1,
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => failed = Some(self.error("delete", &first, error)),
            }
        }
        failed.map_or(Ok(deleted), Err)
    }

    /// What is uploaded is durable after [`Store::settle`].
    pub async fn start_upload(&self, haste: &Haste, path: &Path) -> Result<Box<dyn MultipartUpload>> {
        self.hasty(haste).put_multipart(path).await.map_err(|error| self.error("write", path, error))
    }

    /// Removes files that were begun to be written and never finished, which are not among those that a list shows. Nobody may
    /// be writing there.
    pub async fn remove_unfinished(&self, dir: &Path) -> Result<()> {
        let Some(path) = self.local(dir) else { return Ok(()) };
        let remove = async {
            let mut entries = tokio::fs::read_dir(&path).await?;
            while let Some(entry) = entries.next_entry().await? {
                // The way in which `object_store` names them.
                if entry.file_name().to_string_lossy().contains('#') {
                    tokio::fs::remove_file(entry.path()).await?;
                }
            }
            Ok::<_, std::io::Error>(())
        };
        match remove.await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(self.folder_error("clean up", dir, error))
            }
            _ => Ok(()),
        }
    }

    /// Where a folder is, if it is one of this machine.
    fn local(&self, dir: &Path) -> Option<std::path::PathBuf> {
        let folder = self.folder.as_ref()?;
        Some(dir.parts().fold(folder.path.clone(), |folder, part| folder.join(part.as_ref())))
    }

    /// Removes what is left of a folder that should be gone: files that were never finished are not among those that a list
    /// shows. Nothing to do where there are no folders.
    pub async fn remove_remains(&self, dir: &Path) -> Result<()> {
        let Some(remains) = self.local(dir) else { return Ok(()) };
        match tokio::fs::remove_dir_all(&remains).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(self.folder_error("clean up", dir, error))
            }
            _ => Ok(()),
        }
    }
}

/// Between the tries of a list.
const LIST_AGAIN: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1500),
    Duration::from_secs(5),
];
/// A list that failed after longer than this was waited for by the client already, or would fail again as late.
const LIST_AGAIN_WITHIN: Duration = Duration::from_secs(30);

/// A list whose text breaks off is not asked for again by the client, as that of an object is. For one that was never answered
/// the client has spent its retry budget, which is not spent again here.
async fn listed_again<T, F>(list: impl Fn() -> F) -> object_store::Result<T>
where
    F: Future<Output = object_store::Result<T>>,
{
    for pause in LIST_AGAIN {
        let start = Instant::now();
        match list().await {
            Err(error)
                if start.elapsed() < LIST_AGAIN_WITHIN
                    && Answer::of(&error).is_some_and(|answer| answer.leaves_open()) =>
            {
                tokio::time::sleep(pause).await;
            }
            listed => return listed,
        }
    }
    list().await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use object_store::client::{HttpError, HttpErrorKind};

    use super::*;

    /// How often a list is asked for that breaks off after so long.
    async fn asked(after: Duration) -> usize {
        let asked = AtomicUsize::new(0);
        let list = || async {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(after).await;
            let source = Box::new(HttpError::new(HttpErrorKind::Interrupted, std::io::Error::other("reset")));
            Err::<(), _>(object_store::Error::Generic { store: "test", source })
        };
        listed_again(list).await.unwrap_err();
        asked.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_breaks_off_is_asked_for_again_unless_that_took_a_retry_budget() {
        assert_eq!(asked(Duration::from_secs(1)).await, LIST_AGAIN.len() + 1);
        assert_eq!(asked(Duration::from_secs(600)).await, 1);
    }
}
