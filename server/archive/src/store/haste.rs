//! Putting objects in a folder without waiting for the disk each time.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use object_store::ObjectStore;

use crate::threads::off_the_async_threads;
use selvedge_model::error::Result;

/// After so many bytes the system is asked to write them, while more is put: what is left for the end is then little.
const STEP: usize = 32 << 20;

/// A folder of this machine, in which objects can be put without waiting for the disk.
#[derive(Debug)]
pub struct Folder {
    pub path: PathBuf,
    pub hasty: Arc<dyn ObjectStore>,
    /// Locked while the system is asked to write. Once is enough for all who put something: it writes everything.
    writing: Arc<Mutex<()>>,
}

/// Leave to put objects without waiting for the disk, as long as [`super::Store::settle`] waits for all of them in the end.
/// Without a folder there is none, and each object is durable when it is put. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Haste(Option<Arc<Unsettled>>);

/// What was put in a folder, and may not be on its disk.
#[derive(Debug)]
struct Unsettled {
    /// Opened before anything is put: what the system fails to write later is told to who has the folder open, but not
    /// again to who opens it after somebody was told.
    folder: File,
    writing: Arc<Mutex<()>>,
    /// Put since the system was last asked to write.
    bytes: AtomicUsize,
    /// What went wrong, which the system tells only once.
    failed: Mutex<Option<Failed>>,
}

#[derive(Debug, Clone)]
struct Failed {
    kind: io::ErrorKind,
    text: String,
}

impl Folder {
    pub fn new(path: PathBuf, hasty: Arc<dyn ObjectStore>) -> Self {
        Self { path, hasty, writing: Arc::default() }
    }

    pub(super) async fn hasten(&self) -> Result<Haste> {
        let (path, writing) = (self.path.clone(), Arc::clone(&self.writing));
        off_the_async_threads(move || Ok(Haste::in_folder(&path, &writing))).await
    }
}

impl Haste {
    /// None if the folder cannot be opened: what is wrong with it is for the first object to tell.
    fn in_folder(path: &Path, writing: &Arc<Mutex<()>>) -> Self {
        let folder = File::open(path).ok().filter(can_settle);
        let unsettled = |folder| {
            let writing = Arc::clone(writing);
            Unsettled { folder, writing, bytes: AtomicUsize::new(0), failed: Mutex::default() }
        };
        Self(folder.map(unsettled).map(Arc::new))
    }

    pub(super) fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// Hears of so many bytes that are put. Does not wait for the disk, but tells of what could not be written before.
    pub(super) fn put(&self, bytes: usize) -> io::Result<()> {
        let Some(unsettled) = &self.0 else { return Ok(()) };
        if unsettled.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes >= STEP {
            let unsettled = Arc::clone(unsettled);
            tokio::task::spawn_blocking(move || unsettled.write());
        }
        unsettled.so_far()
    }

    /// Returns when everything is on the disk, or tells what of it never will be. Takes its time: not for async threads.
    pub(super) fn settle(&self) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |unsettled| unsettled.settle())
    }
}

impl Unsettled {
    /// Has the system write, unless it does already: what was put meanwhile is then for the next time.
    fn write(&self) {
        if let Ok(_writing) = self.writing.try_lock() {
            self.bytes.store(0, Ordering::Relaxed);
            self.note(sync_file_system(&self.folder));
        }
    }

    /// What the system is writing meanwhile need not be all there is.
    fn settle(&self) -> io::Result<()> {
        self.note(sync_file_system(&self.folder));
        self.so_far()
    }

    fn note(&self, written: io::Result<()>) {
        if let Err(error) = written {
            let failed = Failed { kind: error.kind(), text: error.to_string() };
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failed);
        }
    }

    fn so_far(&self) -> io::Result<()> {
        match &*self.failed.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(Failed { kind, text }) => Err(io::Error::new(*kind, text.clone())),
        }
    }
}

/// Whether `syncfs` takes the files of this folder to the disk, and tells if that fails. Many a file system that is not of
/// this machine takes the call and does nothing (FUSE, CIFS, 9p), so only those count that are known.
#[cfg(target_os = "linux")]
fn can_settle(folder: &File) -> bool {
    /// ext2 to ext4, XFS, Btrfs, tmpfs: the numbers of `statfs(2)`.
    const KNOWN: [u32; 4] = [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994];
    // How wide the number is differs between processors; all have these 32 bits.
    rustix::fs::fstatfs(folder).is_ok_and(|found| KNOWN.contains(&(found.f_type as u32)))
}

#[cfg(not(target_os = "linux"))]
fn can_settle(_: &File) -> bool {
    false
}

#[cfg(target_os = "linux")]
fn sync_file_system(folder: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(folder)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsettled(folder: &Path) -> Arc<Unsettled> {
        let (folder, writing) = (File::open(folder).unwrap(), Arc::default());
        Arc::new(Unsettled { folder, writing, bytes: AtomicUsize::new(0), failed: Mutex::default() })
    }

    /// `/proc` takes the call and does nothing, as many a file system of another machine does.
    #[cfg(target_os = "linux")]
    #[test]
    fn nobody_is_hasty_where_settling_does_nothing() {
        assert!(!Haste::in_folder(Path::new("/proc"), &Arc::default()).is_given());
    }

    /// The system has told of it and would not again.
    #[tokio::test]
    async fn what_failed_on_the_way_is_told_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let unsettled = unsettled(folder.path());
        let haste = Haste(Some(Arc::clone(&unsettled)));
        haste.put(1).unwrap();
        unsettled.note(Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is full")));
        unsettled.write();
        for told in [haste.put(1), haste.settle(), haste.settle()] {
            assert_eq!(told.unwrap_err().kind(), io::ErrorKind::StorageFull);
        }
    }

    #[tokio::test]
    async fn the_system_is_asked_to_write_when_there_is_enough_and_it_is_not_writing() {
        let folder = tempfile::tempdir().unwrap();
        let unsettled = unsettled(folder.path());
        let haste = Haste(Some(Arc::clone(&unsettled)));
        let writing = unsettled.writing.lock().unwrap();
        unsettled.bytes.store(STEP, Ordering::Relaxed);
        unsettled.write();
        assert_eq!(unsettled.bytes.load(Ordering::Relaxed), STEP);
        drop(writing);
        haste.put(1).unwrap();
        while unsettled.bytes.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
}
