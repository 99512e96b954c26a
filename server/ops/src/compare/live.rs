//! A collection of a cluster, looked at from a backup: what differs, object by object, in the order of their ids.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use selvedge_archive::{CollectionReader, Key, Manifest};
use selvedge_model::error::Result;
use selvedge_model::{Batch, Collection, Digest, Digester, Tenant, TenantStatus};
use selvedge_weaviate::{Cluster, ObjectReader};
use uuid::Uuid;

use crate::engine::{Base, Lens, Look};

/// A collection of a cluster.
pub struct Live {
    pub collection: Collection,
    pub cluster: Cluster,
    /// Reads everything; what it learns of how heavy objects are, it learns for all tenants.
    pub full: Arc<ObjectReader>,
    /// How it is looked at from the backup.
    pub lens: Lens,
    look: Look,
    /// Objects with the times that they have in the backup, and with earlier ones than this, are the same.
    since: i64,
}

/// From when on times tell nothing; None if none does, as on another cluster than that of the backup.
pub fn settled_since(manifest: &Manifest, cluster: &Cluster) -> Option<i64> {
    let is_same_cluster = manifest.cluster.address == cluster.rest_url();
    manifest.settled_before.filter(|_| is_same_cluster).map(|time| time.timestamp_millis())
}

impl Live {
    /// `names` are the names in the backup by those on the cluster. Without a `since`, all that objects hold is compared. With
    /// `vectors`, objects come with them even if the backup has none.
    pub async fn open(
        cluster: &Cluster,
        collection: Collection,
        was: &CollectionReader,
        names: &BTreeMap<String, String>,
        since: Option<i64>,
        vectors: bool,
    ) -> Result<Self> {
        let has_vectors = !was.spaces().is_empty();
        let renamed = collection.renamed(names)?;
        let spaces = if has_vectors { renamed.vector_spaces.as_slice() } else { &[] };
        let lens = Lens {
            digester: Digester::new(&renamed.properties, spaces),
            names: (!names.is_empty()).then(|| Arc::new(names.clone())),
            references: true,
            collection: collection.name.clone(),
        };
        let look = match since {
            Some(_) => Look::Times(Arc::new(ObjectReader::open_keys(cluster, &collection).await?)),
            None => Look::Everything,
        };
        Ok(Self {
            full: Arc::new(ObjectReader::open(cluster, &collection, vectors || has_vectors).await?),
            cluster: cluster.clone(),
            since: since.unwrap_or(i64::MAX),
            collection,
            lens,
            look,
        })
    }

    /// Its tenants, and their statuses.
    pub async fn tenants(&self) -> Result<BTreeMap<String, TenantStatus>> {
        if !self.collection.multi_tenant {
            return Ok(BTreeMap::new());
        }
        let tenants = self.cluster.tenants(&self.collection.name).await?;
        Ok(tenants.into_iter().map(|Tenant { name, status }| (name, status)).collect())
    }

    /// How objects are compared. Of the tenants in `gone` there are none any more.
    pub fn base(&self, was: &CollectionReader, gone: BTreeSet<String>) -> Base {
        Base {
            reader: was.clone(),
            look: self.look.clone(),
            since: self.since,
            gone: Arc::new(gone),
            // A tenant that the backup does not have has no keys there.
            tenants: Arc::default(),
            digester: self.lens.digester.clone(),
            tells_deleted: false,
        }
    }

    /// What of a page really differs: its time may have moved, and nothing else. `gone` are the objects of the backup that may not
    /// be so any more, `unshown` those on the cluster that Weaviate cannot show.
    pub fn differing(
        &self,
        tenant: Option<&str>,
        batch: &Batch,
        gone: Vec<Key>,
        unshown: &BTreeSet<Uuid>,
    ) -> Result<Differing> {
        let mut digests = Vec::with_capacity(batch.len());
        let each = self.lens.digester.each(tenant, batch, |_, _, digest| digests.push(digest));
        each.map_err(|unfit| self.lens.unfit(&unfit.0))?;
        let was: BTreeMap<Uuid, Key> = gone.into_iter().map(|key| (key.id, key)).collect();
        let is: BTreeMap<Uuid, usize> =
            batch.ids.iter().copied().enumerate().map(|(row, id)| (id, row)).collect();
        let ids: BTreeSet<Uuid> = was.keys().chain(is.keys()).chain(unshown).copied().collect();
        let mut differing = Differing::default();
        for id in ids {
            let (was, row) = (was.get(&id).copied(), is.get(&id).copied());
            let holds = |key: Key| match self.lens.references {
                true => key.digest,
                false => key.digest.without_references(),
            };
            match (was, row) {
                (Some(key), Some(row)) if holds(key) == digests[row] => differing.same += 1,
                _ => differing.objects.push(DiffersIn {
                    id,
                    was,
                    is: match row {
                        Some(row) => Is::Shown(row, digests[row]),
                        None if unshown.contains(&id) => Is::Unshown,
                        None => Is::Absent,
                    },
                }),
            }
        }
        Ok(differing)
    }
}

/// What of some objects differs, in the order of their ids, and how many do not.
#[derive(Default)]
pub struct Differing {
    pub objects: Vec<DiffersIn>,
    pub same: u64,
}

/// An object that is not in the cluster as it is in the backup.
pub struct DiffersIn {
    pub id: Uuid,
    /// None if the backup does not have it.
    pub was: Option<Key>,
    pub is: Is,
}

/// An object in the cluster.
pub enum Is {
    Absent,
    /// It is there, and Weaviate cannot show it.
    Unshown,
    /// Its row on the page, and what it holds.
    Shown(usize, Digest),
}
