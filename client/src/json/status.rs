//! How things stand, as JSON.

use selvedge_proto::v1;
use serde::Serialize;

use super::Job;
use super::backup::NewestBackup;
use super::job::JobFailure;
use crate::format;

#[derive(Serialize)]
pub struct Status<'a> {
    selvedge_version: &'a str,
    clusters: Vec<Cluster<'a>>,
    repositories: Vec<Repository<'a>>,
    /// Those that have not ended.
    jobs: Vec<Job>,
    /// Oldest backup first.
    collections: Vec<Collection<'a>>,
    /// The collections without a whole backup, or with --max-age, without one that is young enough.
    lacking: Vec<&'a str>,
}

impl<'a> Status<'a> {
    pub fn new(
        status: &'a v1::GetStatusResponse,
        jobs: &[v1::Job],
        lacking: &[&'a v1::CollectionStatus],
    ) -> Self {
        Self {
            selvedge_version: &status.selvedge_version,
            clusters: status.clusters.iter().map(Cluster::from).collect(),
            repositories: status.repositories.iter().map(Repository::from).collect(),
            jobs: jobs.iter().map(Job::from).collect(),
            collections: status.collections.iter().map(Collection::from).collect(),
            lacking: lacking.iter().map(|one| one.collection.as_str()).collect(),
        }
    }
}

#[derive(Serialize)]
struct Cluster<'a> {
    name: &'a str,
    address: &'a str,
    weaviate_version: &'a str,
    /// Null if it can be used.
    failure: Option<JobFailure>,
    /// What keeps the server's key from seeing all collections; empty if nothing does.
    unseen: &'a str,
}

impl<'a> From<&'a v1::ClusterStatus> for Cluster<'a> {
    fn from(cluster: &'a v1::ClusterStatus) -> Self {
        Self {
            name: &cluster.name,
            address: &cluster.address,
            weaviate_version: &cluster.weaviate_version,
            failure: cluster.failure.as_ref().map(JobFailure::from),
            unseen: &cluster.unseen,
        }
    }
}

#[derive(Serialize)]
struct Repository<'a> {
    name: &'a str,
    url: &'a str,
    backups: u64,
    bytes: u64,
    newest_backup_time: Option<String>,
    /// Null if it is on no disk of its own.
    free_bytes: Option<u64>,
    capacity_bytes: Option<u64>,
    failure: Option<JobFailure>,
}

impl<'a> From<&'a v1::RepositoryStatus> for Repository<'a> {
    fn from(repository: &'a v1::RepositoryStatus) -> Self {
        Self {
            name: &repository.name,
            url: &repository.url,
            backups: repository.backups,
            bytes: repository.bytes,
            newest_backup_time: format::rfc3339(repository.newest_backup_time.as_ref()),
            free_bytes: repository.free_bytes,
            capacity_bytes: repository.capacity_bytes,
            failure: repository.failure.as_ref().map(JobFailure::from),
        }
    }
}

#[derive(Serialize)]
struct Collection<'a> {
    cluster: &'a str,
    collection: &'a str,
    repository: &'a str,
    /// Null if there is none.
    newest_backup: Option<NewestBackup>,
}

impl<'a> From<&'a v1::CollectionStatus> for Collection<'a> {
    fn from(status: &'a v1::CollectionStatus) -> Self {
        Self {
            cluster: &status.cluster,
            collection: &status.collection,
            repository: &status.repository,
            newest_backup: status.newest_backup.as_ref().map(NewestBackup::from),
        }
    }
}
