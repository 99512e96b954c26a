//! Copying a collection: reading it into data files, and making sure afterwards that nothing is missing that is not told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use selvedge_archive::{BackupWriter, CollectionManifest, DataFile, Repository, TenantRecord};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, Reason, Remark, WhyFull};
use selvedge_weaviate::{Cluster, ObjectReader, Permissions, ShardCoverage};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::catching_up::CaughtUp;
use super::decided::Decided;
use super::inheriting::{Whole, inherit};
use super::parents::Parents;
use super::reading::{Gathered, Reading};
use super::settle::Schema;
use super::subject::{Subject, unless_gone};
use super::{BackupRequest, settle, tenants, warn};
use crate::engine::{Base, Beside, Lanes, Look};
use crate::{CollectionCounters, CollectionState, Context};

/// Everything that the collections of a backup are copied with.
pub struct Copying {
    pub job: Context,
    pub lanes: Lanes,
    pub cluster: Cluster,
    pub repository: Repository,
    pub writer: BackupWriter,
    pub request: BackupRequest,
    pub permissions: Permissions,
    pub parents: Parents,
    pub decided: Decided,
    /// Another place that the objects of each collection go to, if there is one.
    pub beside: BTreeMap<String, Arc<dyn Beside>>,
    /// A job wakes tenants of one collection at a time.
    pub waking: Mutex<()>,
}

/// How often a collection is read whose schema changes while it is read.
const READS: usize = 3;

/// A collection that was copied.
pub struct Copied {
    pub manifest: CollectionManifest,
    /// As it was when it was read.
    pub collection: Collection,
    pub tenants: BTreeSet<String>,
    pub aliases: Vec<String>,
}

/// What is known of a collection after it was read.
enum Settled<T> {
    /// Everything that is missing is told.
    Whole(T),
    /// Its schema is another by now; says in what.
    Changed(String),
    /// Its parent does not do after all.
    Unfit(WhyFull),
    Dropped,
}

impl Copying {
    /// Copies one collection. None if it was dropped.
    pub async fn copy(
        &self,
        mut subject: Subject,
        counters: Arc<CollectionCounters>,
    ) -> Result<Option<Copied>> {
        counters.set_state(CollectionState::Running);
        let result = self.copy_whole(&mut subject, &counters).await;
        counters.set_state(match &result {
            Ok(Some((manifest, _))) if manifest.complete => CollectionState::Done,
            Ok(_) => CollectionState::Partial,
            Err(_) => CollectionState::Failed,
        });
        let Subject { collection, aliases, .. } = subject;
        Ok(result?.map(|(manifest, tenants)| Copied { manifest, collection, tenants, aliases }))
    }

    /// Reads it again if its schema changes meanwhile. Also returns the names of its tenants.
    async fn copy_whole(
        &self,
        subject: &mut Subject,
        counters: &Arc<CollectionCounters>,
    ) -> Result<Option<(CollectionManifest, BTreeSet<String>)>> {
        let Self { job, cluster, request, permissions, .. } = self;
        let mut change = String::new();
        for read in 0..READS {
            // What was planned a moment ago need not be looked at again: in the end it is, in any case.
            let is_fresh = read == 0 && subject.is_fresh();
            if !is_fresh {
                let refreshed = subject.refresh(cluster, request, permissions, &self.parents, counters);
                if !job.or_stop(refreshed).await? {
                    return Ok(None);
                }
            }
            if job.journal().is_resumed() {
                self.decided.lower_counts(subject);
            }
            // What was written elsewhere cannot be taken back.
            let is_final = self.beside(&subject.collection.name).is_some();
            // On the heap: the stack of a thread has room for a few only.
            match Box::pin(self.copy_once(subject, counters)).await? {
                Settled::Whole(copied) => return Ok(Some(copied)),
                Settled::Dropped => return Ok(None),
                Settled::Changed(difference) if is_final => {
                    let name = &subject.collection.name;
                    let text = format!(
                        "the schema of collection \"{name}\" changed while it was copied: {difference}"
                    );
                    return Err(Error::new(Kind::SchemaChanged, text)
                        .hint("copy it again when the schema has settled"));
                }
                Settled::Changed(difference) => change = difference,
                Settled::Unfit(why) if is_final => {
                    return Err(Error::new(Kind::SchemaChanged, why.to_string()).hint("make a new copy"));
                }
                Settled::Unfit(why) => {
                    change = why.to_string();
                    self.parents.refuse(&subject.collection.name, why);
                }
            }
        }
        let name = &subject.collection.name;
        let text = format!("the schema of collection \"{name}\" changed each time it was read: {change}");
        Err(Error::new(Kind::SchemaChanged, text).hint("start the backup again when the schema has settled"))
    }

    async fn copy_once(
        &self,
        subject: &Subject,
        counters: &Arc<CollectionCounters>,
    ) -> Result<Settled<(CollectionManifest, BTreeSet<String>)>> {
        let Self { cluster, request, .. } = self;
        let Subject { collection, aliases, contents } = subject;
        let reader = Arc::new(ObjectReader::open(cluster, collection, !request.without_vectors).await?);
        // Not to be dropped in the middle: the store may finish what it began, after everything else was taken away.
        let target = self.writer.add_collection(collection, aliases, reader.spaces()).await?;
        let base = self.base(subject).await?;
        let mut gathered = Gathered { remarks: contents.remarks.clone(), ..Gathered::default() };
        // What was compared with another backup, or with none, is of no use.
        let work = contents.parent.as_ref().map(|parent| format!("since-{}", parent.backup));
        let ledger = self.job.journal().ledger(&collection.name, work.as_deref().unwrap_or("objects"));
        let done = self.take_back(&collection.name, &target, &ledger, &mut gathered, counters).await?;
        let reading = Reading { subject, counters, reader, base, target, ledger, done };
        let read = self.read(&reading, &mut gathered).await;
        let settled = async {
            match read {
                Ok(()) => self.settle(subject, &mut gathered).await,
                Err(error) => self.explain(subject, error).await,
            }
        };
        let settled = match settled.await {
            Err(error) if error.kind() != Kind::CollectionNotFound => {
                return Err(self.distrust(&reading, &gathered.files, error).await?);
            }
            settled => settled,
        };
        let mut records = match unless_gone(settled)? {
            Some(Settled::Whole(records)) => records,
            other => {
                self.throw_away(&reading, &gathered.files).await?;
                return Ok(match other {
                    Some(Settled::Changed(difference)) => Settled::Changed(difference),
                    Some(Settled::Unfit(why)) => Settled::Unfit(why),
                    Some(Settled::Whole(_) | Settled::Dropped) | None => Settled::Dropped,
                });
            }
        };
        let Gathered { files, content, mut tally, mut remarks } = gathered;
        if let (Some(beside), Some(changes)) = (self.beside(&collection.name), &mut tally.changes) {
            let unread = reading.base.as_ref().map(|base| BTreeSet::clone(&base.gone)).unwrap_or_default();
            self.delete(beside, collection, std::mem::take(&mut changes.deleted), &unread).await?;
        }
        let mut whole = match &contents.parent {
            None => Whole { files, inheriting: None, content },
            Some(parent) => {
                let changes = tally.changes.unwrap_or_default();
                inherit(&self.lanes, &reading.target, parent, changes, files, content).await?
            }
        };
        if request.settle > 0 && !request.schema_only {
            let CaughtUp { whole: now, remarks: of_passes } =
                Box::pin(self.catch_up(&reading, whole, request.settle)).await?;
            whole = now;
            let is_image = of_passes.iter().any(|one| matches!(one.reason, Reason::ImageOf { .. }));
            // Whatever changed while it was read was read again since.
            remarks.retain(|one| !is_image || !matches!(one.reason, Reason::ChangedWhileReading { .. }));
            remarks.extend(of_passes);
            if let Schema::Changed(difference) =
                self.job.or_stop(settle::schema_now(cluster, collection, &mut Vec::new())).await?
            {
                reading.target.sweep(std::iter::empty()).await?;
                self.throw_away(&reading, &whole.files).await?;
                return Ok(Settled::Changed(difference));
            }
            self.job.or_stop(cluster.check_shards_now(collection)).await?;
            for record in records.iter_mut().flatten().filter(|record| record.rows.is_some()) {
                record.rows =
                    Some(whole.content.tenants.get(&record.name).map_or(0, |digest| digest.objects));
            }
        }
        if reading.reads_at_one() {
            remarks.push(Remark::note(Reason::ReadAtOne));
        }
        warn(&self.job, &remarks, &collection.name);
        let tenants = records.iter().flatten().map(|record| record.name.clone()).collect();
        if self.job.journal().is_resumed() {
            reading.target.sweep(whole.names()).await?;
        }
        let Whole { files, inheriting, content } = whole;
        let manifest = reading.target.finish(files, inheriting, content, records, remarks).await?;
        Ok(Settled::Whole((manifest, tenants)))
    }

    /// What is not there any more is not to be in the other place either. Nothing is taken for deleted that was only not shown: by
    /// shards that are away, to a key that may not see it, or of a tenant of `unread` that is still there, and only not active.
    pub async fn delete(
        &self,
        beside: &Arc<dyn Beside>,
        collection: &Collection,
        deleted: BTreeMap<Option<String>, Vec<Uuid>>,
        unread: &BTreeSet<String>,
    ) -> Result<()> {
        if deleted.is_empty() && unread.is_empty() {
            return Ok(());
        }
        let (cluster, name) = (&self.cluster, &collection.name);
        if self.job.or_stop(cluster.check_shards_now(collection)).await? == ShardCoverage::Unknown {
            let text = format!(
                "nobody can tell whether all shards of collection \"{name}\" are there, and so what is gone of it"
            );
            return Err(Error::new(Kind::WeaviatePermissionDenied, text)
                .hint("give the server's key read_nodes with the verbosity verbose, or make a new copy"));
        }
        for (tenant, ids) in deleted {
            if tenant.as_ref().is_none_or(|tenant| !unread.contains(tenant)) {
                beside.delete(tenant.as_deref(), &ids).await?;
            }
        }
        if unread.is_empty() {
            return Ok(());
        }
        let there = self.job.or_stop(cluster.tenants_in_full(name, &self.request.tenants)).await?;
        let there: BTreeSet<_> = there.into_iter().map(|tenant| tenant.name).collect();
        let gone: Vec<_> = unread.difference(&there).cloned().collect();
        if gone.is_empty() { Ok(()) } else { beside.delete_tenants(&gone).await }
    }

    /// What a collection is compared with, if it is.
    async fn base(&self, subject: &Subject) -> Result<Option<Base>> {
        let Subject { collection, contents, .. } = subject;
        let Some(parent) = &contents.parent else { return Ok(None) };
        let look = match self.request.check_all {
            true => Look::Everything,
            false => Look::Times(Arc::new(ObjectReader::open_keys(&self.cluster, collection).await?)),
        };
        let tenants = parent.tenants();
        let mut gone = BTreeSet::clone(&tenants);
        let read = contents.parts.iter().filter_map(|part| part.tenant.as_ref()).chain(&contents.asleep);
        read.chain(&contents.unread).for_each(|tenant| {
            gone.remove(tenant);
        });
        let (reader, since) = (parent.reader.clone(), parent.since);
        let digester = reader.digester().clone();
        let tells_deleted = self.beside(&collection.name).is_some();
        Ok(Some(Base { reader, look, since, gone: Arc::new(gone), tenants, digester, tells_deleted }))
    }

    /// While a shard is away Weaviate shows what is left, and nobody knows since when: what was read of the collection does not
    /// count for a later attempt. Returns why it failed.
    async fn distrust(&self, reading: &Reading<'_>, files: &[DataFile], error: Error) -> Result<Error> {
        let mut is_short = error.kind() == Kind::ShardsUnavailable;
        // It may have been stopped because another collection was found to be short.
        if !is_short && self.job.check_stop().is_ok() && !self.request.schema_only {
            let checked = self.cluster.check_shards_now(&reading.subject.collection).await;
            is_short = checked.is_err_and(|error| error.kind() == Kind::ShardsUnavailable);
        }
        if is_short {
            self.throw_away(reading, files).await?;
        }
        Ok(error)
    }

    /// What was read of a collection does not count. Of an attempt that was taken for dead, it is another's by now.
    async fn throw_away(&self, reading: &Reading<'_>, files: &[DataFile]) -> Result<()> {
        self.job.journal().check_newest().await?;
        reading.ledger.strike_all().await?;
        reading.target.clone().discard(files).await
    }

    /// Objects that do not fit the schema they were read with may fit the one that the collection has by now.
    async fn explain(&self, subject: &Subject, error: Error) -> Result<Settled<Option<Vec<TenantRecord>>>> {
        if error.is_transient() || self.lanes.check_stop().is_err() {
            return Err(error);
        }
        let mut unheard = Vec::new();
        let now = settle::schema_now(&self.cluster, &subject.collection, &mut unheard);
        match self.job.or_stop(now).await? {
            // It is there, though it was not: it is another.
            Schema::Same if error.kind() == Kind::CollectionNotFound => {
                Ok(Settled::Changed("it was dropped and created again".to_owned()))
            }
            Schema::Same => Err(error),
            Schema::Changed(difference) => Ok(Settled::Changed(difference)),
            Schema::Dropped => Ok(Settled::Dropped),
        }
    }

    /// Whether what was read is all there was. Returns the collection's tenants.
    async fn settle(
        &self,
        subject: &Subject,
        gathered: &mut Gathered,
    ) -> Result<Settled<Option<Vec<TenantRecord>>>> {
        let Self { job, cluster, request, .. } = self;
        let Subject { collection, contents, .. } = subject;
        // First: what does not fit the schema any more may also not be counted as it was.
        match job.or_stop(settle::schema_now(cluster, collection, &mut gathered.remarks)).await? {
            Schema::Same => {}
            Schema::Changed(difference) => return Ok(Settled::Changed(difference)),
            Schema::Dropped => return Ok(Settled::Dropped),
        }
        settle::check_rows(collection, gathered)?;
        let Gathered { content, tally, remarks, .. } = gathered;
        if let Some(parent) = &contents.parent {
            match parent.dimensions_with(&content.dimensions) {
                Some(dimensions) => content.dimensions = dimensions,
                None => {
                    return Ok(Settled::Unfit(WhyFull::Dimensions { backup: parent.backup.to_string() }));
                }
            }
        }
        let mut lost = BTreeMap::new();
        if !tally.lost.is_empty() {
            let now = job.or_stop(cluster.tenants(&collection.name)).await?;
            lost = tenants::what_became_of(&tally.lost, &now, request, remarks);
        }
        if !request.schema_only {
            // At once, and not as soon as all shards are back: while one was away, what it has was not shown.
            job.or_stop(cluster.check_shards_now(collection)).await?;
            remarks.extend(job.or_stop(settle::compare(cluster, collection, &contents.parts, tally)).await?);
            remarks.extend(settle::misread(&tally.misread));
            remarks.extend(settle::mixed_dimensions(&content.dimensions));
        }
        Ok(Settled::Whole(settle::tenant_records(subject, request, tally, &lost)))
    }
}
