//! Which backups there are.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::catalog::{CONCURRENCY, Catalog};
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
    /// It was a backup, and was deleted: what is left of it others need, or have needed.
    pub is_deleted: bool,
}

/// So many of the first on a page are read again, if only remembered: what is decided by a list is decided by its first.
const SURE: usize = 3;

/// What there is to show of a backup.
enum Shown {
    Sound(Box<Opened<Manifest>>),
    /// Why.
    Unreadable(String),
    /// Deleted since it was listed.
    Gone,
}

impl Repository {
    /// Lists committed backups by the time they were made. One whose `backup.json` alone was deleted, and by hand, may stay
    /// listed for a while, unless it is among the first.
    pub async fn list_backups(&self, page: Page, wanted: &BackupFilter) -> Result<BackupPage> {
        let before = page.token.as_deref().map(Position::parse).transpose()?;
        let (catalog, held) = tokio::try_join!(self.catalog(), self.all_held())?;
        let mut rest = positions(&catalog);
        rest.retain(|position| before.as_ref().is_none_or(|last| position < last));
        rest.retain(|position| wanted.takes_time(position.made));
        let last = rest.last().cloned();
        let (backups, unreadable) = (Vec::new(), BTreeMap::new());
        let mut found = BackupPage { held, backups, unreadable, next: None };
        let reads = stream::iter(rest)
            .map(async |position: Position| (self.shown(&catalog, &position.id).await, position));
        let mut reads = reads.buffered(CONCURRENCY);
        while let Some((shown, position)) = reads.next().await {
            // What is not wanted takes no place on the page.
            if found.backups.len() + found.unreadable.len() == page.size.max(1) {
                break;
            }
            let mut shown = shown?;
            let is_remembered = !catalog.asked.contains(&position.id);
            if is_remembered && found.backups.len() < SURE && shown.is_wanted(wanted) {
                shown = self.read(&position.id).await?;
            }
            match shown {
                Shown::Sound(backup) if wanted.takes(&backup) => found.backups.push(*backup),
                Shown::Unreadable(why) => {
                    found.unreadable.insert(position.id.to_string(), why);
                }
                Shown::Sound(_) | Shown::Gone => {}
            }
            found.next = (last.as_ref() != Some(&position)).then(|| position.token());
        }
        Ok(found)
    }

    /// Tells of every committed backup that can be read, newest first, as far as it is remembered, until nobody wants to hear
    /// more. There may be very many, so none is kept.
    pub async fn each_backup(
        &self,
        mut tell: impl FnMut(&Opened<Manifest>) -> ControlFlow<()> + Send,
    ) -> Result<()> {
        let catalog = self.catalog().await?;
        let reads = stream::iter(positions(&catalog))
            .map(async |position: Position| self.shown(&catalog, &position.id).await);
        let mut reads = reads.buffered(CONCURRENCY);
        while let Some(shown) = reads.next().await {
            if let Shown::Sound(found) = shown?
                && tell(&found).is_break()
            {
                break;
            }
        }
        Ok(())
    }

    /// All committed backups, as far as they are remembered; with None those whose manifest cannot be read.
    pub(crate) async fn all_there_are(&self) -> Result<Vec<(BackupId, Option<Opened<Manifest>>)>> {
        let catalog = self.catalog().await?;
        let reads = stream::iter(positions(&catalog))
            .map(async |position: Position| Ok((self.shown(&catalog, &position.id).await?, position.id)));
        let shown: Vec<(Shown, BackupId)> = reads.buffered(CONCURRENCY).try_collect().await?;
        let there = |(shown, id)| match shown {
            Shown::Sound(found) => Some((id, Some(*found))),
            Shown::Unreadable(_) => Some((id, None)),
            Shown::Gone => None,
        };
        Ok(shown.into_iter().filter_map(there).collect())
    }

    /// All committed backups that can be read, each of them read now: what is removed must not be decided by what is only
    /// remembered to be there.
    pub async fn all_backups(&self) -> Result<Vec<Opened<Manifest>>> {
        let reads = stream::iter(self.taken_ids().await?).map(async |id: BackupId| self.read(&id).await);
        let shown: Vec<_> = reads.buffered(CONCURRENCY).try_collect().await?;
        let sound = |shown: Shown| match shown {
            Shown::Sound(found) => Some(*found),
            Shown::Unreadable(_) | Shown::Gone => None,
        };
        Ok(shown.into_iter().filter_map(sound).collect())
    }

    /// The newest backup that is whole and holds what is selected, of those that the filter takes.
    pub async fn latest(&self, selection: &Selection, of: BackupFilter) -> Result<BackupId> {
        let wanted = BackupFilter { kind: Some(BackupKind::Full), ..of };
        let mut page = Page { size: CONCURRENCY, token: None };
        let mut sealed = 0;
        loop {
            let found = self.list_backups(page.clone(), &wanted).await?;
            for manifest in found.backups.iter().filter_map(Opened::whole) {
                if is_whole(manifest, selection)
                    && let Shown::Sound(there) = self.read(&manifest.id).await?
                    && there.whole().is_some_and(|there| is_whole(there, selection))
                {
                    return Ok(manifest.id.clone());
                }
            }
            sealed += found.backups.iter().filter(|found| found.whole().is_none()).count();
            match found.next {
                None => break,
                next => page.token = next,
            }
        }
        let place = self.store().place();
        if sealed > 0 {
            let text = format!(
                "which backup is the latest in {place} is encrypted, and this server has no identity for it"
            );
            return Err(Error::new(Kind::KeyMissing, text)
                .hint("name the backup, or let a server do it that has an identity"));
        }
        let chosen = selection.included();
        let mut of = if chosen.is_empty() { String::new() } else { format!(" of {}", listed(&chosen)) };
        of += &wanted.cluster.iter().map(|name| format!(" of cluster \"{name}\"")).collect::<String>();
        of += &wanted.tag.iter().map(|tag| format!(" with the tag \"{tag}\"")).collect::<String>();
        Err(Error::new(Kind::BackupNotFound, format!("there is no whole backup{of} in {place}"))
            .hint("list the backups of the repository, and name one"))
    }

    /// What is no backup: ids that were taken and not committed, and what was written for them.
    pub async fn uncommitted(&self) -> Result<Vec<Uncommitted>> {
        let Catalog { mut taken, sound, broken, asked: _ } = self.catalog().await?;
        taken.retain(|id| !sound.contains_key(id) && !broken.contains_key(id));
        let found = stream::iter(taken).map(async |id: BackupId| self.uncommitted_files(id).await);
        let found = found.buffered(CONCURRENCY);
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
        let deleted = layout::deleted(&id);
        let is_deleted = files.iter().any(|file| deleted.filename() == Some(file.name.as_str()));
        Ok(Some(Uncommitted { id, claim, files, is_deleted }))
    }

    /// What the catalog says of a backup; what it leaves out is read.
    async fn shown(&self, catalog: &Catalog, id: &BackupId) -> Result<Shown> {
        if let Some(broken) = catalog.broken.get(id) {
            // Nobody knows what it is: it may be what is wanted.
            return Ok(Shown::Unreadable(broken.why.clone()));
        }
        if let Some(text) = catalog.sound.get(id).and_then(|entry| entry.text.clone())
            && let Ok(found) = self.look_at_manifest(id, text.into()).await
        {
            return Ok(Shown::Sound(Box::new(found)));
        }
        self.read(id).await
    }

    async fn read(&self, id: &BackupId) -> Result<Shown> {
        match self.look_at(id).await {
            Ok(found) => Ok(Shown::Sound(Box::new(found))),
            Err(error) if error.kind() == Kind::BackupNotFound => Ok(Shown::Gone),
            Err(error) if error.kind() == Kind::RepositoryUnavailable => Err(error),
            Err(error) => Ok(Shown::Unreadable(error.to_string())),
        }
    }
}

impl Shown {
    fn is_wanted(&self, wanted: &BackupFilter) -> bool {
        matches!(self, Self::Sound(found) if wanted.takes(found))
    }
}

/// Whether it is of a cluster (what was imported is of none, and may be anything), lacks nothing, and holds what is selected.
fn is_whole(manifest: &Manifest, selection: &Selection) -> bool {
    let names = manifest.collections.iter().map(|collection| collection.name.as_str());
    !manifest.cluster.name.is_empty()
        && manifest.collections.iter().all(|collection| collection.complete)
        && selection.apply(names, "in the backup").is_ok()
}

/// Newest first.
fn positions(catalog: &Catalog) -> Vec<Position> {
    let sound = catalog.sound.values().map(|entry| (entry.made, &entry.id));
    let broken = catalog.broken.iter().map(|(id, broken)| (broken.made, id));
    let positions = sound.chain(broken).map(|(made, id)| Position { made, id: id.clone() });
    let mut positions: Vec<_> = positions.collect();
    positions.sort_unstable_by(|a, b| b.cmp(a));
    positions
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
