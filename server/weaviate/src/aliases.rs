//! Other names for collections.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Cluster;
use super::version::Feature;
use selvedge_model::error::{Error, Kind, Result};

/// The collections that aliases point to, by alias.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aliases(BTreeMap<String, String>);

impl Aliases {
    /// Those that point to a collection, sorted.
    pub fn of(&self, collection: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(_, points_to)| *points_to == collection)
            .map(|(alias, _)| alias.clone())
            .collect()
    }

    /// Where an alias points, if it exists.
    pub fn get(&self, alias: &str) -> Option<&String> {
        self.0.get(alias)
    }
}

impl Cluster {
    /// All aliases that the key may see. None where Weaviate has none.
    pub async fn aliases(&self) -> Result<Aliases> {
        if !self.connect().await?.version.has(Feature::Aliases) {
            return Ok(Aliases::default());
        }
        // All at once: asked for those of one collection, a node that does not know the collection yet says: none.
        let found = self.believed(|| self.rest.get("read the aliases", "/v1/aliases", &[])).await?;
        let found = found.unwrap_or_default();
        let aliases = found["aliases"].as_array().into_iter().flatten();
        let pair =
            |alias: &Value| Some((alias["alias"].as_str()?.to_owned(), alias["class"].as_str()?.to_owned()));
        Ok(Aliases(aliases.filter_map(pair).collect()))
    }

    /// Lets an alias point to a collection, whether or not it is there: in one call, so that a query through it finds either the
    /// collection that it pointed to or the new one.
    pub async fn point_alias(&self, alias: &str, collection: &str) -> Result<()> {
        match self.aliases().await?.get(alias) {
            Some(there) if there == collection => Ok(()),
            Some(_) => {
                let action = format!("switch alias \"{alias}\" to collection \"{collection}\"");
                let (path, body) = (format!("/v1/aliases/{alias}"), json!({"class": collection}));
                let gone =
                    || Error::new(Kind::CollectionNotFound, format!("cannot {action}: the alias is gone"));
                self.retrying(|| self.rest.put(&action, &path, &body)).await?.ok_or_else(gone).map(drop)
            }
            None => self.create_alias(alias, collection).await,
        }
    }

    pub async fn create_alias(&self, alias: &str, collection: &str) -> Result<()> {
        let action = format!("create alias \"{alias}\" of collection \"{collection}\"");
        let body = json!({"alias": alias, "class": collection});
        match self.retrying(|| self.rest.post(&action, "/v1/aliases", &body)).await? {
            Some(_) => Ok(()),
            None => Err(Error::new(
                Kind::WeaviateVersionUnsupported,
                format!("cannot {action}: this version of Weaviate has no aliases"),
            )),
        }
    }
}
