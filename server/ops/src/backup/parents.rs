//! The backups that collections are compared with, so that only what has changed since is read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use selvedge_archive::{BackupId, BackupKind, BackupReader, ClusterIdentity, CollectionReader, Repository};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, Dimensions, Tenant, TenantStatus, WhyFull};
use selvedge_weaviate::{Cluster, compare_schemas};
use serde::{Deserialize, Serialize};

use super::BackupRequest;
use crate::Context;

/// The file of a job that names them, by collection: they stay as long as the job may need them.
pub const PARENTS: &str = "parents.json";
/// What was written so long before a backup began, by our clock, was so by Weaviate's; for backups that have not asked for it.
const CLOCKS: TimeDelta = TimeDelta::seconds(120);

/// Which backup a collection is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParentChoice {
    /// The newest that holds all of it.
    Latest,
    Backup(BackupId),
}

/// For each collection its parent, or why it has none. The default is that nobody has asked for any.
#[derive(Default)]
pub struct Parents {
    found: BTreeMap<String, Result<Parent, WhyFull>>,
    /// Those that were found out not to do.
    refused: Mutex<BTreeMap<String, WhyFull>>,
}

/// A collection as it was.
#[derive(Clone)]
pub struct Parent {
    pub backup: BackupId,
    pub reader: CollectionReader,
    /// Objects written from then on are read again; milliseconds since 1970.
    pub since: i64,
}

impl Parents {
    /// Of the collections that the request means. What is decided is written down before any of it is relied on.
    pub async fn find(
        job: &Context,
        cluster: &Cluster,
        repository: &Repository,
        request: &BackupRequest,
        collections: impl Iterator<Item = &str>,
    ) -> Result<Self> {
        let Some(choice) = &request.parent else { return Ok(Self::default()) };
        let names: BTreeSet<&str> = collections.collect();
        let identity =
            ClusterIdentity { name: cluster.name().to_owned(), address: cluster.rest_url().to_owned() };
        let chosen: BTreeMap<String, BackupId> = match job.journal().read(PARENTS).await? {
            Some(chosen) => chosen,
            None => {
                let chosen = choose(repository, &identity, choice, &names).await?;
                if !request.dry_run {
                    job.journal().write(PARENTS, &chosen).await?;
                }
                chosen
            }
        };
        let mut backups = BTreeMap::new();
        for id in chosen.values() {
            if !backups.contains_key(id) {
                backups.insert(id.clone(), open(repository, id).await?);
            }
        }
        let mut found = BTreeMap::new();
        for name in names {
            let parent = match chosen.get(name) {
                None => Err(WhyFull::NoBackup),
                Some(id) => match &backups[id] {
                    Ok(backup) => parent(repository, &identity, backup, name, request.keys_only).await?,
                    Err(why) => Err(why.clone()),
                },
            };
            found.insert(name.to_owned(), parent);
        }
        Ok(Self { found, refused: Mutex::default() })
    }

    /// What a collection, as it is now, is compared with. None if nobody has asked for that.
    pub fn of(&self, collection: &Collection, request: &BackupRequest) -> Option<Result<Parent, WhyFull>> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = refused.get(&collection.name) {
            return Some(Err(why.clone()));
        }
        let found = self.found.get(&collection.name)?;
        Some(found.as_ref().map_err(WhyFull::clone).and_then(|parent| parent.fitting(collection, request)))
    }

    /// From now on the collection has none.
    pub fn refuse(&self, collection: &str, why: WhyFull) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(collection.to_owned(), why);
    }
}

async fn choose(
    repository: &Repository,
    cluster: &ClusterIdentity,
    choice: &ParentChoice,
    names: &BTreeSet<&str>,
) -> Result<BTreeMap<String, BackupId>> {
    let id = match choice {
        ParentChoice::Latest => {
            let newest = repository.newest_covering(cluster, names).await?.newest;
            return Ok(newest.into_iter().map(|(name, covering)| (name, covering.backup)).collect());
        }
        ParentChoice::Backup(id) => id,
    };
    repository.find(id).await?;
    Ok(names.iter().map(|name| ((*name).to_owned(), id.clone())).collect())
}

/// The inner result is why it does not do.
async fn open(repository: &Repository, id: &BackupId) -> Result<Result<BackupReader, WhyFull>> {
    let unusable = |error: Error| WhyFull::Unreadable { backup: id.to_string(), error: error.to_string() };
    match repository.open_backup(id).await {
        Err(error) if error.kind() == Kind::RepositoryUnavailable => Err(error),
        opened => Ok(opened.map_err(unusable)),
    }
}

/// The inner result is why the backup does not do for this collection, whatever that is like now.
async fn parent(
    repository: &Repository,
    cluster: &ClusterIdentity,
    backup: &BackupReader,
    name: &str,
    keys_only: bool,
) -> Result<Result<Parent, WhyFull>> {
    let manifest = backup.manifest();
    let id = || manifest.id.to_string();
    if manifest.cluster.address != cluster.address {
        return Ok(Err(WhyFull::OtherCluster { backup: id() }));
    }
    if backup.is_sealed() != repository.is_encrypted() {
        return Ok(Err(WhyFull::Encryption { backup: id() }));
    }
    if !manifest.collections.iter().any(|collection| collection.name == name) {
        return Ok(Err(WhyFull::NotInBackup { backup: id() }));
    }
    let is_covered = match keys_only {
        true => manifest.kind == BackupKind::Keys,
        false => manifest.covered().any(|(collection, _)| collection.name == name),
    };
    if !is_covered {
        return Ok(Err(WhyFull::Incomplete { backup: id() }));
    }
    let looked = async {
        let reader = backup.collection(name).await?;
        let missing = reader.missing_file().await?;
        Ok((reader, missing))
    };
    let (reader, missing) = match looked.await {
        Ok(looked) => looked,
        Err(error) => {
            let error: Error = error;
            return match error.kind() {
                Kind::RepositoryUnavailable => Err(error),
                _ => Ok(Err(WhyFull::Unreadable { backup: id(), error: error.to_string() })),
            };
        }
    };
    if let Some(damage) = missing {
        return Ok(Err(WhyFull::Unreadable { backup: id(), error: damage.text }));
    }
    if !reader.can_be_inherited() {
        return Ok(Err(WhyFull::Format { backup: id() }));
    }
    let since = manifest.settled_before.unwrap_or(manifest.start_time - CLOCKS).timestamp_millis();
    Ok(Ok(Parent { backup: manifest.id.clone(), reader, since }))
}

impl Parent {
    fn fitting(&self, collection: &Collection, request: &BackupRequest) -> Result<Self, WhyFull> {
        let (backup, was) = (self.backup.to_string(), self.reader.collection());
        if was.shape() != collection.shape() {
            let differences = compare_schemas(&was.schema, &collection.schema);
            let difference = differences.first().map(ToString::to_string).unwrap_or_default();
            return Err(WhyFull::Schema { backup, difference });
        }
        if request.format != selvedge_archive::DataFormat::Parquet {
            return Err(WhyFull::Format { backup });
        }
        let spaces = self.reader.spaces().iter();
        let is_uniform = |space: &selvedge_model::VectorSpace| {
            let name = space.name.as_deref().unwrap_or_default();
            self.reader.dimensions().is_some_and(|all| all.contains_key(name))
        };
        if !spaces.clone().all(is_uniform) {
            return Err(WhyFull::Dimensions { backup });
        }
        Ok(self.clone())
    }

    /// The dimensions of all vectors together with new ones; None if they do not go together.
    pub fn dimensions_with(&self, own: &Dimensions) -> Option<Dimensions> {
        let (spaces, was) = (self.reader.spaces(), self.reader.dimensions()?);
        let now = own.of_spaces(spaces);
        let mut all = own.clone();
        for space in spaces {
            let name = space.name.as_deref().unwrap_or_default();
            let (was, now) = (*was.get(name)?, *now.get(name)?);
            if was != 0 && now != 0 && was != now {
                return None;
            }
            all.assume(name, was);
        }
        Some(all)
    }

    /// Tenants that were inactive and are again, so that nobody has written to them in between unless they were woken for it.
    pub fn asleep(&self, tenants: &[Tenant]) -> BTreeSet<String> {
        let records = self.reader.tenants().unwrap_or_default().iter();
        let held = records.filter(|record| record.rows.is_some() && record.status == TenantStatus::Cold);
        let were: BTreeSet<&str> = held.map(|record| record.name.as_str()).collect();
        let are = tenants.iter().filter(|tenant| tenant.status == TenantStatus::Cold);
        are.filter(|tenant| were.contains(tenant.name.as_str())).map(|tenant| tenant.name.clone()).collect()
    }

    /// How many objects it has of a tenant.
    pub fn rows_of(&self, tenant: &str) -> u64 {
        let records = self.reader.tenants().unwrap_or_default();
        records.iter().find(|record| record.name == tenant).and_then(|record| record.rows).unwrap_or_default()
    }

    /// Of which tenants there are rows in its files, also such that it does not claim to hold.
    pub fn tenants(&self) -> Arc<BTreeSet<String>> {
        let spans = self.reader.files().iter().flat_map(|file| &file.tenants);
        Arc::new(spans.map(|span| span.tenant.clone()).collect())
    }
}
