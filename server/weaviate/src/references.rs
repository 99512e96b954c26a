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
//! Where nothing comes before, the object is written anew, without references, and all its lists are appended. Replacing by
//! an empty list would not do: Weaviate leaves the first reference that is appended to one out of its index.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{ObjectWriter, Refusal, failure};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, Beacon, References, parse_references};

/// References in one request that appends.
const REQUEST_REFERENCES: usize = 1000;
/// A longer list is replaced.
const LONGEST_APPENDED: usize = 200;

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
    fn refusal(&self, at: usize, text: &str) -> Refusal {
        let Self { id, property, beacons, .. } = self;
        Refusal { id: *id, reason: format!("reference \"{property}\" to {}: {text}", beacons[at]) }
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
    /// Writes the references of some rows of a batch, whose objects are there already. `names` are the collections' names
    /// on the target, by those in the batch. Returns those that were refused for good.
    pub async fn write_references(
        &self,
        tenant: Option<&str>,
        batch: &Batch,
        rows: Vec<usize>,
        names: &BTreeMap<String, String>,
        stop: &CancellationToken,
    ) -> Result<Vec<Refusal>> {
        let lists = self.reference_lists(batch, &rows, names)?;
        let (long, short): (Vec<_>, Vec<_>) =
            lists.iter().partition(|list| list.beacons.len() > LONGEST_APPENDED);
        let mut unwritten = long;
        for lists in in_requests(short) {
            unwritten.extend(self.append_once(tenant, lists).await?);
        }
        let (mut refused, mut irreplaceable) = (Vec::new(), BTreeSet::new());
        for list in unwritten {
            match self.replace(tenant, list, stop).await? {
                Some(refusals) => refused.extend(refusals),
                None => {
                    irreplaceable.insert(list.row);
                }
            }
        }
        for row in irreplaceable {
            let lists: Vec<_> = lists.iter().filter(|list| list.row == row).collect();
            // Whatever was refused of the others is refused again.
            refused.retain(|refusal| refusal.id != batch.ids[row]);
            refused.extend(self.write_anew(tenant, batch, &lists, stop).await?);
        }
        Ok(refused)
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

    /// Writes a list in place of what is there of it. Returns what was refused for good; None if the list cannot be written
    /// in this way.
    async fn replace(
        &self,
        tenant: Option<&str>,
        list: &ReferenceList,
        stop: &CancellationToken,
    ) -> Result<Option<Vec<Refusal>>> {
        self.repeating(stop, || self.replace_once(tenant, list, stop)).await
    }

    /// Repeats what may be repeated, until nothing is refused that may pass.
    async fn repeating<F>(
        &self,
        stop: &CancellationToken,
        once: impl Fn() -> F,
    ) -> Result<Option<Vec<Refusal>>>
    where
        F: Future<Output = Result<Option<Appended>>>,
    {
        let mut tries = self.cluster().tries();
        loop {
            match once().await {
                Ok(None) => return Ok(None),
                Ok(Some(Appended { refused, doubt })) => {
                    let Some(doubt) = doubt else {
                        tries.done();
                        return Ok(Some(refused));
                    };
                    if tries.again_unless(stop, doubt).await.is_err() {
                        return Ok(Some(refused));
                    }
                }
                Err(error) => tries.again_unless(stop, self.cluster().unless_starting(error).await).await?,
            }
        }
    }

    async fn replace_once(
        &self,
        tenant: Option<&str>,
        list: &ReferenceList,
        stop: &CancellationToken,
    ) -> Result<Option<Appended>> {
        let refused = match self.put_list(tenant, list, &list.beacons).await {
            Ok(()) => return Ok(Some(Appended::default())),
            Err(error) if error.kind() == Kind::WeaviateRefused => error,
            Err(error) => return Err(error),
        };
        let before = list.before_the_missing(&refused.to_string());
        if before == 0 {
            return Ok(None);
        }
        match self.put_list(tenant, list, &list.beacons[..before]).await {
            Ok(()) => self.append_from(tenant, list, before, stop).await.map(Some),
            Err(error) if error.kind() == Kind::WeaviateRefused => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes an object without references, and appends all its lists. Returns what was refused for good.
    async fn write_anew(
        &self,
        tenant: Option<&str>,
        batch: &Batch,
        lists: &[&ReferenceList],
        stop: &CancellationToken,
    ) -> Result<Vec<Refusal>> {
        let once = || self.write_anew_once(tenant, batch, lists, stop);
        self.repeating(stop, once).await.map(Option::unwrap_or_default)
    }

    async fn write_anew_once(
        &self,
        tenant: Option<&str>,
        batch: &Batch,
        lists: &[&ReferenceList],
        stop: &CancellationToken,
    ) -> Result<Option<Appended>> {
        let rows: BTreeSet<_> = lists.iter().map(|list| list.row).collect();
        for request in self.requests(tenant, batch, rows)? {
            // What was altered of the object was so when it was written first, and has been told.
            let refused = self.write(request, stop).await?.refused;
            if !refused.is_empty() {
                return Ok(Some(Appended { refused, doubt: None }));
            }
        }
        let mut all = Appended::default();
        for list in lists {
            let Appended { refused, doubt } = self.append_from(tenant, list, 0, stop).await?;
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
        stop: &CancellationToken,
    ) -> Result<Appended> {
        let mut appended = Appended::default();
        for (piece, beacons) in list.beacons[first..].chunks(LONGEST_APPENDED).enumerate() {
            if stop.is_cancelled() {
                return Err(Error::new(Kind::Cancelled, "the job was cancelled"));
            }
            let references: Vec<_> = beacons.iter().map(|beacon| (list, beacon)).collect();
            let failures = self.append(tenant, &references).await?;
            for (_, text) in &failures {
                let said = || format!("cannot {}: {text}", self.reference_action());
                match failure::kind_of_text(text) {
                    // A node may be behind; or the collection that is referred to is gone.
                    Some(Kind::CollectionNotFound) => {
                        appended.doubt = Some(Error::new(Kind::WeaviateRefused, said()).unclear());
                    }
                    _ if failure::is_transient_text(text) => {
                        return Err(Error::new(Kind::WeaviateOverloaded, said()));
                    }
                    _ => {}
                }
            }
            let start = first + piece * LONGEST_APPENDED;
            appended.refused.extend(failures.iter().map(|(at, text)| list.refusal(start + at, text)));
        }
        Ok(appended)
    }

    async fn put_list(&self, tenant: Option<&str>, list: &ReferenceList, beacons: &[String]) -> Result<()> {
        let ReferenceList { id, property, .. } = list;
        let of_tenant = tenant.map_or(String::new(), |tenant| format!("?tenant={tenant}"));
        let path = format!("/v1/objects/{}/{id}/references/{property}{of_tenant}", self.collection());
        let body: Value = beacons.iter().map(|beacon| json!({"beacon": beacon})).collect();
        match self.cluster().rest.put(&self.reference_action(), &path, &body).await {
            Ok(Some(_)) => Ok(()),
            // It may be the target's.
            Err(error) if error.kind() == Kind::CollectionNotFound => {
                let is_there = self.cluster().collection(self.collection()).await?.is_some();
                Err(if is_there { Error::new(Kind::WeaviateRefused, error.to_string()) } else { error })
            }
            Err(error) => Err(error),
            Ok(None) => {
                let text = format!("cannot {}: object {id} does not exist", self.reference_action());
                let error = Error::new(Kind::CollectionNotFound, text);
                // The object was written before, so its absence has to be believed twice.
                match self.cluster().unless_starting(error).await {
                    starting if starting.is_transient() => Err(starting),
                    gone => Err(Error::new(Kind::WeaviateRefused, gone.to_string())),
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
