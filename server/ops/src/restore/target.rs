//! What a restore makes: which collections under which names, and whether it can make them whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::begun::Begun;
use super::existing::Existing;
use super::merging;
use super::replacing::Replaced;
use super::source::{Source, in_order, refuse_dangling};
use super::tenants::{Tenants, creatable, refuse_stray_tenants};
use crate::engine::{FromArchive, Lanes};
use crate::limits::has_hashes;
use crate::reshape::Shape;
use crate::{CollectionCounters, MergeCounts, OnConflict, PlannedCollection, Progress, Wanted};
use selvedge_archive::{BackupReader, CollectionReader, Manifest, Select, TenantRecord};
use selvedge_model::error::{Error, Kind, Result, listed};
use selvedge_model::{Collection, Digester, LeftOut, Reason, Tenant, TenantStatus, VectorSpace, gaps};
use selvedge_weaviate::{Cluster, Creation};

/// The plan of a restore.
pub struct Planned {
    /// In the order in which they are made.
    pub all: Vec<Target>,
    /// The names on the target, by the names in the backup.
    pub names: BTreeMap<String, String>,
}

/// Everything that is to be made.
pub struct Targets {
    /// In an order in which references find what they point to, as far as there is one.
    pub all: Vec<Arc<Target>>,
    /// The names on the target, by the names in the backup.
    pub names: Arc<BTreeMap<String, String>>,
}

impl Targets {
    /// The names of the collections that are made.
    pub fn created(&self) -> Vec<&str> {
        self.named(|target| !target.is_merged())
    }

    /// The names of the collections that are merged into.
    pub fn merged(&self) -> Vec<&str> {
        self.named(Target::is_merged)
    }

    fn named(&self, which: impl Fn(&Target) -> bool) -> Vec<&str> {
        let some = self.all.iter().filter(|target| which(target));
        some.map(|target| target.collection.name.as_str()).collect()
    }
}

impl Planned {
    /// The names of the collections that are dropped for it.
    pub fn replaced(&self) -> Vec<String> {
        let replaced = self.all.iter().filter(|target| target.replaces.is_some());
        replaced.map(|target| target.collection.name.clone()).collect()
    }

    /// What is to be made, shown in the job's progress.
    pub fn begin(self, progress: &Progress) -> Targets {
        let begin = |target: Target| {
            let counters = progress.add_collection(&target.source.collection().name, &target.collection.name);
            counters.expect_objects(target.rows.values().sum(), true);
            counters.expect_tenants(target.tenants.len() as u64);
            Arc::new(Target { counters, ..target })
        };
        Targets { all: self.all.into_iter().map(begin).collect(), names: Arc::new(self.names) }
    }
}

/// A collection that is to be made.
pub struct Target {
    pub source: CollectionReader,
    /// The shape that its objects get; None as they are.
    pub shape: Option<Arc<Shape>>,
    /// With the name and the settings it gets; as it is there, if it is merged into.
    pub collection: Collection,
    /// What its schema gets otherwise than the backup has it, because the request says so.
    pub changes: Vec<String>,
    pub keeps_settings: bool,
    pub how: How,
    /// What is dropped before it is created.
    pub replaces: Option<Replaced>,
    /// The tenants it gets, with the status they have in the end; those that are there already are not among them.
    pub tenants: Vec<Tenant>,
    /// Rows by the tenant they get, or under `None`. Empty for a schema-only restore.
    pub rows: BTreeMap<Option<String>, u64>,
    /// Only the objects of these tenants of the backup; `None` for all.
    pub chosen: Option<Arc<BTreeSet<String>>>,
    pub with_data: bool,
    /// What the backup itself lacks.
    pub gaps: Vec<Reason>,
    /// Aliases of the original, and what they point to on the cluster if they are there.
    pub aliases: Vec<(String, Option<String>)>,
    pub counters: Arc<CollectionCounters>,
}

/// How a collection comes to hold what the backup holds.
pub enum How {
    Create(Box<Creation>),
    /// It is there already.
    Merge(OnConflict),
}

/// The names on the target, by the names in the backup.
pub fn names(manifest: &Manifest, wanted: &Wanted) -> Result<BTreeMap<String, String>> {
    let place = format!("in backup {}", manifest.id);
    let in_backup = manifest.collections.iter().map(|collection| collection.name.as_str());
    let selected = wanted.collections.apply(in_backup, &place)?;
    let renamed = wanted.rename.keys().map(|old| (old, "renamed"));
    let patched = wanted.settings.patches.keys().map(|old| (old, "patched"));
    if let Some((stray, what)) = renamed.chain(patched).find(|(old, _)| !selected.contains(&old.as_str())) {
        let text = format!("\"{stray}\" is to be {what} but is not restored");
        return Err(Error::new(Kind::CollectionNotFound, text)
            .hint(format!("backup {} lists what it has", manifest.id)));
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

/// Reads the backup's lists and the cluster's schema, whatever collections there are already. Fails before anything is
/// written if a collection cannot be made.
pub async fn plan(
    cluster: &Cluster,
    lanes: &Lanes,
    backup: &BackupReader,
    wanted: &Wanted,
    names: BTreeMap<String, String>,
    existing: Existing,
    begun: Begun,
) -> Result<Planned> {
    cluster.connect().await?;
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
        sources.push(Source::read(backup, old, wanted, &names, merged).await?);
    }
    wanted.reshape.check(sources.iter().map(|source| source.reader.collection()))?;
    refuse_stray_tenants(wanted, &sources)?;
    refuse_dangling(&sources, &there, &names)?;
    let mut all = Vec::with_capacity(sources.len());
    for source in in_order(sources, &there) {
        let old = source.reader.collection().name.clone();
        let with_data = !wanted.schema_only;
        let Tenants { mut tenants, chosen, rows } = Tenants::of(&source, &old, wanted, lanes).await?;
        let Source { reader: source, shape, collection, changes, keeps_settings } = source;
        let how = match existing.merged.get(&collection.name) {
            Some(decided) => {
                tenants = merging::missing_tenants(cluster, &collection, tenants, &rows, decided).await?;
                How::Merge(existing.on_conflict)
            }
            None => How::Create(Creation::new(&collection.schema, |name| there.contains(name)).into()),
        };
        let replaces = match begun != Begun::Created && existing.replaced.contains(&collection.name) {
            true => Replaced::find(cluster, &collection.name, &tenants).await?,
            false => None,
        };
        there.insert(collection.name.clone());
        let points = |alias: &String| (alias.clone(), aliases.get(alias).cloned());
        let aliases = source.aliases().iter().map(points).collect();
        let mut summaries = backup.manifest().collections.iter();
        let summary = summaries.find(|summary| summary.name == old);
        let gaps = summary.into_iter().flat_map(|summary| gaps(&summary.remarks)).cloned().collect();
        all.push(Target {
            source,
            shape,
            collection,
            changes,
            keeps_settings,
            how,
            replaces,
            tenants,
            rows,
            chosen,
            with_data,
            gaps,
            aliases,
            counters: Arc::new(CollectionCounters::unseen()),
        });
    }
    Ok(Planned { all, names })
}

impl Target {
    pub fn is_merged(&self) -> bool {
        matches!(self.how, How::Merge(_))
    }

    pub fn has_references(&self) -> bool {
        self.with_data && self.collection.has_references() && self.as_in_backup().has_references()
    }

    /// The collection with its name in the backup, as the backup would have it in the shape that its objects get.
    pub fn as_in_backup(&self) -> &Collection {
        self.shape.as_ref().map_or_else(|| self.source.collection(), |shape| &shape.collection)
    }

    /// Of the objects in the shape that they get, for each of their vectors.
    pub fn spaces(&self) -> &[VectorSpace] {
        self.shape.as_ref().map_or_else(|| self.source.spaces(), |shape| &shape.spaces)
    }

    /// Of the objects in the shape that they get.
    pub fn digester(&self) -> &Digester {
        self.shape.as_ref().map_or_else(|| self.source.digester(), |shape| &shape.digester)
    }

    /// The objects that are wanted, in the shape that they get.
    pub fn objects(&self, select: Select) -> FromArchive {
        FromArchive::new(&self.source, self.chosen.as_ref(), select).in_shape(self.shape.as_ref())
    }

    /// The status a tenant needs to be filled.
    pub fn tenants_at_first(&self) -> Vec<Tenant> {
        let at_first = |tenant: &Tenant| match self.rows.get(&Some(tenant.name.clone())) {
            Some(rows) if *rows > 0 => Tenant { status: TenantStatus::Hot, ..tenant.clone() },
            _ => tenant.clone(),
        };
        self.tenants.iter().map(at_first).collect()
    }

    /// What a dry run shows.
    pub fn planned(&self, merge: Option<MergeCounts>) -> PlannedCollection {
        let action = match (&self.how, self.with_data) {
            (How::Create(_), true) if self.replaces.is_some() => "replace",
            (How::Create(_), true) => "create and fill",
            (How::Create(_), false) => "create",
            (How::Merge(_), true) => "merge",
            (How::Merge(_), false) => "leave as it is",
        };
        let losses = self.losses(merge.is_none_or(MergeCounts::writes));
        let replaced = self.replaces.into_iter().flat_map(Replaced::notes);
        let changes = replaced.chain(self.changes.iter().cloned()).chain(self.overwritten());
        let notes = changes.chain(losses.into_iter().map(|(_, text)| text));
        PlannedCollection {
            collection: self.source.collection().name.clone(),
            target: self.collection.name.clone(),
            action: action.to_owned(),
            objects: self.rows.values().sum(),
            objects_exact: true,
            tenants: self.tenants.len() as u64,
            merge,
            notes: notes.collect(),
        }
    }

    /// What a merge does to the collection beside what its counts say.
    fn overwritten(&self) -> Option<String> {
        let How::Merge(OnConflict::Overwrite) = self.how else { return None };
        let only_there = merging::only_there(self);
        Some(match only_there.is_empty() {
            true => "objects are overwritten as a whole".to_owned(),
            false => format!(
                "objects are overwritten as a whole: they lose what only the cluster has of them ({})",
                listed(&only_there)
            ),
        })
    }

    pub fn warn_of_losses(&self, progress: &Progress) {
        let writes = self.counters.merged().is_none_or(MergeCounts::writes);
        for (reason, text) in self.losses(writes) {
            progress.warn(reason, text, self.collection.name.clone());
        }
    }

    /// What Weaviate has no way to take back, and what the backup does not hold.
    fn losses(&self, writes: bool) -> Vec<(&'static str, String)> {
        let mut losses = Vec::new();
        let mut lose = |reason, text: &str| losses.push((reason, text.to_owned()));
        if writes && self.rows.values().any(|rows| *rows > 0) {
            lose(
                "timestamps_not_restored",
                "Weaviate sets the creation and update times of restored objects anew; the originals are in the backup",
            );
            if self.source.spaces().len() < self.source.collection().vector_spaces.len() {
                lose(
                    "vectors_not_in_backup",
                    "objects come back without vectors: the backup was made without them",
                );
            }
            if has_hashes(&self.collection) {
                lose(
                    "hashes_not_restored",
                    "blobHash properties come back empty: Weaviate takes only blobs, of which it kept only the hashes; these \
                     are in the backup",
                );
            }
        }
        if self.keeps_settings {
            let text = "the collection was there already, and keeps its own settings".to_owned();
            losses.push(("settings_not_applied", text));
        }
        let incomplete = |gap: &Reason| ("backup_incomplete", format!("the backup is not whole: {gap}"));
        losses.extend(self.gaps.iter().map(incomplete));
        let records = self.source.tenants().unwrap_or_default();
        let is_missing =
            |record: &&TenantRecord| record.left_out.is_some_and(|why| why != LeftOut::NotChosen);
        let missing = records.iter().filter(is_missing).count();
        if missing > 0 {
            let text = format!("{missing} tenants are not in the backup, and are not created");
            losses.push(("tenants_not_in_backup", text));
        }
        if records.iter().any(|record| record.left_out.is_none() && creatable(record.status) != record.status)
        {
            let text = "tenants that were offloaded are created as inactive ones".to_owned();
            losses.push(("tenants_created_inactive", text));
        }
        losses
    }
}
