//! What a job would do, before it does it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::MergeCounts;
use selvedge_archive::{ClusterIdentity, Covering, Coverings, Repository};
use selvedge_model::error::{Result, counted};
use selvedge_weaviate::Cluster;

/// The plan of a job: sent by dry runs, and shown before something is destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    pub collections: Vec<PlannedCollection>,
    /// What the request's `confirm` must repeat.
    pub confirmation: Vec<String>,
    /// Of the whole, a sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// How long it is likely to take, roughly.
    #[serde(default)]
    pub seconds: Option<u64>,
}

impl Plan {
    pub(crate) fn of(collections: Vec<PlannedCollection>) -> Self {
        Self { collections, ..Self::default() }
    }

    /// Says of the collections that are to lose objects what there is to go back to.
    pub(crate) async fn tell_backups(
        &mut self,
        cluster: &Cluster,
        repository: &Repository,
        doomed: &[String],
    ) -> Result<()> {
        let identity =
            ClusterIdentity { name: cluster.name().to_owned(), address: cluster.rest_url().to_owned() };
        let names = doomed.iter().map(String::as_str).collect();
        let Coverings { mut newest, sealed } = repository.newest_covering(&identity, &names).await?;
        for planned in self.collections.iter_mut().filter(|planned| names.contains(planned.there())) {
            planned.newest_backup = newest.remove(planned.there());
            if planned.newest_backup.is_none() {
                let place = repository.name();
                planned.notes.push(match sealed {
                    0 => format!("no backup in repository \"{place}\" holds all of it"),
                    _ => format!(
                        "no backup in repository \"{place}\" that this server can read holds all of it; it cannot read {}",
                        counted(sealed, "encrypted backup")
                    ),
                });
            }
        }
        Ok(())
    }

    pub(crate) fn taking(self, time: Duration) -> Self {
        // Whoever waits for less than a second does not ask.
        Self { seconds: Some(time.as_secs().max(1)), ..self }
    }
}

/// The plan for one collection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PlannedCollection {
    pub collection: String,
    /// For restore, the name on the target; otherwise empty.
    pub target: String,
    /// In words, such as "create and fill".
    pub action: String,
    pub objects: u64,
    pub objects_exact: bool,
    /// Of the backup's files, as far as they are wanted. None where that is not known before.
    pub bytes: Option<u64>,
    pub tenants: u64,
    /// For a collection that would be merged into: how the backup's objects stand to those that are there.
    pub merge: Option<MergeCounts>,
    /// What would be lost or left out, a sentence each.
    pub notes: Vec<String>,
    /// Where objects would be destroyed: the newest backup that holds all of the collection, if there is one.
    pub newest_backup: Option<Covering>,
}

impl PlannedCollection {
    /// What it is called on the cluster.
    fn there(&self) -> &str {
        if self.target.is_empty() { &self.collection } else { &self.target }
    }
}
