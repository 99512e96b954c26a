//! Merging into collections that are there already: whether the objects of the backup fit into them, and how each object stands
//! to what is there.

use std::collections::BTreeMap;

use selvedge_model::error::{Error, Kind, Result, counted, first_of, listed};
use selvedge_model::{Collection, Digest, Property, Tenant, ValueKind, VectorSpace};
use selvedge_weaviate::Cluster;
use uuid::Uuid;

use super::target::{How, Target};
use super::there::There;
use crate::engine::Page;
use crate::{Context, MergeCounts, OnConflict};

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
/// `wanted` is the collection as the backup would have it,
/// and `spaces` those whose vectors it has.
pub fn refuse_misfit(spaces: &[VectorSpace], wanted: &Collection, there: &Collection) -> Result<()> {
    let misfits = misfits(spaces, wanted, there);
    if misfits.is_empty() {
        return Ok(());
    }
    let name = &there.name;
    let text = format!("collection \"{name}\" cannot hold the backup's objects: {}", misfits.join("; "));
    Err(Error::new(Kind::SchemaMismatch, text).hint("restore under another name"))
}

/// What keeps the objects of a backup from being written into a collection.
pub fn misfits(spaces: &[VectorSpace], wanted: &Collection, there: &Collection) -> Vec<String> {
    let mut misfits = Vec::new();
    if wanted.multi_tenant != there.multi_tenant {
        let with = |collection: &Collection| if collection.multi_tenant { "has" } else { "has no" };
        misfits.push(format!("it {} tenants, in the backup it {}", with(there), with(wanted)));
    }
    for property in &wanted.properties {
        misfits.extend(misfit(property, &there.properties, ""));
    }
    for space in spaces {
        match there.vector_spaces.iter().find(|other| other.name == space.name) {
            None => misfits.push(format!("it lacks {}", space.label())),
            Some(other) if other.multi != space.multi => {
                misfits.push(format!("{} is of another kind", space.label()));
            }
            Some(_) => {}
        }
    }
    misfits
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
pub fn only_there(target: &Target) -> Vec<String> {
    let (wanted, there) = (target.as_in_backup(), &target.collection);
    let known = |name: &str| wanted.properties.iter().any(|property| property.name == name);
    let properties = there.properties.iter().map(|property| property.name.clone());
    let has = |name: &Option<String>| target.spaces().iter().any(|space| space.name == *name);
    let spaces = there.vector_spaces.iter().filter(|space| !has(&space.name));
    let vectors = spaces.map(|space| space.name.clone().unwrap_or_else(|| "the vector".to_owned()));
    properties.filter(|name| !known(name)).chain(vectors).collect()
}

/// A collection that is merged into, object by object.
pub struct Merging {
    there: There,
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
        let there = There::open(job, cluster, target, names).await?;
        Ok(Some(Self { there, on_conflict, resumed: job.journal().is_resumed() }))
    }

    /// Compares the objects of a page of the backup with those that are there.
    pub async fn sort(&self, page: &Page) -> Result<Sorted> {
        let there = self.there.find(page.tenant.as_deref(), &page.batch.ids).await?;
        let mut sorted = Sorted::default();
        for (row, (id, wanted)) in page.batch.ids.iter().zip(self.there.wanted(page)?).enumerate() {
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
