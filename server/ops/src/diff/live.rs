//! A backup and a cluster: what has changed there since, or all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use selvedge_archive::{Key, Manifest, Select};
use selvedge_model::error::{Error, Result};
use selvedge_model::{Batch, Collection, Digest, Digester, UuidRange};
use selvedge_weaviate::{Cluster, ObjectReader};
use uuid::Uuid;

use super::row::RowReader;
use super::{Change, DiffRequest, Pair, Shown, Teller};
use crate::Budget;
use crate::compare::Sides;
use crate::engine::{Base, ChangeReader, Changed, FetchedChanges, Lens, Look, Running, Task};

/// A collection of a cluster.
pub struct Live {
    pub cluster: Cluster,
    pub collection: Collection,
    /// Objects with the times that they have in the backup, and with earlier ones than this, are the same. None if all that they
    /// hold is to be compared.
    pub since: Option<i64>,
    pub budget: Budget,
}

/// From when on times tell nothing; None if none does, as on another cluster than that of the backup.
pub fn since(manifest: &Manifest, cluster: &Cluster, request: &DiffRequest) -> Option<i64> {
    let is_same_cluster = manifest.cluster.address == cluster.rest_url();
    let settled = manifest.settled_before.filter(|_| is_same_cluster && !request.check_all);
    settled.map(|time| time.timestamp_millis())
}

impl Live {
    pub async fn tenants(&self) -> Result<BTreeMap<String, Shown>> {
        if !self.collection.multi_tenant {
            return Ok(BTreeMap::new());
        }
        let tenants = self.cluster.tenants(&self.collection.name).await?;
        let shown = |is_active| if is_active { Shown::Whole } else { Shown::Unread };
        Ok(tenants.into_iter().map(|tenant| (tenant.name, shown(tenant.status.is_active()))).collect())
    }

    fn lens(&self, pair: &Pair) -> Result<Lens> {
        let renamed = self.collection.renamed(&pair.names)?;
        let spaces = if pair.was.spaces().is_empty() { &[][..] } else { &renamed.vector_spaces };
        Ok(Lens {
            digester: Digester::new(&renamed.properties, spaces),
            names: (!pair.names.is_empty()).then(|| Arc::new(pair.names.clone())),
            references: true,
            collection: self.collection.name.clone(),
        })
    }

    /// How its objects are compared.
    async fn base(&self, pair: &Pair, tenant: Option<&str>, lens: &Lens) -> Result<Base> {
        let look = match self.since {
            Some(_) => Look::Times(Arc::new(ObjectReader::open_keys(&self.cluster, &self.collection).await?)),
            None => Look::Everything,
        };
        Ok(Base {
            reader: pair.was.clone(),
            look,
            since: self.since.unwrap_or(i64::MAX),
            gone: Arc::default(),
            tenants: Arc::new(tenant.map(str::to_owned).into_iter().collect::<BTreeSet<_>>()),
            digester: lens.digester.clone(),
        })
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
    let lens = live.lens(pair)?;
    let mut base = live.base(pair, tenant, &lens).await?;
    base.gone = Arc::new(tenant.filter(|_| absent).map(str::to_owned).into_iter().collect());
    let vectors = !pair.was.spaces().is_empty();
    let full = Arc::new(ObjectReader::open(&live.cluster, &live.collection, vectors).await?);
    let name = tenant.map(Arc::from);
    let mut changes = ChangeReader::new(&base, &full, name.as_ref(), UuidRange::ALL);
    let task = Running::new(Task::whole(0), Arc::default());
    let mut rows = RowReader::new(&pair.was);
    let mut share = live.budget.take().await?;
    loop {
        let room = if share.is_all() { usize::MAX } else { share.room() };
        match changes.next(&task, room).await? {
            FetchedChanges::End => return Ok(()),
            FetchedChanges::NoRoom(object) => {
                let wanted = object.max(2 * room) + 1;
                // Whoever waits for more must not hold anything.
                drop(share);
                share = live.budget.take_for(wanted).await?;
            }
            FetchedChanges::Some(changed) => {
                teller.counts.same += changed.kept;
                page(pair, live, &lens, tenant, changed, &mut rows, teller).await?;
            }
        }
    }
}

/// What has changed, in the order of the ids of both.
async fn page(
    pair: &Pair,
    live: &Live,
    lens: &Lens,
    tenant: Option<&str>,
    changed: Changed,
    rows: &mut RowReader,
    teller: &mut Teller,
) -> Result<()> {
    let Changed { batch, gone, .. } = changed;
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
