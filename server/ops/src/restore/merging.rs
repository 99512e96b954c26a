//! Merging into collections that are there already: which tenants they lack, and how each object stands to what is there.

use std::collections::BTreeMap;

use selvedge_model::error::{Error, Kind, Result, counted, first_of, listed};
use selvedge_model::{Collection, Digest, Tenant};
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
    let names: Vec<_> = wanted.iter().map(|tenant| tenant.name.clone()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let known = cluster.tenants_in_full(&there.name, &names).await?;
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
    let text = format!("collection \"{collection}\" differs from the backup in {objects}: {named}");
    Error::new(Kind::ObjectConflict, text)
        .hint("say what is to become of them: they can be skipped, or overwritten by what the backup has")
}
