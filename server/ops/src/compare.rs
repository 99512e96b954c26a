//! A live collection against a backup, by content digest.

mod differences;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::lanes::{LANES, Part, Reading, Sink};
use super::{CollectionCounters, Context};
use selvedge_archive::CollectionReader;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, Buckets, Collection, Content, Digest, Digester, rename_references};
use selvedge_weaviate::{Cluster, ObjectReader};

/// A collection on a cluster that is compared with one of a backup.
pub struct Comparison<'a> {
    pub job: &'a Context,
    pub cluster: &'a Cluster,
    pub source: &'a CollectionReader,
    /// As it is on the cluster.
    pub live: Collection,
    /// The names of collections in the backup, by those on the cluster.
    pub names: Arc<BTreeMap<String, String>>,
    /// False if references are left out of the comparison.
    pub references: bool,
    pub counters: Arc<CollectionCounters>,
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

    /// The parts that are to be read: all tenants, or the collection as a whole.
    pub fn parts(&self) -> Vec<Part> {
        match &self.tenants {
            None => vec![Part { tenant: None, objects: self.buckets.total().objects }],
            // Tenants that should be empty are read too: they may not be.
            Some(tenants) => tenants
                .iter()
                .map(|(tenant, digest)| Part { tenant: Some(tenant.clone()), objects: digest.objects.max(1) })
                .collect(),
        }
    }
}

impl Comparison<'_> {
    /// Reads objects of the live collection, and adds them up. Also returns the tenants that could not be read any more.
    pub async fn content(&self, parts: &[Part]) -> Result<(Content, BTreeSet<String>)> {
        let digester = self.digester()?;
        let sink = || Summing { lens: self.lens(digester.clone()), content: Content::default() };
        let mut sinks: Vec<_> = (0..LANES).map(|_| sink()).collect();
        let lost = self.read(parts, &mut sinks).await?;
        let mut content = Content::default();
        sinks.into_iter().for_each(|sink| content.merge(sink.content));
        Ok((content, lost))
    }

    async fn read<S: Sink>(&self, parts: &[Part], sinks: &mut Vec<S>) -> Result<BTreeSet<String>> {
        // A backup without vectors says nothing of them.
        let vectors = !self.source.spaces().is_empty();
        let reading = Reading {
            job: self.job,
            cluster: self.cluster,
            collection: &self.live,
            reader: Arc::new(ObjectReader::open(self.cluster, &self.live, vectors).await?),
            counters: Arc::clone(&self.counters),
        };
        let tally = reading.run(parts, sinks).await?;
        if tally.misread.total > 0 {
            let text = format!(
                "{} values are not shown by Weaviate as they are stored, so only what it shows was compared",
                tally.misread.total
            );
            self.job.progress.warn("not_comparable", text, self.live.name.clone());
        }
        Ok(tally.lost)
    }

    /// Of the live collection, with the names that the backup knows. A value's hash depends on its own property only, so
    /// that one more in the schema changes nothing.
    fn digester(&self) -> Result<Digester> {
        let live = self.live.renamed(&self.names)?;
        let spaces = if self.source.spaces().is_empty() { &[][..] } else { &live.vector_spaces };
        Ok(Digester::new(&live.properties, spaces))
    }

    fn lens(&self, digester: Digester) -> Lens {
        let names = Arc::clone(&self.names);
        Lens { digester, names, references: self.references, collection: self.live.name.clone() }
    }
}

/// Shows a live collection's objects as the backup would have them.
struct Lens {
    digester: Digester,
    names: Arc<BTreeMap<String, String>>,
    references: bool,
    collection: String,
}

impl Lens {
    fn look(&self, mut batch: Batch) -> Result<Batch> {
        batch.references = match batch.references.take() {
            Some(column) if self.references => {
                Some(rename_references(&column, &self.names).map_err(|text| self.unfit(&text))?)
            }
            _ => None,
        };
        Ok(batch)
    }

    fn unfit(&self, text: &str) -> Error {
        let collection = &self.collection;
        Error::new(
            Kind::WeaviateUnintelligible,
            format!("collection \"{collection}\" cannot be compared: {text}"),
        )
    }
}

/// Adds up what a lane reads.
struct Summing {
    lens: Lens,
    content: Content,
}

impl Sink for Summing {
    async fn take(&mut self, tenant: Option<&str>, batch: Batch) -> Result<()> {
        let batch = self.lens.look(batch)?;
        let added = self.content.add(&self.lens.digester, tenant, &batch);
        added.map(drop).map_err(|unfit| self.lens.unfit(&unfit.0))
    }
}
