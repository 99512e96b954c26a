//! `repository.json`: what makes a place a repository.
//!
//! A folder whose file system is not mounted looks like an empty one, and a backup onto the disk below it succeeds. So a
//! repository is made on purpose, once, and only what has its marker is used as one.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::layout;
use crate::store::{Created, Store};
use selvedge_model::error::{Error, Kind, Result};

/// The version of the repository's own format: where things are. That of what is in a backup is for each backup to say.
const REPOSITORY_FORMAT: u32 = 1;

/// What to do where there is no repository.
pub const NO_REPOSITORY_HINT: &str = "mount it, or correct its URL; a new one is made on purpose, and leaves what is there as it \
                                      is: `selvedge-server init`";

#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    format_version: u32,
    id: Uuid,
    time: DateTime<Utc>,
}

impl Store {
    /// Makes the place a repository, unless it is one. What is in it stays.
    pub async fn mark(&self) -> Result<()> {
        self.reach().await?;
        let marker = Marker { format_version: REPOSITORY_FORMAT, id: Uuid::new_v4(), time: Utc::now() };
        let json = serde_json::to_vec_pretty(&marker).map_err(|error| {
            Error::internal("the marker of a repository cannot be written").caused_by(error)
        })?;
        match self.create(&layout::marker(), json.into()).await? {
            Created::Done | Created::Taken(_) => self.check().await,
        }
    }

    /// Whether the repository is there, and is the one that was there before.
    pub async fn check(&self) -> Result<()> {
        match self.get_promptly(&layout::marker()).await? {
            Some(marker) => self.recognize(&marker),
            None => {
                self.reach().await?;
                Err(self.absent())
            }
        }
    }

    /// As [`Store::check`], for a repository that was there before, and with the patience of a job.
    pub async fn check_again(&self) -> Result<()> {
        if self.known.get().is_none() {
            return Ok(());
        }
        match self.get(&layout::marker()).await? {
            Some(marker) => self.recognize(&marker),
            None => Err(self.absent()),
        }
    }

    fn recognize(&self, bytes: &[u8]) -> Result<()> {
        let path = layout::marker();
        let unusable = |what: String| {
            Error::new(Kind::RepositoryUnavailable, format!("{} cannot be used: {what}", self.place()))
        };
        let marker: Marker = serde_json::from_slice(bytes).map_err(|error| {
            unusable(format!("{path} is damaged"))
                .hint(format!("bring {path} back from a copy of the repository"))
                .caused_by(error)
        })?;
        if marker.format_version > REPOSITORY_FORMAT {
            let text = format!(
                "its format version is {}, and this Selvedge knows {REPOSITORY_FORMAT}",
                marker.format_version
            );
            return Err(unusable(text).hint("use the version of Selvedge that made it, or a newer one"));
        }
        if *self.known.get_or_init(|| marker.id) != marker.id {
            let text = "another repository is there than when the server started".to_owned();
            return Err(unusable(text).hint("check what is mounted there; to use it, restart the server"));
        }
        Ok(())
    }

    fn absent(&self) -> Error {
        let path = layout::marker();
        Error::new(
            Kind::RepositoryNotFound,
            match self.is_bucket() {
                true => format!("there is no repository in {}: no {path} is there", self.place()),
                false => {
                    format!("there is no repository at {}: no {path} is there; is it mounted?", self.place())
                }
            },
        )
        .hint(NO_REPOSITORY_HINT)
    }
}
