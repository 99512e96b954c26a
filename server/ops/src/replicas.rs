//! Whether the replicas of a collection have the same: its objects and their times, replica by replica. Changes nothing, and reads
//! objects so that Weaviate mends nothing by the way.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, Names, UuidRange};
use selvedge_weaviate::{Cluster, Fetched, ObjectReader, OnNodes, RangeReader, Replicas};
use uuid::Uuid;

use crate::Budget;
use crate::telling::{Listener, telling};

/// Objects that are looked at at the same time.
const AT_ONCE: usize = 16;
/// After so long, what differed is looked at again: it may have been written just then.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub struct ReplicasRequest {
    pub collection: String,
    /// Other nodes of the same cluster, whose lists of objects are added: each lists what its own replicas have.
    pub through: Vec<Cluster>,
    /// So many objects are told one by one; 0 for all.
    pub limit: u64,
}

/// What is told: objects in the order of their tenants and ids, and then the collection.
#[derive(Debug, Clone)]
pub enum ReplicaFinding {
    Object(ObjectOnReplicas),
    Collection(CollectionOnReplicas),
}

/// An object that not all replicas have, or have as it was at different times.
#[derive(Debug, Clone)]
pub struct ObjectOnReplicas {
    pub collection: String,
    pub tenant: Option<String>,
    pub id: Uuid,
    pub nodes: OnNodes,
}

#[derive(Debug, Clone)]
pub struct CollectionOnReplicas {
    pub name: String,
    pub nodes: Vec<String>,
    /// Objects.
    pub same: u64,
    pub differing: u64,
    /// Tenants that are not active.
    pub unread: Option<Names>,
}

/// Compares the replicas of a collection. What cannot be compared at all is an error at once. Dropping the stream ends it.
pub async fn compare_replicas(
    cluster: &Cluster,
    budget: &Budget,
    request: ReplicasRequest,
) -> Result<impl Stream<Item = Result<ReplicaFinding>> + Send + use<>> {
    cluster.connect().await?;
    let name = &request.collection;
    let absent = || {
        Error::new(Kind::CollectionNotFound, format!("there is no collection \"{name}\""))
            .hint("list the collections of the cluster")
    };
    let collection = cluster.collection(name).await?.ok_or_else(absent)?;
    if collection.replication_factor < 2 {
        let text =
            format!("collection \"{name}\" has one replica of each object: there is nothing to compare");
        return Err(Error::invalid("collection", text));
    }
    let replicas = cluster.replicas(&collection).await?;
    for other in &request.through {
        other.connect().await?;
        let same = other.collection(name).await?.is_some_and(|there| there.schema == collection.schema)
            && other.replicas(&collection).await?.nodes() == replicas.nodes();
        if !same {
            let text = format!(
                "cluster \"{}\" is not another way to the nodes of collection \"{name}\"",
                other.name()
            );
            return Err(Error::invalid("through", text));
        }
    }
    let comparison =
        Comparison { cluster: cluster.clone(), collection, replicas, request, budget: budget.clone() };
    Ok(telling(|to| comparison.tell_all(to)))
}

struct Comparison {
    cluster: Cluster,
    collection: Collection,
    replicas: Replicas,
    request: ReplicasRequest,
    budget: Budget,
}

impl Comparison {
    async fn tell_all(self, to: Listener<ReplicaFinding>) -> Result<()> {
        let (mut tenants, mut unread) = (vec![None], Vec::new());
        if self.collection.multi_tenant {
            tenants.clear();
            for tenant in self.cluster.tenants(&self.collection.name).await? {
                match tenant.status.is_active() {
                    true => tenants.push(Some(tenant.name)),
                    false => unread.push(tenant.name),
                }
            }
            tenants.sort();
        }
        let mut counts = CollectionOnReplicas {
            name: self.collection.name.clone(),
            nodes: self.replicas.nodes().into_iter().map(str::to_owned).collect(),
            same: 0,
            differing: 0,
            unread: (!unread.is_empty()).then(|| Names::of(&unread)),
        };
        let mut readers = Vec::new();
        for cluster in std::iter::once(&self.cluster).chain(&self.request.through) {
            readers.push(Arc::new(ObjectReader::open_keys_of_one_replica(cluster, &self.collection).await?));
        }
        for tenant in &tenants {
            let mut listed = Listed::new(&readers, tenant.as_deref(), &self.budget);
            while let Some(ids) = listed.next().await? {
                self.page(tenant.as_deref(), ids, &mut counts, &to).await?;
            }
        }
        to.tell(ReplicaFinding::Collection(counts)).await
    }

    async fn page(
        &self,
        tenant: Option<&str>,
        ids: Vec<Uuid>,
        counts: &mut CollectionOnReplicas,
        to: &Listener<ReplicaFinding>,
    ) -> Result<()> {
        let all = ids.len() as u64;
        let mut found = self.differing(tenant, ids).await?;
        if !found.is_empty() {
            tokio::time::sleep(AGAIN_AFTER).await;
            found = self.differing(tenant, found.into_iter().map(|(id, _)| id).collect()).await?;
        }
        counts.same += all - found.len() as u64;
        for (id, nodes) in found {
            counts.differing += 1;
            if self.request.limit == 0 || counts.differing <= self.request.limit {
                let (collection, tenant) = (self.collection.name.clone(), tenant.map(str::to_owned));
                to.tell(ReplicaFinding::Object(ObjectOnReplicas { collection, tenant, id, nodes })).await?;
            }
        }
        Ok(())
    }

    /// Those of them that not all replicas have the same of, in the same order.
    async fn differing(&self, tenant: Option<&str>, ids: Vec<Uuid>) -> Result<Vec<(Uuid, OnNodes)>> {
        let name = &self.collection.name;
        let look = async |id| {
            let found = self.cluster.object_on_replicas(&self.replicas, name, tenant, id).await?;
            let different: BTreeSet<_> =
                found.values().map(|times| times.map(|t| (t.created, t.updated))).collect();
            Ok((different.len() > 1).then_some((id, found)))
        };
        stream::iter(ids)
            .map(look)
            .buffered(AT_ONCE)
            .try_filter_map(async |found| Ok(found))
            .try_collect()
            .await
    }
}

/// The ids that any of several nodes lists, in order.
struct Listed<'a> {
    lists: Vec<List>,
    budget: &'a Budget,
}

struct List {
    range: RangeReader,
    ids: VecDeque<Uuid>,
}

impl<'a> Listed<'a> {
    fn new(readers: &[Arc<ObjectReader>], tenant: Option<&str>, budget: &'a Budget) -> Self {
        let list = |reader: &Arc<ObjectReader>| List {
            range: reader.range(tenant, UuidRange::ALL),
            ids: VecDeque::new(),
        };
        Self { lists: readers.iter().map(list).collect(), budget }
    }

    /// Some of the next ids; None if there are no more.
    async fn next(&mut self) -> Result<Option<Vec<Uuid>>> {
        for list in &mut self.lists {
            list.fill(self.budget).await?;
        }
        // Beyond the last id of a list that goes on, it may have more.
        let goes_on = self.lists.iter().filter(|list| !list.range.is_done());
        let known = goes_on.filter_map(|list| list.ids.back().copied()).min();
        let mut ids = BTreeSet::new();
        for list in &mut self.lists {
            let upto = list.ids.partition_point(|id| known.is_none_or(|known| *id <= known));
            ids.extend(list.ids.drain(..upto));
        }
        Ok((!ids.is_empty()).then(|| ids.into_iter().collect()))
    }
}

impl List {
    /// Reads on if nothing is left of what was read.
    async fn fill(&mut self, budget: &Budget) -> Result<()> {
        if !self.ids.is_empty() || self.range.is_done() {
            return Ok(());
        }
        let mut share = budget.take(0).await?;
        while self.ids.is_empty() && !self.range.is_done() {
            let room = if share.is_all() { usize::MAX } else { share.room() };
            match self.range.next(room).await? {
                Fetched::Page(page) => {
                    self.ids.extend(page.batch.ids.iter().copied());
                    self.ids.extend(page.unreadable.iter().map(|object| object.id));
                    self.ids.make_contiguous().sort_unstable();
                }
                Fetched::End => break,
                Fetched::NoRoom(object) => {
                    // Whoever waits for more must not hold anything.
                    drop(share);
                    share = budget.take_for(object.max(2 * room) + 1, 0).await?;
                }
            }
        }
        Ok(())
    }
}
