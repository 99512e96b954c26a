//! Whether files have changed since somebody looked.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Files that are read again when they change: certificates, tokens. Whoever rotates them replaces them.
#[derive(Debug)]
pub struct Changes {
    files: Vec<PathBuf>,
    seen: Vec<Option<Seen>>,
    looked: Instant,
}

/// They are not looked at more often.
const PAUSE: Duration = Duration::from_secs(1);

/// Inode, length, and the times of its contents and of the rest: one of them changes also with a file that is replaced by one of
/// the same length and time.
type Seen = (u64, u64, i64, i64, i64);

impl Changes {
    /// Since now.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a Path>) -> Self {
        let files: Vec<_> = files.into_iter().map(Path::to_owned).collect();
        let seen = files.iter().map(|file| seen(file)).collect();
        Self { files, seen, looked: Instant::now() }
    }

    /// Whether any has changed since this was asked last.
    pub fn have_come(&mut self) -> bool {
        if self.looked.elapsed() < PAUSE {
            return false;
        }
        self.looked = Instant::now();
        let now: Vec<_> = self.files.iter().map(|file| seen(file)).collect();
        let changed = now != self.seen;
        self.seen = now;
        changed
    }

    /// What has come could not be read: it counts as a change until it can.
    pub fn forget(&mut self) {
        self.seen.clear();
    }
}

fn seen(file: &Path) -> Option<Seen> {
    let meta = std::fs::metadata(file).ok()?;
    Some((meta.ino(), meta.len(), meta.mtime(), meta.ctime(), meta.ctime_nsec()))
}
