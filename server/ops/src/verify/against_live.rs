//! A cluster against a backup: schemas, tenants, and content by digest. The backup's data is read only to name what differs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Found, of_collection};
use crate::compare::{Comparison, Differences, Expected, Verdict};
use crate::engine::Lanes;
use crate::{Access, CollectionCounters, CollectionState, Context, Finding, FindingKind, VerifyRequest};
use selvedge_archive::{BackupReader, CollectionReader};
use selvedge_model::error::{Error, Kind, Result, counted};
use selvedge_model::{Collection, Digest, nearest_or};
use selvedge_weaviate::{Cluster, compare_schemas};

/// What one comparison needs to know of the others.
struct Live {
    job: Context,
    lanes: Lanes,
    cluster: Cluster,
    backup: BackupReader,
    request: VerifyRequest,
    found: Arc<Found>,
    /// Names on the cluster by those in the backup, and the other way round.
    names: BTreeMap<String, String>,
    back: Arc<BTreeMap<String, String>>,
}

pub async fn compare(
    job: &Context,
    cluster: &Cluster,
    backup: &BackupReader,
    request: &VerifyRequest,
    names: &[String],
    found: &Arc<Found>,
) -> Result<Option<Error>> {
    job.or_stop(async { cluster.connect().await.map(drop) }).await?;
    let new_name = |old: &String| request.rename.get(old).unwrap_or(old).clone();
    let names: BTreeMap<_, _> = names.iter().map(|old| (old.clone(), new_name(old))).collect();
    let locked: Vec<_> = names.values().cloned().collect();
    let _lock = job.lock(&locked, Access::Shared).await?;
    let back = Arc::new(names.iter().map(|(old, new)| (new.clone(), old.clone())).collect());
    let live = Arc::new(Live {
        job: job.clone(),
        lanes: Lanes::of(job),
        cluster: cluster.clone(),
        backup: backup.clone(),
        request: request.clone(),
        found: Arc::clone(found),
        names,
        back,
    });
    let mut compared = Vec::new();
    for (old, new) in &live.names {
        let counters = job.progress.add_collection(old, new);
        compared.push(Arc::clone(&live).run(old.clone(), new.clone(), counters));
    }
    let complete = live.lanes.side_by_side(compared).await?.into_iter().all(|complete| complete);
    let count = found.total();
    if count == 0 {
        return Ok(None);
    }
    if found.findings().are_only(FindingKind::TenantUnreadable) {
        let text = format!(
            "what could be compared is the same, but {} could not be: inactive",
            counted(count, "tenant")
        );
        let hint = "activate them in Weaviate and compare again";
        return Ok(Some(Error::new(Kind::TenantInactive, text).hint(hint)));
    }
    let at_least = if complete { "" } else { "at least " };
    Err(Error::new(
        Kind::DifferencesFound,
        format!(
            "cluster \"{}\" differs from backup {}: {at_least}{}",
            cluster.name(),
            request.backup_id,
            counted(count, "difference"),
        ),
    )
    .hint("restore what differs under another name to compare the two; the job keeps the findings"))
}

impl Live {
    async fn run(
        self: Arc<Self>,
        old: String,
        new: String,
        counters: Arc<CollectionCounters>,
    ) -> Result<bool> {
        counters.set_state(CollectionState::Running);
        let here = Found::new(self.request.max_findings);
        let complete = self.compare(&old, &new, &counters, &here).await;
        counters.set_state(if complete.is_err() { CollectionState::Failed } else { here.state() });
        self.found.merge(here);
        complete
    }

    /// False if there may be more differences than were found.
    async fn compare(
        &self,
        old: &str,
        new: &str,
        counters: &Arc<CollectionCounters>,
        found: &Found,
    ) -> Result<bool> {
        let Self { job, lanes, cluster, .. } = self;
        let source = job.or_stop(self.backup.collection(old)).await?;
        let Some(live) = job.or_stop(cluster.collection(new)).await? else {
            let text = format!("collection \"{new}\" is not on the cluster");
            found.add(of_collection(FindingKind::CollectionMissing, old, "", text));
            return Ok(true);
        };
        let wanted = source.collection().renamed(&self.names)?;
        for difference in
            compare_schemas(&wanted.schema, &live.schema).iter().filter(|difference| difference.matters)
        {
            let text = format!("schema of {old}: {difference}");
            found.add(of_collection(FindingKind::SchemaChanged, old, &difference.path, text));
        }
        if let (false, Some(stray)) = (live.multi_tenant, self.request.tenants.first()) {
            return Err(no_tenant(old, stray, std::iter::empty()));
        }
        let readable = if live.multi_tenant {
            Some(self.readable_tenants(old, &live, &source, found).await?)
        } else {
            None
        };
        if source.files().is_empty()
            && source.buckets().is_none_or(|all| all.total() == Digest::default())
            && self.backup.manifest().options.schema_only
        {
            return Ok(true);
        }
        let covered = |tenant: &str| readable.as_ref().is_none_or(|names| names.contains(tenant));
        let mut expected = Expected::of(&source, covered).ok_or_else(|| {
            let id = &self.request.backup_id;
            Error::new(
                Kind::BackupFormatUnknown,
                format!("backup {id} was made before there were content digests, so nothing can be compared with it"),
            )
            .hint("make a new backup; the rows of the old one can be verified on their own")
        })?;
        if source.collection().multi_tenant != live.multi_tenant {
            return Ok(true);
        }
        job.or_stop(cluster.await_shards(&live)).await?;
        counters.expect_objects(expected.objects(), false);
        let names = Arc::clone(&self.back);
        let counters = Arc::clone(counters);
        let ledger = job.journal().ledger(old, "live");
        let source = &source;
        let comparison =
            Comparison { job, lanes, cluster, source, live, names, references: true, counters, ledger };
        let (content, lost) = comparison.content(expected.parts()).await?;
        for tenant in &lost {
            let text =
                format!("tenant \"{tenant}\" of {old} was deleted or deactivated while it was compared");
            let finding = of_collection(FindingKind::TenantUnreadable, old, "", text);
            found.add(Finding { tenant: Some(tenant.clone()), ..finding });
        }
        expected.without_tenants(&lost);
        job.or_stop(cluster.check_shards_now(&comparison.live)).await?;
        match expected.compare(&content) {
            Verdict::Same => Ok(true),
            verdict => {
                let limit = self.request.max_findings;
                let differences = comparison.differences(&expected, &verdict, &content, limit).await?;
                Ok(tell(old, differences, found))
            }
        }
    }

    /// The tenants that the backup covers and that can be read; the others are findings.
    async fn readable_tenants(
        &self,
        old: &str,
        live: &Collection,
        source: &CollectionReader,
        found: &Found,
    ) -> Result<BTreeSet<String>> {
        let there = self.job.or_stop(self.cluster.tenants(&live.name)).await?;
        let there: BTreeMap<_, _> = there.into_iter().map(|tenant| (tenant.name, tenant.status)).collect();
        let asked: BTreeSet<_> = self.request.tenants.iter().collect();
        let is_meant = |tenant: &String| asked.is_empty() || asked.contains(tenant);
        let records = source.tenants().unwrap_or_default();
        let known: BTreeSet<_> = records.iter().map(|record| &record.name).collect();
        if let Some(stray) = asked.iter().find(|name| !there.contains_key(**name) && !known.contains(**name))
        {
            let near = there.keys().chain(known.iter().copied());
            return Err(no_tenant(old, stray, near));
        }
        let left_out = records.iter().filter(|record| record.left_out.is_some());
        if let Some(left_out) = left_out.map(|record| &record.name).find(|name| asked.contains(name)) {
            let text =
                format!("the backup does not hold tenant \"{left_out}\" of {old}, so it cannot be compared");
            return Err(Error::new(Kind::TenantNotFound, text).hint("compare the tenants that it holds"));
        }
        let mut readable = BTreeSet::new();
        let find = |kind, tenant: &str, text: String| {
            let finding = of_collection(kind, old, "", format!("tenant \"{tenant}\" of {old} {text}"));
            found.add(Finding { tenant: Some(tenant.to_owned()), ..finding });
        };
        let covered = records.iter().filter(|record| record.left_out.is_none() && is_meant(&record.name));
        for record in covered {
            match there.get(&record.name) {
                None => find(FindingKind::TenantMissing, &record.name, "is not on the cluster".to_owned()),
                Some(status) if status.is_active() => drop(readable.insert(record.name.clone())),
                // Where there was nothing to be read, not even what was written since.
                Some(_) if record.rows.is_none() => {}
                Some(_) if record.rows == Some(0) && !record.status.is_active() => {}
                Some(status) => {
                    let text = format!("cannot be compared: it is {status}");
                    find(FindingKind::TenantUnreadable, &record.name, text);
                }
            }
        }
        for tenant in there.keys().filter(|name| !known.contains(name) && is_meant(name)) {
            find(FindingKind::TenantExtra, tenant, "is on the cluster, but not in the backup".to_owned());
        }
        Ok(readable)
    }
}

fn no_tenant<'n>(collection: &str, tenant: &str, known: impl Iterator<Item = &'n String>) -> Error {
    let text =
        format!("collection \"{collection}\" has no tenant \"{tenant}\", in the backup or on the cluster");
    Error::new(Kind::TenantNotFound, text).hint(nearest_or(
        tenant,
        known,
        "tenants' names are case-sensitive",
    ))
}

/// False if there may be more differences than were found.
fn tell(old: &str, differences: Differences, found: &Found) -> bool {
    let Differences { findings, total, complete } = differences;
    let objects: BTreeSet<_> = findings.iter().map(|finding| (&finding.tenant, finding.object)).collect();
    let unnamed = total.saturating_sub(objects.len() as u64);
    if total == 0 {
        let text = format!("{old} differed while it was read, and no more: somebody writes to it");
        found.add(of_collection(FindingKind::ObjectChanged, old, "", text));
    }
    findings.into_iter().for_each(|finding| found.add(finding));
    found.findings().add_undescribed(unnamed);
    complete
}
