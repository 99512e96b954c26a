//! Whether files have changed since somebody looked.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Files that are read again when they change: certificates, tokens. Whoever rotates them replaces them.
#[derive(Debug)]
pub struct Changes {
    files: Vec<PathBuf>,
    seen: Vec<Option<(SystemTime, u64)>>,
    looked: Instant,
}

/// They are not looked at more often.
const PAUSE: Duration = Duration::from_secs(1);

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
}

fn seen(file: &Path) -> Option<(SystemTime, u64)> {
    let meta = std::fs::metadata(file).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}
