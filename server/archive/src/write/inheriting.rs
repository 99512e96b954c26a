//! What a collection takes over from a backup before it.

use std::collections::BTreeMap;

use object_store::path::Path;
use roaring::RoaringBitmap;

use super::collection::CollectionWriter;
use crate::backup_id::BackupId;
use crate::checksum::Checksum;
use crate::data_file::{DataFile, InheritedFile};
use crate::hidden::{self, Hidden};
use crate::manifest::Inheritance;
use crate::read::{CollectionReader, Inherited};
use crate::threads::off_the_async_threads;
use crate::{layout, view};
use selvedge_model::error::{Error, Result};

/// The data files that a collection has in common with its parent.
#[derive(Debug)]
pub struct Inheriting {
    parent: BackupId,
    files: Vec<(InheritedFile, RoaringBitmap)>,
}

impl Inheriting {
    pub fn from(parent: &BackupId) -> Self {
        Self { parent: parent.clone(), files: Vec::new() }
    }

    /// Takes over a file as it is in `reader`, without the rows that are hidden there.
    pub fn take(&mut self, reader: &CollectionReader, file: &DataFile) {
        let stored = &reader.stored;
        let hidden = stored.hidden(file).cloned().unwrap_or_default();
        let (path, key) = (stored.path(file).to_string(), stored.key(file).map(|key| key.to_text()));
        self.files.push((InheritedFile { path, key, hidden: hidden.len(), file: file.clone() }, hidden));
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Objects in its files.
    pub fn objects(&self) -> u64 {
        self.files().map(DataFile::objects).sum()
    }

    pub fn parent(&self) -> &BackupId {
        &self.parent
    }

    /// As a reader has them.
    pub(super) fn as_read(&self) -> Result<(Vec<DataFile>, BTreeMap<String, Inherited>)> {
        let mut inherited = BTreeMap::new();
        for (InheritedFile { path, key, file, .. }, hidden) in &self.files {
            let path = Path::parse(path)
                .map_err(|error| Error::internal(format!("{path} is no place")).caused_by(error))?;
            let key = key
                .as_ref()
                .map(|key| key.of_file(&path).ok_or_else(|| Error::internal(format!("{path} has no key"))));
            let one = Inherited { key: key.transpose()?, path, hidden: hidden.clone() };
            inherited.insert(file.name.clone(), one);
        }
        Ok((self.files().cloned().collect(), inherited))
    }

    pub fn files(&self) -> impl Iterator<Item = &DataFile> {
        self.files.iter().map(|(inherited, _)| &inherited.file)
    }

    /// Of what was written for other backups; `dir` is the folder of the collection. None if all was written for this one.
    pub(super) fn summary(&self, dir: &Path) -> Option<Inheritance> {
        let mut summary = Inheritance {
            parent: self.parent.clone(),
            files: BTreeMap::new(),
            bytes: 0,
            objects: 0,
            hidden: 0,
        };
        for (inherited, _) in &self.files {
            let path = Path::from(inherited.path.as_str());
            if path.prefix_matches(dir) {
                continue;
            }
            // Its place was looked at when it was read; without one, it is the parent's.
            let of = layout::backup_of(&path).unwrap_or_else(|| self.parent.clone());
            *summary.files.entry(of).or_default() += 1;
            summary.bytes += inherited.file.bytes;
            summary.objects += inherited.file.objects();
            summary.hidden += inherited.hidden;
        }
        (!summary.files.is_empty()).then_some(summary)
    }

    pub(super) fn into_list(self) -> Vec<InheritedFile> {
        let mut list: Vec<_> = self.files.into_iter().map(|(inherited, _)| inherited).collect();
        list.sort_by(|a, b| a.path.cmp(&b.path));
        list
    }
}

impl CollectionWriter {
    /// Writes what is beside the lists of a collection that inherits. Returns the checksums, by name.
    pub(super) async fn put_inheritance(
        &self,
        inheriting: &Inheriting,
        own: &[DataFile],
    ) -> Result<BTreeMap<String, Checksum>> {
        let (destination, mut checksums) = (&self.destination, BTreeMap::new());
        let with_hidden = inheriting.files.iter().filter(|(_, hidden)| !hidden.is_empty());
        let hidden: Hidden =
            with_hidden.map(|(inherited, hidden)| (inherited.path.clone(), hidden.clone())).collect();
        let place_of_hidden = destination.list(layout::HIDDEN);
        let is_hiding = !hidden.is_empty();
        if is_hiding {
            let key = destination.seal.as_ref().map(|key| key.file(&place_of_hidden));
            let encoded =
                off_the_async_threads(move || Ok(hidden::to_parquet(&hidden, key.as_ref()))).await?;
            let bytes = encoded.map_err(|error| {
                Error::internal("hidden.parquet cannot be written as Parquet").caused_by(error)
            })?;
            checksums.insert(layout::HIDDEN.to_owned(), destination.put_bytes(layout::HIDDEN, bytes).await?);
        }
        // One statement cannot open files that are encrypted each with its own key.
        if destination.seal.is_none() {
            let own = own.iter().map(|file| destination.data_file(&file.name));
            let shared = inheriting.files.iter().map(|(file, _)| Path::from(file.path.as_str()));
            let files: Vec<_> = own.chain(shared).collect();
            let prefix = destination.store.prefix();
            let hidden = is_hiding.then_some(&place_of_hidden);
            let text = view::statement(&destination.collection, &prefix, &files, hidden);
            let checksum = destination.put_bytes(layout::VIEW, text.into()).await?;
            checksums.insert(layout::VIEW.to_owned(), checksum);
        }
        Ok(checksums)
    }
}
