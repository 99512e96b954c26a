//! Files that a backup has in common with those before it.

use std::collections::BTreeMap;

use object_store::path::Path;
use roaring::RoaringBitmap;

use super::backup::BackupReader;
use super::stored::Inherited;
use crate::data_file::{DataFile, InheritedFile};
use crate::hidden::{self, Hidden};
use crate::layout;
use crate::manifest::CollectionManifest;
use crate::store_error::corrupt;
use crate::threads::off_the_async_threads;
use selvedge_model::error::{Error, Result};

impl BackupReader {
    /// The files, and what is to know of each by its name.
    pub(super) async fn inherited(
        &self,
        summary: &CollectionManifest,
        listed: Vec<InheritedFile>,
    ) -> Result<(Vec<DataFile>, BTreeMap<String, Inherited>)> {
        let mut hidden = match listed.iter().any(|file| file.hidden > 0) {
            true => self.hidden(summary).await?,
            false => Hidden::new(),
        };
        let (mut files, mut inherited) = (Vec::with_capacity(listed.len()), BTreeMap::new());
        for InheritedFile { path, key, hidden: count, file } in listed {
            let hidden = hidden.remove(&path).unwrap_or_default();
            let one = self.one(&path, key.as_ref(), hidden, count, &file);
            inherited.insert(file.name.clone(), one.map_err(|what| self.unfit(&format!("{path} {what}")))?);
            files.push(file);
        }
        match hidden.keys().next() {
            None => Ok((files, inherited)),
            Some(path) => Err(self.unfit(&format!("hidden.parquet names {path}, which files.json does not"))),
        }
    }

    fn one(
        &self,
        path: &str,
        key: Option<&crate::sealing::KeyText>,
        hidden: RoaringBitmap,
        count: u64,
        file: &DataFile,
    ) -> std::result::Result<Inherited, &'static str> {
        let path = Path::parse(path).map_err(|_| "is no place")?;
        if layout::backup_of(&path).is_none() || path.filename() != Some(file.name.as_str()) {
            return Err("is no place of a data file");
        }
        if hidden.len() != count || hidden.max().is_some_and(|row| u64::from(row) >= file.rows) {
            return Err("has other hidden rows in hidden.parquet than in files.json");
        }
        if key.is_some() != self.is_sealed() {
            return Err("is encrypted otherwise than the backup");
        }
        let key = key.map(|key| key.of_file(&path).ok_or("has no key that can be used")).transpose()?;
        Ok(Inherited { path, key, hidden })
    }

    async fn hidden(&self, summary: &CollectionManifest) -> Result<Hidden> {
        let path = layout::collection_file(&self.dir(&summary.name), layout::HIDDEN);
        let bytes = self.fetch_listed(summary, layout::HIDDEN, &path).await?;
        let key = self.seal().as_ref().map(|key| key.file(&path));
        let unreadable = move |error| (path, error);
        let decoded = off_the_async_threads(move || Ok(hidden::from_parquet(bytes, key.as_ref()))).await?;
        decoded.map_err(unreadable).map_err(|(path, error)| {
            corrupt(&self.manifest().id, format_args!("{path} cannot be read")).caused_by(error)
        })
    }

    fn unfit(&self, what: &str) -> Error {
        corrupt(&self.manifest().id, what)
    }
}
