//! Before a merge changes anything: what differs is found out, and what there is of it goes into a backup of its own, with which
//! the job can be undone. Of the backup that is merged, only what differs is left to be written.

mod differences;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::Utc;
use selvedge_archive::{
    Absent, AbsentObjects, BackupId, BackupKind, BackupOptions, BackupReader, ClusterIdentity, CommitSummary,
    DataFile, Repository, TenantRecord, Written,
};
use selvedge_model::error::{Error, Result, counted};
use selvedge_model::{Content, TenantStatus, UuidRange};
use selvedge_weaviate::Cluster;
use uuid::Uuid;

use self::differences::{Differences, FromDifferences, Ids};
use super::target::{Planned, Target};
use crate::backup_first;
use crate::compare::{Live, settled_since};
use crate::engine::{Done, IntoArchive, Lanes, Page, Record, Sink, Sinks, Task};
use crate::journal::Ledger;
use crate::outcome::can_pass;
use crate::{CollectionCounters, Context, MergeCounts, Phase, Repair};

/// The work of comparing, in the journal.
const WORK: &str = "differences";

/// What differs of the collections that are merged into, by their names on the cluster.
#[derive(Default)]
pub struct Found {
    /// Which backup has what there was of it; None if nothing was saved.
    pub saved: Option<BackupId>,
    of: BTreeMap<String, Differences>,
}

/// With what collections are compared.
pub struct Undoing<'a> {
    pub job: &'a Context,
    pub cluster: &'a Cluster,
    pub repository: &'a Repository,
    pub lanes: &'a Lanes,
    pub backup: &'a BackupReader,
    pub repair: &'a Repair,
}

/// A collection that is compared.
struct Comparing {
    source: FromDifferences,
    tasks: Vec<Task>,
    counters: Arc<CollectionCounters>,
}

impl Undoing<'_> {
    /// Finds out what differs, and changes nothing.
    pub async fn look(&self, planned: &Planned) -> Result<Found> {
        self.job.progress.set_phase(Phase::Reading);
        let mut found = Found::default();
        for target in merged(planned) {
            let comparing = self.comparing(target, &planned.names).await?;
            let differences =
                self.compare(target, comparing, IntoNothing, &Ledger::default(), |()| {}).await?;
            found.of.insert(target.collection.name.clone(), differences);
        }
        self.job.progress.begin_anew();
        Ok(found)
    }

    /// Finds out what differs, and saves what there is of it, unless an earlier attempt has.
    pub async fn save(&self, planned: &Planned) -> Result<Found> {
        let Self { job, repository, .. } = self;
        if let Some(saved) = job.or_stop(backup_first::made(job, repository)).await? {
            return self.recall(planned, saved).await;
        }
        job.progress.set_phase(Phase::Reading);
        let id = backup_first::id(job).await?;
        job.or_stop(repository.check_writable(&id, &job.job_id)).await?;
        let start_time = Utc::now();
        // Not to be dropped in the middle: the id could be taken by a job that has ended.
        let writer = repository.create_backup(&id, &job.job_id).await?;
        let saved = async {
            let (mut found, mut collections) = (Found::default(), Vec::new());
            for target in merged(planned) {
                let comparing = self.comparing(target, &planned.names).await?;
                let live = comparing.source.live();
                let into = writer.add_collection(&live.collection, &[], live.full.spaces()).await?;
                let unseen = Arc::new(CollectionCounters::unseen());
                let sinks = IntoArchive::new(&into, &unseen);
                let ledger = job.journal().ledger(&target.collection.name, WORK);
                let (mut files, mut content) = (Vec::new(), Content::default());
                let gather = |left: Option<Written>| {
                    if let Some(Written { file, content: more }) = left {
                        files.push(file);
                        content.merge(more);
                    }
                };
                let differences = self.compare(target, comparing, sinks, &ledger, gather).await?;
                if job.journal().is_resumed() {
                    into.sweep(files.iter().map(|file: &DataFile| file.name.as_str())).await?;
                }
                let absent = differences.absent(target, self.repair);
                let tenants = records(target, &content, &absent);
                match differences.is_empty() {
                    true => into.discard(&files).await?,
                    false => collections.push(into.finish_undo(files, content, tenants, &absent).await?),
                }
                found.of.insert(target.collection.name.clone(), differences);
            }
            if !collections.is_empty() {
                let summary = self.summary(start_time).await?;
                let committed = writer.commit(summary, collections, job.journal().check_newest()).await?;
                found.saved = Some(committed.id);
            }
            Ok::<_, Error>(found)
        };
        let saved = saved.await;
        let is_left = match &saved {
            Ok(found) => found.saved.is_none(),
            // What was read is of use for another attempt.
            Err(error) => !(job.journal().is_kept() && can_pass(job.cause_of(error))),
        };
        if is_left && let Err(left) = writer.discard().await {
            let text = format!("what was written under backups/{id} could not be removed: {left}");
            job.progress.warn("left_behind", text, id.as_str());
        }
        job.progress.begin_anew();
        saved
    }

    /// What an earlier attempt has found.
    async fn recall(&self, planned: &Planned, saved: BackupId) -> Result<Found> {
        let mut found = Found { saved: Some(saved), ..Found::default() };
        for target in merged(planned) {
            let ledger = self.job.journal().ledger(&target.collection.name, WORK);
            let (mut differences, mut done) = (Differences::default(), Done::default());
            for name in ledger.earlier().await? {
                let record: Option<Record<Option<Written>, Differences>> = ledger.read(&name).await?;
                if let Some(record) = record.filter(|record| done.add(&record.piece)) {
                    differences.merge(record.notes);
                }
            }
            found.of.insert(target.collection.name.clone(), differences);
        }
        Ok(found)
    }

    /// `names` are those on the cluster, by those in the backup.
    async fn comparing(&self, target: &Target, names: &BTreeMap<String, String>) -> Result<Comparing> {
        let Self { job, cluster, repair, backup, .. } = self;
        let back = names.iter().filter(|(old, new)| old != new);
        let back: BTreeMap<_, _> = back.map(|(old, new)| (new.clone(), old.clone())).collect();
        let since = settled_since(backup.manifest(), cluster);
        let collection = target.collection.clone();
        // What is saved are objects as they are, whatever the backup has of them.
        let opened = Live::open(cluster, collection, &target.source, &back, since, true);
        let mut live = job.or_stop(opened).await?;
        live.lens.references = live.collection.has_references();
        let there = job.or_stop(live.tenants()).await?;
        let held: Vec<_> =
            target.rows.iter().filter_map(|(tenant, rows)| Some((tenant.clone()?, *rows))).collect();
        let gone: BTreeSet<_> = held
            .iter()
            .map(|(tenant, _)| tenant)
            .filter(|name| !there.contains_key(*name))
            .cloned()
            .collect();
        let mut parts = held;
        // Those that are filled were looked at by the plan: they are active.
        parts.retain(|(tenant, _)| there.get(tenant).is_none_or(|status| status.is_active()));
        if repair.deletes() && target.chosen.is_none() && target.source.absent().is_none() {
            let known: BTreeSet<_> =
                target.source.tenants().unwrap_or_default().iter().map(|one| &one.name).collect();
            let more = there.iter().filter(|(name, _)| !known.contains(name));
            let (awake, asleep): (Vec<_>, Vec<_>) = more.partition(|(_, status)| status.is_active());
            parts.extend(awake.into_iter().map(|(name, _)| (name.clone(), 0)));
            if !asleep.is_empty() {
                let text = format!(
                    "{} tenants that the backup does not have are not active, and were left as they are",
                    asleep.len()
                );
                job.progress.warn("tenants_not_compared", text, target.collection.name.clone());
            }
        }
        let counters = job.progress.add_collection(&target.source.collection().name, &target.collection.name);
        let rows = target.rows.values().sum();
        counters.expect_objects(rows, false);
        let tasks = match live.collection.multi_tenant {
            true => Task::of_tenants(parts),
            false => vec![Task::whole(rows)],
        };
        let ids = match (repair.ids.as_slice(), target.source.absent()) {
            ([], None) => Ids::All,
            ([], Some(_)) => Ids::OfUndo,
            (ids, _) => Ids::These(sorted(ids)),
        };
        let base = live.base(&target.source, gone);
        let source = FromDifferences::new(live, base, ids, repair.only.clone(), &counters);
        Ok(Comparing { source, tasks, counters })
    }

    async fn compare<K: Sinks>(
        &self,
        target: &Target,
        comparing: Comparing,
        sinks: K,
        ledger: &Ledger,
        mut gather: impl FnMut(K::Left),
    ) -> Result<Differences>
    where
        K::Left: serde::Serialize + serde::de::DeserializeOwned,
    {
        let Comparing { source, tasks, counters } = comparing;
        let mut differences = Differences::default();
        let carried = self.lanes.carry_on(tasks, source, sinks, &counters, ledger, |record| {
            let Record { left, notes, .. } = record?;
            gather(left);
            differences.merge(notes);
            Ok(())
        });
        self.lanes.while_whole(self.cluster, &target.collection, carried).await?;
        // At once, and not as soon as all shards are back: what one has that is away would be taken for missing.
        self.job.or_stop(self.cluster.check_shards_now(&target.collection)).await?;
        differences.warn(&self.job.progress, &target.collection.name);
        Ok(differences)
    }

    async fn summary(&self, start_time: chrono::DateTime<Utc>) -> Result<CommitSummary> {
        let Self { job, cluster, .. } = self;
        Ok(CommitSummary {
            kind: BackupKind::Undo,
            remarks: Vec::new(),
            weaviate_version: job.or_stop(cluster.connect()).await?.version_text.clone(),
            cluster: ClusterIdentity {
                name: cluster.name().to_owned(),
                address: cluster.rest_url().to_owned(),
            },
            start_time,
            settled_before: None,
            end_time: Utc::now(),
            options: BackupOptions::default(),
            access: None,
        })
    }
}

impl Found {
    /// Leaves of what is planned only what differs.
    pub fn confine(&self, planned: &mut Planned, repair: &Repair) -> Result<()> {
        for target in &mut planned.all {
            let Some(differences) = self.of.get(&target.collection.name) else { continue };
            differences.confine(target, repair)?;
        }
        Ok(())
    }

    /// How the objects of the backup stand to those of a collection that is merged into.
    pub fn counts(&self, collection: &str) -> Option<MergeCounts> {
        self.of.get(collection).map(|differences| differences.counts)
    }

    /// The objects of a collection that are to be deleted, by tenant.
    pub fn extra(&self, collection: &str) -> impl Iterator<Item = (Option<&str>, &[Uuid])> {
        let of = self.of.get(collection).into_iter().flat_map(|differences| &differences.extra);
        of.map(|(tenant, ids)| (tenant.as_deref(), ids.as_slice()))
    }

    /// What could not be brought back, a clause each.
    pub fn gaps(&self) -> Vec<String> {
        let unshown = self.of.iter().filter(|(_, differences)| differences.unshown() > 0);
        let clause = |(name, differences): (&String, &Differences)| {
            format!("{} of {name} could not be compared", counted(differences.unshown(), "object"))
        };
        unshown.map(clause).collect()
    }

    /// The collections of which objects are to be deleted.
    pub fn losing(&self) -> Vec<String> {
        let losing = self.of.iter().filter(|(_, differences)| differences.counts.deleted > 0);
        losing.map(|(name, _)| name.clone()).collect()
    }
}

fn merged(planned: &Planned) -> impl Iterator<Item = &Target> {
    planned.all.iter().filter(|target| target.is_merged() && target.with_data)
}

fn sorted(ids: &[Uuid]) -> Vec<Uuid> {
    let ids: BTreeSet<_> = ids.iter().copied().collect();
    ids.into_iter().collect()
}

/// Of the tenants of which something is saved, or of which it is known that there is nothing.
fn records(target: &Target, content: &Content, absent: &Absent) -> Option<Vec<TenantRecord>> {
    if !target.collection.multi_tenant {
        return None;
    }
    let of_absent = absent.objects.iter().filter_map(|AbsentObjects { tenant, .. }| tenant.as_ref());
    let names: BTreeSet<_> = content.tenants.keys().chain(of_absent).chain(&absent.tenants).collect();
    let record = |name: &String| TenantRecord {
        name: name.clone(),
        status: TenantStatus::Hot,
        rows: Some(content.tenants.get(name).map_or(0, |digest| digest.objects)),
        left_out: None,
        digest: None,
    };
    Some(names.into_iter().map(record).collect())
}

/// For those who only want to know what differs.
struct IntoNothing;

struct Nothing;

impl Sinks for IntoNothing {
    type Sink = Nothing;
    type Left = ();

    fn open(&self, _: usize) -> Nothing {
        Nothing
    }
}

impl Sink for Nothing {
    type Left = ();

    async fn take(&mut self, _: Page) -> Result<()> {
        Ok(())
    }

    async fn seal(self, _: Option<UuidRange>) -> Result<()> {
        Ok(())
    }
}
