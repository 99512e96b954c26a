//! How things stand: which places can be used, and what there is to go back to for each collection.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;

use crate::probe::is_probe;
use crate::{Places, Stock};
use selvedge_archive::{ClusterIdentity, Covering, Repository};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::Cluster;

/// A place that takes longer does not answer: somebody waits for the whole.
const LONGEST_LOOK: Duration = Duration::from_secs(10);

/// How things stand.
#[derive(Debug)]
pub struct Status {
    pub clusters: Vec<ClusterStatus>,
    pub repositories: Vec<RepositoryStatus>,
    /// Sorted by cluster and name.
    pub collections: Vec<CollectionStatus>,
}

#[derive(Debug)]
pub struct ClusterStatus {
    pub name: String,
    pub address: String,
    /// Weaviate's version; or why it cannot be used.
    pub version: Result<String>,
    /// What keeps the server's key from seeing all collections, in words.
    pub unseen: Option<String>,
}

#[derive(Debug)]
pub struct RepositoryStatus {
    pub name: String,
    pub url: String,
    /// What there is in it; or why it cannot be used.
    pub stock: Result<Stock>,
}

/// A collection that is on a cluster; or, of a cluster that does not answer, one that was backed up.
#[derive(Debug)]
pub struct CollectionStatus {
    pub cluster: String,
    pub name: String,
    /// The newest backup that holds all of it, and the repository that it is in.
    pub newest: Option<(String, Covering)>,
}

/// Looks at all places, or at those of these names. Changes nothing.
pub async fn status(places: &Places, cluster: &str, repository: &str) -> Result<Status> {
    let (clusters, repositories) = (places.clusters_named(cluster)?, places.repositories_named(repository)?);
    let (seen, stocks) = futures_util::join!(
        join_all(clusters.iter().map(|cluster| in_time(
            Kind::WeaviateUnreachable,
            cluster.name(),
            look_at(cluster)
        ))),
        join_all(repositories.iter().map(|repository| in_time(
            Kind::RepositoryUnavailable,
            repository.name(),
            stock_of(repository)
        ))),
    );
    let newest = newest(repositories.iter().zip(&stocks));
    let mut status = Status { clusters: Vec::new(), repositories: Vec::new(), collections: Vec::new() };
    for (cluster, seen) in clusters.iter().zip(seen) {
        let name = cluster.name();
        let identity = ClusterIdentity { name: name.to_owned(), address: cluster.rest_url().to_owned() };
        let (version, unseen, names) = match seen {
            Ok(Seen { version, unseen, collections }) => (Ok(version), unseen, collections),
            // What was backed up of it is still worth knowing.
            Err(error) => {
                let known = newest.keys().filter(|(of, _)| *of == identity);
                (Err(error), None, known.map(|(_, collection)| collection.clone()).collect())
            }
        };
        status.collections.extend(names.into_iter().map(|collection| {
            let of = (identity.clone(), collection);
            let newest = newest.get(&of).cloned();
            CollectionStatus { cluster: of.0.name, name: of.1, newest }
        }));
        let ClusterIdentity { name, address } = identity;
        status.clusters.push(ClusterStatus { name, address, version, unseen });
    }
    for (repository, stock) in repositories.iter().zip(stocks) {
        let (name, url) = (repository.name().to_owned(), repository.url().to_owned());
        status.repositories.push(RepositoryStatus { name, url, stock });
    }
    Ok(status)
}

/// What there is to see of a cluster at a glance.
struct Seen {
    version: String,
    unseen: Option<String>,
    /// Their names.
    collections: BTreeSet<String>,
}

async fn look_at(cluster: &Cluster) -> Result<Seen> {
    // Whoever asks wants to know how it is now.
    let cluster = cluster.anew();
    let version = cluster.connect().await?.version_text.clone();
    let names = cluster.schemas().await?.into_keys();
    let permissions = cluster.permissions().await?;
    let unseen = (!permissions.sees_collections("*")).then(|| permissions.describe("read_collections"));
    Ok(Seen { version, unseen, collections: names.filter(|name| !is_probe(name)).collect() })
}

async fn stock_of(repository: &Repository) -> Result<Stock> {
    repository.check().await?;
    Stock::of(repository).await
}

/// `late` is what it is if it takes too long.
async fn in_time<T>(late: Kind, name: &str, look: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(LONGEST_LOOK, look).await {
        Ok(found) => found,
        Err(_) => {
            let text = format!("\"{name}\" has not answered within {} s", LONGEST_LOOK.as_secs());
            Err(Error::new(late, text).hint("try all that jobs need of it"))
        }
    }
}

/// In whichever repository, by cluster and collection.
fn newest<'a>(
    stocks: impl Iterator<Item = (&'a Repository, &'a Result<Stock>)>,
) -> BTreeMap<(ClusterIdentity, String), (String, Covering)> {
    let mut newest = BTreeMap::<_, (String, Covering)>::new();
    for (repository, stock) in stocks {
        for (of, covering) in stock.iter().flat_map(|stock| &stock.successes) {
            if newest.get(of).is_none_or(|(_, known)| known.time < covering.time) {
                newest.insert(of.clone(), (repository.name().to_owned(), covering.clone()));
            }
        }
    }
    newest
}
