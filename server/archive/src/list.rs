//! Which backups there are.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::ObjectMeta;

use crate::{BackupId, FileInfo, Manifest, Repository, layout};
use selvedge_model::error::{Error, Kind, Result};

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

/// What was written for a backup that was not committed.
#[derive(Debug)]
pub struct Uncommitted {
    pub id: BackupId,
    /// The job that took the id, and when; None if that cannot be told.
    pub claim: Option<(String, DateTime<Utc>)>,
    pub files: Vec<FileInfo>,
}

/// Requests in flight while listing.
const CONCURRENCY: usize = 16;

/// When backups were made, by their own account: what the store says of files is as old as the last copy of them. A manifest
/// is never changed, so it is read once, as long as the store says that it is the same.
pub type Times = BTreeMap<BackupId, (ObjectMeta, DateTime<Utc>)>;

impl Repository {
    /// Lists committed backups by the time they were made.
    pub async fn list_backups(&self, page: Page) -> Result<BackupPage> {
        let before = page.token.as_deref().map(Position::parse).transpose()?;
        let mut all = self.positions().await?;
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

    /// All committed backups; folders without a `backup.json` are none.
    async fn positions(&self) -> Result<Vec<Position>> {
        let names = self.store().folder_names(&layout::backups_dir()).await?;
        let ids: Vec<_> = names.into_iter().filter_map(|name| BackupId::try_from(name).ok()).collect();
        let known = self.times();
        let positions = stream::iter(ids).map(async |id| self.position(id, &known).await);
        let positions = positions.buffer_unordered(CONCURRENCY);
        let found: Vec<_> = positions.try_filter_map(|position| async { Ok(position) }).try_collect().await?;
        let times = found.iter().map(|(position, meta)| (position.id.clone(), (meta.clone(), position.made)));
        self.set_times(times.collect());
        Ok(found.into_iter().map(|(position, _)| position).collect())
    }

    /// What is no backup: ids that were taken and not committed, and what was written for them.
    pub async fn uncommitted(&self) -> Result<Vec<Uncommitted>> {
        let names = self.store().folder_names(&layout::backups_dir()).await?;
        let ids: Vec<_> = names.into_iter().filter_map(|name| BackupId::try_from(name).ok()).collect();
        let found = stream::iter(ids).map(async |id| self.uncommitted_files(id).await).buffered(CONCURRENCY);
        found.try_filter_map(|found| async { Ok(found) }).try_collect().await
    }

    /// None if it is a backup, or if nothing is left of it.
    async fn uncommitted_files(&self, id: BackupId) -> Result<Option<Uncommitted>> {
        if self.store().head(&layout::manifest(&id)).await?.is_some() {
            return Ok(None);
        }
        let files = self.backup_files(&id).await?;
        if files.is_empty() {
            return Ok(None);
        }
        let claim = self.claim(&id).await?;
        Ok(Some(Uncommitted { id, claim, files }))
    }

    async fn position(&self, id: BackupId, known: &Times) -> Result<Option<(Position, ObjectMeta)>> {
        let Some(meta) = self.store().head(&layout::manifest(&id)).await? else { return Ok(None) };
        let made = match known.get(&id) {
            Some((same, made)) if *same == meta => *made,
            _ => match self.manifest(&id).await {
                Ok(manifest) => manifest.end_time,
                Err(error) if error.kind() == Kind::BackupNotFound => return Ok(None),
                Err(error) if error.kind() == Kind::RepositoryUnavailable => return Err(error),
                // One that cannot be read cannot say when it was made.
                Err(_) => meta.last_modified,
            },
        };
        Ok(Some((Position { made, id }, meta)))
    }
}

/// A committed backup's place in the list.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    made: DateTime<Utc>,
    id: BackupId,
}

impl Position {
    fn token(&self) -> String {
        let (seconds, nanos) = (self.made.timestamp(), self.made.timestamp_subsec_nanos());
        format!("{seconds}.{nanos}.{}", self.id)
    }

    fn parse(token: &str) -> Result<Self> {
        let parse = || {
            let mut parts = token.splitn(3, '.');
            let made = DateTime::from_timestamp(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?)?;
            Some(Self { made, id: parts.next()?.parse().ok()? })
        };
        parse().ok_or_else(|| {
            Error::invalid("page_token", "the page token is not one that a list of backups gave").hint(
                "pass next_page_token of the page before as it is, or leave it out to start from the newest",
            )
        })
    }
}
