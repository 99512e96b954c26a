//! A cluster against a backup: schemas, tenants, and content by digest. The backup's data is read only to name what differs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Found, of_collection};
use crate::backup::{WAVE, while_awake};
use crate::compare::{Comparison, Differences, Expected, Verdict};
use crate::engine::Lanes;
use crate::journal::Ledger;
use crate::{
    Access, CollectionCounters, CollectionState, Context, FindingKind, InactiveTenants, VerifyRequest,
};
use selvedge_archive::{BackupReader, CollectionReader, Repository};
use selvedge_model::error::{Error, Kind, Result, counted};
use selvedge_model::{Collection, Digest, TenantStatus, nearest_or};
use selvedge_weaviate::{Cluster, compare_schemas};
use tokio::sync::Mutex;

/// What one comparison needs to know of the others.
struct Live {
    job: Context,
    lanes: Lanes,
    cluster: Cluster,
    repository: Repository,
    backup: BackupReader,
    request: VerifyRequest,
    found: Arc<Found>,
    /// Names on the cluster by those in the backup, and the other way round.
    names: BTreeMap<String, String>,
    back: Arc<BTreeMap<String, String>>,
    /// Tenants of one collection at a time are woken.
    waking: Mutex<()>,
}

pub async fn compare(
    job: &Context,
    cluster: &Cluster,
    repository: &Repository,
    backup: &BackupReader,
    request: &VerifyRequest,
    names: &[String],
    found: &Arc<Found>,
) -> Result<Option<Error>> {
    job.or_stop(async { cluster.connect().await.map(drop) }).await?;
    let new_name = |old: &String| request.rename.get(old).unwrap_or(old).clone();
    let names: BTreeMap<_, _> = names.iter().map(|old| (old.clone(), new_name(old))).collect();
    let locked: Vec<_> = names.values().cloned().collect();
    // Others would take woken tenants for active ones.
    let access = match request.inactive_tenants {
        InactiveTenants::Activate => Access::Exclusive,
        InactiveTenants::Report | InactiveTenants::Skip => Access::Shared,
    };
    let _lock = job.lock(&locked, access).await?;
    let back = Arc::new(names.iter().map(|(old, new)| (new.clone(), old.clone())).collect());
    let live = Arc::new(Live {
        job: job.clone(),
        lanes: Lanes::of(job),
        cluster: cluster.clone(),
        repository: repository.clone(),
        backup: backup.clone(),
        request: request.clone(),
        found: Arc::clone(found),
        names,
        back,
        waking: Mutex::default(),
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
        let Self { job, cluster, .. } = self;
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
        let tenants = match live.multi_tenant {
            true => Some(self.tenants(old, &live, &source, found).await?),
            false => None,
        };
        if source.files().is_empty()
            && source.buckets().is_none_or(|all| all.total() == Digest::default())
            && self.backup.manifest().options.schema_only
        {
            return Ok(true);
        }
        let covered = |tenant: &str| {
            let all = |tenants: &Covered| tenants.active.contains(tenant) || tenants.asleep.contains(tenant);
            tenants.as_ref().is_none_or(all)
        };
        let expected = self.expected(&source, covered)?;
        if source.collection().multi_tenant != live.multi_tenant {
            return Ok(true);
        }
        counters.expect_objects(expected.objects(), false);
        let part = Part { old, source: &source, live: &live, counters, found };
        let Some(Covered { active, asleep }) = tenants else {
            return self.compare_objects(&part, None, job.journal().ledger(old, "live")).await;
        };
        let mut complete =
            self.compare_objects(&part, Some(&active), job.journal().ledger(old, "live")).await?;
        for wave in asleep.into_iter().collect::<Vec<_>>().chunks(WAVE) {
            complete &= self.compare_wave(&part, wave).await?;
        }
        Ok(complete)
    }

    fn expected(&self, source: &CollectionReader, covered: impl Fn(&str) -> bool) -> Result<Expected> {
        Expected::of(source, covered).ok_or_else(|| {
            let id = &self.request.backup_id;
            Error::new(
                Kind::BackupFormatUnknown,
                format!("backup {id} was made before there were content digests, so nothing can be compared with it"),
            )
            .hint("make a new backup; the rows of the old one can be verified on their own")
        })
    }

    /// Compares the objects; of these tenants, where there are tenants. False if there may be more differences than were found.
    async fn compare_objects(
        &self,
        part: &Part<'_>,
        tenants: Option<&BTreeSet<String>>,
        ledger: Ledger,
    ) -> Result<bool> {
        let Self { job, lanes, cluster, .. } = self;
        let Part { old, source, live, counters, found } = *part;
        let mut expected =
            self.expected(source, |tenant| tenants.is_none_or(|names| names.contains(tenant)))?;
        job.or_stop(cluster.await_shards(live)).await?;
        let (names, counters, live) = (Arc::clone(&self.back), Arc::clone(counters), live.clone());
        let comparison =
            Comparison { job, lanes, cluster, source, live, names, references: true, counters, ledger };
        let (content, lost) = comparison.content(expected.parts()).await?;
        for tenant in &lost {
            found.tenant(
                FindingKind::TenantUnreadable,
                old,
                tenant,
                "was deleted or deactivated while it was compared",
            );
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

    /// Wakes tenants, compares them, and puts them back.
    async fn compare_wave(&self, part: &Part<'_>, wave: &[String]) -> Result<bool> {
        let Self { job, cluster, .. } = self;
        let name = &part.live.name;
        let _alone = job.or_stop(async { Ok(self.waking.lock().await) }).await?;
        // Nobody is woken for a job that has failed.
        self.lanes.check_stop()?;
        // What was found about them is some waves old.
        let now = job.or_stop(cluster.tenants_in_full(name, wave)).await?;
        let now: BTreeMap<_, _> = now.into_iter().map(|tenant| (tenant.name, tenant.status)).collect();
        let (mut asleep, mut all) = (Vec::new(), BTreeSet::new());
        for tenant in wave {
            match now.get(tenant) {
                Some(TenantStatus::Cold) => asleep.push(tenant.clone()),
                Some(TenantStatus::Hot) => {}
                Some(status) => {
                    let text = format!("cannot be compared: it is {status}");
                    part.found.tenant(FindingKind::TenantUnreadable, part.old, tenant, &text);
                    continue;
                }
                None => {
                    part.found.tenant(FindingKind::TenantMissing, part.old, tenant, "is not on the cluster");
                    continue;
                }
            }
            all.insert(tenant.clone());
        }
        // Another attempt compares them again.
        let compared = self.compare_objects(part, Some(&all), Ledger::default());
        match asleep.as_slice() {
            [] => compared.await,
            asleep => while_awake(job, cluster, &self.repository, name, asleep, compared).await,
        }
    }

    /// The tenants that the backup covers and that can be read, or woken; the others are findings.
    async fn tenants(
        &self,
        old: &str,
        live: &Collection,
        source: &CollectionReader,
        found: &Found,
    ) -> Result<Covered> {
        let there = self.cluster.tenants_in_full(&live.name, &self.request.tenants);
        let there = self.job.or_stop(there).await?;
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
        let (mut tenants, mut skipped) = (Covered::default(), 0);
        let covered = records.iter().filter(|record| record.left_out.is_none() && is_meant(&record.name));
        for record in covered {
            let name = &record.name;
            match (there.get(name), self.request.inactive_tenants) {
                (None, _) => found.tenant(FindingKind::TenantMissing, old, name, "is not on the cluster"),
                (Some(status), _) if status.is_active() => drop(tenants.active.insert(name.clone())),
                // Where there was nothing to be read, not even what was written since.
                (Some(_), _) if record.rows.is_none() => {}
                (Some(TenantStatus::Cold), InactiveTenants::Activate) => {
                    tenants.asleep.insert(name.clone());
                }
                (Some(_), _) if record.rows == Some(0) && !record.status.is_active() => {}
                (Some(_), InactiveTenants::Skip) => skipped += 1,
                (Some(status), InactiveTenants::Report | InactiveTenants::Activate) => {
                    let text = format!("cannot be compared: it is {status}");
                    found.tenant(FindingKind::TenantUnreadable, old, name, &text);
                }
            }
        }
        if skipped > 0 {
            let text = format!("{} not compared: inactive", counted(skipped, "tenant"));
            self.job.progress.warn("tenants_not_compared", text, old);
        }
        for tenant in there.keys().filter(|name| !known.contains(name) && is_meant(name)) {
            found.tenant(FindingKind::TenantExtra, old, tenant, "is on the cluster, but not in the backup");
        }
        Ok(tenants)
    }
}

/// What is compared of a collection, and where its findings go.
#[derive(Clone, Copy)]
struct Part<'a> {
    /// Its name in the backup.
    old: &'a str,
    source: &'a CollectionReader,
    live: &'a Collection,
    counters: &'a Arc<CollectionCounters>,
    found: &'a Found,
}

/// Tenants that are compared.
#[derive(Default)]
struct Covered {
    active: BTreeSet<String>,
    /// To be woken, compared, and put back.
    asleep: BTreeSet<String>,
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
