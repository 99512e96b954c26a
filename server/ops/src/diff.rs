//! Diff: what is not the same in a backup and in another one, or in a cluster, object by object. Changes nothing.
//!
//! Both sides are read in the order of ids, and only what tells an object: what it holds is fetched where it differs and is to be
//! told. So it takes the same memory whatever there is to compare.

mod live;
mod row;
mod stored;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::Stream;
use selvedge_archive::{BackupId, BackupReader, CollectionReader, Repository};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, Names, Selection, TenantStatus};
use selvedge_weaviate::{Cluster, compare_schemas};
use uuid::Uuid;

use crate::Budget;
use crate::compare::{Live, Part, settled_since};
use crate::probe::is_probe;
use crate::telling::{Listener, telling};

/// What is compared with a backup.
#[derive(Clone)]
pub enum DiffWith {
    Backup(BackupId),
    Cluster(Box<Cluster>),
}

#[derive(Clone)]
pub struct DiffRequest {
    pub backup: BackupId,
    pub other: DiffWith,
    pub collections: Selection,
    /// The names on the other side by those in the backup.
    pub rename: BTreeMap<String, String>,
    /// So many objects of each collection are told one by one; 0 for all.
    pub limit: u64,
    /// Objects of a cluster are compared by what they hold, and not taken for the same because of their times.
    pub check_all: bool,
}

/// What is told, collection by collection: its objects in the order of their tenants and ids, and then the collection itself.
#[derive(Debug, Clone)]
pub enum Difference {
    Object(ObjectDifference),
    Collection(CollectionDifference),
}

#[derive(Debug, Clone)]
pub struct ObjectDifference {
    /// Its name in the backup.
    pub collection: String,
    pub tenant: Option<String>,
    pub id: Uuid,
    pub change: Change,
    /// Of one that has changed: in what.
    pub parts: Vec<Part>,
}

/// What became of an object, from the backup to the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Added,
    Removed,
    Changed,
}

#[derive(Debug, Clone, Default)]
pub struct CollectionDifference {
    /// Empty where the backup does not have it.
    pub name: String,
    /// Empty where the other side does not have it.
    pub other_name: String,
    pub added: u64,
    pub removed: u64,
    pub changed: u64,
    /// Objects that are the same.
    pub same: u64,
    /// What differs in the schema, in words.
    pub schema: Vec<String>,
    /// Tenants that are on both sides, and that one of them does not show.
    pub unread: Option<Names>,
}

/// How many of what.
#[derive(Debug, Default)]
struct Counts {
    added: u64,
    removed: u64,
    changed: u64,
    same: u64,
}

/// A collection on both sides.
struct Pair {
    /// As the backup has it.
    was: CollectionReader,
    now: Now,
    /// The names in the backup by those on the other side.
    names: BTreeMap<String, String>,
}

#[allow(clippy::large_enum_variant, reason = "there is one of it")]
enum Now {
    Stored(CollectionReader),
    Live(Live, Budget),
}

impl Now {
    fn collection(&self) -> &Collection {
        match self {
            Self::Stored(reader) => reader.collection(),
            Self::Live(live, _) => &live.collection,
        }
    }
}

/// The other side.
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
enum Other {
    Backup(BackupReader),
    Cluster(Cluster, BTreeMap<String, serde_json::Value>),
}

/// Tells of differences as long as somebody listens.
struct Teller {
    to: Listener<Difference>,
    collection: String,
    limit: u64,
    told: u64,
    counts: Counts,
}

impl Teller {
    /// Whether one more is to be told with what differs in it.
    fn wants_more(&self) -> bool {
        self.limit == 0 || self.told < self.limit
    }

    async fn object(
        &mut self,
        tenant: Option<&str>,
        id: Uuid,
        change: Change,
        parts: Vec<Part>,
    ) -> Result<()> {
        let count = match change {
            Change::Added => &mut self.counts.added,
            Change::Removed => &mut self.counts.removed,
            Change::Changed => &mut self.counts.changed,
        };
        *count += 1;
        if !self.wants_more() {
            return Ok(());
        }
        self.told += 1;
        let (collection, tenant) = (self.collection.clone(), tenant.map(str::to_owned));
        self.to.tell(Difference::Object(ObjectDifference { collection, tenant, id, change, parts })).await
    }
}

/// Compares a backup with another one, or with a cluster. What cannot be compared at all is an error at once; others come with the
/// differences. Dropping the stream ends it.
pub async fn diff(
    repository: &Repository,
    budget: &Budget,
    request: DiffRequest,
) -> Result<impl Stream<Item = Result<Difference>> + Send + use<>> {
    let backup = repository.open_backup(&request.backup).await?;
    backup.require_objects()?;
    refuse_format_1(&backup)?;
    let other = match &request.other {
        DiffWith::Backup(id) => {
            let other = repository.open_backup(id).await?;
            other.require_objects()?;
            refuse_format_1(&other)?;
            Other::Backup(other)
        }
        DiffWith::Cluster(cluster) => {
            cluster.connect().await?;
            let mut schemas = cluster.schemas().await?;
            schemas.retain(|name, _| !is_probe(name));
            Other::Cluster(Cluster::clone(cluster), schemas)
        }
    };
    let pairs = pairs(&backup, &other, &request)?;
    let budget = budget.clone();
    Ok(telling(|to| async move { tell_all(&backup, &other, &request, &budget, pairs, &to).await }))
}

/// Its rows are in no order.
fn refuse_format_1(backup: &BackupReader) -> Result<()> {
    if backup.manifest().format_version > 1 {
        return Ok(());
    }
    let text = format!("backup {} is of format 1, whose objects are in no order", backup.manifest().id);
    Err(Error::new(Kind::BackupFormatUnknown, text)
        .hint("verify it against the cluster, or restore it and back it up again"))
}

/// The names on both sides; one of them is missing where only the other side has it.
type Sided = (Option<String>, Option<String>);

fn pairs(backup: &BackupReader, other: &Other, request: &DiffRequest) -> Result<Vec<Sided>> {
    let manifest = backup.manifest();
    let here: BTreeSet<&str> = manifest.collections.iter().map(|one| one.name.as_str()).collect();
    let there: BTreeSet<&str> = match other {
        Other::Backup(other) => other.manifest().collections.iter().map(|one| one.name.as_str()).collect(),
        Other::Cluster(_, schemas) => schemas.keys().map(String::as_str).collect(),
    };
    let new_name = |name: &str| request.rename.get(name).map_or_else(|| name.to_owned(), String::clone);
    let taken: BTreeSet<String> = here.iter().map(|name| new_name(name)).collect();
    let only_there = there.iter().copied().filter(|name| !taken.contains(*name));
    let all: BTreeSet<&str> = here.iter().copied().chain(only_there).collect();
    let selected = request.collections.apply(all.iter().copied(), &format!("in backup {}", manifest.id))?;
    if let Some(stray) = request.rename.keys().find(|old| !selected.contains(&old.as_str())) {
        let text = format!("\"{stray}\" is to have another name, and is not compared");
        return Err(Error::new(Kind::CollectionNotFound, text));
    }
    let sided = |name: &str| {
        if !here.contains(name) {
            return (None, Some(name.to_owned()));
        }
        let new = new_name(name);
        (Some(name.to_owned()), there.contains(new.as_str()).then_some(new))
    };
    Ok(selected.into_iter().map(sided).collect())
}

async fn tell_all(
    backup: &BackupReader,
    other: &Other,
    request: &DiffRequest,
    budget: &Budget,
    pairs: Vec<Sided>,
    to: &Listener<Difference>,
) -> Result<()> {
    for (name, other_name) in pairs {
        let (Some(name), Some(other_name)) = (&name, &other_name) else {
            let (name, other_name) = (name.unwrap_or_default(), other_name.unwrap_or_default());
            let alone = CollectionDifference { name, other_name, ..CollectionDifference::default() };
            to.tell(Difference::Collection(alone)).await?;
            continue;
        };
        let was = backup.collection(name).await?;
        let names = request.rename.iter().map(|(old, new)| (new.clone(), old.clone())).collect();
        let now = match other {
            Other::Backup(other) => Now::Stored(other.collection(other_name).await?),
            Other::Cluster(cluster, schemas) => {
                let live = Collection::from_schema(schemas[other_name].clone())?;
                let since = settled_since(backup.manifest(), cluster).filter(|_| !request.check_all);
                let live = Live::open(cluster, live, &was, &names, since, false).await?;
                Now::Live(live, budget.clone())
            }
        };
        let pair = Pair { was, now, names };
        let mut teller = Teller {
            to: to.clone(),
            collection: name.clone(),
            limit: request.limit,
            told: 0,
            counts: Counts::default(),
        };
        let unread = pair.compare(&mut teller).await?;
        let Counts { added, removed, changed, same } = teller.counts;
        let difference = CollectionDifference {
            name: name.clone(),
            other_name: other_name.clone(),
            added,
            removed,
            changed,
            same,
            schema: pair.schema()?,
            unread: (!unread.is_empty()).then(|| Names::of(&unread)),
        };
        to.tell(Difference::Collection(difference)).await?;
    }
    Ok(())
}

/// What a side has of a tenant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Whole,
    /// It is there, and what it holds is not shown.
    Unread,
    Absent,
}

impl Pair {
    fn schema(&self) -> Result<Vec<String>> {
        let now = self.now.collection().renamed(&self.names)?;
        let differences = compare_schemas(&self.was.collection().schema, &now.schema);
        Ok(differences.iter().map(ToString::to_string).collect())
    }

    /// Returns the tenants that could not be compared.
    async fn compare(&self, teller: &mut Teller) -> Result<Vec<String>> {
        let live_tenants = match &self.now {
            Now::Live(live, _) => shown(live.tenants().await?),
            Now::Stored(_) => BTreeMap::new(),
        };
        if self.was.collection().multi_tenant != self.now.collection().multi_tenant {
            let text = format!("collection \"{}\" has tenants on one side only", teller.collection);
            return Err(
                Error::new(Kind::SchemaMismatch, text).hint("leave it out, or compare it after a restore")
            );
        }
        if !self.was.collection().multi_tenant {
            return self.part(None, false, teller).await.map(|()| Vec::new());
        }
        let was = held(&self.was);
        let now = match &self.now {
            Now::Live(..) => live_tenants,
            Now::Stored(reader) => held(reader),
        };
        let names: BTreeSet<&String> = was.keys().chain(now.keys()).collect();
        let mut unread = Vec::new();
        for name in names {
            let of = |side: &BTreeMap<String, Shown>| side.get(name).copied().unwrap_or(Shown::Absent);
            if of(&was) == Shown::Unread || of(&now) == Shown::Unread {
                unread.push(name.clone());
            } else {
                self.part(Some(name), of(&now) == Shown::Absent, teller).await?;
            }
        }
        Ok(unread)
    }

    async fn part(&self, tenant: Option<&str>, absent: bool, teller: &mut Teller) -> Result<()> {
        match &self.now {
            Now::Stored(reader) => stored::compare(self, reader, tenant, teller).await,
            Now::Live(live, budget) => live::compare(self, (live, budget), tenant, absent, teller).await,
        }
    }
}

/// The tenants of a collection of a cluster.
fn shown(tenants: BTreeMap<String, TenantStatus>) -> BTreeMap<String, Shown> {
    let shown = |status: TenantStatus| if status.is_active() { Shown::Whole } else { Shown::Unread };
    tenants.into_iter().map(|(name, status)| (name, shown(status))).collect()
}

/// The tenants of a collection of a backup.
fn held(reader: &CollectionReader) -> BTreeMap<String, Shown> {
    let records = reader.tenants().unwrap_or_default().iter();
    let shown = |is_held| if is_held { Shown::Whole } else { Shown::Unread };
    records.map(|record| (record.name.clone(), shown(record.rows.is_some()))).collect()
}
