//! Which objects differ, and in what.
//!
//! Only in the buckets or tenants that are known to differ, and only as many objects at a time as fit into memory. Of each of
//! them the digest is read, from the cluster and from the backup, which has them as a column; only objects that are described
//! are fetched, and their vectors only where it is the vectors that differ.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use selvedge_archive::{DataFile, Select};
use selvedge_model::error::Result;
use selvedge_model::{BUCKETS, Batch, Content, Digest, UuidRange};
use selvedge_weaviate::{Fetched, ObjectReader};
use uuid::Uuid;

use super::listing::{IntoList, Key, Listed};
use super::parts::{Part, PartKind, Sides};
use super::{Comparison, Expected, Verdict};
use crate::engine::{FromArchive, Origin, Task};
use crate::{Finding, FindingKind};

/// Objects that are looked at one by one at a time, on each side. Each takes about 150 bytes.
const OBJECTS_AT_ONCE: u64 = 100_000;

/// What differs, counted, and described as far as was asked for.
#[derive(Debug, Default)]
pub struct Differences {
    pub findings: Vec<Finding>,
    pub total: u64,
    /// False if there may be more where nobody looked.
    pub complete: bool,
}

/// An object of the backup that is not as it was: where the backup has it, and how much of it has to be read to tell.
#[derive(Clone, Copy)]
struct Odd {
    origin: Option<Origin>,
    select: Select,
}

/// Where to look.
struct Area {
    /// None without multi-tenancy.
    tenants: Option<Arc<BTreeSet<String>>>,
    /// How many objects there may be, by tenant.
    objects: BTreeMap<Option<String>, u64>,
    /// Sets of buckets, each to be looked at on its own.
    passes: Vec<Arc<BTreeSet<usize>>>,
}

impl Area {
    /// Cuts buckets into passes of no more objects than fit into memory, each of one bucket at least.
    fn cut(
        buckets: impl IntoIterator<Item = usize>,
        weight: impl Fn(usize) -> u64,
    ) -> Vec<Arc<BTreeSet<usize>>> {
        let mut passes: Vec<(u64, BTreeSet<usize>)> = Vec::new();
        for bucket in buckets {
            let weight = weight(bucket);
            match passes.last_mut() {
                Some((sum, pass)) if *sum + weight <= OBJECTS_AT_ONCE => {
                    *sum += weight;
                    pass.insert(bucket);
                }
                _ => passes.push((weight, BTreeSet::from([bucket]))),
            }
        }
        passes.into_iter().map(|(_, pass)| Arc::new(pass)).collect()
    }

    fn tasks(&self) -> Vec<Task> {
        match &self.tenants {
            None => vec![Task::whole(self.objects.values().sum())],
            Some(_) => {
                let named =
                    self.objects.iter().filter_map(|(tenant, objects)| Some((tenant.clone()?, *objects)));
                Task::of_tenants(named)
            }
        }
    }
}

impl Comparison<'_> {
    /// Names what differs, up to `limit` objects. `found` is what the cluster holds.
    pub async fn differences(
        &self,
        expected: &Expected,
        verdict: &Verdict,
        found: &Content,
        limit: usize,
    ) -> Result<Differences> {
        let _alone = self.lanes.alone().await;
        let area = self.area(expected, verdict, found);
        let mut differences = Differences { complete: true, ..Differences::default() };
        for pass in &area.passes {
            if differences.findings.len() >= limit && limit > 0 {
                differences.complete = false;
                break;
            }
            let live = self.live_list(&area, pass).await?;
            let kept = self.kept_list(&area, pass).await?;
            self.diff(live, kept, limit, &mut differences).await?;
        }
        Ok(differences)
    }

    /// What is known to differ, cut so that it can be looked at object by object.
    fn area(&self, expected: &Expected, verdict: &Verdict, found: &Content) -> Area {
        let differing = |buckets: &[usize]| {
            let weight =
                |bucket: usize| expected.buckets.get(bucket).objects.max(found.buckets.get(bucket).objects);
            Area::cut(buckets.iter().copied(), weight)
        };
        match verdict {
            Verdict::Same => Area { tenants: None, objects: BTreeMap::new(), passes: Vec::new() },
            Verdict::Buckets(buckets) => {
                let objects = self.source.files().iter().map(DataFile::objects).sum();
                Area { tenants: None, objects: BTreeMap::from([(None, objects)]), passes: differing(buckets) }
            }
            Verdict::Tenants(tenants) => {
                let of = |all: &BTreeMap<String, Digest>, tenant: &String| {
                    all.get(tenant).map_or(0, |digest| digest.objects)
                };
                let there = |tenant: &String| {
                    let before = expected.tenants.as_ref().map_or(0, |all| of(all, tenant));
                    before.max(of(&found.tenants, tenant))
                };
                let objects: BTreeMap<_, _> =
                    tenants.iter().map(|tenant| (Some(tenant.clone()), there(tenant))).collect();
                let passes = if expected.buckets_tell() {
                    differing(&expected.buckets.differing(&found.buckets))
                } else {
                    // Ids are spread evenly.
                    let each = objects.values().sum::<u64>().div_ceil(BUCKETS as u64);
                    Area::cut(0..BUCKETS, |_| each)
                };
                Area { tenants: Some(Arc::new(tenants.iter().cloned().collect())), objects, passes }
            }
        }
    }

    /// The digests of the live objects of a pass.
    async fn live_list(&self, area: &Area, pass: &Arc<BTreeSet<usize>>) -> Result<HashMap<Key, Listed>> {
        let mut list = HashMap::new();
        let sinks = IntoList::new(self.lens()?, pass);
        self.read(area.tasks(), sinks, |of_part| list.extend(of_part)).await?;
        Ok(list)
    }

    /// The digests of the objects of a pass as the backup has them.
    async fn kept_list(&self, area: &Area, pass: &Arc<BTreeSet<usize>>) -> Result<HashMap<Key, Listed>> {
        let mut list = HashMap::new();
        let source = FromArchive::new(self.source, area.tenants.as_ref(), Select::Hashes);
        let mut lens = self.lens()?;
        (lens.digester, lens.names) = (self.source.digester().clone(), None);
        let sinks = IntoList::new(lens, pass);
        let carried = self.lanes.carry(source.tasks(), source, sinks, &self.counters, |record| {
            list.extend(record?.left);
            Ok(())
        });
        carried.await?;
        Ok(list)
    }

    async fn diff(
        &self,
        mut live: HashMap<Key, Listed>,
        kept: HashMap<Key, Listed>,
        limit: usize,
        differences: &mut Differences,
    ) -> Result<()> {
        let mut odd: Vec<(Key, Odd)> = Vec::new();
        for (key, of_backup) in kept {
            let is = live.remove(&key).map(|listed| listed.digest);
            if is != Some(of_backup.digest) {
                let select = match is {
                    Some(is) if is.vectors == of_backup.digest.vectors => Select::Texts,
                    _ => Select::All,
                };
                odd.push((key, Odd { origin: of_backup.origin, select }));
            }
        }
        odd.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut extra: Vec<_> = live.into_keys().collect();
        extra.sort();
        differences.total += (odd.len() + extra.len()) as u64;
        let room = |differences: &Differences| limit.saturating_sub(differences.findings.len());
        for ((tenant, id), object) in odd {
            if room(differences) == 0 {
                break;
            }
            let tenant = tenant.as_deref().map(str::to_owned);
            differences.findings.extend(self.describe(tenant, id, object).await?);
        }
        for (tenant, id) in extra.into_iter().take(room(differences)) {
            let text = "the cluster has it, the backup does not";
            let tenant = tenant.as_deref().map(str::to_owned);
            differences.findings.push(self.finding(FindingKind::ObjectExtra, tenant, id, "", text));
        }
        Ok(())
    }

    /// One object as the backup has it.
    async fn kept_object(
        &self,
        tenant: &Option<String>,
        id: Uuid,
        origin: Origin,
        select: Select,
    ) -> Result<Option<Batch>> {
        let file = &self.source.files()[origin.file];
        let reader = self.source.open(file, select).await?;
        let wanted = tenant.clone().map(|tenant| BTreeSet::from([tenant]));
        for rows in reader.group(origin.group, wanted.as_ref()).await? {
            if let Some(row) = rows.batch.ids.iter().position(|other| *other == id) {
                let mut batch = rows.batch.row(row);
                if !self.references {
                    batch.references = None;
                }
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// One object as the cluster has it, as the backup would have it.
    async fn live_object(&self, tenant: &Option<String>, id: Uuid) -> Result<Option<Batch>> {
        let vectors = !self.source.spaces().is_empty();
        let reader = Arc::new(ObjectReader::open(self.cluster, &self.live, vectors).await?);
        let mut range = reader.range(tenant.as_deref(), UuidRange { first: id, last: id });
        match range.next(usize::MAX).await? {
            Fetched::Page(page) if !page.batch.is_empty() => self.lens()?.look(page.batch).map(Some),
            Fetched::Page(_) | Fetched::End | Fetched::NoRoom(_) => Ok(None),
        }
    }

    /// A finding that an object is missing, or one for each property and vector of it that is not the same.
    async fn describe(&self, tenant: Option<String>, id: Uuid, object: Odd) -> Result<Vec<Finding>> {
        let Some(is) = self.job.or_stop(self.live_object(&tenant, id)).await? else {
            let text = "the backup has it, the cluster does not";
            return Ok(vec![self.finding(FindingKind::ObjectMissing, tenant, id, "", text)]);
        };
        let was = match object.origin {
            Some(origin) => self.job.or_stop(self.kept_object(&tenant, id, origin, object.select)).await?,
            None => None,
        };
        let Some(was) = was else { return Ok(Vec::new()) };
        let sides = Sides {
            digester: self.source.digester(),
            spaces_before: self.source.spaces(),
            spaces_after: &self.live.vector_spaces,
        };
        let mut parts: Vec<_> = sides.parts(&was, &is).into_iter().map(named).collect();
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

/// A part of an object as a finding names it, and what is with it.
fn named(part: Part) -> (String, String) {
    let Part { kind, name, text } = part;
    let is_unnamed = kind == PartKind::Vector && name.is_empty();
    (if is_unnamed { "vector".to_owned() } else { name }, text)
}
