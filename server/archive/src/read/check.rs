//! What is wrong with the files of a backup besides its data, all of it.

use std::collections::BTreeSet;

use object_store::path::Path;

use super::backup::BackupReader;
use super::collection::CollectionReader;
use super::damage::{Damage, DamageKind};
use crate::checksum::Checksum;
use crate::layout;
use crate::manifest::{AccessManifest, CollectionManifest, Manifest};
use selvedge_model::error::Result;

impl BackupReader {
    /// Whether a collection's schema and lists are as they were written.
    pub async fn damaged_lists(&self, collection: &CollectionManifest) -> Result<Vec<Damage>> {
        let mut damages = Vec::new();
        for (name, checksum) in &collection.blake3 {
            let path = layout::collection_file(&self.dir(&collection.name), name);
            damages.extend(self.damaged(&path, *checksum).await?);
        }
        Ok(damages)
    }

    /// Whether `claim.json` is as it was written. Nothing is restored from it.
    pub async fn damaged_claim(&self) -> Result<Option<Damage>> {
        let Manifest { id, claim, .. } = self.manifest();
        match claim {
            Some(checksum) => self.damaged(&layout::claim(id), *checksum).await,
            None => Ok(None),
        }
    }

    /// Whether `access.json` is as it was written.
    pub async fn damaged_access(&self) -> Result<Option<Damage>> {
        let Manifest { id, access, .. } = self.manifest();
        match access {
            Some(AccessManifest { blake3, .. }) => self.damaged(&layout::access(id), *blake3).await,
            None => Ok(None),
        }
    }

    async fn damaged(&self, path: &Path, checksum: Checksum) -> Result<Option<Damage>> {
        Ok(match self.store().get(path).await? {
            None => Some(Damage::missing(path)),
            Some(bytes) if Checksum::of(&bytes) != checksum => Some(Damage::altered(path, "backup.json")),
            Some(_) => None,
        })
    }

    /// Files in the backup's folder that it does not list. `readers` are those of its collections whose lists are sound;
    /// nothing is said of the others' folders.
    pub async fn extra_files(&self, readers: &[CollectionReader]) -> Result<Vec<Damage>> {
        let Manifest { id, access, .. } = self.manifest();
        // A removal that broke off may have left the last.
        let mut listed = BTreeSet::from([layout::claim(id), layout::manifest(id), layout::deleted(id)]);
        listed.extend(self.is_sealed().then(|| layout::key(&layout::backup_dir(id))));
        listed.extend(access.as_ref().map(|_| layout::access(id)));
        let mut unknown = vec![layout::dooms_dir(id)];
        for collection in &self.manifest().collections {
            let (files, dir) = (collection.blake3.keys(), self.dir(&collection.name));
            listed.extend(files.map(|name| layout::collection_file(&dir, name)));
            match readers.iter().find(|reader| reader.collection().name == collection.name) {
                Some(reader) => listed.extend(reader.files().iter().map(|file| reader.path(file))),
                None => unknown.push(dir),
            }
        }
        let there = self.store().list(&layout::backup_dir(id)).await?;
        let extra = there.into_iter().filter(|path| {
            !listed.contains(path) && !unknown.iter().any(|folder| path.prefix_matches(folder))
        });
        Ok(extra.map(|path| Damage::new(DamageKind::Extra, &path, "is not a file of the backup")).collect())
    }
}
