//! How things stand, on its way out.

use selvedge_proto::v1;

use super::backup::newest;
use super::job::failure;
use super::timestamp;
use selvedge_ops::{ClusterStatus, CollectionStatus, RepositoryStatus, Status};

pub fn status(status: Status) -> v1::GetStatusResponse {
    let Status { clusters, repositories, collections } = status;
    v1::GetStatusResponse {
        selvedge_version: env!("CARGO_PKG_VERSION").to_owned(),
        clusters: clusters.into_iter().map(cluster).collect(),
        repositories: repositories.into_iter().map(repository).collect(),
        collections: collections.into_iter().map(collection).collect(),
    }
}

fn cluster(status: ClusterStatus) -> v1::ClusterStatus {
    let ClusterStatus { name, address, version, unseen } = status;
    let failure = version.as_ref().err().map(failure);
    let (weaviate_version, unseen) = (version.unwrap_or_default(), unseen.unwrap_or_default());
    v1::ClusterStatus { name, address, failure, weaviate_version, unseen }
}

fn repository(status: RepositoryStatus) -> v1::RepositoryStatus {
    let RepositoryStatus { name, url, stock } = status;
    let failure = stock.as_ref().err().map(failure);
    let stock = stock.unwrap_or_default();
    let (free_bytes, capacity_bytes) = stock.space.unzip();
    v1::RepositoryStatus {
        name,
        url,
        backups: stock.backups,
        bytes: stock.bytes,
        newest_backup_time: stock.newest.map(timestamp),
        free_bytes,
        capacity_bytes,
        failure,
    }
}

fn collection(status: CollectionStatus) -> v1::CollectionStatus {
    let CollectionStatus { cluster, name, newest: found } = status;
    let (repository, newest_backup) = found.map(|(name, covering)| (name, newest(covering))).unzip();
    let repository = repository.unwrap_or_default();
    v1::CollectionStatus { cluster, collection: name, newest_backup, repository }
}
