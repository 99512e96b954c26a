//! Objects into lists of their digests.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use selvedge_model::error::Result;
use selvedge_model::{Digest, UuidRange, bucket_of};
use uuid::Uuid;

use crate::engine::{Lens, Origin, Page, Sink, Sinks};

/// An object by the tenant it is of, and its id.
pub type Key = (Option<Arc<str>>, Uuid);

/// What an object holds, and where in the backup it is, if it is from there.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    pub digest: Digest,
    pub origin: Option<Origin>,
}

/// Lists the objects whose ids are in some buckets.
pub struct IntoList {
    lens: Arc<Lens>,
    buckets: Arc<BTreeSet<usize>>,
}

impl IntoList {
    pub fn new(lens: Lens, buckets: &Arc<BTreeSet<usize>>) -> Self {
        Self { lens: Arc::new(lens), buckets: Arc::clone(buckets) }
    }
}

impl Sinks for IntoList {
    type Sink = ListSink;
    type Left = HashMap<Key, Listed>;

    fn open(&self, _: usize) -> ListSink {
        let (lens, buckets) = (Arc::clone(&self.lens), Arc::clone(&self.buckets));
        ListSink { lens, buckets, list: HashMap::new() }
    }
}

pub struct ListSink {
    lens: Arc<Lens>,
    buckets: Arc<BTreeSet<usize>>,
    list: HashMap<Key, Listed>,
}

impl ListSink {
    fn add(&mut self, page: &Page, id: Uuid, digest: Digest) {
        if self.buckets.contains(&bucket_of(&id)) {
            let digest = if self.lens.references { digest } else { digest.without_references() };
            self.list.insert((page.tenant.clone(), id), Listed { digest, origin: page.origin });
        }
    }
}

impl Sink for ListSink {
    type Left = HashMap<Key, Listed>;

    async fn take(&mut self, mut page: Page) -> Result<()> {
        if !page.digests.is_empty() {
            let digests = std::mem::take(&mut page.digests);
            let ids = std::mem::take(&mut page.batch.ids);
            ids.into_iter().zip(digests).for_each(|(id, digest)| self.add(&page, id, digest));
            return Ok(());
        }
        let empty = selvedge_model::Batch::new(&[], false);
        let batch = self.lens.look(std::mem::replace(&mut page.batch, empty))?;
        let lens = Arc::clone(&self.lens);
        let listed =
            lens.digester.each(page.tenant.as_deref(), &batch, |_, id, digest| self.add(&page, id, digest));
        listed.map_err(|unfit| lens.unfit(&unfit.0))
    }

    async fn seal(self, _: Option<UuidRange>) -> Result<HashMap<Key, Listed>> {
        Ok(self.list)
    }
}
