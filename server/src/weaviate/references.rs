//! Writing cross-references: `POST /v1/batch/references`, which appends.
//!
//! A repeated request would append twice. So before one is repeated, its objects are written again: that takes their
//! references away, and all are sent anew.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{ObjectWriter, Refusal, failure};
use crate::error::{Error, Kind, Result};
use crate::model::{Batch, Beacon, References, parse_references};

/// References in one request; an object with more has them all in one nevertheless.
const REQUEST_REFERENCES: usize = 1000;

/// The references of some objects.
struct ReferenceRequest {
    rows: Vec<usize>,
    references: Vec<Reference>,
}

struct Reference {
    id: Uuid,
    property: String,
    beacon: String,
}

impl Reference {
    fn refusal(&self, text: &str) -> Refusal {
        let Self { id, property, beacon } = self;
        Refusal { id: *id, reason: format!("reference \"{property}\" to {beacon}: {text}") }
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
        let mut refused = Vec::new();
        for mut request in self.reference_requests(batch, rows, names)? {
            refused.extend(self.write_some(tenant, batch, &mut request, stop).await?);
        }
        Ok(refused)
    }

    fn reference_requests(
        &self,
        batch: &Batch,
        rows: Vec<usize>,
        names: &BTreeMap<String, String>,
    ) -> Result<Vec<ReferenceRequest>> {
        let Some(column) = &batch.references else { return Ok(Vec::new()) };
        let mut requests: Vec<ReferenceRequest> = Vec::new();
        for row in rows {
            let id = batch.ids[row];
            let lists = parse_references(column.get(row)).map_err(|text| self.unfit(id, &text))?;
            let references = self.references_of(id, &lists, names)?;
            if references.is_empty() {
                continue;
            }
            match requests.last_mut() {
                Some(open) if open.references.len() + references.len() <= REQUEST_REFERENCES => {
                    open.rows.push(row);
                    open.references.extend(references);
                }
                _ => requests.push(ReferenceRequest { rows: vec![row], references }),
            }
        }
        Ok(requests)
    }

    fn references_of(
        &self,
        id: Uuid,
        lists: &References,
        names: &BTreeMap<String, String>,
    ) -> Result<Vec<Reference>> {
        let mut references = Vec::new();
        for (name, beacons) in lists {
            let property = self
                .property(name)
                .ok_or_else(|| self.unfit(id, &format!("property \"{name}\" is not in the schema")))?;
            references.extend(beacons.iter().map(|beacon| Reference {
                id,
                property: name.clone(),
                beacon: match Beacon::parse(beacon) {
                    Beacon { collection: None, .. } => property.complete(beacon).to_string(),
                    beacon => beacon.renamed(names).to_string(),
                },
            }));
        }
        Ok(references)
    }

    /// Repeats what fails in a way that may pass, until `stop` is cancelled or patience ends.
    async fn write_some(
        &self,
        tenant: Option<&str>,
        batch: &Batch,
        request: &mut ReferenceRequest,
        stop: &CancellationToken,
    ) -> Result<Vec<Refusal>> {
        let mut refused = Vec::new();
        let mut pauses = self.cluster().pauses();
        loop {
            let error = match self.send_references(tenant, request).await {
                Ok(failures) => {
                    let later = failures.iter().find(|(_, text)| failure::is_transient_text(text));
                    let Some((_, text)) = later else {
                        self.cluster().observe_proceeding();
                        refused
                            .extend(failures.iter().map(|(at, text)| request.references[*at].refusal(text)));
                        return Ok(refused);
                    };
                    Error::new(Kind::WeaviateOverloaded, format!("{}: {text}", self.reference_action()))
                }
                Err(error) if error.is_transient() => error,
                Err(error) => return Err(error),
            };
            let Some(pause) = pauses.next() else { return Err(error) };
            self.cluster().observe_retry(&error, pause);
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Err(error);
            }
            let kept = self.take_away(tenant, batch, &request.rows, stop).await?;
            // What could not be written anew still has the references it got, so none may be added.
            let is_kept = |reference: &Reference| kept.iter().any(|refusal| refusal.id == reference.id);
            request.references.retain(|reference| !is_kept(reference));
            refused.extend(kept);
        }
    }

    /// Writes objects again, as they are without references. Returns those that were refused.
    async fn take_away(
        &self,
        tenant: Option<&str>,
        batch: &Batch,
        rows: &[usize],
        stop: &CancellationToken,
    ) -> Result<Vec<Refusal>> {
        let (requests, mut refused) = self.requests(tenant, batch, rows.iter().copied())?;
        for request in requests {
            refused.extend(self.write(request, stop).await?.refused);
        }
        Ok(refused)
    }

    /// Sends once. Returns the place and Weaviate's words for each reference that failed.
    async fn send_references(
        &self,
        tenant: Option<&str>,
        request: &ReferenceRequest,
    ) -> Result<Vec<(usize, String)>> {
        let collection = self.collection();
        let item = |reference: &Reference| {
            let Reference { id, property, beacon } = reference;
            let from = format!("weaviate://localhost/{collection}/{id}/{property}");
            match tenant {
                Some(tenant) => json!({"from": from, "to": beacon, "tenant": tenant}),
                None => json!({"from": from, "to": beacon}),
            }
        };
        let body: Value = request.references.iter().map(item).collect();
        let action = self.reference_action();
        let answer = self.cluster().rest.post(&action, "/v1/batch/references", &body).await?;
        let results = answer.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if results.len() != request.references.len() {
            return Err(Error::new(
                Kind::WeaviateUnintelligible,
                format!(
                    "{action}: {} of {} references were answered",
                    results.len(),
                    request.references.len()
                ),
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
