//! Which backups there are.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::store::Store;
use super::{BackupId, Manifest, Repository, layout};
use crate::error::{Error, Kind, Result};

/// Which part of a list.
#[derive(Debug, Clone)]
pub struct Page {
    /// At most this many.
    pub size: usize,
    /// `BackupPage::next` of the page before; None for the first.
    pub token: Option<String>,
}

/// A part of the list of backups.
#[derive(Debug)]
pub struct BackupPage {
    /// Newest first.
    pub backups: Vec<Manifest>,
    /// Ids of backups whose manifest cannot be read, each with the reason.
    pub unreadable: BTreeMap<String, String>,
    /// None on the last page.
    pub next: Option<String>,
}

/// Requests in flight while listing.
const CONCURRENCY: usize = 16;

impl Repository {
    /// Lists committed backups by the time the store gives to their `backup.json`, so that only the manifests of the
    /// page itself are read.
    pub async fn list_backups(&self, page: Page) -> Result<BackupPage> {
        let before = page.token.as_deref().map(Position::parse).transpose()?;
        let mut all = positions(self.store()).await?;
        all.sort_unstable_by(|a, b| b.cmp(a));
        let start = before.map_or(0, |last| all.partition_point(|position| *position >= last));
        let rest = &all[start..];
        let (chosen, later) = rest.split_at(page.size.max(1).min(rest.len()));
        let next = if later.is_empty() { None } else { chosen.last().map(Position::token) };

        let ids: Vec<BackupId> = chosen.iter().map(|position| position.id.clone()).collect();
        let reads = stream::iter(ids).map(async |id| (self.manifest(&id).await, id));
        let mut reads = reads.buffered(CONCURRENCY);
        let mut found = BackupPage { backups: Vec::new(), unreadable: BTreeMap::new(), next };
        while let Some((read, id)) = reads.next().await {
            match read {
                Ok(manifest) => found.backups.push(manifest),
                // Deleted since it was listed.
                Err(error) if error.kind() == Kind::BackupNotFound => {}
                Err(error) if error.kind() == Kind::RepositoryUnavailable => return Err(error),
                Err(error) => {
                    found.unreadable.insert(id.to_string(), error.to_string());
                }
            }
        }
        Ok(found)
    }
}

/// A committed backup's place in the list.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    committed: DateTime<Utc>,
    id: BackupId,
}

impl Position {
    fn token(&self) -> String {
        let (seconds, nanos) = (self.committed.timestamp(), self.committed.timestamp_subsec_nanos());
        format!("{seconds}.{nanos}.{}", self.id)
    }

    fn parse(token: &str) -> Result<Self> {
        let parse = || {
            let mut parts = token.splitn(3, '.');
            let committed =
                DateTime::from_timestamp(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?)?;
            Some(Self { committed, id: parts.next()?.parse().ok()? })
        };
        parse().ok_or_else(|| {
            Error::invalid("page_token", "the page token is not one that a list of backups gave").hint(
                "pass next_page_token of the page before as it is, or leave it out to start from the newest",
            )
        })
    }
}

/// All committed backups; folders without a `backup.json` are none.
async fn positions(store: &Store) -> Result<Vec<Position>> {
    let ids = store.backup_names().await?.into_iter().filter_map(|name| BackupId::try_from(name).ok());
    let heads = stream::iter(ids.map(|id| async move {
        let head = store.head(&layout::manifest(&id)).await?;
        Ok(head.map(|meta| Position { committed: meta.last_modified, id }))
    }));
    heads.buffer_unordered(CONCURRENCY).try_filter_map(|position| async { Ok(position) }).try_collect().await
}
