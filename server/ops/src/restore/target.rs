//! What a restore makes: which collections under which names, with which objects, and what is lost or changed on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use selvedge_archive::{CollectionReader, DataFile, Modified, Select, TenantRecord};
use selvedge_model::error::{counted, listed};
use selvedge_model::{Collection, Digester, LeftOut, Reason, Tenant, TenantStatus, VectorSpace};
use selvedge_weaviate::Creation;

use super::replaced::Replaced;
use crate::engine::FromArchive;
use crate::limits::has_hashes;
use crate::reshape::Shape;
use crate::{CollectionCounters, MergeCounts, OnConflict, PlannedCollection, Progress};

/// The reason of what the backup itself lacks.
const NOT_WHOLE: &str = "backup_incomplete";

/// The plan of a restore.
pub struct Planned {
    /// In the order in which they are made.
    pub all: Vec<Target>,
    /// The names on the target, by the names in the backup.
    pub names: BTreeMap<String, String>,
    /// What is to be known of the whole, a sentence each.
    pub notes: Vec<String>,
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

    /// Whether collections were dropped for it, or will be.
    pub fn replace_any(&self) -> bool {
        self.all.iter().any(|target| target.in_place)
    }

    /// The same, when it is known what was read.
    pub fn reading(&self, readers: &BTreeMap<String, CollectionReader>) -> Self {
        let read = |target: &Arc<Target>| {
            let Some(reader) = readers.get(&target.source.collection().name) else {
                return Arc::clone(target);
            };
            let records = reader.tenants().map(|records| {
                let held =
                    records.iter().filter_map(|record| Some((Some(record.name.clone()), record.rows?)));
                held.collect()
            });
            let all = || BTreeMap::from([(None, reader.files().iter().map(DataFile::objects).sum())]);
            Arc::new(Target {
                // What was moved before has its references.
                source: reader.of_own_files(),
                rows: records.unwrap_or_else(all),
                chosen: None,
                counters: Arc::clone(&target.counters),
                ..Target::clone(target)
            })
        };
        Self { all: self.all.iter().map(read).collect(), names: Arc::clone(&self.names) }
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
#[derive(Clone)]
pub struct Target {
    pub source: CollectionReader,
    /// Its data files that are not what was written, and are taken as they are.
    pub modified: Vec<Modified>,
    /// The shape that its objects get; None as they are.
    pub shape: Option<Arc<Shape>>,
    /// With the name and the settings it gets; as it is there, if it is merged into.
    pub collection: Collection,
    /// What its schema gets otherwise than the backup has it, because the request says so.
    pub changes: Vec<String>,
    pub keeps_settings: bool,
    pub how: How,
    /// Whether it takes the place of a collection that was there when the job began.
    pub in_place: bool,
    /// That collection, if it is still there: it is dropped first.
    pub replaces: Option<Replaced>,
    /// What is different on this version of Weaviate, a sentence each.
    pub differs: Vec<String>,
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
#[derive(Clone)]
pub enum How {
    Create(Box<Creation>),
    /// It is there already.
    Merge(OnConflict),
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

    /// Of the backup's files, as far as their objects are wanted: reckoned where only some of a file's are.
    pub fn bytes(&self) -> u64 {
        if !self.with_data {
            return 0;
        }
        let of_file = |file: &DataFile| {
            let Some(chosen) = &self.chosen else { return file.bytes };
            let wanted = file.tenants.iter().filter(|span| chosen.contains(&span.tenant));
            let rows = wanted.map(|span| u128::from(span.rows)).sum::<u128>();
            u64::try_from(u128::from(file.bytes) * rows / u128::from(file.rows.max(1))).unwrap_or(u64::MAX)
        };
        self.source.files().iter().map(of_file).sum()
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
        let changes = replaced.chain(self.changes.iter().chain(&self.differs).cloned());
        let changes = changes.chain(self.overwritten());
        let notes = changes.chain(losses.into_iter().map(|(_, text)| text));
        PlannedCollection {
            collection: self.source.collection().name.clone(),
            target: self.collection.name.clone(),
            action: action.to_owned(),
            objects: self.rows.values().sum(),
            objects_exact: true,
            bytes: Some(self.bytes()),
            tenants: self.tenants.len() as u64,
            merge,
            notes: notes.collect(),
            ..PlannedCollection::default()
        }
    }

    /// What a merge does to the collection beside what its counts say.
    fn overwritten(&self) -> Option<String> {
        let How::Merge(OnConflict::Overwrite) = self.how else { return None };
        let only_there = self.only_there();
        Some(match only_there.is_empty() {
            true => "objects are overwritten as a whole".to_owned(),
            false => format!(
                "objects are overwritten as a whole: they lose what only the cluster has of them ({})",
                listed(&only_there)
            ),
        })
    }

    /// The names of the properties and vectors that only the collection on the cluster has.
    fn only_there(&self) -> Vec<String> {
        let (wanted, there) = (self.as_in_backup(), &self.collection);
        let known = |name: &str| wanted.properties.iter().any(|property| property.name == name);
        let properties = there.properties.iter().map(|property| property.name.clone());
        let has = |name: &Option<String>| self.spaces().iter().any(|space| space.name == *name);
        let spaces = there.vector_spaces.iter().filter(|space| !has(&space.name));
        let vectors = spaces.map(|space| space.name.clone().unwrap_or_else(|| "the vector".to_owned()));
        properties.filter(|name| !known(name)).chain(vectors).collect()
    }

    pub fn warn_of_losses(&self, progress: &Progress) {
        let writes = self.counters.merged().is_none_or(MergeCounts::writes);
        for (reason, text) in self.losses(writes) {
            let name = self.collection.name.clone();
            match reason {
                NOT_WHOLE => progress.warn_of_gap(reason, text, name),
                _ => progress.warn(reason, text, name),
            }
        }
    }

    /// What Weaviate has no way to take back, and what the backup does not hold.
    fn losses(&self, writes: bool) -> Vec<(&'static str, String)> {
        let mut losses = Vec::new();
        let mut lose = |reason, text: &str| losses.push((reason, text.to_owned()));
        if writes && self.rows.values().any(|rows| *rows > 0) {
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
        let as_it_is = |file: &Modified| {
            let Modified { key, rows, rows_before, .. } = file;
            let text = format!(
                "{key} is not what was written, and is taken as it is: it has {}, and had {rows_before}",
                counted(*rows, "object")
            );
            ("modified", text)
        };
        losses.extend(self.modified.iter().map(as_it_is));
        if self.keeps_settings {
            let text = "the collection was there already, and keeps its own settings".to_owned();
            losses.push(("settings_not_applied", text));
        }
        let incomplete = |gap: &Reason| (NOT_WHOLE, format!("the backup is not whole: {gap}"));
        losses.extend(self.gaps.iter().map(incomplete));
        let records = self.source.tenants().unwrap_or_default();
        let is_missing =
            |record: &&TenantRecord| record.left_out.is_some_and(|why| why != LeftOut::NotChosen);
        let missing = records.iter().filter(is_missing).count();
        if missing > 0 {
            let verb = if missing == 1 { "is" } else { "are" };
            let missing = counted(missing as u64, "tenant");
            let text = format!("{missing} {verb} not in the backup, and {verb} not created");
            losses.push(("tenants_not_in_backup", text));
        }
        if records
            .iter()
            .any(|record| record.left_out.is_none() && record.status.creatable() != record.status)
        {
            let text = "tenants that were offloaded are created as inactive ones".to_owned();
            losses.push(("tenants_created_inactive", text));
        }
        losses
    }
}
