//! The clusters and repositories that requests may name.

use std::collections::BTreeMap;

use selvedge_archive::Repository;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::{Cluster, ClusterConfig};

use crate::Request;

/// The name of the cluster and of the repository that requests mean which name none.
pub const DEFAULT_NAME: &str = "default";

/// Clusters and repositories by name.
pub struct Places {
    clusters: BTreeMap<String, Cluster>,
    repositories: BTreeMap<String, Repository>,
}

impl Places {
    pub fn new(clusters: Vec<ClusterConfig>, repositories: Vec<Repository>) -> Result<Self> {
        let clusters = clusters.into_iter().map(|config| Ok((config.name.clone(), Cluster::new(config)?)));
        let repositories =
            repositories.into_iter().map(|repository| (repository.name().to_owned(), repository));
        Ok(Self { clusters: clusters.collect::<Result<_>>()?, repositories: repositories.collect() })
    }

    pub fn clusters(&self) -> impl Iterator<Item = &Cluster> {
        self.clusters.values()
    }

    pub fn repositories(&self) -> impl Iterator<Item = &Repository> {
        self.repositories.values()
    }

    /// The request with the places that it means, if it names none. Fails if it names one that is not known.
    pub fn complete(&self, request: Request) -> Result<Request> {
        let Request { cluster, repository, operation } = request;
        let name = |name: &str| if name.is_empty() { DEFAULT_NAME.to_owned() } else { name.to_owned() };
        self.cluster(&cluster)?;
        self.repository(&repository)?;
        Ok(Request { cluster: name(&cluster), repository: name(&repository), operation })
    }

    /// An empty name means the default.
    pub fn cluster(&self, name: &str) -> Result<Cluster> {
        find(&self.clusters, name, Kind::ClusterUnknown, "cluster")
    }

    /// An empty name means the default.
    pub fn repository(&self, name: &str) -> Result<Repository> {
        find(&self.repositories, name, Kind::RepositoryUnknown, "repository")
    }
}

fn find<T: Clone>(places: &BTreeMap<String, T>, name: &str, unknown: Kind, what: &str) -> Result<T> {
    let name = if name.is_empty() { DEFAULT_NAME } else { name };
    match places.get(name) {
        Some(place) => Ok(place.clone()),
        None => {
            let known = places.keys().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
            let error = Error::new(unknown, format!("this server is not configured for a {what} \"{name}\""));
            Err(if known.is_empty() {
                error.hint(format!("it is configured for no {what}"))
            } else {
                error.hint(format!("it is configured for {known}"))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let places = BTreeMap::from([("default".to_owned(), 1), ("archive".to_owned(), 2)]);
        let find = |name| find(&places, name, Kind::RepositoryUnknown, "repository");
        assert_eq!(find("").unwrap(), 1);
        let error = find("s3").unwrap_err();
        assert_eq!(error.to_string(), "this server is not configured for a repository \"s3\"");
        assert_eq!(error.hint_text(), Some("it is configured for \"archive\", \"default\""));
    }
}
