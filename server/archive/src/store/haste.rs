//! Putting objects in a folder without waiting for the disk each time.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// After so many bytes the system is asked to write them, while more is put: what is left for the end is then little.
const STEP: usize = 32 << 20;

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
    /// Put since the system was last asked to write.
    bytes: AtomicUsize,
    /// Locked while the system writes. Holds what went wrong, which it tells only once.
    failed: Mutex<Option<io::Error>>,
}

impl Haste {
    /// None if the folder cannot be opened: what is wrong with it is for the first object to tell.
    pub(super) fn in_folder(path: &Path) -> Self {
        let folder = File::open(path).ok().filter(can_settle);
        let unsettled = |folder| Unsettled { folder, bytes: AtomicUsize::new(0), failed: Mutex::default() };
        Self(folder.map(unsettled).map(Arc::new))
    }

    pub(super) fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// Hears of so many bytes that were put. Does not wait.
    pub fn note(&self, bytes: usize) {
        let Some(unsettled) = &self.0 else { return };
        if unsettled.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes >= STEP {
            unsettled.bytes.store(0, Ordering::Relaxed);
            let unsettled = Arc::clone(unsettled);
            tokio::task::spawn_blocking(move || unsettled.begin());
        }
    }

    /// Returns when everything is on the disk, or tells what of it never will be. Takes its time: not for async threads.
    pub(super) fn settle(&self) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |unsettled| unsettled.finish())
    }
}

impl Unsettled {
    /// Unless the system is writing already, which then takes what was put meanwhile.
    fn begin(&self) {
        if let Ok(mut failed) = self.failed.try_lock()
            && failed.is_none()
        {
            *failed = sync_file_system(&self.folder).err();
        }
    }

    fn finish(&self) -> io::Result<()> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.take().map_or_else(|| sync_file_system(&self.folder), Err)
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

    /// `/proc` takes the call and does nothing, as many a file system of another machine does.
    #[cfg(target_os = "linux")]
    #[test]
    fn nobody_is_hasty_where_settling_does_nothing() {
        assert!(!Haste::in_folder(Path::new("/proc")).is_given());
    }

    #[test]
    fn what_failed_on_the_way_is_told_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let open = || File::open(folder.path()).unwrap();
        let failed = Mutex::new(Some(io::Error::other("the disk is gone")));
        let unsettled = Unsettled { folder: open(), bytes: AtomicUsize::new(0), failed };
        // The system has told of it and would not again.
        unsettled.begin();
        let told = Haste(Some(Arc::new(unsettled))).settle().unwrap_err();
        assert_eq!(told.to_string(), "the disk is gone");
    }
}
