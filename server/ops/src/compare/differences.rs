//! Which objects differ, and in what.
//!
//! Only of the buckets or tenants that are known to differ, and of no more objects than fit into memory: the cluster is
//! read once more for their digests, then the backup's data for what they were.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::{Comparison, Lens, Part, Verdict};
use crate::lanes::{LANES, Sink};
use crate::{Finding, FindingKind};
use selvedge_model::error::Result;
use selvedge_model::{Batch, Content, Digest, UuidRange, Vectors, bucket_of};
use selvedge_weaviate::ObjectReader;

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
    /// Names what differs, up to `limit` objects. `found` is what the cluster holds.
    pub async fn differences(&self, verdict: &Verdict, found: &Content, limit: usize) -> Result<Differences> {
        let area = self.area(verdict, found);
        let mut live = self.digests(&area).await?;
        let mut search = Search {
            comparison: self,
            area: &area,
            limit,
            found: Differences::default(),
            changed: Vec::new(),
        };
        search.backup(&mut live).await?;
        let Search { found: mut differences, changed, .. } = search;
        differences.complete = area.complete;
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

    /// As much of what differs as can be looked at object by object.
    fn area(&self, verdict: &Verdict, found: &Content) -> Area {
        match verdict {
            Verdict::Same => Area { parts: Vec::new(), buckets: None, complete: true },
            Verdict::Buckets(differing) => {
                let expected = |bucket: usize| self.source.buckets().map_or(0, |all| all.get(bucket).objects);
                let weight = |bucket: &usize| expected(*bucket).max(found.buckets.get(*bucket).objects);
                let chosen = as_many_as_fit(differing, weight);
                let objects = self.source.files().iter().map(|file| file.rows).sum();
                Area {
                    parts: vec![Part { tenant: None, objects }],
                    buckets: Some(chosen.iter().copied().collect()),
                    complete: chosen.len() == differing.len(),
                }
            }
            Verdict::Tenants(differing) => {
                let records = self.source.tenants().unwrap_or_default();
                let rows: BTreeMap<_, _> =
                    records.iter().map(|record| (&record.name, record.rows.unwrap_or(0))).collect();
                let there = |tenant: &String| found.tenants.get(tenant).map_or(0, |digest| digest.objects);
                let weight = |tenant: &String| rows.get(tenant).copied().unwrap_or(0).max(there(tenant));
                let chosen = as_many_as_fit(differing, weight);
                let part =
                    |tenant: &String| Part { tenant: Some(tenant.clone()), objects: weight(tenant).max(1) };
                Area {
                    parts: chosen.iter().map(part).collect(),
                    buckets: None,
                    complete: chosen.len() == differing.len(),
                }
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
        self.counters.expect_more_objects(area.parts.iter().map(|part| part.objects).sum());
        self.read(&area.parts, &mut sinks).await?;
        Ok(sinks.into_iter().flat_map(|sink| sink.found).collect())
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
        let digester = self.source.digester();
        let mut parts: Vec<_> = digester
            .changed_properties(was.properties.get(0), is.properties.get(0))
            .into_iter()
            .map(|name| described(was.properties.get(0), is.properties.get(0), name, "property"))
            .collect();
        let references = |batch: &Batch| batch.references.as_ref().map(|column| column.get(0).to_owned());
        let [before, after] = [&was, &is].map(|batch| references(batch).unwrap_or_default());
        let changed = digester.changed_references(&before, &after).into_iter();
        parts.extend(changed.map(|name| described(&before, &after, name, "reference")));
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

/// The first of them, at least one, that together weigh no more than can be looked at.
fn as_many_as_fit<T>(all: &[T], weight: impl Fn(&T) -> u64) -> &[T] {
    let mut sum = 0;
    let fits = |one: &&T| {
        sum += weight(one);
        sum <= MAX_OBJECTS
    };
    let count = all.iter().take_while(fits).count();
    &all[..count.max(1).min(all.len())]
}

/// A search of the backup's data for what differs from the cluster's.
struct Search<'a> {
    comparison: &'a Comparison<'a>,
    area: &'a Area,
    limit: usize,
    found: Differences,
    /// Objects that both have.
    changed: Vec<Changed>,
}

impl Search<'_> {
    /// Takes out of `live` what the backup has too.
    async fn backup(&mut self, live: &mut HashMap<Key, Digest>) -> Result<()> {
        let Comparison { job, source, .. } = self.comparison;
        let tenants: BTreeSet<_> = self.area.parts.iter().filter_map(|part| part.tenant.clone()).collect();
        let wanted = source.tenants().map(|_| Arc::new(tenants));
        for file in source.files() {
            let mut data = job.or_stop(source.open(file, wanted.clone())).await?;
            while let Some(batches) = job.or_stop(data.next()).await? {
                for (tenant, batch) in batches {
                    self.batch(tenant, batch, live).await?;
                }
            }
        }
        Ok(())
    }

    async fn batch(
        &mut self,
        tenant: Option<String>,
        mut batch: Batch,
        live: &mut HashMap<Key, Digest>,
    ) -> Result<()> {
        let comparison = self.comparison;
        if !comparison.references {
            batch.references = None;
        }
        let mut odd = Vec::new();
        let digester = comparison.source.digester();
        let looked = digester.each(tenant.as_deref(), &batch, |row, id, digest| {
            if self.area.holds(&id) && live.remove(&(tenant.clone(), id)) != Some(digest) {
                odd.push((row, id));
            }
        });
        looked.map_err(|unfit| comparison.lens(digester.clone()).unfit(&unfit.0))?;
        for (row, id) in odd {
            self.found.total += 1;
            if self.found.findings.len() + self.changed.len() >= self.limit {
                continue;
            }
            if comparison.live_object(&tenant, id).await?.is_some() {
                self.changed.push(Changed { tenant: tenant.clone(), batch: batch.row(row) });
                continue;
            }
            let text = "the backup has it, the cluster does not";
            let finding = comparison.finding(FindingKind::ObjectMissing, tenant.clone(), id, "", text);
            self.found.findings.push(finding);
        }
        Ok(())
    }
}

/// A member that differs in two JSON objects, and how.
fn described(was: &str, is: &str, name: String, what: &str) -> (String, String) {
    let has = |json: &str| {
        serde_json::from_str::<BTreeMap<String, Value>>(json).is_ok_and(|members| members.contains_key(&name))
    };
    let how = match (has(was), has(is)) {
        (true, false) => "is missing",
        (false, _) => "is new",
        (true, true) => "is another",
    };
    let text = format!("{what} \"{name}\" {how}");
    (name, text)
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
