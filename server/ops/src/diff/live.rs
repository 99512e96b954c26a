//! A backup and a cluster: what has changed there since, or all of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use selvedge_archive::{Key, Select};
use selvedge_model::error::Result;
use selvedge_model::{Batch, Digest, UuidRange};
use selvedge_weaviate::Fetched;

use super::row::RowReader;
use super::{Change, Pair, Teller};
use crate::Budget;
use crate::compare::{DiffersIn, Is, Live, Sides};
use crate::engine::{ChangeReader, Changed, Running, Task};

/// A tenant, or a collection without tenants. A tenant that is `absent` on the cluster has lost all its objects.
pub async fn compare(
    pair: &Pair,
    (live, budget): (&Live, &Budget),
    tenant: Option<&str>,
    absent: bool,
    teller: &mut Teller,
) -> Result<()> {
    let gone: BTreeSet<_> = tenant.filter(|_| absent).map(str::to_owned).into_iter().collect();
    let (base, name) = (live.base(&pair.was, gone), tenant.map(Arc::from));
    let mut changes = ChangeReader::new(&base, &live.full, name.as_ref(), UuidRange::ALL);
    let task = Running::new(Task::whole(0), Arc::default());
    let mut rows = RowReader::new(&pair.was);
    let mut share = budget.take(0).await?;
    loop {
        let room = if share.is_all() { usize::MAX } else { share.room() };
        match changes.next(&task, room).await? {
            Fetched::End => return Ok(()),
            Fetched::NoRoom(object) => {
                let wanted = object.max(2 * room) + 1;
                // Whoever waits for more must not hold anything.
                drop(share);
                share = budget.take_for(wanted, 0).await?;
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
    let Changed { batch, gone, unreadable, .. } = changed;
    let batch = live.lens.look(batch)?;
    let unshown = unreadable.iter().map(|object| object.id).collect();
    let differing = live.differing(tenant, &batch, gone, &unshown)?;
    teller.counts.same += differing.same;
    for DiffersIn { id, was, is } in differing.objects {
        match (was, is) {
            (Some(_), Is::Absent) => teller.object(tenant, id, Change::Removed, Vec::new()).await?,
            (None, _) => teller.object(tenant, id, Change::Added, Vec::new()).await?,
            // Nobody can tell in what.
            (Some(_), Is::Unshown) => teller.object(tenant, id, Change::Changed, Vec::new()).await?,
            (Some(key), Is::Shown(row, digest)) => {
                both(pair, live, tenant, &key, (batch.row(row), digest), rows, teller).await?;
            }
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
