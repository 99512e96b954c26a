//! Objects into digests: they are looked at, and go no further.

use std::collections::BTreeMap;
use std::sync::Arc;

use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, Content, Digest, Digester, UuidRange, rename_references};

use super::{Page, Sink, Sinks};
use crate::CollectionCounters;

/// How objects are looked at: as the backup would have them.
#[derive(Clone)]
pub struct Lens {
    pub digester: Digester,
    /// The names of collections in the backup, by those that references have. None if they are the same.
    pub names: Option<Arc<BTreeMap<String, String>>>,
    /// False if references are left out.
    pub references: bool,
    pub collection: String,
}

impl Lens {
    /// Whether objects are looked at as they are.
    fn is_plain(&self) -> bool {
        self.names.is_none() && self.references
    }

    pub fn look(&self, mut batch: Batch) -> Result<Batch> {
        batch.references = match (batch.references.take(), &self.names) {
            (Some(column), Some(names)) if self.references => {
                Some(rename_references(&column, names).map_err(|text| self.unfit(&text))?)
            }
            (column, None) if self.references => column,
            _ => None,
        };
        Ok(batch)
    }

    pub fn unfit(&self, text: &str) -> Error {
        let collection = &self.collection;
        Error::new(
            Kind::WeaviateUnintelligible,
            format!("collection \"{collection}\" cannot be compared: {text}"),
        )
    }
}

pub struct IntoDigest {
    lens: Arc<Lens>,
    counters: Arc<CollectionCounters>,
}

impl IntoDigest {
    pub fn new(lens: Lens, counters: &Arc<CollectionCounters>) -> Self {
        Self { lens: Arc::new(lens), counters: Arc::clone(counters) }
    }
}

impl Sinks for IntoDigest {
    type Sink = DigestSink;
    type Left = Content;

    fn open(&self, _: usize) -> DigestSink {
        let (lens, counters) = (Arc::clone(&self.lens), Arc::clone(&self.counters));
        DigestSink { lens, counters, content: Content::default() }
    }

    async fn take_back(&self, left: &Content) -> Result<bool> {
        self.counters.add_objects(left.total().objects);
        Ok(true)
    }
}

/// Adds up what it is given.
pub struct DigestSink {
    lens: Arc<Lens>,
    counters: Arc<CollectionCounters>,
    content: Content,
}

impl Sink for DigestSink {
    type Left = Content;

    async fn take(&mut self, page: Page) -> Result<()> {
        let objects = page.batch.len() as u64;
        // Whoever reads a backup's rows as they are proves its column of hashes too.
        let written: Option<Digest> =
            (self.lens.is_plain() && !page.digests.is_empty()).then(|| page.digests.iter().copied().sum());
        let batch = self.lens.look(page.batch)?;
        let added = self.content.add(&self.lens.digester, page.tenant.as_deref(), &batch);
        let added = added.map_err(|unfit| self.lens.unfit(&unfit.0))?;
        if written.is_some_and(|written| written != added) {
            return Err(Error::new(Kind::BackupCorrupt, "its column of hashes is not that of its rows"));
        }
        self.counters.add_objects(objects);
        Ok(())
    }

    async fn seal(self, _: Option<UuidRange>) -> Result<Content> {
        Ok(self.content)
    }
}
