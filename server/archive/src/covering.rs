//! Which backup is the newest that holds all of a collection: what there is to go back to.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{BackupId, BackupOptions, ClusterIdentity, CollectionManifest, Manifest, Opened, Repository};
use selvedge_model::error::Result;

/// The newest backup that holds all of a collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covering {
    pub backup: BackupId,
    /// When it was committed.
    pub time: DateTime<Utc>,
    /// Of the collection.
    pub objects: u64,
    /// Tenants of which it has the objects, of all that there were: fewer, where inactive ones were left out on purpose.
    pub tenants_covered: u64,
    pub tenants_total: u64,
}

/// What is known of some collections of a cluster.
#[derive(Debug, Default)]
pub struct Coverings {
    /// By the collection's name.
    pub newest: BTreeMap<String, Covering>,
    /// Backups that may be newer, and of which this server cannot read what they hold.
    pub sealed: u64,
}

impl Manifest {
    /// The collections that it was to hold all of, and does. What was imported is of no cluster.
    pub fn covered(&self) -> impl Iterator<Item = (&CollectionManifest, Covering)> {
        let whole = self.collections.iter().filter(|collection| collection.complete && self.is_of_all());
        whole.map(|collection| {
            let covering = Covering {
                backup: self.id.clone(),
                time: self.end_time,
                objects: collection.objects,
                tenants_covered: collection.tenants_covered,
                tenants_total: collection.tenants_total,
            };
            (collection, covering)
        })
    }

    /// Whether it was to hold them with all their tenants, but for inactive ones that were left out on purpose, and their vectors.
    fn is_of_all(&self) -> bool {
        let BackupOptions { schema_only, without_vectors, tenants, tags: _, format: _ } = &self.options;
        !self.kind.is_byproduct()
            && !self.cluster.name.is_empty()
            && !schema_only
            && !without_vectors
            && tenants.is_empty()
    }
}

impl Repository {
    /// The newest backup of each of these collections. It is there now: somebody is about to rely on it.
    pub async fn newest_covering(
        &self,
        cluster: &ClusterIdentity,
        collections: &BTreeSet<&str>,
    ) -> Result<Coverings> {
        let mut gone = BTreeSet::new();
        loop {
            let mut found = Coverings::default();
            self.each_backup(|backup| found.add(backup, cluster, collections, &gone)).await?;
            let ids: BTreeSet<_> = found.newest.values().map(|covering| &covering.backup).collect();
            let before = gone.len();
            for id in ids {
                if !self.is_committed(id).await? || self.is_doomed(id).await? {
                    gone.insert(id.clone());
                }
            }
            if gone.len() == before {
                return Ok(found);
            }
        }
    }
}

impl Coverings {
    /// They come newest first.
    fn add(
        &mut self,
        backup: &Opened<Manifest>,
        cluster: &ClusterIdentity,
        collections: &BTreeSet<&str>,
        gone: &BTreeSet<BackupId>,
    ) -> ControlFlow<()> {
        match backup.whole() {
            None => self.sealed += 1,
            Some(manifest) if manifest.cluster != *cluster || gone.contains(&manifest.id) => {}
            Some(manifest) => {
                for (collection, covering) in manifest.covered() {
                    if collections.contains(collection.name.as_str()) {
                        self.newest.entry(collection.name.clone()).or_insert(covering);
                    }
                }
            }
        }
        match self.newest.len() == collections.len() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}
