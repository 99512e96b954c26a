//! What there is in the repositories.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Metrics;
use selvedge_archive::{BackupKind, BackupOptions, Manifest, Opened, Repository};
use selvedge_model::error::Result;
use selvedge_ops::Places;

/// Other servers make and remove backups, too.
const LOOK_EVERY: Duration = Duration::from_secs(5 * 60);
/// Many jobs may end at once.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// Collections are named that one of the newest so many backups holds: others are gone, and would stay for ever.
const NEWEST: u64 = 100;
/// Collections that are named of one repository. Each is a series for whoever keeps metrics.
const MOST_NAMES: usize = 5_000;

/// When which collection of which cluster was backed up last.
pub type Successes = BTreeMap<(String, String), i64>;

/// Of one repository. Times are seconds since 1970.
#[derive(Debug, Default)]
pub struct Stock {
    pub backups: u64,
    pub bytes: u64,
    pub newest: Option<i64>,
    pub successes: Successes,
}

impl Stock {
    async fn of(repository: &Repository) -> Result<Self> {
        let mut stock = Self::default();
        repository.each_backup(|backup| stock.add(backup)).await?;
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
        self.newest.get_or_insert(made.timestamp());
        if self.backups > NEWEST {
            return;
        }
        let Some(manifest) = backup.whole().filter(|manifest| is_of_all(manifest)) else { return };
        for collection in manifest.collections.iter().filter(|collection| collection.complete) {
            if self.successes.len() < MOST_NAMES {
                let of = (manifest.cluster.name.clone(), collection.name.clone());
                self.successes.entry(of).or_insert(made.timestamp());
            }
        }
    }
}

/// Whether it was meant to hold everything of its collections. What was imported is of no cluster.
fn is_of_all(manifest: &Manifest) -> bool {
    let BackupOptions { schema_only, without_vectors, tenants, tags: _, format: _ } = &manifest.options;
    let is_kind = match manifest.kind {
        // Collections may be whole in one that is not.
        BackupKind::Full | BackupKind::Partial => true,
        BackupKind::Schema | BackupKind::Subset => false,
    };
    is_kind && !manifest.cluster.name.is_empty() && !schema_only && !without_vectors && tenants.is_empty()
}

/// Looks at the repositories now, when something has changed, and now and then. Never ends.
pub async fn keep_up(places: Arc<Places>, metrics: Arc<Metrics>) {
    loop {
        for repository in places.repositories() {
            match Stock::of(repository).await {
                Ok(stock) => metrics.tell_stock(repository.name(), stock),
                // Whether it is there is looked after elsewhere, and told there.
                Err(error) => {
                    tracing::debug!(repository = repository.name(), %error, "its backups cannot be counted now");
                }
            }
        }
        tokio::time::sleep(SHORTEST_PAUSE).await;
        // Either way it is time.
        let _ = tokio::time::timeout(LOOK_EVERY, metrics.changed.notified()).await;
    }
}
