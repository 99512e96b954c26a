//! What a collection on the cluster holds of the objects of a page, compared by their digests.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use selvedge_model::error::Result;
use selvedge_model::{Collection, Digest, Digester};
use selvedge_weaviate::{Cluster, Misreading, ObjectReader};
use uuid::Uuid;

use super::target::Target;
use crate::engine::{Lens, Page};
use crate::{Context, Progress};

/// What an answer with the objects that are there weighs at most. They are looked at and forgotten, as many lanes as there are
/// at a time.
const ROOM: usize = 4 << 20;

/// A collection that objects of a backup are looked up in.
pub struct There {
    progress: Arc<Progress>,
    cluster: Cluster,
    live: Collection,
    reader: Arc<ObjectReader>,
    lens: Lens,
    of_backup: Digester,
}

impl There {
    /// `names` are those on the cluster, by those in the backup.
    pub async fn open(
        job: &Context,
        cluster: &Cluster,
        target: &Target,
        names: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let live = target.collection.clone();
        let back: BTreeMap<_, _> = names.iter().map(|(old, new)| (new.clone(), old.clone())).collect();
        let vectors = !target.spaces().is_empty();
        let as_in_backup = live.renamed(&back)?;
        let spaces = if vectors { &as_in_backup.vector_spaces[..] } else { &[] };
        let lens = Lens {
            digester: Digester::new(&as_in_backup.properties, spaces),
            names: Some(Arc::new(back)),
            references: live.has_references(),
            collection: live.name.clone(),
        };
        Ok(Self {
            progress: Arc::clone(&job.progress),
            cluster: cluster.clone(),
            reader: Arc::new(ObjectReader::open(cluster, &live, vectors).await?),
            lens,
            of_backup: target.digester().clone(),
            live,
        })
    }

    /// Which of these objects are not there as the backup has them.
    pub async fn differing(&self, page: &Page, rows: &[usize]) -> Result<Vec<Uuid>> {
        let ids: Vec<_> = rows.iter().map(|row| page.batch.ids[*row]).collect();
        let there = self.find(page.tenant.as_deref(), &ids).await?;
        let wanted = self.wanted(page)?;
        let is_same = |row: &usize| there.get(&page.batch.ids[*row]) == Some(&Some(wanted[*row]));
        Ok(rows.iter().filter(|row| !is_same(row)).map(|row| page.batch.ids[*row]).collect())
    }

    /// The digests of the objects of a page, as they should be on the cluster.
    pub fn wanted(&self, page: &Page) -> Result<Vec<Digest>> {
        let mut digests = page.digests.clone();
        if digests.is_empty() {
            self.of_backup
                .each(page.tenant.as_deref(), &page.batch, |_, _, digest| digests.push(digest))
                .map_err(|unfit| self.lens.unfit(&unfit.0))?;
        }
        if !self.lens.references {
            digests.iter_mut().for_each(|digest| *digest = digest.without_references());
        }
        Ok(digests)
    }

    /// The objects that are there of these, with their digests; None for one that Weaviate cannot show.
    pub async fn find(&self, tenant: Option<&str>, ids: &[Uuid]) -> Result<HashMap<Uuid, Option<Digest>>> {
        let mut there = HashMap::with_capacity(ids.len());
        let read = self.reader.by_ids(tenant, ids, ROOM, |page| {
            page.misread.iter().for_each(|misreading| self.tell(misreading));
            there.extend(page.unreadable.iter().map(|unreadable| (unreadable.id, None)));
            let batch = self.lens.look(page.batch)?;
            let found = self.lens.digester.each(tenant, &batch, |_, id, digest| {
                there.insert(id, Some(digest));
            });
            found.map_err(|unfit| self.lens.unfit(&unfit.0))
        });
        read.await?;
        if there.len() < ids.len() {
            // What a shard has that is away is not shown, and would be taken for new.
            self.cluster.check_shards_now(&self.live).await?;
        }
        Ok(there)
    }

    fn tell(&self, misreading: &Misreading) {
        let text = "Weaviate does not show a value as it is stored, so only what it shows was compared";
        self.progress.warn("not_comparable", text, format!("{}/{}", self.live.name, misreading.id));
    }
}
