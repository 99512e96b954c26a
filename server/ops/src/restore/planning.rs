//! The plan of a restore: what it makes of what is in the backup and on the cluster, and whether it can make it whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use selvedge_archive::{BackupReader, CollectionReader, Manifest, Modified};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Reason, gaps, nearest_or};
use selvedge_weaviate::{Cluster, Creation};

use super::begun::Begun;
use super::existing::Existing;
use super::merging::missing_tenants;
use super::replaced::Replaced;
use super::source::{Source, in_order, refuse_dangling};
use super::target::{How, Planned, Target};
use super::tenants::{Tenants, refuse_stray_tenants};
use super::versions;
use crate::engine::Lanes;
use crate::{CollectionCounters, Wanted};

/// The names on the target, by the names in the backup.
pub fn names(manifest: &Manifest, wanted: &Wanted) -> Result<BTreeMap<String, String>> {
    let place = format!("in backup {}", manifest.id);
    let in_backup = manifest.collections.iter().map(|collection| collection.name.as_str());
    let selected = wanted.collections.apply(in_backup, &place)?;
    let renamed = wanted.rename.keys().map(|old| (old, "renamed"));
    let patched = wanted.settings.patches.keys().map(|old| (old, "patched"));
    if let Some((stray, what)) = renamed.chain(patched).find(|(old, _)| !selected.contains(&old.as_str())) {
        let text = format!("\"{stray}\" is to be {what} but is not restored");
        let otherwise = format!("backup {} lists what it has", manifest.id);
        return Err(Error::new(Kind::CollectionNotFound, text).hint(nearest_or(stray, &selected, otherwise)));
    }
    let mut taken = BTreeMap::new();
    for old in &selected {
        let new = wanted.rename.get(*old).map_or(*old, String::as_str);
        // Weaviate takes names that differ only in case for the same.
        if let Some(other) = taken.insert(new.to_lowercase(), *old) {
            return Err(Error::invalid(
                "rename",
                format!("both \"{other}\" and \"{old}\" would become \"{new}\""),
            ));
        }
    }
    let new_name = |old: &str| wanted.rename.get(old).cloned().unwrap_or_else(|| old.to_owned());
    Ok(selected.into_iter().map(|old| (old.to_owned(), new_name(old))).collect())
}

/// What is told of the collections that are made.
pub enum Lists<'a> {
    Backup(&'a BackupReader),
    /// They are read only while they are made. `version` is that of their Weaviate.
    Drafts {
        readers: &'a [CollectionReader],
        version: &'a str,
    },
}

impl Lists<'_> {
    /// A collection, and its data files that are not what was written.
    pub async fn collection(
        &self,
        name: &str,
        allow_modified: bool,
    ) -> Result<(CollectionReader, Vec<Modified>)> {
        match self {
            Self::Backup(backup) if allow_modified => backup.collection_as_it_is(name).await,
            Self::Backup(backup) => Ok((backup.collection(name).await?, Vec::new())),
            Self::Drafts { readers, .. } => {
                let found = readers.iter().find(|reader| reader.collection().name == name);
                let found =
                    found.ok_or_else(|| Error::internal("a collection is copied that was not planned"))?;
                Ok((found.clone(), Vec::new()))
            }
        }
    }

    fn version(&self) -> &str {
        match self {
            Self::Backup(backup) => &backup.manifest().weaviate_version,
            Self::Drafts { version, .. } => version,
        }
    }

    /// What is missing of a collection.
    fn gaps(&self, name: &str) -> Vec<Reason> {
        let Self::Backup(backup) = self else { return Vec::new() };
        let summary = backup.manifest().collections.iter().find(|summary| summary.name == name);
        summary.into_iter().flat_map(|summary| gaps(&summary.remarks)).cloned().collect()
    }
}

/// Reads the backup's lists and the cluster's schema, whatever collections there are already. Fails before anything is
/// written if a collection cannot be made.
pub async fn plan(
    cluster: &Cluster,
    lanes: &Lanes,
    lists: &Lists<'_>,
    wanted: &Wanted,
    names: BTreeMap<String, String>,
    existing: Existing,
    begun: Begun,
) -> Result<Planned> {
    let server = cluster.connect().await?;
    let mut there: BTreeSet<_> = cluster.schemas().await?.into_keys().collect();
    there.retain(|name| !existing.replaced.contains(name));
    if begun == Begun::Creating {
        // What is there of them is half made, and will be made anew.
        there.retain(|name| existing.merged.contains_key(name) || !names.values().any(|new| new == name));
    }
    let aliases = cluster.aliases().await?;
    let mut sources = Vec::with_capacity(names.len());
    for old in names.keys() {
        let merged = match names.get(old) {
            Some(new) if existing.merged.contains_key(new) => cluster.collection(new).await?,
            _ => None,
        };
        sources.push(Source::read(lists, old, wanted, &names, merged).await?);
    }
    wanted.reshape.check(sources.iter().map(|source| source.reader.collection()))?;
    refuse_stray_tenants(wanted, &sources)?;
    refuse_dangling(&sources, &there, &names)?;
    let mut all = Vec::with_capacity(sources.len());
    for source in in_order(sources, &there) {
        let old = source.reader.collection().name.clone();
        let with_data = !wanted.schema_only;
        let Tenants { mut tenants, chosen, rows } = Tenants::of(&source, &old, wanted, lanes).await?;
        let Source { reader: source, modified, shape, collection, changes, keeps_settings } = source;
        let how = match existing.merged.get(&collection.name) {
            Some(decided) => {
                tenants = missing_tenants(cluster, &collection, tenants, &rows, decided).await?;
                How::Merge(existing.on_conflict)
            }
            None => How::Create(Creation::new(&collection.schema, |name| there.contains(name)).into()),
        };
        let in_place = existing.replaced.contains(&collection.name);
        let is_there = in_place && begun != Begun::Created && !existing.dropped.contains(&collection.name);
        let replaces = match is_there {
            true => Replaced::find(cluster, &collection.name, &tenants).await?,
            false => None,
        };
        there.insert(collection.name.clone());
        let differs = match how {
            How::Create(_) => versions::differences(&collection, !source.aliases().is_empty(), server)?,
            How::Merge(_) => Vec::new(),
        };
        let points = |alias: &String| (alias.clone(), aliases.get(alias).cloned());
        let aliases = source.aliases().iter().map(points).collect();
        let gaps = lists.gaps(&old);
        all.push(Target {
            source,
            modified,
            shape,
            collection,
            changes,
            keeps_settings,
            how,
            in_place,
            replaces,
            differs,
            tenants,
            rows,
            chosen,
            with_data,
            gaps,
            aliases,
            counters: Arc::new(CollectionCounters::unseen()),
        });
    }
    let notes = versions::told(lists.version(), server).into_iter().collect();
    Ok(Planned { all, names, notes })
}
