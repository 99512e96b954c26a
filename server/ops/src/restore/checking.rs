//! After writing: is what is there what the backup holds?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::refused::RefusedOfCollection;
use super::target::{Target, Targets};
use crate::compare::{Comparison, Expected, Verdict};
use crate::engine::Lanes;
use crate::journal::Ledger;
use crate::{Check, CollectionCounters, Context};
use selvedge_model::Content;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::Cluster;

/// A replica may lag a little behind the writes it is counted for.
const COUNT_AGAIN: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
/// Objects that are named if something is wrong.
const NAMED: usize = 5;

/// The checking of one collection.
pub struct Checking<'a> {
    pub job: &'a Context,
    pub lanes: &'a Lanes,
    pub cluster: &'a Cluster,
    pub targets: &'a Targets,
    pub target: &'a Target,
    pub refused: &'a RefusedOfCollection,
}

impl Checking<'_> {
    pub async fn check(&self, check: Check) -> Result<()> {
        if !self.target.with_data || check == Check::None {
            return Ok(());
        }
        self.job.or_stop(self.count(&BTreeSet::new())).await?;
        if check == Check::Digest { self.digest().await } else { Ok(()) }
    }

    /// Of what an earlier attempt has checked, and may have put to sleep.
    pub async fn count_again(&self, check: Check) -> Result<()> {
        let Self { target, cluster, .. } = self;
        if !target.with_data || check == Check::None {
            return Ok(());
        }
        let mut asleep = BTreeSet::new();
        if target.collection.multi_tenant {
            let tenants = self.job.or_stop(cluster.tenants(&target.collection.name)).await?;
            asleep.extend(tenants.into_iter().filter(|one| !one.status.is_active()).map(|one| one.name));
        }
        self.job.or_stop(self.count(&asleep)).await
    }

    /// Counts what is there against what was written, without what cannot be counted.
    async fn count(&self, asleep: &BTreeSet<String>) -> Result<()> {
        for pause in COUNT_AGAIN {
            if self.count_once(asleep).await?.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
        }
        self.count_once(asleep).await?
    }

    /// The inner result is what the counts say.
    async fn count_once(&self, asleep: &BTreeSet<String>) -> Result<Result<()>> {
        let Self { target, cluster, .. } = self;
        let name = &target.collection.name;
        // A tenant without objects may be inactive, and then cannot be counted.
        let is_asleep = |tenant: &Option<String>| tenant.as_ref().is_some_and(|one| asleep.contains(one));
        let is_counted =
            |(tenant, rows): &(&Option<String>, &u64)| (tenant.is_none() || **rows > 0) && !is_asleep(tenant);
        let expected: Vec<_> = target.rows.iter().filter(is_counted).collect();
        let counts = if target.collection.multi_tenant {
            let tenants = expected.iter().filter_map(|(tenant, _)| tenant.as_deref());
            let counts = cluster.count_tenants(name, tenants).await?;
            counts.into_iter().map(|count| count.unwrap_or(0)).collect()
        } else {
            vec![cluster.count(name, None).await?]
        };
        let missing = self.refused.missing.as_deref();
        let refused = |tenant: &Option<String>| match (missing, tenant) {
            (None, _) => 0,
            (Some(missing), None) => missing.total().objects,
            (Some(missing), Some(tenant)) => missing.tenants.get(tenant).map_or(0, |digest| digest.objects),
        };
        let mut counted = expected.into_iter().zip(counts);
        let wrong = counted.find(|((tenant, rows), counted)| counted + refused(tenant) != **rows);
        let Some(((tenant, rows), counted)) = wrong else { return Ok(Ok(())) };
        let lost = match refused(tenant) {
            0 => String::new(),
            lost => format!(", of which it had refused {lost}"),
        };
        let tenant = tenant.as_ref().map_or(String::new(), |tenant| format!(" in tenant \"{tenant}\""));
        Ok(Err(Error::new(
            Kind::CountMismatch,
            format!("collection \"{name}\" holds {counted} objects{tenant} after {rows} were restored{lost}"),
        )
        .hint("check that nobody else writes to it and that all nodes of Weaviate are up")))
    }

    /// Reads everything back, and compares its content with the backup's.
    async fn digest(&self) -> Result<()> {
        let Self { job, target, .. } = self;
        let name = &target.collection.name;
        let refused = self.refused;
        let filled = |tenant: &str| target.rows.get(&Some(tenant.to_owned())).is_some_and(|rows| *rows > 0);
        let Some(expected) = Expected::of(&target.source, filled) else {
            let text =
                "the backup is from before there were content digests: objects were counted, not compared";
            job.progress.warn("not_compared", text, name.clone());
            return Ok(());
        };
        if !refused.is_comparable() {
            let text = "not everything could be written as it was, so objects were counted, not compared";
            job.progress.warn("not_compared", text, name.clone());
            return Ok(());
        }
        let references = target.collection.has_references();
        let expected = match &refused.missing {
            Some(missing) => expected.without(missing),
            None => expected,
        };
        let expected = if references { expected } else { expected.without_references() };
        let comparison = self.comparison(references);
        // A tenant that is gone differs: it should hold what the backup holds.
        let (found, _) = comparison.content(expected.parts()).await?;
        match expected.compare(&found) {
            Verdict::Same => Ok(()),
            verdict => Err(self.mismatch(comparison, &expected, &verdict, &found).await),
        }
    }

    fn comparison(&self, references: bool) -> Comparison<'_> {
        let back: BTreeMap<_, _> =
            self.targets.names.iter().map(|(old, new)| (new.clone(), old.clone())).collect();
        Comparison {
            job: self.job,
            lanes: self.lanes,
            cluster: self.cluster,
            source: &self.target.source,
            live: self.target.collection.clone(),
            names: Arc::new(back),
            references,
            // Objects are not done twice.
            counters: Arc::new(self.target.counters.of_phase()),
            // It tells of the cluster as it is when all is written.
            ledger: Ledger::default(),
        }
    }

    async fn mismatch(
        &self,
        comparison: Comparison<'_>,
        expected: &Expected,
        verdict: &Verdict,
        found: &Content,
    ) -> Error {
        let name = &self.target.collection.name;
        let text =
            format!("collection \"{name}\" differs from the backup, although as many objects are there");
        let error = |text| {
            Error::new(Kind::ContentMismatch, text)
                .hint("check that nobody else writes to it, then restore again; verify the backup against the cluster to compare the two")
        };
        if self.target.source.has_keys_only() {
            let text = format!(
                "collection \"{name}\" does not hold what was read, although as many objects are there"
            );
            return Error::new(Kind::ContentMismatch, text)
                .hint("check that nobody else writes to it, then copy it anew");
        }
        // The objects are counted already.
        let comparison = Comparison { counters: Arc::new(CollectionCounters::unseen()), ..comparison };
        match comparison.differences(expected, verdict, found, NAMED).await {
            Ok(found) => {
                let named: BTreeSet<_> = found.findings.into_iter().map(|finding| finding.text).collect();
                let named: Vec<_> = named.into_iter().take(NAMED).collect();
                error(format!("{text}: {}", named.join("; ")))
            }
            Err(failed) => error(format!("{text} (where could not be found out: {failed})")),
        }
    }
}
