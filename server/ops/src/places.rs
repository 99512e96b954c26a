//! The clusters and repositories that requests may name.

use std::collections::BTreeMap;

use selvedge_archive::Repository;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::{Cluster, ClusterConfig};

use crate::{Operation, Request};

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

    /// All of them, or the one of this name.
    pub(crate) fn clusters_named(&self, name: &str) -> Result<Vec<Cluster>> {
        match name {
            "" => Ok(self.clusters().cloned().collect()),
            name => Ok(vec![self.cluster(name)?]),
        }
    }

    /// All of them, or the one of this name.
    pub(crate) fn repositories_named(&self, name: &str) -> Result<Vec<Repository>> {
        match name {
            "" => Ok(self.repositories().cloned().collect()),
            name => Ok(vec![self.repository(name)?]),
        }
    }

    /// The request with the places that it means, if it names none. Fails if it names one that is not known.
    pub fn complete(&self, request: Request) -> Result<Request> {
        let cluster = self.cluster(&request.cluster)?.name().to_owned();
        let repository = self.repository(&request.repository)?.name().to_owned();
        let mut operation = request.operation;
        if let Operation::Copy(copy) = &mut operation {
            copy.to = self.cluster(&copy.to)?.name().to_owned();
        }
        Ok(Request { cluster, repository, operation, ..request })
    }

    /// An empty name means the default, or the only one.
    pub fn cluster(&self, name: &str) -> Result<Cluster> {
        find(&self.clusters, name, Kind::ClusterUnknown, "cluster")
    }

    /// An empty name means the default, or the only one.
    pub fn repository(&self, name: &str) -> Result<Repository> {
        find(&self.repositories, name, Kind::RepositoryUnknown, "repository")
    }
}

fn find<T: Clone>(places: &BTreeMap<String, T>, name: &str, unknown: Kind, what: &str) -> Result<T> {
    let found = match name {
        "" if places.len() == 1 => places.values().next(),
        "" => places.get(DEFAULT_NAME),
        name => places.get(name),
    };
    if let Some(place) = found {
        return Ok(place.clone());
    }
    let known = places.keys().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let known = if known.is_empty() { format!("no {what}") } else { known };
    Err(match name {
        "" => {
            Error::new(unknown, format!("which {what} is meant? This server has no \"{DEFAULT_NAME}\" one"))
                .hint(format!("name one: it is configured for {known}"))
        }
        name => Error::new(unknown, format!("this server is not configured for a {what} \"{name}\""))
            .hint(format!("it is configured for {known}")),
    })
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
        let only = BTreeMap::from([("eu".to_owned(), 3)]);
        assert_eq!(super::find(&only, "", Kind::ClusterUnknown, "cluster").unwrap(), 3);
        let two = BTreeMap::from([("eu".to_owned(), 3), ("us".to_owned(), 4)]);
        let error = super::find(&two, "", Kind::ClusterUnknown, "cluster").unwrap_err();
        assert_eq!(error.hint_text(), Some("name one: it is configured for \"eu\", \"us\""));
    }
}
