//! A live collection against a backup, by content digest.

mod differences;
mod listing;
mod live;
mod parts;

pub use differences::Differences;
pub use live::{DiffersIn, Is, Live, settled_since};
pub use parts::{Part, PartKind, Sides};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use selvedge_archive::CollectionReader;
use selvedge_model::error::{Kind, Result};
use selvedge_model::{Buckets, Collection, Content, Digest, Digester};
use selvedge_weaviate::{Cluster, ObjectReader};

use super::engine::{FromWeaviate, IntoDigest, Lanes, Lens, Record, Sinks, Tally, Task};
use super::journal::Ledger;
use super::{CollectionCounters, Context};

/// A collection on a cluster that is compared with one of a backup.
pub struct Comparison<'a> {
    pub job: &'a Context,
    pub lanes: &'a Lanes,
    pub cluster: &'a Cluster,
    pub source: &'a CollectionReader,
    /// As it is on the cluster.
    pub live: Collection,
    /// The names of collections in the backup, by those on the cluster.
    pub names: Arc<BTreeMap<String, String>>,
    /// False if references are left out of the comparison.
    pub references: bool,
    pub counters: Arc<CollectionCounters>,
    /// What was read of it for its content.
    pub ledger: Ledger,
}

/// What the objects should be like.
#[derive(Debug, Clone)]
pub struct Expected {
    pub buckets: Buckets,
    /// By tenant. None without multi-tenancy.
    pub tenants: Option<BTreeMap<String, Digest>>,
}

/// Where two contents differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Same,
    /// In these buckets.
    Buckets(Vec<usize>),
    /// In these tenants.
    Tenants(Vec<String>),
}

impl Expected {
    /// What a backup holds of a collection; of these tenants, where there are tenants. None if it was made before there
    /// were digests.
    pub fn of(source: &CollectionReader, tenant: impl Fn(&str) -> bool) -> Option<Self> {
        let buckets = source.buckets()?.clone();
        let tenants = source.tenants().map(|records| {
            let covered = records.iter().filter(|record| record.rows.is_some() && tenant(&record.name));
            covered.map(|record| (record.name.clone(), record.digest.unwrap_or_default())).collect()
        });
        Some(Self { buckets, tenants })
    }

    pub fn without_references(mut self) -> Self {
        self.buckets.map(Digest::without_references);
        for digest in self.tenants.iter_mut().flat_map(BTreeMap::values_mut) {
            *digest = digest.without_references();
        }
        self
    }

    /// Without these objects.
    pub fn without(mut self, missing: &Content) -> Self {
        self.buckets.subtract(&missing.buckets);
        for (tenant, digest) in self.tenants.iter_mut().flatten() {
            *digest -= missing.tenants.get(tenant).copied().unwrap_or_default();
        }
        self
    }

    /// Without these tenants, which cannot be compared.
    pub fn without_tenants(&mut self, lost: &BTreeSet<String>) {
        self.tenants.iter_mut().for_each(|tenants| tenants.retain(|tenant, _| !lost.contains(tenant)));
    }

    pub fn objects(&self) -> u64 {
        match &self.tenants {
            Some(tenants) => tenants.values().map(|digest| digest.objects).sum(),
            None => self.buckets.total().objects,
        }
    }

    pub fn compare(&self, found: &Content) -> Verdict {
        let Some(tenants) = &self.tenants else {
            let differing = self.buckets.differing(&found.buckets);
            return if differing.is_empty() { Verdict::Same } else { Verdict::Buckets(differing) };
        };
        let of = |tenant: &String| found.tenants.get(tenant).copied().unwrap_or_default();
        let differing = tenants.iter().filter(|(tenant, digest)| of(tenant) != **digest);
        let differing: Vec<_> = differing.map(|(tenant, _)| tenant.clone()).collect();
        if differing.is_empty() { Verdict::Same } else { Verdict::Tenants(differing) }
    }

    /// What is to be read: all tenants, or the collection as a whole.
    pub fn parts(&self) -> Vec<Task> {
        match &self.tenants {
            None => vec![Task::whole(self.buckets.total().objects)],
            // Tenants that should be empty are read too: they may not be.
            Some(tenants) => {
                Task::of_tenants(tenants.iter().map(|(tenant, digest)| (tenant.clone(), digest.objects)))
            }
        }
    }

    /// Whether the buckets are those of the tenants that are compared, and not of others too.
    fn buckets_tell(&self) -> bool {
        let of_tenants = self.tenants.as_ref().map(|tenants| tenants.values().copied().sum());
        of_tenants.is_none_or(|sum: Digest| sum == self.buckets.total())
    }
}

impl Comparison<'_> {
    /// Reads objects of the live collection, and adds them up. Also returns the tenants that could not be read any more.
    pub async fn content(&self, parts: Vec<Task>) -> Result<(Content, BTreeSet<String>)> {
        let (sinks, source) = (IntoDigest::new(self.lens()?, &self.counters), self.live_objects().await?);
        let (mut content, mut tally) = (Content::default(), Tally::default());
        let carried = self.lanes.carry_on(parts, source, sinks, &self.counters, &self.ledger, |record| {
            let Record { left, notes, .. } = record?;
            content.merge(left);
            tally.add(notes);
            Ok(())
        });
        let carried = self.lanes.while_whole(self.cluster, &self.live, carried).await;
        if carried.as_ref().is_err_and(|error| error.kind() == Kind::ShardsUnavailable) {
            // Nobody knows since when a shard was not shown.
            self.ledger.strike_all().await?;
        }
        carried?;
        Ok((content, self.lost(tally)))
    }

    async fn read<K: Sinks>(
        &self,
        parts: Vec<Task>,
        sinks: K,
        mut gather: impl FnMut(K::Left),
    ) -> Result<BTreeSet<String>> {
        let (source, mut tally) = (self.live_objects().await?, Tally::default());
        let carried = self.lanes.carry(parts, source, sinks, &self.counters, |record| {
            let Record { left, notes, .. } = record?;
            gather(left);
            tally.add(notes);
            Ok(())
        });
        self.lanes.while_whole(self.cluster, &self.live, carried).await?;
        Ok(self.lost(tally))
    }

    async fn live_objects(&self) -> Result<FromWeaviate> {
        // A backup without vectors says nothing of them.
        let vectors = !self.source.spaces().is_empty();
        let reader = Arc::new(ObjectReader::open(self.cluster, &self.live, vectors).await?);
        Ok(FromWeaviate::new(self.cluster, &self.live, &reader, true, &self.counters, None))
    }

    /// The tenants that could not be read any more. What was read and is not shown as it is stored is told.
    fn lost(&self, tally: Tally) -> BTreeSet<String> {
        if tally.misread.total > 0 {
            let text = format!(
                "{} values are not shown by Weaviate as they are stored, so only what it shows was compared",
                tally.misread.total
            );
            self.job.progress.warn("not_comparable", text, self.live.name.clone());
        }
        tally.lost
    }

    /// Of the live collection, with the names that the backup knows. A value's hash depends on its own property only, so
    /// that one more in the schema changes nothing.
    fn digester(&self) -> Result<Digester> {
        let live = self.live.renamed(&self.names)?;
        let spaces = if self.source.spaces().is_empty() { &[][..] } else { &live.vector_spaces };
        Ok(Digester::new(&live.properties, spaces))
    }

    fn lens(&self) -> Result<Lens> {
        let names = Some(Arc::clone(&self.names));
        let (references, collection) = (self.references, self.live.name.clone());
        Ok(Lens { digester: self.digester()?, names, references, collection })
    }
}
