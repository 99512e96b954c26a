//! Copying a collection: reading it into data files, and making sure afterwards that nothing is missing that is not told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use selvedge_archive::{
    BackupWriter, CollectionManifest, CollectionWriter, DataFile, Repository, TenantRecord, Written,
};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, Content, Reason, Remark};
use selvedge_weaviate::{Cluster, ObjectReader, Permissions};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::decided::Decided;
use super::settle::Schema;
use super::subject::{Counted, Subject, tasks, unless_gone};
use super::waking::{WAVE, while_awake};
use super::{BackupRequest, settle, tenants, warn};
use crate::engine::{Done, FromWeaviate, IntoArchive, Lanes, Part, Piece, Record, Tally};
use crate::journal::Ledger;
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
    pub decided: Decided,
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
    Dropped,
}

/// A collection that is read into data files.
struct Reading<'a> {
    subject: &'a Subject,
    counters: &'a Arc<CollectionCounters>,
    reader: Arc<ObjectReader>,
    target: CollectionWriter,
    ledger: Ledger,
    /// What earlier attempts have read.
    done: Done,
}

/// What has come of it so far.
#[derive(Default)]
pub struct Gathered {
    pub files: Vec<DataFile>,
    pub content: Content,
    pub tally: Tally,
    remarks: Vec<Remark>,
}

impl Gathered {
    fn add(&mut self, record: Record<Option<Written>, Tally>) {
        if let Some(Written { file, content }) = record.left {
            self.files.push(file);
            self.content.merge(content);
        }
        self.tally.add(record.notes);
    }
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
            if !is_fresh && !job.or_stop(subject.refresh(cluster, request, permissions, counters)).await? {
                return Ok(None);
            }
            if job.journal().is_resumed() {
                self.decided.lower_counts(subject);
            }
            match self.copy_once(subject, counters).await? {
                Settled::Whole(copied) => return Ok(Some(copied)),
                Settled::Dropped => return Ok(None),
                Settled::Changed(difference) => change = difference,
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
        let mut gathered = Gathered { remarks: contents.remarks.clone(), ..Gathered::default() };
        let ledger = self.job.journal().ledger(&collection.name, "objects");
        let done = self.take_back(&target, &ledger, &mut gathered, counters).await?;
        let reading = Reading { subject, counters, reader, target, ledger, done };
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
        let records = match unless_gone(settled)? {
            Some(Settled::Whole(records)) => records,
            Some(Settled::Changed(difference)) => {
                self.throw_away(&reading, &gathered.files).await?;
                return Ok(Settled::Changed(difference));
            }
            None | Some(Settled::Dropped) => {
                self.throw_away(&reading, &gathered.files).await?;
                return Ok(Settled::Dropped);
            }
        };
        let Gathered { files, content, mut remarks, .. } = gathered;
        if reading.reader.read_at_one() {
            remarks.push(Remark::note(Reason::ReadAtOne));
        }
        warn(&self.job, &remarks, &collection.name);
        let tenants = records.iter().flatten().map(|record| record.name.clone()).collect();
        if self.job.journal().is_resumed() {
            reading.target.sweep(&files).await?;
        }
        let manifest = reading.target.finish(files, content, records, remarks).await?;
        Ok(Settled::Whole((manifest, tenants)))
    }

    /// What earlier attempts have read of a collection, and what of it still has its bytes.
    async fn take_back(
        &self,
        target: &CollectionWriter,
        ledger: &Ledger,
        gathered: &mut Gathered,
        counters: &Arc<CollectionCounters>,
    ) -> Result<Done> {
        let sinks = IntoArchive::new(target, counters);
        let take_back = self.lanes.take_back::<FromWeaviate, _>(&sinks, ledger, |record| {
            counters.add_tenants(tenants_ended_by(&record.piece));
            gathered.add(record);
            Ok(())
        });
        take_back.await
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

    /// The active tenants first, then the others wave by wave.
    async fn read(&self, reading: &Reading<'_>, gathered: &mut Gathered) -> Result<()> {
        let contents = &reading.subject.contents;
        if !contents.parts.is_empty() {
            self.read_parts(reading, &contents.parts, gathered).await?;
        }
        let mut asleep = contents.asleep.clone();
        asleep.retain(|tenant| !reading.done.has_tenant(tenant));
        for wave in asleep.chunks(WAVE) {
            self.lanes.check_stop()?;
            self.read_wave(reading, wave, gathered).await?;
        }
        Ok(())
    }

    async fn read_parts(
        &self,
        reading: &Reading<'_>,
        parts: &[Counted],
        gathered: &mut Gathered,
    ) -> Result<()> {
        let Reading { subject, counters, reader, target, ledger, done } = reading;
        // A tenant that was counted empty is not asked again, but counted once more in the end.
        let is_empty = |part: &&Counted| part.tenant.is_some() && part.objects == Some(0);
        let (empty, parts): (Vec<_>, Vec<_>) = parts.iter().partition(is_empty);
        counters.add_tenants(empty.len() as u64);
        for part in empty {
            gathered.tally.parts.entry(part.tenant.clone()).or_default();
        }
        let counted = parts.iter().all(|part| part.objects.is_some());
        let source = FromWeaviate::new(&self.cluster, &subject.collection, reader, counted, counters);
        let sinks = IntoArchive::new(target, counters);
        let tasks = done.rest_of(tasks(&parts));
        let carried = self.lanes.carry_recorded(tasks, source, sinks, counters, ledger, |record| {
            gathered.add(record?);
            Ok(())
        });
        self.lanes.while_whole(&self.cluster, &subject.collection, carried).await
    }

    /// Wakes tenants, reads them, compares what was read with what is there, and puts them back.
    async fn read_wave(&self, reading: &Reading<'_>, wave: &[String], gathered: &mut Gathered) -> Result<()> {
        let Self { job, cluster, .. } = self;
        let collection = &reading.subject.collection;
        let name = &collection.name;
        let _alone = job.or_stop(async { Ok(self.waking.lock().await) }).await?;
        // The plan is some waves old.
        let now = job.or_stop(cluster.tenants(name)).await?;
        let (asleep, awake) = tenants::still_there(wave, &now, &self.request, &mut gathered.remarks);
        let all = [asleep.as_slice(), &awake].concat();
        while_awake(job, cluster, &self.repository, name, &asleep, async {
            let parts = job.or_stop(tenants::count(cluster, name, &all)).await?;
            let more: u64 = parts.iter().filter_map(|part| part.objects).sum();
            reading.counters.expect_more_objects(more);
            let mut of_wave = Gathered::default();
            let read = self.read_parts(reading, &parts, &mut of_wave).await;
            let compared = match read {
                Ok(()) => {
                    let compared = settle::compare(cluster, collection, &parts, &of_wave.tally);
                    job.or_stop(compared).await
                }
                Err(error) => Err(error),
            };
            let Gathered { files, content, tally, .. } = of_wave;
            gathered.files.extend(files);
            gathered.content.merge(content);
            gathered.tally.add(tally);
            gathered.remarks.extend(compared?);
            Ok(())
        })
        .await
    }
}

/// How many tenants were read to their end with this.
fn tenants_ended_by(piece: &Piece) -> u64 {
    match piece {
        Piece::Ids { part: Part::Tenants(tenants), .. } => tenants.len() as u64,
        Piece::Ids { part: Part::Tenant(_), ids } => u64::from(ids.last == Uuid::max()),
        Piece::Ids { part: Part::Whole, .. } | Piece::File { .. } => 0,
    }
}
