//! What is wrong with a backup, all of it: a restore stops at the first damage, a verification goes on.

use std::collections::BTreeSet;

use object_store::path::Path;

use super::read_backup::{BackupReader, CollectionReader};
use super::{Checksum, CollectionManifest, DataFile, Manifest, layout};
use selvedge_model::Content;
use selvedge_model::error::{Error, Kind, Result};

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    pub kind: DamageKind,
    /// Its key in the repository.
    pub file: String,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    Missing,
    /// The backup does not list it.
    Extra,
    Truncated,
    Altered,
    /// Its bytes are as they were written, but its rows are not what the lists say.
    Unsound,
}

impl Damage {
    fn new(kind: DamageKind, file: &Path, what: impl std::fmt::Display) -> Self {
        Self { kind, file: file.to_string(), text: format!("{file} {what}") }
    }
}

impl BackupReader {
    /// Whether a collection's schema and lists are as they were written.
    pub async fn damaged_lists(&self, collection: &CollectionManifest) -> Result<Vec<Damage>> {
        let mut damages = Vec::new();
        for (name, checksum) in &collection.blake3 {
            let path = layout::collection_file(&self.manifest().id, &collection.name, name);
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

    async fn damaged(&self, path: &Path, checksum: Checksum) -> Result<Option<Damage>> {
        Ok(match self.store().get(path).await? {
            None => Some(Damage::new(DamageKind::Missing, path, "is missing")),
            Some(bytes) if Checksum::of(&bytes) != checksum => {
                let text = "was altered: its checksum is not the one in backup.json";
                Some(Damage::new(DamageKind::Altered, path, text))
            }
            Some(_) => None,
        })
    }

    /// Files in the backup's folder that it does not list. `readers` are those of its collections whose lists are sound;
    /// nothing is said of the others' folders.
    pub async fn extra_files(&self, readers: &[CollectionReader]) -> Result<Vec<Damage>> {
        let id = &self.manifest().id;
        let mut listed = BTreeSet::from([layout::claim(id), layout::manifest(id)]);
        let mut unknown = Vec::new();
        for collection in &self.manifest().collections {
            let files = collection.blake3.keys();
            listed.extend(files.map(|name| layout::collection_file(id, &collection.name, name)));
            match readers.iter().find(|reader| reader.collection().name == collection.name) {
                Some(reader) => listed.extend(reader.files().iter().map(|file| reader.path(file))),
                None => unknown.push(layout::collection_dir(id, &collection.name)),
            }
        }
        let there = self.store().list(&layout::backup_dir(id)).await?;
        let extra = there.into_iter().filter(|path| {
            !listed.contains(path) && !unknown.iter().any(|folder| path.prefix_matches(folder))
        });
        Ok(extra.map(|path| Damage::new(DamageKind::Extra, &path, "is not a file of the backup")).collect())
    }
}

impl CollectionReader {
    /// Whether a data file has the bytes that were written.
    pub async fn damaged_file(&self, file: &DataFile) -> Result<Option<Damage>> {
        let path = self.path(file);
        let kind = match self.store().head(&path).await? {
            None => return Ok(Some(Damage::new(DamageKind::Missing, &path, "is missing"))),
            Some(meta) if meta.size < file.bytes => DamageKind::Truncated,
            Some(meta) if meta.size > file.bytes => DamageKind::Altered,
            Some(_) => match self.store().checksum(&path).await? {
                Some(checksum) if checksum == file.blake3 => return Ok(None),
                Some(_) => {
                    let text = "was altered: its checksum is not the one in files.json";
                    return Ok(Some(Damage::new(DamageKind::Altered, &path, text)));
                }
                None => return Ok(Some(Damage::new(DamageKind::Missing, &path, "is missing"))),
            },
        };
        let text = match kind {
            DamageKind::Truncated => format!("is truncated: it had {} bytes", file.bytes),
            _ => format!("was altered: it had {} bytes", file.bytes),
        };
        Ok(Some(Damage::new(kind, &path, text)))
    }

    /// Decodes every row of a data file, and adds up what they hold. The inner error says why they are unsound.
    pub async fn content_of_file(&self, file: &DataFile) -> Result<Result<Content, Damage>> {
        let path = self.path(file);
        let unsound = |text: String| Damage::new(DamageKind::Unsound, &path, text);
        let mut content = Content::default();
        let mut data = match self.open(file, None).await {
            Ok(data) => data,
            Err(error) => return Self::unsound(error, &unsound),
        };
        loop {
            match data.next().await {
                Ok(None) => break,
                Ok(Some(batches)) => {
                    for (tenant, batch) in batches {
                        if let Err(unfit) = content.add(self.digester(), tenant.as_deref(), &batch) {
                            return Ok(Err(unsound(format!("does not fit the schema: {}", unfit.0))));
                        }
                    }
                }
                Err(error) => return Self::unsound(error, &unsound),
            }
        }
        let found = content.total();
        if found.objects != file.rows || file.digest.is_some_and(|digest| digest != found) {
            return Ok(Err(unsound("has rows that are not those that were written".to_owned())));
        }
        Ok(Ok(content))
    }

    fn unsound(error: Error, unsound: &impl Fn(String) -> Damage) -> Result<Result<Content, Damage>> {
        if error.kind() == Kind::BackupCorrupt {
            Ok(Err(unsound(format!("cannot be decoded: {error}"))))
        } else {
            Err(error)
        }
    }
}
