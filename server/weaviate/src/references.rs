//! Writing cross-references, in one of three ways.
//!
//! `POST /v1/batch/references` appends. It is fast for many objects with few references each. But it cannot be repeated: what
//! it has appended before it failed would be appended again. And it rewrites an object for each of its references, so that
//! many of them take it longer than Weaviate lets a request take.
//!
//! `PUT /v1/objects/{class}/{id}/references/{property}` replaces the list of a property, as often as need be. So that is how
//! long lists are written, and all that a failed request may have written a part of. It refuses a list with a reference to
//! an object that does not exist: of such a list it writes what comes before, and the rest is appended.
//!
//! Where nothing comes before, the object is written anew, without references, and all its lists are appended: that takes the
//! whole object, which whoever writes references need not have in memory. Replacing by an empty list would not do: Weaviate
//! leaves the first reference that is appended to one out of its index.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::fault::{Fault, Outlook};
use super::{ObjectWriter, Refusal, Slice, failure};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, Beacon, References, parse_references};

/// References in one request that appends.
const REQUEST_REFERENCES: usize = 1000;
/// A longer list is replaced.
const LONGEST_APPENDED: usize = 200;

/// What became of references that were not simply written.
#[derive(Debug, Default)]
pub struct WrittenReferences {
    /// For good.
    pub refused: Vec<Refusal>,
    /// Rows whose objects have to be written anew before their lists can be appended: `write_anew` does it, and needs the whole
    /// objects.
    pub anew: Vec<usize>,
}

/// The references of one property of an object.
struct ReferenceList {
    /// Of the object in its batch.
    row: usize,
    id: Uuid,
    property: String,
    beacons: Vec<String>,
}

/// What came of appending.
#[derive(Default)]
struct Appended {
    refused: Vec<Refusal>,
    /// Why something of that may pass.
    doubt: Option<Error>,
}

impl ReferenceList {
    fn refusal(&self, tenant: Option<&str>, at: usize, text: &str) -> Refusal {
        let Self { id, property, beacons, .. } = self;
        let reason = format!("reference \"{property}\" to {}: {text}", beacons[at]);
        Refusal::new(tenant.map(Arc::from), *id, reason)
    }

    /// How many come before the first one that Weaviate complains about.
    fn before_the_missing(&self, complaint: &str) -> usize {
        let is_named = |beacon: &String| {
            let (_, id) = beacon.rsplit_once('/').unwrap_or_default();
            !id.is_empty() && complaint.contains(&id.to_lowercase())
        };
        self.beacons.iter().position(is_named).unwrap_or(0)
    }
}

impl ObjectWriter {
    /// Writes the references of some rows of a batch, whose objects are there already. Of the batch, only ids and references
    /// are needed. `names` are the collections' names on the target, by those in the batch. `replacing`: some of them may be
    /// there already, and must not be appended once more.
    pub async fn write_references(
        &self,
        tenant: Option<&str>,
        batch: &Batch,
        rows: Vec<usize>,
        names: &BTreeMap<String, String>,
        replacing: bool,
    ) -> Result<WrittenReferences> {
        let lists = self.reference_lists(batch, &rows, names)?;
        let (long, short): (Vec<_>, Vec<_>) =
            lists.iter().partition(|list| replacing || list.beacons.len() > LONGEST_APPENDED);
        let mut unwritten = long;
        for lists in in_requests(short) {
            unwritten.extend(self.append_once(tenant, lists).await?);
        }
        let (mut refused, mut anew) = (Vec::new(), BTreeSet::new());
        for list in unwritten {
            match self.repeating(|| self.replace_once(tenant, list)).await? {
                Some(refusals) => refused.extend(refusals),
                None => {
                    anew.insert(list.row);
                }
            }
        }
        // Whatever was refused of their other lists is refused again.
        refused.retain(|refusal: &Refusal| !anew.iter().any(|row| batch.ids[*row] == refusal.id));
        Ok(WrittenReferences { refused, anew: anew.into_iter().collect() })
    }

    /// Writes one object of a batch of whole ones without references, and appends all its lists. Returns what was refused
    /// for good.
    pub async fn write_anew(
        &self,
        tenant: Option<&str>,
        batch: &Arc<Batch>,
        row: usize,
        names: &BTreeMap<String, String>,
    ) -> Result<Vec<Refusal>> {
        let lists = self.reference_lists(batch, &[row], names)?;
        let once = || self.write_anew_once(tenant, batch, row, &lists);
        self.repeating(once).await.map(Option::unwrap_or_default)
    }

    fn reference_lists(
        &self,
        batch: &Batch,
        rows: &[usize],
        names: &BTreeMap<String, String>,
    ) -> Result<Vec<ReferenceList>> {
        let Some(column) = &batch.references else { return Ok(Vec::new()) };
        let mut lists = Vec::new();
        for row in rows {
            let id = batch.ids[*row];
            let references = parse_references(column.get(*row)).map_err(|text| self.unfit(id, &text))?;
            lists.extend(self.lists_of(*row, id, references, names)?);
        }
        Ok(lists)
    }

    /// Empty lists are not among them: they are written with their objects.
    fn lists_of(
        &self,
        row: usize,
        id: Uuid,
        references: References,
        names: &BTreeMap<String, String>,
    ) -> Result<Vec<ReferenceList>> {
        let mut lists = Vec::new();
        for (name, beacons) in references.into_iter().filter(|(_, beacons)| !beacons.is_empty()) {
            let property = self
                .property(&name)
                .ok_or_else(|| self.unfit(id, &format!("property \"{name}\" is not in the schema")))?;
            let renamed = |beacon: &String| match Beacon::parse(beacon) {
                Beacon { collection: None, .. } => property.complete(beacon).to_string(),
                beacon => beacon.renamed(names).to_string(),
            };
            let beacons = beacons.iter().map(renamed).collect();
            lists.push(ReferenceList { row, id, property: name, beacons });
        }
        Ok(lists)
    }

    /// Appends these lists to what are no lists yet. Returns those of which something was not written.
    async fn append_once<'l>(
        &self,
        tenant: Option<&str>,
        lists: Vec<&'l ReferenceList>,
    ) -> Result<Vec<&'l ReferenceList>> {
        let owners = || lists.iter().enumerate().flat_map(|(at, list)| list.beacons.iter().map(move |_| at));
        let references: Vec<_> =
            lists.iter().flat_map(|list| list.beacons.iter().map(move |beacon| (*list, beacon))).collect();
        let failed: BTreeSet<usize> = match self.append(tenant, &references).await {
            Ok(failures) if failures.is_empty() => return Ok(Vec::new()),
            Ok(failures) => {
                let owners: Vec<_> = owners().collect();
                failures.iter().map(|(at, _)| owners[*at]).collect()
            }
            // Nobody knows what was written.
            Err(error) if error.is_transient() || error.is_unclear() => owners().collect(),
            Err(error) => return Err(error),
        };
        Ok(failed.into_iter().map(|at| lists[at]).collect())
    }

    /// Repeats what may be repeated, until nothing is refused that may pass. Returns what was refused for good; None if there
    /// is no writing in this way.
    async fn repeating<F>(&self, once: impl Fn() -> F) -> Result<Option<Vec<Refusal>>>
    where
        F: Future<Output = Result<Option<Appended>>>,
    {
        let mut tries = self.cluster().tries();
        loop {
            match tries.make(once()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Appended { refused, doubt: None })) => {
                    tries.done();
                    return Ok(Some(refused));
                }
                Ok(Some(Appended { refused, doubt: Some(doubt) })) => {
                    if let Err(doubt) = tries.again(doubt).await {
                        // After a cancel, or with too little patience, nobody knows whether it is for good.
                        let is_for_good = tries.tried_unclear() && !self.cluster().stop.is_cancelled();
                        return if is_for_good { Ok(Some(refused)) } else { Err(doubt) };
                    }
                }
                Err(error) => tries.again(error).await?,
            }
        }
    }

    /// Writes a list in place of what is there of it. None if the list cannot be written in this way.
    async fn replace_once(&self, tenant: Option<&str>, list: &ReferenceList) -> Result<Option<Appended>> {
        let Err(refused) = self.put_list(tenant, list, &list.beacons).await? else {
            return Ok(Some(Appended::default()));
        };
        let before = list.before_the_missing(&refused.to_string());
        if before == 0 {
            return Ok(None);
        }
        match self.put_list(tenant, list, &list.beacons[..before]).await? {
            Ok(()) => self.append_from(tenant, list, before).await.map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn write_anew_once(
        &self,
        tenant: Option<&str>,
        batch: &Arc<Batch>,
        row: usize,
        lists: &[ReferenceList],
    ) -> Result<Option<Appended>> {
        let (tenant_of_row, batch) = (tenant.map(Arc::from), Arc::clone(batch));
        let slice = Slice { tenant: tenant_of_row, batch, rows: row..row + 1 };
        for request in self.requests(&[slice])? {
            // What was altered of the object was so when it was written first, and has been told.
            let refused = self.write(request).await?.refused;
            if !refused.is_empty() {
                return Ok(Some(Appended { refused, doubt: None }));
            }
        }
        let mut all = Appended::default();
        for list in lists {
            let Appended { refused, doubt } = self.append_from(tenant, list, 0).await?;
            all.refused.extend(refused);
            all.doubt = all.doubt.or(doubt);
        }
        Ok(Some(all))
    }

    /// Appends what a list holds from there on, in pieces. If that breaks off, nobody knows what was written.
    async fn append_from(
        &self,
        tenant: Option<&str>,
        list: &ReferenceList,
        first: usize,
    ) -> Result<Appended> {
        let mut appended = Appended::default();
        for (piece, beacons) in list.beacons[first..].chunks(LONGEST_APPENDED).enumerate() {
            let references: Vec<_> = beacons.iter().map(|beacon| (list, beacon)).collect();
            let failures = self.append(tenant, &references).await?;
            for (_, text) in &failures {
                let said = || format!("cannot {}: {text}", self.reference_action());
                match Fault::of_text(text) {
                    // A node may be behind; or the collection that is referred to is gone.
                    Some(Fault::CollectionMissing) => {
                        appended.doubt = Some(failure::error(Fault::Unclear, said()));
                    }
                    Some(fault) if fault.outlook() == Outlook::MayPass => {
                        return Err(failure::error(Fault::Busy, said()));
                    }
                    _ => {}
                }
            }
            let start = first + piece * LONGEST_APPENDED;
            appended.refused.extend(failures.iter().map(|(at, text)| list.refusal(tenant, start + at, text)));
        }
        Ok(appended)
    }

    /// The inner error is that Weaviate refuses the list.
    async fn put_list(
        &self,
        tenant: Option<&str>,
        list: &ReferenceList,
        beacons: &[String],
    ) -> Result<Result<()>> {
        let ReferenceList { id, property, .. } = list;
        let of_tenant = tenant.map_or(String::new(), |tenant| format!("?tenant={tenant}"));
        let path = format!("/v1/objects/{}/{id}/references/{property}{of_tenant}", self.collection());
        let body: Value = beacons.iter().map(|beacon| json!({"beacon": beacon})).collect();
        match self.cluster().rest.put(&self.reference_action(), &path, &body).await {
            Ok(Some(_)) => Ok(Ok(())),
            Err(error) if error.kind() == Kind::WeaviateRefused => Ok(Err(error)),
            // Of a collection that is referred to, unless it is the target's own.
            Err(error) if error.kind() == Kind::CollectionNotFound => {
                let is_there = self.cluster().collection(self.collection()).await?.is_some();
                if is_there { Ok(Err(error)) } else { Err(error) }
            }
            Err(error) => Err(error),
            Ok(None) => {
                let text = format!("cannot {}: object {id} does not exist", self.reference_action());
                let error = Error::new(Kind::CollectionNotFound, text);
                // The object was written before, so its absence has to be believed twice.
                match self.cluster().unless_starting(error).await {
                    gone if gone.kind() == Kind::CollectionNotFound => Ok(Err(gone)),
                    starting => Err(starting),
                }
            }
        }
    }

    /// Sends once. Returns the place and Weaviate's words for each reference that failed.
    async fn append(
        &self,
        tenant: Option<&str>,
        references: &[(&ReferenceList, &String)],
    ) -> Result<Vec<(usize, String)>> {
        let collection = self.collection();
        let item = |(list, beacon): &(&ReferenceList, &String)| {
            let ReferenceList { id, property, .. } = list;
            let from = format!("weaviate://localhost/{collection}/{id}/{property}");
            match tenant {
                Some(tenant) => json!({"from": from, "to": beacon, "tenant": tenant}),
                None => json!({"from": from, "to": beacon}),
            }
        };
        let body: Value = references.iter().map(item).collect();
        let action = self.reference_action();
        let answer = self.cluster().rest.post(&action, "/v1/batch/references", &body).await?;
        let results = answer.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if results.len() != references.len() {
            return Err(Error::new(
                Kind::WeaviateUnintelligible,
                format!("{action}: {} of {} references were answered", results.len(), references.len()),
            ));
        }
        let failure = |(place, result): (usize, &Value)| {
            let text = result["result"]["errors"]["error"][0]["message"].as_str();
            let failed = result["result"]["status"] == "FAILED" || text.is_some();
            failed.then(|| (place, text.unwrap_or("refused").to_owned()))
        };
        Ok(results.iter().enumerate().filter_map(failure).collect())
    }

    fn reference_action(&self) -> String {
        format!("write references of collection \"{}\"", self.collection())
    }
}

/// Lists in as few requests as they fit into.
fn in_requests(lists: Vec<&ReferenceList>) -> Vec<Vec<&ReferenceList>> {
    let mut requests: Vec<(usize, Vec<&ReferenceList>)> = Vec::new();
    for list in lists {
        let more = list.beacons.len();
        match requests.last_mut() {
            Some((count, open)) if *count + more <= REQUEST_REFERENCES => {
                *count += more;
                open.push(list);
            }
            _ => requests.push((more, vec![list])),
        }
    }
    requests.into_iter().map(|(_, lists)| lists).collect()
}
