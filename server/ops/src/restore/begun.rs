//! How far earlier attempts at a restore came with creating its collections.

use selvedge_model::error::{Error, Result};

use crate::Context;

/// Written before anything is created: from then on, what is there under the names of the restore is its own.
const CREATING: &str = "creating.json";
/// Written when all collections are there, and their tenants.
const CREATED: &str = "created.json";

/// How far earlier attempts came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// Nothing was created.
    Nothing,
    /// Some of the collections may be there.
    Creating,
    /// All of them are.
    Created,
}

impl Begun {
    pub async fn earlier(job: &Context) -> Result<Self> {
        let has = async |name| Ok::<_, Error>(job.journal().read::<()>(name).await?.is_some());
        Ok(match (has(CREATING).await?, has(CREATED).await?) {
            (_, true) => Self::Created,
            (true, false) => Self::Creating,
            (false, false) => Self::Nothing,
        })
    }

    pub async fn creating(job: &Context) -> Result<()> {
        job.journal().write(CREATING, &()).await
    }

    pub async fn created(job: &Context) -> Result<()> {
        job.journal().write(CREATED, &()).await
    }
}
