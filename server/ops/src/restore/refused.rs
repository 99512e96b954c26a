//! What Weaviate refused of a restore for good.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use selvedge_archive::Repository;
use selvedge_model::error::{Error, Result};
use selvedge_model::{Batch, Content, Digester};
use selvedge_weaviate::Refusal;
use serde::Serialize;
use uuid::Uuid;

use crate::{CollectionCounters, Context, Progress};

/// Refusals that are listed; all are counted.
const LISTED: usize = 10_000;
const FILE: &str = "refused.jsonl";
/// Refused objects of a collection that are kept to be sent once more.
const KEPT: usize = 1_000;
/// What those of all collections weigh at most.
const KEPT_BYTES: usize = 16 << 20;

/// How many there are, and the first of them.
#[derive(Debug, Default)]
pub struct Refused(Mutex<Lists>);

#[derive(Debug, Default)]
struct Lists {
    totals: Totals,
    listed: Vec<Listed>,
    /// What the objects weigh that are kept.
    kept_bytes: usize,
}

/// Objects that are missing, references that are, and objects that lack something.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    pub objects: u64,
    pub references: u64,
    pub altered: u64,
}

/// What was refused of one collection.
#[derive(Debug, Default)]
pub struct RefusedOfCollection {
    /// Of the objects that are missing; None if there are none, as it is large.
    pub missing: Option<Box<Content>>,
    pub totals: Totals,
    /// Which objects are missing, by tenant, if that is of interest.
    ids: Option<BTreeMap<Option<String>, Vec<Uuid>>>,
    kept: Kept,
}

/// Objects that were refused, each in a batch of its own, to be sent once more when all others are there: what keeps
/// Weaviate from taking an object may pass, whatever it says.
#[derive(Debug, Default)]
struct Kept {
    objects: Vec<(Option<String>, Batch)>,
    /// What is refused from now on is refused for good.
    closed: bool,
}

/// What was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Object,
    Reference,
    /// The object was stored without it.
    PartOfObject,
}

#[derive(Debug, Serialize)]
struct Listed {
    collection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    id: Uuid,
    what: What,
    reason: String,
}

impl Totals {
    fn add(&mut self, what: What) {
        *match what {
            What::Object => &mut self.objects,
            What::Reference => &mut self.references,
            What::PartOfObject => &mut self.altered,
        } += 1;
    }

    pub fn are_none(self) -> bool {
        self == Self::default()
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

    /// The objects that are to be sent once more, whose room is to be given back. What is refused from now on is refused for
    /// good.
    pub fn take_kept(&mut self) -> Vec<(Option<String>, Batch)> {
        self.kept.closed = true;
        std::mem::take(&mut self.kept.objects)
    }

    /// All objects are written.
    pub fn close(&mut self) {
        self.ids.iter_mut().flat_map(BTreeMap::values_mut).for_each(|ids| ids.sort_unstable());
    }
}

impl Kept {
    /// Gives back what is not kept.
    fn take(&mut self, all: &Refused, tenant: Option<&str>, object: Batch) -> Option<Batch> {
        if self.closed || self.objects.len() == KEPT || !all.take_room(object.byte_len()) {
            return Some(object);
        }
        self.objects.push((tenant.map(str::to_owned), object));
        None
    }
}

/// Where the refusals of one collection go.
pub struct Desk<'a> {
    pub all: &'a Refused,
    pub of_collection: &'a Mutex<RefusedOfCollection>,
    pub progress: &'a Progress,
    pub counters: &'a CollectionCounters,
    pub digester: &'a Digester,
    pub collection: &'a str,
}

impl Desk<'_> {
    /// An object was refused: it is kept, or will be missing.
    pub fn object(&self, refusal: Refusal, object: Batch) -> Result<()> {
        let tenant = refusal.tenant.clone();
        let tenant = tenant.as_deref();
        let mut of_collection = lock(self.of_collection);
        let Some(object) = of_collection.kept.take(self.all, tenant, object) else { return Ok(()) };
        let missing = of_collection.missing.get_or_insert_default();
        let added = missing.add(self.digester, tenant, &object);
        added.map_err(|unfit| Error::internal(format!("a refused object has no digest: {}", unfit.0)))?;
        if let Some(ids) = &mut of_collection.ids {
            ids.entry(tenant.map(str::to_owned)).or_default().push(refusal.id);
        }
        drop(of_collection);
        self.counters.add_refused(1);
        self.tell(What::Object, refusal);
        Ok(())
    }

    pub fn tell(&self, what: What, refusal: Refusal) {
        let collection = self.collection;
        let reason = match what {
            What::Object => "object_refused",
            What::Reference => "reference_refused",
            What::PartOfObject => "object_altered",
        };
        self.progress.warn(reason, refusal.reason.as_str(), format!("{collection}/{}", refusal.id));
        lock(self.of_collection).totals.add(what);
        let mut all = lock(&self.all.0);
        all.totals.add(what);
        if all.listed.len() < LISTED {
            let Refusal { tenant, id, reason } = refusal;
            let (collection, tenant) = (collection.to_owned(), tenant.as_deref().map(str::to_owned));
            all.listed.push(Listed { collection, tenant, id, what, reason });
        }
    }
}

/// Nobody who holds it leaves it half changed.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Refused {
    /// False if there is no room to keep an object that weighs so much.
    fn take_room(&self, bytes: usize) -> bool {
        let mut all = lock(&self.0);
        let has_room = all.kept_bytes + bytes <= KEPT_BYTES;
        if has_room {
            all.kept_bytes += bytes;
        }
        has_room
    }

    /// An object that weighs so much is not kept any more.
    pub fn give_room_back(&self, bytes: usize) {
        let mut all = lock(&self.0);
        all.kept_bytes = all.kept_bytes.saturating_sub(bytes);
    }

    pub fn totals(&self) -> Totals {
        lock(&self.0).totals
    }

    /// Writes the list into the repository, one JSON object a line, and says where; None if there is nothing to list. That it
    /// cannot be written is no reason for a restore to fail that did all it could.
    pub async fn save(&self, repository: &Repository, job: &Context) -> Option<String> {
        let text = self.text();
        if matches!(&text, Ok(text) if text.is_empty()) {
            return None;
        }
        let saved = async {
            repository.put_job_file(&job.job_id, FILE, Bytes::from(text?)).await?;
            Ok::<_, Error>(format!("jobs/{}/{FILE}", job.job_id))
        };
        match saved.await {
            Ok(list) => Some(list),
            Err(error) => {
                let text = format!("the list of what Weaviate refused could not be saved: {error}");
                job.progress.warn("refusals_not_listed", text, "");
                None
            }
        }
    }

    fn text(&self) -> Result<String> {
        let mut text = String::new();
        for object in &lock(&self.0).listed {
            text += &serde_json::to_string(object)
                .map_err(|error| Error::internal("a refusal cannot be written as JSON").caused_by(error))?;
            text.push('\n');
        }
        Ok(text)
    }
}
