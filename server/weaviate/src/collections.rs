//! Collections as such: their schemas, and creating and dropping them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde_json::{Map, Value, json};

use super::{Cluster, Creation, compare_schemas};
use selvedge_model::Collection;
use selvedge_model::error::{Error, Kind, Result};

impl Cluster {
    /// The schemas of all collections that the key may see, by name.
    pub async fn schemas(&self) -> Result<BTreeMap<String, Value>> {
        let action = "read the schema";
        let schema = self.believed(|| self.rest.get(action, "/v1/schema", &[])).await?.unwrap_or_default();
        let unexpected =
            || Error::new(Kind::WeaviateUnintelligible, format!("cannot {action}: unexpected answer"));
        let Value::Array(classes) =
            schema.get("classes").cloned().unwrap_or_else(|| Value::Array(Vec::new()))
        else {
            return Err(unexpected());
        };
        let named = |class: Value| Ok((class["class"].as_str().ok_or_else(unexpected)?.to_owned(), class));
        classes.into_iter().map(named).collect()
    }

    /// One collection by its name; `None` if there is none, or if the name is an alias.
    pub async fn collection(&self, name: &str) -> Result<Option<Collection>> {
        // A collection that is there may still lack properties that the log adds later.
        let found = self.believed(|| self.schema_of(name)).await?;
        found.map(Collection::from_schema).transpose()
    }

    /// A collection that is known, as it is now. Asks once if it is as it was, which needs no second look.
    pub async fn collection_again(&self, known: &Collection) -> Result<Option<Collection>> {
        match self.retrying(|| self.schema_of(&known.name)).await? {
            Some(schema) if schema == known.schema => Ok(Some(known.clone())),
            _ => self.collection(&known.name).await,
        }
    }

    pub(super) async fn schema_of(&self, name: &str) -> Result<Option<Value>> {
        let action = format!("read the schema of collection \"{name}\"");
        let found = self.rest.get(&action, &format!("/v1/schema/{name}"), &[]).await?;
        // Asked for an alias, Weaviate answers with the collection behind it.
        Ok(found.filter(|schema| schema["class"] == name))
    }

    /// Creates a collection from a schema as Weaviate returns it, and reads it back. All that it refers to is there.
    pub async fn create_collection(&self, schema: &Value) -> Result<Collection> {
        let creation = Creation::new(schema, |_| true);
        self.begin_collection(&creation).await?;
        self.complete_collection(&creation).await?;
        self.finish_collection(&creation).await
    }

    /// The first step of creating a collection: once it has succeeded there is one, and it is ours.
    pub async fn begin_collection(&self, creation: &Creation) -> Result<()> {
        let action = creating(creation);
        let mut stubs = Vec::new();
        let posted = match self.post_stubs(creation, &mut stubs).await {
            Ok(()) => self.post_collection(&action, creation).await,
            failed => failed,
        };
        for stub in stubs {
            if let Err(error) = self.drop_collection(stub).await {
                let left = format!("drop \"{stub}\", which the job had created for a moment, by hand");
                return Err(error.also(left));
            }
        }
        posted
    }

    /// Creates empty collections for those that are referred to and come later. Weaviate looks for them only when a reference
    /// is created.
    async fn post_stubs<'c>(&self, creation: &'c Creation, made: &mut Vec<&'c str>) -> Result<()> {
        for stub in &creation.stubs {
            let schema = json!({"class": stub, "vectorizer": "none"});
            let stand_in = Creation::new(&schema, |_| true);
            self.post_collection(&format!("create collection \"{stub}\""), &stand_in).await?;
            made.push(stub);
        }
        Ok(())
    }

    /// The second step, when all that it refers to is there: afterwards it can take objects. Returns what came of it.
    pub async fn complete_collection(&self, creation: &Creation) -> Result<Collection> {
        let action = creating(creation);
        for property in &creation.properties {
            self.add_property(&action, &creation.name, property).await?;
        }
        if let Some(settings) = &creation.then {
            self.update_collection(&action, &creation.name, settings).await?;
        }
        self.created(&creation.name).await
    }

    /// The last step, when all objects are there. Returns what came of it.
    pub async fn finish_collection(&self, creation: &Creation) -> Result<Collection> {
        if let Some(settings) = &creation.last {
            let action = format!("set what comes last of collection \"{}\"", creation.name);
            self.update_collection(&action, &creation.name, settings).await?;
        }
        self.created(&creation.name).await
    }

    /// Puts settings in place of those the collection has. Everything else has to be sent as it is, what Weaviate keeps for
    /// itself included.
    async fn update_collection(&self, action: &str, name: &str, settings: &Map<String, Value>) -> Result<()> {
        let mut schema = self.created(name).await?.schema;
        for (setting, value) in settings {
            schema[setting.as_str()] = value.clone();
        }
        let path = format!("/v1/schema/{name}");
        self.retrying(|| self.rest.put(action, &path, &schema)).await.map(drop)
    }

    /// A repeated POST finds what the first one added although its answer was lost.
    async fn add_property(&self, action: &str, collection: &str, property: &Value) -> Result<()> {
        let path = format!("/v1/schema/{collection}/properties");
        let result = self.retrying(|| self.rest.post(action, &path, property)).await;
        match result {
            Err(error) if error.kind() == Kind::WeaviateRefused => {
                let there = self.collection(collection).await?;
                let mut there = there.iter().flat_map(|collection| &collection.properties);
                if there.any(|other| property["name"] == other.name) { Ok(()) } else { Err(error) }
            }
            other => other.map(drop),
        }
    }

    async fn created(&self, name: &str) -> Result<Collection> {
        self.collection(name).await?.ok_or_else(|| {
            Error::new(
                Kind::SchemaMismatch,
                format!("collection \"{name}\" is not there although Weaviate created it"),
            )
        })
    }

    /// A repeated POST may find what the first one made although its answer was lost. It is taken for ours only if it is what
    /// was posted, and nothing is in it.
    async fn post_collection(&self, action: &str, creation: &Creation) -> Result<()> {
        let repeated = AtomicBool::new(false);
        let result = self
            .retrying(async || {
                let result = self.rest.post(action, "/v1/schema", &creation.post).await;
                if result.as_ref().is_err_and(Error::is_transient) {
                    repeated.store(true, Relaxed);
                }
                result
            })
            .await;
        match result {
            Err(error) if repeated.load(Relaxed) && !error.is_transient() => {
                let there = self.collection(&creation.name).await?;
                let is_ours = there.is_some_and(|there| !differs(&creation.post, &there.schema));
                if is_ours && self.is_empty(&creation.name).await? { Ok(()) } else { Err(error) }
            }
            other => other.map(drop),
        }
    }

    /// Whether there is such a collection, with no objects and no tenants.
    pub async fn is_empty(&self, name: &str) -> Result<bool> {
        match self.collection(name).await? {
            None => Ok(false),
            Some(collection) if collection.multi_tenant => {
                Ok(self.tenants_in_full(name, &[]).await?.is_empty())
            }
            Some(_) => Ok(self.count(name, None).await? == 0),
        }
    }

    /// Drops a collection with everything in it; one that does not exist is not missed.
    pub async fn drop_collection(&self, name: &str) -> Result<()> {
        let action = format!("drop collection \"{name}\"");
        let path = format!("/v1/schema/{name}");
        self.retrying(|| self.rest.delete(&action, &path, None)).await.map(drop)
    }
}

fn differs(wanted: &Value, there: &Value) -> bool {
    compare_schemas(wanted, there).iter().any(|difference| difference.matters)
}

fn creating(creation: &Creation) -> String {
    format!("create collection \"{}\"", creation.name)
}
