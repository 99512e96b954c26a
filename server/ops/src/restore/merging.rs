//! Merging into collections that are there already: which they are, whether the objects of the backup fit into them, and how
//! each object stands to what is there.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use selvedge_archive::CollectionReader;
use selvedge_model::error::{Error, Kind, Result, counted, first_of, listed};
use selvedge_model::{Collection, Digest, Digester, Property, Tenant, ValueKind};
use selvedge_weaviate::{Cluster, Misreading, ObjectReader};
use uuid::Uuid;

use super::begun::Begun;
use super::target::{How, Target};
use crate::engine::{Lens, Page};
use crate::{Context, IfExists, MergeCounts, OnConflict, Progress, RestoreRequest};

/// Written before anything is changed.
const MERGING: &str = "merging.json";
/// What an answer with the objects that are there weighs at most. They are looked at and forgotten, as many lanes as there are
/// at a time.
const ROOM: usize = 4 << 20;

/// The collections that are merged into, by their names on the cluster, with the tenants that the job creates in them; None
/// as long as that is not decided.
type Merged = BTreeMap<String, Option<Vec<Tenant>>>;

/// What is merged, and how.
#[derive(Debug, Default)]
pub struct Merges {
    pub into: Merged,
    pub on_conflict: OnConflict,
}

/// Which collections are there already. Refuses those that must not be, and with `data_only` those that are not.
pub async fn find(
    job: &Context,
    cluster: &Cluster,
    names: &BTreeMap<String, String>,
    request: &RestoreRequest,
    begun: Begun,
) -> Result<Merges> {
    let on_conflict = request.on_conflict;
    if begun != Begun::Nothing {
        // By now, the others are there too.
        return Ok(Merges { into: job.journal().read(MERGING).await?.unwrap_or_default(), on_conflict });
    }
    cluster.connect().await?;
    let there = cluster.schemas().await?;
    let merges = request.data_only || request.if_exists == IfExists::Merge;
    let (mut into, mut clashes) = (Merged::new(), Vec::new());
    for new in names.values() {
        // Weaviate takes names that differ only in case for the same.
        match there.keys().find(|name| name.eq_ignore_ascii_case(new)) {
            Some(name) if merges && name == new => {
                into.insert(new.clone(), None);
            }
            Some(name) => clashes.push(name.as_str()),
            None if request.data_only => {
                return Err(Error::new(
                    Kind::CollectionNotFound,
                    format!("there is no collection \"{new}\" on cluster \"{}\"", cluster.name()),
                )
                .hint("restore it with its schema, or name the collection that its data is to go into"));
            }
            None => {}
        }
    }
    if clashes.is_empty() {
        return Ok(Merges { into, on_conflict });
    }
    let text = format!("on cluster \"{}\" there is already: {}", cluster.name(), clashes.join(", "));
    Err(Error::new(Kind::CollectionExists, text)
        .hint("restore under another name, merge into the collection, or delete it first"))
}

/// Writes down which collections are merged into.
pub async fn decide(job: &Context, targets: &[Arc<Target>]) -> Result<()> {
    let merged = targets.iter().filter(|target| target.is_merged());
    let merged: Merged =
        merged.map(|target| (target.collection.name.clone(), Some(target.tenants.clone()))).collect();
    if merged.is_empty() { Ok(()) } else { job.journal().write(MERGING, &merged).await }
}

/// Those of `wanted` that are not there: the job creates them. `decided` is what an earlier attempt found. Refuses tenants that
/// are not active and are to be written to.
pub async fn missing_tenants(
    cluster: &Cluster,
    there: &Collection,
    wanted: Vec<Tenant>,
    rows: &BTreeMap<Option<String>, u64>,
    decided: &Option<Vec<Tenant>>,
) -> Result<Vec<Tenant>> {
    if !there.multi_tenant {
        return Ok(Vec::new());
    }
    let known = cluster.tenants(&there.name).await?;
    let statuses: BTreeMap<_, _> = known.iter().map(|tenant| (tenant.name.as_str(), tenant.status)).collect();
    let is_filled = |tenant: &Tenant| rows.get(&Some(tenant.name.clone())).is_some_and(|rows| *rows > 0);
    let is_asleep = |tenant: &&Tenant| {
        is_filled(tenant) && statuses.get(tenant.name.as_str()).is_some_and(|status| !status.is_active())
    };
    let asleep: Vec<_> = wanted.iter().filter(is_asleep).map(|tenant| tenant.name.as_str()).collect();
    if !asleep.is_empty() {
        let text = format!(
            "{} of collection \"{}\" cannot be written to because they are not active: {}",
            counted(asleep.len() as u64, "tenant"),
            there.name,
            listed(&asleep)
        );
        return Err(Error::new(Kind::TenantInactive, text).hint("activate them, or choose other tenants"));
    }
    match decided {
        Some(decided) => Ok(decided.clone()),
        None => {
            Ok(wanted.into_iter().filter(|tenant| !statuses.contains_key(tenant.name.as_str())).collect())
        }
    }
}

/// Fails if the objects of a backup cannot be written into a collection that is there, and says what keeps them from it.
/// `wanted` is the collection as the backup would have it.
pub fn refuse_misfit(source: &CollectionReader, wanted: &Collection, there: &Collection) -> Result<()> {
    let mut misfits = Vec::new();
    if wanted.multi_tenant != there.multi_tenant {
        let with = |collection: &Collection| if collection.multi_tenant { "has" } else { "has no" };
        misfits.push(format!("it {} tenants, in the backup it {}", with(there), with(wanted)));
    }
    for property in &wanted.properties {
        misfits.extend(misfit(property, &there.properties, ""));
    }
    for space in source.spaces() {
        match there.vector_spaces.iter().find(|other| other.name == space.name) {
            None => misfits.push(format!("it lacks {}", space.label())),
            Some(other) if other.multi != space.multi => {
                misfits.push(format!("{} is of another kind", space.label()));
            }
            Some(_) => {}
        }
    }
    if misfits.is_empty() {
        return Ok(());
    }
    let name = &there.name;
    let text = format!("collection \"{name}\" cannot hold the backup's objects: {}", misfits.join("; "));
    Err(Error::new(Kind::SchemaMismatch, text).hint("restore under another name"))
}

fn misfit(wanted: &Property, there: &[Property], path: &str) -> Option<String> {
    let path = format!("{path}{}", wanted.name);
    let Some(found) = there.iter().find(|property| property.name == wanted.name) else {
        return Some(format!("it lacks property \"{path}\""));
    };
    let same_type = found.kind == wanted.kind && (found.list == wanted.list);
    if !same_type {
        return Some(format!("property \"{path}\" has another type"));
    }
    if wanted.kind == ValueKind::Reference
        && let Some(target) = wanted.targets.iter().find(|target| !found.targets.contains(target))
    {
        return Some(format!("property \"{path}\" does not refer to \"{target}\""));
    }
    wanted.nested.iter().find_map(|nested| misfit(nested, &found.nested, &format!("{path}.")))
}

/// The names of the properties and vectors that only the collection on the cluster has.
pub fn only_there(source: &CollectionReader, there: &Collection) -> Vec<String> {
    let known = |name: &str| source.collection().properties.iter().any(|property| property.name == name);
    let properties = there.properties.iter().map(|property| property.name.clone());
    let has = |name: &Option<String>| source.spaces().iter().any(|space| space.name == *name);
    let spaces = there.vector_spaces.iter().filter(|space| !has(&space.name));
    let vectors = spaces.map(|space| space.name.clone().unwrap_or_else(|| "the vector".to_owned()));
    properties.filter(|name| !known(name)).chain(vectors).collect()
}

/// A collection that is merged into, object by object.
pub struct Merging {
    progress: Arc<Progress>,
    cluster: Cluster,
    live: Collection,
    reader: ObjectReader,
    lens: Lens,
    of_backup: Digester,
    on_conflict: OnConflict,
    /// Whether an earlier attempt may have written objects that are not recorded.
    resumed: bool,
}

/// What becomes of the objects of a page.
#[derive(Debug, Default)]
pub struct Sorted {
    /// Rows that are to be written.
    pub write: Vec<usize>,
    pub counts: MergeCounts,
    /// Objects that forbid the merge.
    pub conflicts: Vec<Uuid>,
}

impl Merging {
    /// None for a collection that is not merged into. `names` are those on the cluster, by those in the backup.
    pub async fn of(
        job: &Context,
        cluster: &Cluster,
        target: &Target,
        names: &BTreeMap<String, String>,
    ) -> Result<Option<Self>> {
        let How::Merge(on_conflict) = target.how else { return Ok(None) };
        let (source, live) = (&target.source, target.collection.clone());
        let back: BTreeMap<_, _> = names.iter().map(|(old, new)| (new.clone(), old.clone())).collect();
        let vectors = !source.spaces().is_empty();
        let as_in_backup = live.renamed(&back)?;
        let spaces = if vectors { &as_in_backup.vector_spaces[..] } else { &[] };
        let lens = Lens {
            digester: Digester::new(&as_in_backup.properties, spaces),
            names: Some(Arc::new(back)),
            references: live.has_references(),
            collection: live.name.clone(),
        };
        Ok(Some(Self {
            progress: Arc::clone(&job.progress),
            cluster: cluster.clone(),
            reader: ObjectReader::open(cluster, &live, vectors).await?,
            lens,
            of_backup: source.digester().clone(),
            on_conflict,
            resumed: job.journal().is_resumed(),
            live,
        }))
    }

    /// Compares the objects of a page of the backup with those that are there.
    pub async fn sort(&self, page: &Page) -> Result<Sorted> {
        let there = self.there(page.tenant.as_deref(), &page.batch.ids).await?;
        let mut sorted = Sorted::default();
        for (row, (id, wanted)) in page.batch.ids.iter().zip(self.wanted(page)?).enumerate() {
            match there.get(id) {
                None => {
                    sorted.counts.new += 1;
                    sorted.write.push(row);
                }
                Some(found) if *found == Some(wanted) => sorted.counts.identical += 1,
                Some(found) if self.on_conflict != OnConflict::Overwrite && self.is_ours(*found, wanted) => {
                    sorted.counts.new += 1;
                    sorted.write.push(row);
                }
                Some(_) => match self.on_conflict {
                    OnConflict::Fail => {
                        sorted.counts.conflicting += 1;
                        sorted.conflicts.push(*id);
                    }
                    OnConflict::Skip => sorted.counts.skipped += 1,
                    OnConflict::Overwrite => {
                        sorted.counts.overwritten += 1;
                        sorted.write.push(row);
                    }
                },
            }
        }
        Ok(sorted)
    }

    /// Which of these objects are not there as the backup has them.
    pub async fn differing(&self, page: &Page, rows: &[usize]) -> Result<Vec<Uuid>> {
        let ids: Vec<_> = rows.iter().map(|row| page.batch.ids[*row]).collect();
        let there = self.there(page.tenant.as_deref(), &ids).await?;
        let wanted = self.wanted(page)?;
        let is_same = |row: &usize| there.get(&page.batch.ids[*row]) == Some(&Some(wanted[*row]));
        Ok(rows.iter().filter(|row| !is_same(row)).map(|row| page.batch.ids[*row]).collect())
    }

    /// The digests of the objects of a page, as they should be on the cluster.
    fn wanted(&self, page: &Page) -> Result<Vec<Digest>> {
        let mut digests = page.digests.clone();
        if digests.is_empty() {
            self.of_backup
                .each(page.tenant.as_deref(), &page.batch, |_, _, digest| digests.push(digest))
                .map_err(|unfit| self.lens.unfit(&unfit.0))?;
        }
        if !self.lens.references {
            digests.iter_mut().for_each(|digest| *digest = digest.without_references());
        }
        Ok(digests)
    }

    /// The objects that are there of these, with their digests; None for one that Weaviate cannot show.
    async fn there(&self, tenant: Option<&str>, ids: &[Uuid]) -> Result<HashMap<Uuid, Option<Digest>>> {
        let mut there = HashMap::with_capacity(ids.len());
        let read = self.reader.by_ids(tenant, ids, ROOM, |page| {
            page.misread.iter().for_each(|misreading| self.tell(misreading));
            there.extend(page.unreadable.iter().map(|unreadable| (unreadable.id, None)));
            let batch = self.lens.look(page.batch)?;
            let found = self.lens.digester.each(tenant, &batch, |_, id, digest| {
                there.insert(id, Some(digest));
            });
            found.map_err(|unfit| self.lens.unfit(&unfit.0))
        });
        read.await?;
        if there.len() < ids.len() {
            // What a shard has that is away is not shown, and would be taken for new.
            self.cluster.check_shards_now(&self.live).await?;
        }
        Ok(there)
    }

    fn tell(&self, misreading: &Misreading) {
        let text = "Weaviate does not show a value as it is stored, so only what it shows was compared";
        self.progress.warn("not_comparable", text, format!("{}/{}", self.live.name, misreading.id));
    }

    /// Whether an object that differs may be one that an earlier attempt has written and not recorded: then it has all but its
    /// references. What was skipped or in the way would differ in more.
    fn is_ours(&self, found: Option<Digest>, wanted: Digest) -> bool {
        self.resumed && found == Some(wanted.without_references())
    }
}

/// The failure of a merge that may not change what is there.
pub fn conflict(collection: &str, conflicting: u64, samples: &[String]) -> Error {
    let (objects, named) = (counted(conflicting, "object"), first_of(samples, conflicting));
    let text = format!("collection \"{collection}\" holds {objects} otherwise than the backup: {named}");
    Error::new(Kind::ObjectConflict, text)
        .hint("say what is to become of them: they can be skipped, or overwritten by what the backup has")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn properties(properties: serde_json::Value) -> Vec<Property> {
        let schema = json!({"class": "A", "properties": properties});
        Collection::from_schema(schema).unwrap().properties
    }

    #[test]
    fn what_keeps_an_object_from_fitting_is_named_by_its_path() {
        let nested = |kind: &str| {
            let inner = json!([{"name": "n", "dataType": [kind]}]);
            json!([{"name": "o", "dataType": ["object"], "nestedProperties": inner}, {"name": "t", "dataType": ["text"]}])
        };
        let there = properties(nested("int"));
        let wanted = |kind: &str| misfit(&properties(nested(kind))[0], &there, "");
        assert_eq!(wanted("int"), None);
        assert_eq!(wanted("text").unwrap(), "property \"o.n\" has another type");
        let list = properties(json!([{"name": "t", "dataType": ["text[]"]}]));
        assert_eq!(misfit(&list[0], &there, "").unwrap(), "property \"t\" has another type");
        let other = properties(json!([{"name": "u", "dataType": ["text"]}]));
        assert_eq!(misfit(&other[0], &there, "").unwrap(), "it lacks property \"u\"");
        let to = |target: &str| properties(json!([{"name": "r", "dataType": [target]}]));
        let text = misfit(&to("B")[0], &to("C"), "").unwrap();
        assert_eq!(text, "property \"r\" does not refer to \"B\"");
    }
}
