//! A backup and a cluster: what has changed there since, or all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use selvedge_archive::{CollectionReader, Key, Manifest, Select};
use selvedge_model::error::{Error, Result};
use selvedge_model::{Batch, Collection, Digest, Digester, UuidRange};
use selvedge_weaviate::{Cluster, Fetched, ObjectReader};
use uuid::Uuid;

use super::row::RowReader;
use super::{Change, DiffRequest, Pair, Shown, Teller};
use crate::Budget;
use crate::compare::Sides;
use crate::engine::{Base, ChangeReader, Changed, Lens, Look, Running, Task};

/// A collection of a cluster.
pub struct Live {
    pub collection: Collection,
    cluster: Cluster,
    budget: Budget,
    /// Reads everything; what it learns of how heavy objects are, it learns for all tenants.
    full: Arc<ObjectReader>,
    /// How it is looked at from the backup.
    lens: Lens,
    look: Look,
    /// Objects with the times that they have in the backup, and with earlier ones than this, are the same.
    since: i64,
}

/// From when on times tell nothing; None if none does, as on another cluster than that of the backup.
pub fn since(manifest: &Manifest, cluster: &Cluster, request: &DiffRequest) -> Option<i64> {
    let is_same_cluster = manifest.cluster.address == cluster.rest_url();
    let settled = manifest.settled_before.filter(|_| is_same_cluster && !request.check_all);
    settled.map(|time| time.timestamp_millis())
}

impl Live {
    /// `names` are the names in the backup by those on the cluster. Without a `since`, all that objects hold is compared.
    pub async fn open(
        cluster: &Cluster,
        collection: Collection,
        was: &CollectionReader,
        names: &BTreeMap<String, String>,
        since: Option<i64>,
        budget: &Budget,
    ) -> Result<Self> {
        let vectors = !was.spaces().is_empty();
        let renamed = collection.renamed(names)?;
        let spaces = if vectors { renamed.vector_spaces.as_slice() } else { &[] };
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
            full: Arc::new(ObjectReader::open(cluster, &collection, vectors).await?),
            cluster: cluster.clone(),
            budget: budget.clone(),
            since: since.unwrap_or(i64::MAX),
            collection,
            lens,
            look,
        })
    }

    pub async fn tenants(&self) -> Result<BTreeMap<String, Shown>> {
        if !self.collection.multi_tenant {
            return Ok(BTreeMap::new());
        }
        let tenants = self.cluster.tenants(&self.collection.name).await?;
        let shown = |is_active| if is_active { Shown::Whole } else { Shown::Unread };
        Ok(tenants.into_iter().map(|tenant| (tenant.name, shown(tenant.status.is_active()))).collect())
    }

    /// How a tenant's objects are compared; of one that is `absent`, none is there.
    fn base(&self, was: &CollectionReader, tenant: Option<&str>, absent: bool) -> Base {
        let tenants: BTreeSet<String> = tenant.map(str::to_owned).into_iter().collect();
        Base {
            reader: was.clone(),
            look: self.look.clone(),
            since: self.since,
            gone: if absent { Arc::new(tenants.clone()) } else { Arc::default() },
            tenants: Arc::new(tenants),
            digester: self.lens.digester.clone(),
        }
    }
}

/// A tenant, or a collection without tenants. A tenant that is `absent` on the cluster has lost all its objects.
pub async fn compare(
    pair: &Pair,
    live: &Live,
    tenant: Option<&str>,
    absent: bool,
    teller: &mut Teller,
) -> Result<()> {
    let (base, name) = (live.base(&pair.was, tenant, absent), tenant.map(Arc::from));
    let mut changes = ChangeReader::new(&base, &live.full, name.as_ref(), UuidRange::ALL);
    let task = Running::new(Task::whole(0), Arc::default());
    let mut rows = RowReader::new(&pair.was);
    let mut share = live.budget.take(0).await?;
    loop {
        let room = if share.is_all() { usize::MAX } else { share.room() };
        match changes.next(&task, room).await? {
            Fetched::End => return Ok(()),
            Fetched::NoRoom(object) => {
                let wanted = object.max(2 * room) + 1;
                // Whoever waits for more must not hold anything.
                drop(share);
                share = live.budget.take_for(wanted, 0).await?;
            }
            Fetched::Page(changed) => {
                teller.counts.same += changed.kept;
                page(pair, live, tenant, changed, &mut rows, teller).await?;
            }
        }
    }
}

/// What has changed, in the order of the ids of both.
async fn page(
    pair: &Pair,
    live: &Live,
    tenant: Option<&str>,
    changed: Changed,
    rows: &mut RowReader,
    teller: &mut Teller,
) -> Result<()> {
    let (Changed { batch, gone, .. }, lens) = (changed, &live.lens);
    let batch = lens.look(batch)?;
    let mut digests = Vec::with_capacity(batch.len());
    let each = lens.digester.each(tenant, &batch, |_, _, digest| digests.push(digest));
    each.map_err(|unfit| lens.unfit(&unfit.0))?;
    let was: BTreeMap<Uuid, Key> = gone.into_iter().map(|key| (key.id, key)).collect();
    let is: BTreeMap<Uuid, usize> =
        batch.ids.iter().copied().enumerate().map(|(row, id)| (id, row)).collect();
    let ids: BTreeSet<Uuid> = was.keys().chain(is.keys()).copied().collect();
    for id in ids {
        match (was.get(&id), is.get(&id)) {
            (Some(_), None) => teller.object(tenant, id, Change::Removed, Vec::new()).await?,
            (None, Some(_)) => teller.object(tenant, id, Change::Added, Vec::new()).await?,
            (Some(key), Some(row)) if key.digest == digests[*row] => teller.counts.same += 1,
            (Some(key), Some(row)) => {
                let object = (batch.row(*row), digests[*row]);
                both(pair, live, tenant, key, object, rows, teller).await?;
            }
            (None, None) => return Err(Error::internal("an object is on neither side")),
        }
    }
    Ok(())
}

async fn both(
    pair: &Pair,
    live: &Live,
    tenant: Option<&str>,
    key: &Key,
    (is, digest): (Batch, Digest),
    rows: &mut RowReader,
    teller: &mut Teller,
) -> Result<()> {
    let mut parts = Vec::new();
    if teller.wants_more() {
        let differs_in_vectors = key.digest.vectors != digest.vectors;
        let select = if differs_in_vectors { Select::All } else { Select::Texts };
        let sides = Sides {
            digester: pair.was.digester(),
            spaces_before: pair.was.spaces(),
            spaces_after: &live.collection.vector_spaces,
        };
        parts = sides.parts(&rows.read(tenant, key, select).await?, &is);
    }
    teller.object(tenant, key.id, Change::Changed, parts).await
}
