//! Which backups there are.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::ObjectMeta;

use crate::{BackupId, BackupKind, FileInfo, Manifest, Opened, Repository, layout};
use selvedge_model::Selection;
use selvedge_model::error::{Error, Kind, Result, listed};

/// Which backups. The default is all of them.
#[derive(Debug, Clone, Default)]
pub struct BackupFilter {
    /// By its name when they were made.
    pub cluster: Option<String>,
    pub collection: Option<String>,
    pub kind: Option<BackupKind>,
    pub tag: Option<String>,
    pub since: Option<DateTime<Utc>>,
    pub before: Option<DateTime<Utc>>,
}

impl BackupFilter {
    fn takes_time(&self, made: DateTime<Utc>) -> bool {
        self.since.is_none_or(|since| made >= since) && self.before.is_none_or(|before| made < before)
    }

    /// What is sealed may be what is wanted.
    fn takes(&self, found: &Opened<Manifest>) -> bool {
        let Some(manifest) = found.whole() else { return true };
        let Self { cluster, collection, kind, tag, since: _, before: _ } = self;
        let holds = |name: &String| manifest.collections.iter().any(|collection| collection.name == *name);
        cluster.as_ref().is_none_or(|cluster| manifest.cluster.name == *cluster)
            && collection.as_ref().is_none_or(holds)
            && kind.is_none_or(|kind| manifest.kind == kind)
            && tag.as_ref().is_none_or(|tag| manifest.options.tags.contains(tag))
    }
}

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
    /// Ids of all backups that are held, on whichever page.
    pub held: BTreeSet<BackupId>,
    /// Newest first.
    pub backups: Vec<Opened<Manifest>>,
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
    pub async fn list_backups(&self, page: Page, wanted: &BackupFilter) -> Result<BackupPage> {
        let before = page.token.as_deref().map(Position::parse).transpose()?;
        let mut all = self.positions().await?;
        all.retain(|position| wanted.takes_time(position.made));
        all.sort_unstable_by(|a, b| b.cmp(a));
        let start = before.map_or(0, |last| all.partition_point(|position| *position >= last));
        let size = page.size.max(1);
        let mut found = BackupPage {
            held: self.all_held().await?,
            backups: Vec::new(),
            unreadable: BTreeMap::new(),
            next: None,
        };
        let rest = all.split_off(start);
        let last = rest.last().cloned();
        let reads = stream::iter(rest).map(async |position| (self.look_at(&position.id).await, position));
        let mut reads = reads.buffered(CONCURRENCY);
        while let Some((read, position)) = reads.next().await {
            // What is not wanted takes no place on the page.
            if found.backups.len() + found.unreadable.len() == size {
                break;
            }
            match read {
                Ok(manifest) if wanted.takes(&manifest) => found.backups.push(manifest),
                Ok(_) => {}
                // Deleted since it was listed.
                Err(error) if error.kind() == Kind::BackupNotFound => {}
                Err(error) if error.kind() == Kind::RepositoryUnavailable => return Err(error),
                // Nobody knows what it is: it may be what is wanted.
                Err(error) => {
                    found.unreadable.insert(position.id.to_string(), error.to_string());
                }
            }
            found.next = (last.as_ref() != Some(&position)).then(|| position.token());
        }
        Ok(found)
    }

    /// The newest backup of any cluster that is whole and holds what is selected.
    pub async fn latest(&self, selection: &Selection) -> Result<BackupId> {
        let wanted = BackupFilter { kind: Some(BackupKind::Full), ..BackupFilter::default() };
        let mut page = Page { size: CONCURRENCY, token: None };
        loop {
            let found = self.list_backups(page.clone(), &wanted).await?;
            let whole = |manifest: &&Manifest| {
                let names = manifest.collections.iter().map(|collection| collection.name.as_str());
                // What was imported is of no cluster, and may be anything.
                !manifest.cluster.name.is_empty()
                    && manifest.collections.iter().all(|collection| collection.complete)
                    && selection.apply(names, "in the backup").is_ok()
            };
            if let Some(manifest) = found.backups.iter().filter_map(Opened::whole).find(whole) {
                return Ok(manifest.id.clone());
            }
            match found.next {
                None => break,
                next => page.token = next,
            }
        }
        let place = self.store().place();
        let chosen = selection.included();
        let of = if chosen.is_empty() { String::new() } else { format!(" of {}", listed(&chosen)) };
        Err(Error::new(Kind::BackupNotFound, format!("there is no whole backup{of} in {place}"))
            .hint("list the backups of the repository, and name one"))
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
            _ => match self.look_at(&id).await {
                Ok(found) => found.cover().end_time,
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
