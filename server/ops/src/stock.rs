//! What there is in a repository.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use selvedge_archive::{ClusterIdentity, Covering, Manifest, Opened, Repository};
use selvedge_model::error::Result;

/// Collections are named that one of the newest so many backups holds: others are gone, and would stay for ever.
const NEWEST: u64 = 100;
/// Collections that are named of one repository: whoever keeps numbers of them keeps a series for each.
const MOST_NAMES: usize = 5_000;

/// The newest whole backup of each collection, by its cluster and its name: another cluster may have the same name elsewhere.
pub type Successes = BTreeMap<(ClusterIdentity, String), Covering>;

/// Of one repository.
#[derive(Debug, Default)]
pub struct Stock {
    pub backups: u64,
    /// Size of their data files.
    pub bytes: u64,
    /// When the newest backup was made that somebody has asked for: not what a repair or a copy has left.
    pub newest: Option<DateTime<Utc>>,
    /// Of the disk that it is on, if it is on one that can be looked at: bytes that are free, and all.
    pub space: Option<(u64, u64)>,
    pub successes: Successes,
}

impl Stock {
    pub async fn of(repository: &Repository) -> Result<Self> {
        let mut stock = Self { space: repository.space().await.and_then(Result::ok), ..Self::default() };
        let add = |backup: &Opened<Manifest>| {
            stock.add(backup);
            ControlFlow::Continue(())
        };
        repository.each_backup(add).await?;
        Ok(stock)
    }

    /// They come newest first.
    pub fn add(&mut self, backup: &Opened<Manifest>) {
        let (made, bytes) = match backup {
            Opened::Whole(manifest) => (manifest.end_time, manifest.bytes()),
            Opened::Cover(cover) => (cover.end_time, cover.bytes),
        };
        self.backups += 1;
        self.bytes += bytes;
        if backup.whole().is_none_or(|manifest| !manifest.kind.is_byproduct()) {
            self.newest.get_or_insert(made);
        }
        if self.backups > NEWEST {
            return;
        }
        let Some(manifest) = backup.whole() else { return };
        for (collection, covering) in manifest.covered() {
            if self.successes.len() < MOST_NAMES {
                let of = (manifest.cluster.clone(), collection.name.clone());
                self.successes.entry(of).or_insert(covering);
            }
        }
    }
}
