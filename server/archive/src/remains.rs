//! What a deleted backup leaves: the data files that other backups need.
//!
//! Who may need a file of a backup are the backups that inherit from it, by their own manifests, and whoever is about to inherit from
//! one of those. The latter takes over no more than its parent has, and its parent stays as long as its job needs it. So all that
//! may go is known from the backups that are there at one moment.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::ObjectMeta;
use object_store::path::Path;
use serde::Deserialize;

use crate::catalog::CONCURRENCY;
use crate::{BackupId, Manifest, Opened, Repository, layout};
use selvedge_model::error::{Error, Kind, Result};

/// What was removed of a backup, or of several, and what stays.
#[derive(Debug, Default)]
pub struct Removed {
    pub files: u64,
    pub bytes: u64,
    /// Data files that other backups need.
    pub kept_files: u64,
    pub kept_bytes: u64,
    /// Which backups these are.
    pub needed_by: BTreeSet<BackupId>,
}

impl Removed {
    pub fn add(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.kept_files += other.kept_files;
        self.kept_bytes += other.kept_bytes;
        self.needed_by.extend(other.needed_by);
    }
}

/// What is needed of a backup by others.
#[derive(Debug, Default)]
pub(crate) struct Needed {
    by: BTreeSet<BackupId>,
    /// None if it cannot be told, so that all of its data files are.
    files: Option<BTreeSet<Path>>,
}

impl Needed {
    fn has(&self, path: &Path) -> bool {
        match &self.files {
            Some(files) => files.contains(path),
            None => layout::backup_of(path).is_some(),
        }
    }
}

impl Repository {
    /// Removes what is left of a backup that has no manifest any more, but for what others need, or that never had one. Nobody may
    /// be making it.
    pub async fn remove_remains(&self, id: &BackupId) -> Result<Removed> {
        self.refuse_committed(id).await?;
        let files = self.store().list_with_sizes(&layout::backup_dir(id)).await?;
        let needed = self.needed_if_deleted(id).await?;
        self.remove_files(id, files, &needed).await
    }

    /// What [`Repository::remove_remains`] would do.
    pub async fn look_at_remains(&self, id: &BackupId) -> Result<Removed> {
        let files = self.store().list_with_sizes(&layout::backup_dir(id)).await?;
        Ok(parted(&self.needed_if_deleted(id).await?, &files).1)
    }

    /// Of what was never a backup, nobody can need anything.
    async fn needed_if_deleted(&self, id: &BackupId) -> Result<Needed> {
        match self.is_deleted(id).await? {
            true => self.needed(id).await,
            false => Ok(Needed { by: BTreeSet::new(), files: Some(BTreeSet::new()) }),
        }
    }

    /// Writes down that what will be left of a backup is needed, if it is. Before its manifest goes: without either, all of it is
    /// garbage.
    pub(crate) async fn bequeath(&self, id: &BackupId) -> Result<Needed> {
        let needed = self.needed(id).await?;
        if !needed.by.is_empty() {
            let note = serde_json::to_vec_pretty(&needed.by)
                .map_err(|error| Error::internal("ids cannot be written as JSON").caused_by(error))?;
            let place = layout::deleted(id);
            self.write_though_full(|| self.store().put(&place, note.clone().into())).await?;
        }
        Ok(needed)
    }

    /// `files` are all of the backup that are left; the claim goes last, and only with everything else.
    pub(crate) async fn remove_files(
        &self,
        id: &BackupId,
        files: Vec<ObjectMeta>,
        needed: &Needed,
    ) -> Result<Removed> {
        let (mut going, removed) = parted(needed, &files);
        let (claim, deleted) = (layout::claim(id), layout::deleted(id));
        going.retain(|path| *path != claim && *path != deleted);
        self.store().delete(going).await?;
        if removed.kept_files == 0 {
            self.store().remove_remains(&layout::collections_dir(id)).await?;
            self.store().delete(vec![deleted, claim]).await?;
        }
        Ok(removed)
    }

    async fn refuse_committed(&self, id: &BackupId) -> Result<()> {
        match self.is_committed(id).await? {
            false => Ok(()),
            true => {
                let text = format!("backup {id} is committed: nothing of it may be removed");
                Err(Error::new(Kind::BackupExists, text).hint("the backup is whole, and can be used"))
            }
        }
    }

    /// After a backup is gone that had files of others: those of them that are deleted may have more to give away now.
    pub(crate) async fn settle_remains(&self, owners: &BTreeSet<BackupId>) -> Result<Removed> {
        let mut removed = Removed::default();
        for owner in owners {
            if !self.is_committed(owner).await? {
                let Removed { files, bytes, .. } = self.remove_remains(owner).await?;
                removed.files += files;
                removed.bytes += bytes;
            }
        }
        Ok(removed)
    }

    /// Whether a backup was deleted, and others need files of it.
    pub(crate) async fn is_deleted(&self, id: &BackupId) -> Result<bool> {
        Ok(self.store().head(&layout::deleted(id)).await?.is_some())
    }

    async fn needed(&self, id: &BackupId) -> Result<Needed> {
        // Twice the same: then all of them were there at the moment in between, and no other was.
        let mut heirs = self.heirs(id).await?;
        loop {
            let again = self.heirs(id).await?;
            if again.keys().eq(heirs.keys()) {
                break;
            }
            heirs = again;
        }
        let by: BTreeSet<_> = heirs.keys().cloned().collect();
        let paths = stream::iter(heirs).map(async |(heir, found)| self.paths_of(&heir, found).await);
        let paths: Vec<Option<Vec<Path>>> = paths.buffered(CONCURRENCY).try_collect().await?;
        let is_of = |path: &Path| layout::backup_of(path).as_ref() == Some(id);
        let paths: Option<Vec<Vec<Path>>> = paths.into_iter().collect();
        let files = paths.map(|paths| paths.into_iter().flatten().filter(is_of).collect());
        Ok(Needed { by, files })
    }

    /// The backups that have files of this one; and those of which nobody knows, under None.
    async fn heirs(&self, id: &BackupId) -> Result<BTreeMap<BackupId, Option<Opened<Manifest>>>> {
        let mut heirs = BTreeMap::new();
        for (other, found) in self.all_there_are().await? {
            let may_be = found.as_ref().is_none_or(|found| found.inherits().contains(id));
            if other != *id && may_be {
                heirs.insert(other, found);
            }
        }
        Ok(heirs)
    }

    /// Where the files of others are that a backup has. None if it cannot be told.
    async fn paths_of(&self, heir: &BackupId, found: Option<Opened<Manifest>>) -> Result<Option<Vec<Path>>> {
        let paths = async {
            match found {
                Some(Opened::Whole(_)) => self.read_backup(heir).await?.inherited_paths().await.map(Some),
                Some(Opened::Cover(_)) => Ok(None),
                None => self.paths_by_lists(heir).await,
            }
        };
        match paths.await {
            Err(error) if error.kind() == Kind::RepositoryUnavailable => Err(error),
            // It was deleted a moment ago, or is damaged: nothing goes because of that.
            paths => Ok(paths.unwrap_or_default()),
        }
    }

    /// Of one whose manifest cannot be read, by its lists as they are.
    async fn paths_by_lists(&self, heir: &BackupId) -> Result<Option<Vec<Path>>> {
        #[derive(Deserialize)]
        struct Listed {
            #[serde(default)]
            inherited: Vec<Place>,
        }
        #[derive(Deserialize)]
        struct Place {
            path: String,
        }
        let mut paths = Vec::new();
        for file in self.store().list(&layout::collections_dir(heir)).await? {
            if file.filename() == Some(layout::FILES)
                && let Some(list) = self.store().get(&file).await?
            {
                let Ok(Listed { inherited }) = serde_json::from_slice(&list) else { return Ok(None) };
                paths.extend(inherited.into_iter().map(|place| Path::from(place.path)));
            }
        }
        Ok(Some(paths))
    }
}

/// What goes of the files of a backup.
fn parted(needed: &Needed, files: &[ObjectMeta]) -> (Vec<Path>, Removed) {
    let mut removed = Removed::default();
    let mut going = Vec::new();
    for ObjectMeta { location, size, .. } in files {
        if needed.has(location) {
            removed.kept_files += 1;
            removed.kept_bytes += size;
        } else {
            removed.files += 1;
            removed.bytes += size;
            going.push(location.clone());
        }
    }
    if removed.kept_files > 0 {
        removed.needed_by.clone_from(&needed.by);
    }
    (going, removed)
}
