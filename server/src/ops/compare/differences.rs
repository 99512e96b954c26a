//! Which objects differ, and in what.
//!
//! Only of the buckets or tenants that are known to differ, and of no more objects than fit into memory: the cluster is
//! read once more for their digests, then the backup's data for what they were.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::{Comparison, Lens, Part, Verdict};
use crate::error::Result;
use crate::model::{Batch, Digest, UuidRange, Vectors, bucket_of};
use crate::ops::lanes::{LANES, Sink};
use crate::ops::{Finding, FindingKind};
use crate::weaviate::ObjectReader;

/// Objects that are looked at one by one. Each takes about 100 bytes.
const MAX_OBJECTS: u64 = 500_000;

/// An object by the tenant it is of, and its id.
type Key = (Option<String>, Uuid);

/// What differs, counted, and described as far as was asked for.
#[derive(Debug, Default)]
pub struct Differences {
    pub findings: Vec<Finding>,
    pub total: u64,
    /// False if there may be more where nobody looked.
    pub complete: bool,
}

/// An object that both have, as the backup has it.
struct Changed {
    tenant: Option<String>,
    /// Just this object.
    batch: Batch,
}

/// Where to look.
struct Area {
    parts: Vec<Part>,
    /// None for all.
    buckets: Option<BTreeSet<usize>>,
    complete: bool,
}

impl Area {
    fn holds(&self, id: &Uuid) -> bool {
        self.buckets.as_ref().is_none_or(|buckets| buckets.contains(&bucket_of(id)))
    }
}

impl Comparison<'_> {
    /// Names what differs, up to `limit` objects.
    pub async fn differences(&self, verdict: &Verdict, limit: usize) -> Result<Differences> {
        let area = self.area(verdict);
        let mut live = self.digests(&area).await?;
        let mut differences = Differences { complete: area.complete, ..Differences::default() };
        let mut changed = Vec::new();
        self.search_backup(&area, &mut live, limit, &mut differences, &mut changed).await?;
        let mut extra: Vec<_> = live.into_keys().collect();
        extra.sort();
        for (tenant, id) in extra {
            differences.total += 1;
            if differences.findings.len() < limit {
                let text = "the cluster has it, the backup does not";
                differences.findings.push(self.finding(FindingKind::ObjectExtra, tenant, id, "", text));
            }
        }
        for object in changed {
            differences.findings.extend(self.describe(object).await?);
        }
        Ok(differences)
    }

    fn area(&self, verdict: &Verdict) -> Area {
        let expected = |bucket: &usize| self.source.buckets().map_or(0, |all| all.get(*bucket).objects);
        match verdict {
            Verdict::Same => Area { parts: Vec::new(), buckets: None, complete: true },
            Verdict::Buckets(differing) => {
                let mut sum = 0;
                let fits = |bucket: &&usize| {
                    sum += expected(bucket);
                    sum <= MAX_OBJECTS
                };
                let mut chosen: BTreeSet<_> = differing.iter().take_while(fits).copied().collect();
                chosen.extend(differing.first());
                let complete = chosen.len() == differing.len();
                let parts = vec![Part {
                    tenant: None,
                    objects: self.source.files().iter().map(|file| file.rows).sum(),
                }];
                Area { parts, buckets: Some(chosen), complete }
            }
            Verdict::Tenants(differing) => {
                let records = self.source.tenants().unwrap_or_default();
                let rows: BTreeMap<_, _> =
                    records.iter().map(|record| (&record.name, record.rows.unwrap_or(0))).collect();
                let mut sum = 0;
                let mut parts = Vec::new();
                for tenant in differing {
                    let objects = rows.get(tenant).copied().unwrap_or(0);
                    sum += objects;
                    if !parts.is_empty() && sum > MAX_OBJECTS {
                        break;
                    }
                    parts.push(Part { tenant: Some(tenant.clone()), objects: objects.max(1) });
                }
                let complete = parts.len() == differing.len();
                Area { parts, buckets: None, complete }
            }
        }
    }

    /// The digests of the live objects in the area.
    async fn digests(&self, area: &Area) -> Result<HashMap<Key, Digest>> {
        let digester = self.digester()?;
        let buckets = area.buckets.clone().map(Arc::new);
        let sink =
            || Listing { lens: self.lens(digester.clone()), buckets: buckets.clone(), found: HashMap::new() };
        let mut sinks: Vec<_> = (0..LANES).map(|_| sink()).collect();
        self.read(&area.parts, &mut sinks).await?;
        Ok(sinks.into_iter().flat_map(|sink| sink.found).collect())
    }

    /// Goes through the backup's data, and takes out of `live` what is found there.
    async fn search_backup(
        &self,
        area: &Area,
        live: &mut HashMap<Key, Digest>,
        limit: usize,
        differences: &mut Differences,
        changed: &mut Vec<Changed>,
    ) -> Result<()> {
        let tenants: BTreeSet<_> = area.parts.iter().filter_map(|part| part.tenant.clone()).collect();
        let wanted = self.source.tenants().map(|_| Arc::new(tenants));
        for file in self.source.files() {
            let mut data = self.job.or_stop(self.source.open(file, wanted.clone())).await?;
            while let Some(batches) = self.job.or_stop(data.next()).await? {
                for (tenant, mut batch) in batches {
                    if !self.references {
                        batch.references = None;
                    }
                    let mut odd = Vec::new();
                    let digester = self.source.digester();
                    let looked = digester.each(tenant.as_deref(), &batch, |row, id, digest| {
                        if area.holds(&id) && live.remove(&(tenant.clone(), id)) != Some(digest) {
                            odd.push((row, id, digest));
                        }
                    });
                    looked.map_err(|unfit| self.lens(digester.clone()).unfit(&unfit.0))?;
                    for (row, id, _) in odd {
                        differences.total += 1;
                        if differences.findings.len() + changed.len() < limit {
                            let object = Changed { tenant: tenant.clone(), batch: batch.row(row) };
                            match self.live_object(&tenant, id).await? {
                                Some(_) => changed.push(object),
                                None => {
                                    let text = "the backup has it, the cluster does not";
                                    let kind = FindingKind::ObjectMissing;
                                    differences.findings.push(self.finding(
                                        kind,
                                        tenant.clone(),
                                        id,
                                        "",
                                        text,
                                    ));
                                }
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// One object as the cluster has it, as the backup would have it.
    async fn live_object(&self, tenant: &Option<String>, id: Uuid) -> Result<Option<Batch>> {
        let vectors = !self.source.spaces().is_empty();
        let reader = Arc::new(ObjectReader::open(self.cluster, &self.live, vectors).await?);
        let page = reader.range(tenant.as_deref(), UuidRange { first: id, last: id }).next().await?;
        let batch = page.map(|page| page.batch).filter(|batch| !batch.is_empty());
        batch.map(|batch| self.lens(self.digester()?).look(batch)).transpose()
    }

    /// A finding for each property and vector of an object that is not the same.
    async fn describe(&self, object: Changed) -> Result<Vec<Finding>> {
        let Changed { tenant, batch: was } = object;
        let id = was.ids[0];
        let Some(is) = self.live_object(&tenant, id).await? else { return Ok(Vec::new()) };
        let mut parts = changed_members(was.properties.get(0), is.properties.get(0), "property");
        let references = |batch: &Batch| batch.references.as_ref().map(|column| column.get(0).to_owned());
        let [before, after] = [&was, &is].map(|batch| references(batch).unwrap_or_default());
        parts.extend(changed_members(&before, &after, "reference"));
        parts.extend(self.changed_vectors(&was, &is));
        if parts.is_empty() {
            // It was changed back while the cluster was read.
            parts.push((String::new(), "it was another while the cluster was read".to_owned()));
        }
        let kind = FindingKind::ObjectChanged;
        Ok(parts
            .into_iter()
            .map(|(part, text)| self.finding(kind, tenant.clone(), id, &part, &text))
            .collect())
    }

    fn changed_vectors(&self, was: &Batch, is: &Batch) -> Vec<(String, String)> {
        let mut changed = Vec::new();
        for (space, before) in self.source.spaces().iter().zip(&was.vectors) {
            let after = self.live.vector_spaces.iter().position(|other| other.name == space.name);
            let after = after.and_then(|at| is.vectors.get(at)).and_then(bits);
            let before = bits(before);
            if before != after {
                let name = space.name.clone().unwrap_or_else(|| "vector".to_owned());
                changed.push((
                    name,
                    format!("{} is {}", space.label(), how(before.as_deref(), after.as_deref())),
                ));
            }
        }
        changed
    }

    fn finding(
        &self,
        kind: FindingKind,
        tenant: Option<String>,
        id: Uuid,
        part: &str,
        text: &str,
    ) -> Finding {
        let collection = self.source.collection().name.clone();
        let of_tenant = tenant.as_ref().map_or(String::new(), |tenant| format!(" of tenant \"{tenant}\""));
        let text = format!("{collection}/{id}{of_tenant}: {text}");
        Finding { kind, collection, tenant, object: Some(id), part: part.to_owned(), text }
    }
}

/// What is different in two JSON objects, member by member.
fn changed_members(was: &str, is: &str, what: &str) -> Vec<(String, String)> {
    let parse = |json: &str| serde_json::from_str::<BTreeMap<String, Value>>(json).unwrap_or_default();
    let (was, is) = (parse(was), parse(is));
    let names: BTreeSet<_> = was.keys().chain(is.keys()).collect();
    let text = |value: Option<&Value>| value.map(Value::to_string);
    let changed = names.into_iter().filter(|name| text(was.get(*name)) != text(is.get(*name)));
    changed
        .map(|name| {
            let how = match (was.get(name), is.get(name)) {
                (Some(_), None) => "is missing",
                (None, _) => "is new",
                (Some(_), Some(_)) => "is another",
            };
            (name.clone(), format!("{what} \"{name}\" {how}"))
        })
        .collect()
}

/// The bits of an object's floats, one list for each of its vectors there.
fn bits(vectors: &Vectors) -> Option<Vec<Vec<u32>>> {
    let of = |vector: &[f32]| vector.iter().map(|float| float.to_bits()).collect::<Vec<_>>();
    match vectors {
        Vectors::Single(column) => column.get(0).map(|vector| vec![of(vector)]),
        Vectors::Multi(column) => column.get(0).map(|all| all.map(of).collect()),
    }
}

fn how(was: Option<&[Vec<u32>]>, is: Option<&[Vec<u32>]>) -> String {
    let (Some(was), Some(is)) = (was, is) else {
        return if was.is_some() { "missing".to_owned() } else { "new".to_owned() };
    };
    let floats = |vectors: &[Vec<u32>]| vectors.iter().flatten().copied().collect::<Vec<_>>();
    let (before, after) = (floats(was), floats(is));
    if was.len() != is.len() || before.len() != after.len() {
        return "of another shape".to_owned();
    }
    let differing = before.iter().zip(&after).filter(|(was, is)| was != is).count();
    format!("another in {differing} of its {} floats", before.len())
}

/// Keeps the digest of each object of a lane that is in the area.
struct Listing {
    lens: Lens,
    buckets: Option<Arc<BTreeSet<usize>>>,
    found: HashMap<Key, Digest>,
}

impl Sink for Listing {
    async fn take(&mut self, tenant: Option<&str>, batch: Batch) -> Result<()> {
        let batch = self.lens.look(batch)?;
        let Self { lens, buckets, found } = self;
        let listed = lens.digester.each(tenant, &batch, |_, id, digest| {
            if buckets.as_ref().is_none_or(|buckets| buckets.contains(&bucket_of(&id))) {
                found.insert((tenant.map(str::to_owned), id), digest);
            }
        });
        listed.map_err(|unfit| lens.unfit(&unfit.0))
    }
}
