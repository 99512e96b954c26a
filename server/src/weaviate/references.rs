//! Writing cross-references, in one of two ways.
//!
//! `POST /v1/batch/references` appends. It is fast for many objects with few references each. But it cannot be repeated: what
//! it has appended before it failed would be appended again. And it rewrites an object for each of its references, so that
//! many of them take it longer than Weaviate lets a request take.
//!
//! `PUT /v1/objects/{class}/{id}/references/{property}` replaces the list of a property, as often as need be. So that is how
//! long lists are written, and all that a failed request may have written a part of. It refuses a list with a reference to
//! an object that does not exist: such a list is emptied, and appended to in pieces.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{ObjectWriter, Refusal, failure};
use crate::error::{Error, Kind, Result};
use crate::model::{Batch, Beacon, References, parse_references};

/// References in one request that appends.
const REQUEST_REFERENCES: usize = 1000;
/// A longer list is replaced.
const LONGEST_APPENDED: usize = 200;

/// The references of one property of an object.
struct ReferenceList {
    id: Uuid,
    property: String,
    beacons: Vec<String>,
}

impl ReferenceList {
    fn refusal(&self, at: usize, text: &str) -> Refusal {
        let Self { id, property, beacons } = self;
        Refusal { id: *id, reason: format!("reference \"{property}\" to {}: {text}", beacons[at]) }
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
        let (long, short): (Vec<_>, Vec<_>) = self
            .reference_lists(batch, rows, names)?
            .into_iter()
            .partition(|list| list.beacons.len() > LONGEST_APPENDED);
        let mut unwritten = long;
        for lists in in_requests(short) {
            unwritten.extend(self.append_once(tenant, lists).await?);
        }
        let mut refused = Vec::new();
        for list in unwritten {
            refused.extend(self.replace(tenant, &list, stop).await?);
        }
        Ok(refused)
    }

    fn reference_lists(
        &self,
        batch: &Batch,
        rows: Vec<usize>,
        names: &BTreeMap<String, String>,
    ) -> Result<Vec<ReferenceList>> {
        let Some(column) = &batch.references else { return Ok(Vec::new()) };
        let mut lists = Vec::new();
        for row in rows {
            let id = batch.ids[row];
            let references = parse_references(column.get(row)).map_err(|text| self.unfit(id, &text))?;
            lists.extend(self.lists_of(id, references, names)?);
        }
        Ok(lists)
    }

    /// Empty lists are not among them: they are written with their objects.
    fn lists_of(
        &self,
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
            lists.push(ReferenceList { id, property: name, beacons });
        }
        Ok(lists)
    }

    /// Appends these lists to what are no lists yet. Returns those of which something was not written.
    async fn append_once(
        &self,
        tenant: Option<&str>,
        lists: Vec<ReferenceList>,
    ) -> Result<Vec<ReferenceList>> {
        let owners = || lists.iter().enumerate().flat_map(|(at, list)| list.beacons.iter().map(move |_| at));
        let references: Vec<_> =
            lists.iter().flat_map(|list| list.beacons.iter().map(move |beacon| (list, beacon))).collect();
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
        Ok(lists.into_iter().enumerate().filter(|(at, _)| failed.contains(at)).map(|(_, list)| list).collect())
    }

    /// Writes a list in place of what is there of it. Returns what was refused for good.
    async fn replace(
        &self,
        tenant: Option<&str>,
        list: &ReferenceList,
        stop: &CancellationToken,
    ) -> Result<Vec<Refusal>> {
        let mut tries = self.cluster().tries();
        loop {
            let error = match self.put_list(tenant, list, &list.beacons).await {
                Ok(()) => {
                    tries.done();
                    return Ok(Vec::new());
                }
                Err(error) if error.kind() != Kind::WeaviateRefused => error,
                Err(refused) => match self.replace_in_pieces(tenant, list, stop).await {
                    Ok(refusals) => {
                        tries.done();
                        return Ok(refusals);
                    }
                    // A list that cannot be emptied either.
                    Err(error) if error.kind() == Kind::WeaviateRefused => {
                        return Ok(vec![list.refusal(0, &refused.to_string())]);
                    }
                    Err(error) => error,
                },
            };
            tries.again_unless(stop, self.cluster().unless_starting(error).await).await?;
        }
    }

    /// Empties a list, and appends to it what it should hold. If that breaks off, it has to be done from the start.
    async fn replace_in_pieces(
        &self,
        tenant: Option<&str>,
        list: &ReferenceList,
        stop: &CancellationToken,
    ) -> Result<Vec<Refusal>> {
        self.put_list(tenant, list, &[]).await?;
        let mut refused = Vec::new();
        for (at, beacons) in list.beacons.chunks(LONGEST_APPENDED).enumerate() {
            if stop.is_cancelled() {
                return Err(Error::new(Kind::Cancelled, "the job was cancelled"));
            }
            let references: Vec<_> = beacons.iter().map(|beacon| (list, beacon)).collect();
            let failures = self.append(tenant, &references).await?;
            if let Some((_, text)) = failures.iter().find(|(_, text)| failure::is_transient_text(text)) {
                let text = format!("cannot {}: {text}", self.reference_action());
                return Err(Error::new(Kind::WeaviateOverloaded, text));
            }
            let first = at * LONGEST_APPENDED;
            refused.extend(failures.iter().map(|(at, text)| list.refusal(first + at, text)));
        }
        Ok(refused)
    }

    async fn put_list(&self, tenant: Option<&str>, list: &ReferenceList, beacons: &[String]) -> Result<()> {
        let ReferenceList { id, property, .. } = list;
        let of_tenant = tenant.map_or(String::new(), |tenant| format!("?tenant={tenant}"));
        let path = format!("/v1/objects/{}/{id}/references/{property}{of_tenant}", self.collection());
        let body: Value = beacons.iter().map(|beacon| json!({"beacon": beacon})).collect();
        match self.cluster().rest.put(&self.reference_action(), &path, &body).await? {
            Some(_) => Ok(()),
            None => {
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
fn in_requests(lists: Vec<ReferenceList>) -> Vec<Vec<ReferenceList>> {
    let mut requests: Vec<(usize, Vec<ReferenceList>)> = Vec::new();
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
