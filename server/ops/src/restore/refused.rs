//! What Weaviate refused of a restore.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use selvedge_model::error::{Error, Result};
use selvedge_model::{Batch, Content, Digester};
use selvedge_weaviate::Refusal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::written::WrittenRows;
use crate::{CollectionCounters, MergeCounts, ObjectFailure, Progress};

/// Refused objects of a collection that are kept to be sent once more.
const KEPT: usize = 1_000;
/// What those of all collections weigh at most.
const KEPT_BYTES: usize = 16 << 20;

/// How many objects are missing, how many references, and how many objects lack something.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    pub objects: u64,
    pub references: u64,
    pub altered: u64,
}

/// What became of some objects that were to be written: what a record of a restore tells.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Refusals {
    /// Objects that were written.
    pub written: u64,
    /// What a merge found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged: Option<MergeCounts>,
    /// What a merge has written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub written_rows: Vec<WrittenRows>,
    /// For good. There are as many as there are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<ObjectFailure>,
    /// What the objects hold that are missing; None if there are none, as it is large.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Box<Content>>,
    /// Objects that are to be sent once more when all others are there: what keeps Weaviate from taking an object may pass,
    /// whatever it says.
    #[serde(skip)]
    pub kept: Vec<Kept>,
}

/// An object that was refused, in a batch of its own.
#[derive(Debug)]
pub struct Kept {
    pub tenant: Option<Arc<str>>,
    pub object: Arc<Batch>,
}

/// What was refused of one collection.
#[derive(Debug, Default)]
pub struct RefusedOfCollection {
    /// Of the objects that are missing; None if there are none, as it is large.
    pub missing: Option<Box<Content>>,
    pub totals: Totals,
    /// Which objects are missing, by tenant, if that is of interest.
    ids: Option<BTreeMap<Option<String>, Vec<Uuid>>>,
}

/// What was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The object is missing.
    Object,
    /// It is there without this reference.
    Reference,
    /// It was stored without something.
    PartOfObject,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.objects += other.objects;
        self.references += other.references;
        self.altered += other.altered;
    }
}

impl Totals {
    fn of(failures: &[ObjectFailure]) -> Self {
        let count = |kind| failures.iter().filter(|failure| failure.kind == kind).count() as u64;
        Self {
            objects: count(FailureKind::Object),
            references: count(FailureKind::Reference),
            altered: count(FailureKind::PartOfObject),
        }
    }

    pub fn are_none(self) -> bool {
        self == Self::default()
    }
}

impl Refusals {
    pub fn add(&mut self, other: Self) {
        self.written += other.written;
        if let Some(merged) = other.merged {
            *self.merged.get_or_insert_default() += merged;
        }
        self.written_rows.extend(other.written_rows);
        self.failures.extend(other.failures);
        self.kept.extend(other.kept);
        if let Some(missing) = other.missing {
            self.missing.get_or_insert_default().merge(*missing);
        }
    }
}

impl RefusedOfCollection {
    /// Remembers which objects are missing: they have no references either.
    pub fn with_ids() -> Self {
        Self { ids: Some(BTreeMap::new()), ..Self::default() }
    }

    /// Whether everything that is there should be as it was.
    pub fn is_comparable(&self) -> bool {
        self.totals.references + self.totals.altered == 0
    }

    /// Whether an object is missing. To be asked when all objects are written.
    pub fn is_missing(&self, tenant: Option<&str>, id: &Uuid) -> bool {
        let ids = self.ids.as_ref().and_then(|ids| ids.get(&tenant.map(str::to_owned)));
        ids.is_some_and(|ids| ids.binary_search(id).is_ok())
    }

    /// Each of them has its place in a record; here they are counted.
    pub fn add(&mut self, Refusals { failures, missing, .. }: Refusals) {
        self.totals += Totals::of(&failures);
        if let Some(missing) = missing {
            self.missing.get_or_insert_default().merge(*missing);
        }
        let Some(ids) = &mut self.ids else { return };
        for failure in failures.into_iter().filter(|failure| failure.kind == FailureKind::Object) {
            ids.entry(failure.tenant).or_default().push(failure.object);
        }
    }

    /// All objects are written.
    pub fn close(&mut self) {
        self.ids.iter_mut().flat_map(BTreeMap::values_mut).for_each(|ids| ids.sort_unstable());
    }
}

/// Room for refused objects that are kept: that of a collection, and that of all.
#[derive(Debug, Default)]
pub struct Room {
    of_collection: AtomicUsize,
    all: Arc<AtomicUsize>,
}

impl Room {
    /// For one more collection.
    pub fn beside(all: &Arc<AtomicUsize>) -> Self {
        Self { of_collection: AtomicUsize::new(0), all: Arc::clone(all) }
    }

    /// False if there is none for an object that weighs so much.
    fn take(&self, bytes: usize) -> bool {
        let more = |kept: usize| (kept < KEPT).then_some(kept + 1);
        let heavier = |kept: usize| Some(kept + bytes).filter(|kept| *kept <= KEPT_BYTES);
        self.of_collection.fetch_update(Relaxed, Relaxed, more).is_ok()
            && self.all.fetch_update(Relaxed, Relaxed, heavier).is_ok()
    }

    /// An object is not kept any more. That it was counts on: no more are sent once more than there may be.
    pub fn give_back(&self, bytes: usize) {
        self.all.fetch_sub(bytes, Relaxed);
    }
}

/// Where the refusals of one collection are told.
pub struct Desk<'a> {
    pub room: &'a Room,
    pub progress: &'a Progress,
    pub counters: &'a CollectionCounters,
    pub digester: &'a Digester,
    pub collection: &'a str,
}

impl Desk<'_> {
    /// An object was refused: it is kept if that may help, or will be missing.
    pub fn object(&self, refusals: &mut Refusals, refusal: Refusal, object: Batch, keep: bool) -> Result<()> {
        if keep && self.room.take(object.byte_len()) {
            refusals.kept.push(Kept { tenant: refusal.tenant, object: Arc::new(object) });
            return Ok(());
        }
        let missing = refusals.missing.get_or_insert_default();
        let added = missing.add(self.digester, refusal.tenant.as_deref(), &object);
        added.map_err(|unfit| Error::internal(format!("a refused object has no digest: {}", unfit.0)))?;
        self.counters.add_refused(1);
        self.add(refusals, FailureKind::Object, refusal);
        Ok(())
    }

    pub fn add(&self, refusals: &mut Refusals, kind: FailureKind, refusal: Refusal) {
        let Refusal { tenant, id: object, reason } = refusal;
        let (collection, tenant) = (self.collection.to_owned(), tenant.as_deref().map(str::to_owned));
        let failure = ObjectFailure { collection, tenant, object, kind, reason };
        self.tell(&failure);
        refusals.failures.push(failure);
    }

    /// What an earlier attempt has found is told too.
    pub fn tell(&self, failure: &ObjectFailure) {
        let reason = match failure.kind {
            FailureKind::Object => "object_refused",
            FailureKind::Reference => "reference_refused",
            FailureKind::PartOfObject => "object_altered",
        };
        let subject = format!("{}/{}", self.collection, failure.object);
        self.progress.warn_of_gap(reason, failure.reason.as_str(), subject);
    }
}

/// Nobody who holds it leaves it half changed.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
