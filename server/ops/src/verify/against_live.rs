//! A cluster against a backup: schemas, tenants, and content by digest. The backup's data is read only to name what differs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Found, of_collection};
use crate::compare::{Comparison, Expected, Verdict};
use crate::{Access, CollectionCounters, CollectionState, Context, Finding, FindingKind, VerifyRequest};
use selvedge_archive::BackupReader;
use selvedge_model::error::{Error, Kind, Result, counted};
use selvedge_model::{Collection, Content, Digest};
use selvedge_weaviate::{Cluster, compare_schemas};

/// What one comparison needs to know of the others.
struct Live<'a> {
    job: &'a Context,
    cluster: &'a Cluster,
    backup: &'a BackupReader,
    request: &'a VerifyRequest,
    found: &'a Found,
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
    found: &Found,
) -> Result<Option<Error>> {
    job.or_stop(async { cluster.connect().await.map(drop) }).await?;
    let new_name = |old: &String| request.rename.get(old).unwrap_or(old).clone();
    let names: BTreeMap<_, _> = names.iter().map(|old| (old.clone(), new_name(old))).collect();
    let locked: Vec<_> = names.values().cloned().collect();
    let _lock = job.lock(&locked, Access::Shared)?;
    let back = Arc::new(names.iter().map(|(old, new)| (new.clone(), old.clone())).collect());
    let live = Live { job, cluster, backup, request, found, names, back };
    let work: Vec<_> =
        live.names.iter().map(|(old, new)| (old, new, job.progress.add_collection(old, new))).collect();
    let mut complete = true;
    for (old, new, counters) in work {
        job.check_stop()?;
        counters.set_state(CollectionState::Running);
        let before = found.total();
        complete &= live.compare(old, new, &counters).await?;
        counters.set_state(found.state_since(before));
    }
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
            "cluster \"{}\" does not hold what backup {} holds: {at_least}{}",
            cluster.name(),
            request.backup_id,
            counted(count, "difference"),
        ),
    )
    .hint(format!(
        "`selvedge jobs show {}` shows the findings again; restore what differs under another name to compare the two",
        job.job_id
    )))
}

impl Live<'_> {
    /// False if there may be more differences than were found.
    async fn compare(&self, old: &str, new: &str, counters: &Arc<CollectionCounters>) -> Result<bool> {
        let Self { job, cluster, .. } = self;
        let source = job.or_stop(self.backup.collection(old)).await?;
        let Some(live) = job.or_stop(cluster.collection(new)).await? else {
            let text = format!("collection \"{new}\" is not on the cluster");
            self.find(of_collection(FindingKind::CollectionMissing, old, "", text));
            return Ok(true);
        };
        let wanted = source.collection().renamed(&self.names)?;
        for difference in compare_schemas(&wanted.schema, &live.schema).iter().filter(|found| found.matters) {
            let text = format!("schema of {old}: {difference}");
            self.find(of_collection(FindingKind::SchemaChanged, old, &difference.path, text));
        }
        let readable =
            if live.multi_tenant { Some(self.readable_tenants(old, &live, &source).await?) } else { None };
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
            .hint("make a new backup; `selvedge verify --level rows` checks the old one on its own")
        })?;
        if source.collection().multi_tenant != live.multi_tenant {
            return Ok(true);
        }
        job.or_stop(cluster.await_shards(&live)).await?;
        counters.expect_objects(expected.objects(), false);
        let names = Arc::clone(&self.back);
        let counters = Arc::clone(counters);
        let comparison =
            Comparison { job, cluster, source: &source, live, names, references: true, counters };
        let (found, lost) = comparison.content(&expected.parts()).await?;
        for tenant in &lost {
            let text =
                format!("tenant \"{tenant}\" of {old} was deleted or deactivated while it was compared");
            let finding = of_collection(FindingKind::TenantUnreadable, old, "", text);
            self.find(Finding { tenant: Some(tenant.clone()), ..finding });
        }
        expected.without_tenants(&lost);
        job.or_stop(cluster.check_shards_now(&comparison.live)).await?;
        match expected.compare(&found) {
            Verdict::Same => Ok(true),
            verdict => self.name_differences(old, &comparison, &verdict, &found).await,
        }
    }

    async fn name_differences(
        &self,
        old: &str,
        comparison: &Comparison<'_>,
        verdict: &Verdict,
        content: &Content,
    ) -> Result<bool> {
        let found = comparison.differences(verdict, content, self.request.max_findings).await?;
        let objects: BTreeSet<_> =
            found.findings.iter().map(|finding| (&finding.tenant, finding.object)).collect();
        let unnamed = found.total.saturating_sub(objects.len() as u64);
        if found.total == 0 {
            let text = format!("{old} differed while it was read, and no more: somebody writes to it");
            self.find(of_collection(FindingKind::ObjectChanged, old, "", text));
        }
        found.findings.into_iter().for_each(|finding| self.find(finding));
        self.found.findings().add_undescribed(unnamed);
        Ok(found.complete)
    }

    /// The tenants that the backup covers and that can be read; the others are findings.
    async fn readable_tenants(
        &self,
        old: &str,
        live: &Collection,
        source: &selvedge_archive::CollectionReader,
    ) -> Result<BTreeSet<String>> {
        let there = self.job.or_stop(self.cluster.tenants(&live.name)).await?;
        let there: BTreeMap<_, _> = there.into_iter().map(|tenant| (tenant.name, tenant.status)).collect();
        let records = source.tenants().unwrap_or_default();
        let mut readable = BTreeSet::new();
        let find = |kind, tenant: &str, text: String| {
            let finding = of_collection(kind, old, "", format!("tenant \"{tenant}\" of {old} {text}"));
            self.find(Finding { tenant: Some(tenant.to_owned()), ..finding });
        };
        for record in records.iter().filter(|record| record.left_out.is_none()) {
            match there.get(&record.name) {
                None => find(FindingKind::TenantMissing, &record.name, "is not on the cluster".to_owned()),
                Some(status) if status.is_active() => drop(readable.insert(record.name.clone())),
                Some(_) if record.rows.unwrap_or(0) == 0 => {}
                Some(status) => {
                    let text = format!("cannot be compared: it is {status}");
                    find(FindingKind::TenantUnreadable, &record.name, text);
                }
            }
        }
        let known: BTreeSet<_> = records.iter().map(|record| &record.name).collect();
        for tenant in there.keys().filter(|name| !known.contains(name)) {
            find(FindingKind::TenantExtra, tenant, "is on the cluster, but not in the backup".to_owned());
        }
        Ok(readable)
    }

    fn find(&self, finding: Finding) {
        self.found.add(finding);
    }
}
