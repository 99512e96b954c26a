//! Writing cross-references: `POST /v1/batch/references`, which appends.
//!
//! A repeated request would append twice. So before one is repeated, its objects are written again: that takes their
//! references away, and all are sent anew.

use std::collections::BTreeMap;
use std::ops::Range;

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

impl ObjectWriter {
    /// Writes the references of some rows of a batch, whose objects are there already. `names` are the collections' names
    /// on the target, by those in the batch. Returns those that were refused for good.
    pub async fn write_references(
        &self,
        tenant: Option<&str>,
        batch: &Batch,
        rows: Range<usize>,
        names: &BTreeMap<String, String>,
        stop: &CancellationToken,
    ) -> Result<Vec<Refusal>> {
        let mut refused = Vec::new();
        for request in self.reference_requests(batch, rows, names)? {
            refused.extend(self.write_some(tenant, batch, &request, stop).await?);
        }
        Ok(refused)
    }

    fn reference_requests(
        &self,
        batch: &Batch,
        rows: Range<usize>,
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
        request: &ReferenceRequest,
        stop: &CancellationToken,
    ) -> Result<Vec<Refusal>> {
        let mut pauses = self.cluster().pauses();
        loop {
            let error = match self.send_references(tenant, request).await {
                Ok(refusals) => {
                    let later = refusals.iter().find(|refusal| failure::is_transient_text(&refusal.reason));
                    let Some(later) = later else {
                        self.cluster().observe_proceeding();
                        return Ok(refusals);
                    };
                    Error::new(
                        Kind::WeaviateOverloaded,
                        format!("{}: {}", self.reference_action(), later.reason),
                    )
                }
                Err(error) if error.is_transient() => error,
                Err(error) => return Err(error),
            };
            let Some(pause) = pauses.next() else { return Err(error) };
            self.cluster().observe_retry(&error, pause);
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Err(error);
            }
            self.take_away(tenant, batch, &request.rows, stop).await?;
        }
    }

    /// Writes objects again, as they are without references.
    async fn take_away(
        &self,
        tenant: Option<&str>,
        batch: &Batch,
        rows: &[usize],
        stop: &CancellationToken,
    ) -> Result<()> {
        let (requests, _) = self.requests(tenant, batch, rows.iter().copied())?;
        for request in requests {
            // What is refused now was refused before, and told.
            self.write(request, stop).await?;
        }
        Ok(())
    }

    async fn send_references(
        &self,
        tenant: Option<&str>,
        request: &ReferenceRequest,
    ) -> Result<Vec<Refusal>> {
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
        let refused = request.references.iter().zip(results).filter_map(|(reference, result)| {
            let errors = &result["result"]["errors"]["error"];
            let text = errors[0]["message"].as_str();
            let failed = result["result"]["status"] == "FAILED" || text.is_some();
            failed.then(|| Refusal {
                id: reference.id,
                reason: format!(
                    "reference \"{}\" to {}: {}",
                    reference.property,
                    reference.beacon,
                    text.unwrap_or("refused")
                ),
            })
        });
        Ok(refused.collect())
    }

    fn reference_action(&self) -> String {
        format!("write references of collection \"{}\"", self.collection())
    }
}
