//! A repository on a store that fails, at chosen operations or by chance.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use super::seed::Dice;

/// Of a stall that comes by chance.
const SHORT: Duration = Duration::from_millis(5);

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not done, and fails.
    Fail,
    /// It is done, and fails all the same.
    LoseAnswer,
    /// It is done after this time.
    Stall(Duration),
    /// It is not done, and no later one is, until the store is revived: as when the machine of the server is cut off.
    Crash,
}

/// Passes every operation on to another store, unless there is a fault for it. They are numbered from 0 as they begin; a
/// part of an upload is one, and so is each of the objects that are deleted together. Clones share all of it.
#[derive(Debug, Clone)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    script: Arc<Mutex<Script>>,
}

#[derive(Debug, Default)]
struct Script {
    begun: usize,
    planned: BTreeMap<usize, Fault>,
    chance: Option<Chance>,
    has_struck: bool,
    has_crashed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Chance {
    seed: u64,
    one_in: usize,
    /// The number of the first operation.
    since: usize,
}

impl FaultyStore {
    /// No faults yet.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner, script: Arc::default() }
    }

    /// One that is disturbed from the start.
    pub fn seeded(inner: Arc<dyn ObjectStore>, seed: u64, one_in: usize) -> Self {
        let store = Self::new(inner);
        store.disturb(seed, one_in);
        store
    }

    /// Plans a fault for the operation of this number.
    pub fn at(&self, number: usize, fault: Fault) {
        self.script().planned.insert(number, fault);
    }

    /// From now on, one in so many operations fails, loses its answer or stalls. The same seed gives the n-th operation the
    /// same fate.
    pub fn disturb(&self, seed: u64, one_in: usize) {
        let mut script = self.script();
        script.chance = Some(Chance { seed, one_in, since: script.begun });
    }

    /// Ends a crash, and forgets all faults that have not struck.
    pub fn revive(&self) {
        let mut script = self.script();
        script.planned.clear();
        script.chance = None;
        script.has_crashed = false;
    }

    /// How many have begun.
    pub fn operations(&self) -> usize {
        self.script().begun
    }

    /// Whether any fault has come about.
    pub fn has_struck(&self) -> bool {
        self.script().has_struck
    }

    fn begin(&self) -> Option<Fault> {
        self.script().begin()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Script {
    /// Counts an operation, and says what becomes of it.
    fn begin(&mut self) -> Option<Fault> {
        let number = self.begun;
        self.begun += 1;
        if self.has_crashed {
            return Some(Fault::Crash);
        }
        let planned = self.planned.remove(&number);
        let fault = planned.or_else(|| self.chance.and_then(|chance| chance.fault(number)));
        self.has_struck |= fault.is_some();
        self.has_crashed = fault == Some(Fault::Crash);
        fault
    }
}

impl Chance {
    /// By the number alone, whatever becomes of the others.
    fn fault(self, number: usize) -> Option<Fault> {
        let mut dice = Dice::of(&format!("{} {}", self.seed, number - self.since));
        let strikes = dice.below(self.one_in) == 0;
        strikes.then(|| *dice.one_of(&[Fault::Fail, Fault::LoseAnswer, Fault::Stall(SHORT)]))
    }
}

async fn meet<T>(fault: Option<Fault>, operation: impl Future<Output = Result<T>>) -> Result<T> {
    match fault {
        None => operation.await,
        Some(Fault::Fail | Fault::Crash) => Err(failed("it was not done")),
        Some(Fault::LoseAnswer) => {
            drop(operation.await);
            Err(failed("the answer was lost"))
        }
        Some(Fault::Stall(time)) => {
            tokio::time::sleep(time).await;
            operation.await
        }
    }
}

fn failed(text: &str) -> Error {
    Error::Generic { store: "FaultyStore", source: text.into() }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        meet(self.begin(), self.inner.put_opts(location, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let inner = meet(self.begin(), self.inner.put_multipart_opts(location, options)).await?;
        Ok(Box::new(FaultyUpload { inner, store: self.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        meet(self.begin(), self.inner.get_opts(location, options)).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        meet(self.begin(), self.inner.get_ranges(location, ranges)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |location: Result<Path>| {
            let store = store.clone();
            async move {
                let location = location?;
                meet(store.begin(), store.inner.delete(&location)).await?;
                Ok::<_, Error>(location)
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        // All of it at once: half a list would be neither done nor failed.
        let all = meet(self.begin(), self.inner.list(prefix).try_collect::<Vec<_>>());
        stream::once(all)
            .map_ok(|all| stream::iter(all.into_iter().map(Ok::<_, Error>)))
            .try_flatten()
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        meet(self.begin(), self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        meet(self.begin(), self.inner.copy_opts(from, to, options)).await
    }
}

#[derive(Debug)]
struct FaultyUpload {
    inner: Box<dyn MultipartUpload>,
    store: FaultyStore,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let fault = self.store.begin();
        // Some stores take a part when they are given it, not when they are asked whether they have.
        if matches!(fault, Some(Fault::Fail | Fault::Crash)) {
            return Box::pin(async { Err(failed("the part was not stored")) });
        }
        Box::pin(meet(fault, self.inner.put_part(data)))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        meet(self.store.begin(), self.inner.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        meet(self.store.begin(), self.inner.abort()).await
    }
}
