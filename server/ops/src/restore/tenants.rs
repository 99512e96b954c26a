//! The tenants that a collection gets, those of the backup that they come from, and how many objects each has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use selvedge_archive::{CollectionReader, DataFile, Select, TenantRecord};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Tenant, TenantStatus, UuidRange, nearest_or};

use super::source::Source;
use crate::engine::{FromArchive, Lanes, Page, Sink, Sinks};
use crate::reshape::{Shape, Tenancy};
use crate::{CollectionCounters, Wanted};

type Chosen = Option<Arc<BTreeSet<String>>>;

/// By the tenants that objects get, or under `None`.
type Rows = BTreeMap<Option<String>, u64>;

pub struct Tenants {
    /// With the status they have in the end.
    pub tenants: Vec<Tenant>,
    /// Only the objects of these tenants of the backup; `None` for all.
    pub chosen: Chosen,
    /// Empty for a schema-only restore.
    pub rows: Rows,
}

impl Tenants {
    /// `name` is that of the collection in the backup. Reads its objects if it takes that to know their tenants.
    pub async fn of(source: &Source, name: &str, wanted: &Wanted, lanes: &Lanes) -> Result<Self> {
        let (held, chosen) = choose(&source.reader, name, wanted)?;
        let rows = match wanted.schema_only {
            true => Rows::new(),
            false => rows(&source.reader, chosen.as_deref()),
        };
        let Some(shape) = &source.shape else { return Ok(Self { tenants: held, chosen, rows }) };
        let total = rows.values().sum();
        let active = |name: &String| Tenant { name: name.clone(), status: TenantStatus::Hot };
        let (tenants, rows) = match shape.tenancy() {
            Tenancy::Kept => {
                let renamed =
                    |tenant: Tenant| Tenant { name: shape.new_tenant(&tenant.name).to_owned(), ..tenant };
                let key = |tenant: Option<String>| tenant.map(|tenant| shape.new_tenant(&tenant).to_owned());
                let rows = rows.into_iter().map(|(tenant, rows)| (key(tenant), rows)).collect();
                (held.into_iter().map(renamed).collect(), rows)
            }
            Tenancy::OutOf(_) if wanted.schema_only => (Vec::new(), Rows::new()),
            Tenancy::OutOf(_) => (Vec::new(), Rows::from([(None, total)])),
            Tenancy::Into(tenant) if wanted.schema_only => (vec![active(tenant)], Rows::new()),
            Tenancy::Into(tenant) => (vec![active(tenant)], Rows::from([(Some(tenant.clone()), total)])),
            Tenancy::ByProperty(_) if wanted.schema_only => (Vec::new(), Rows::new()),
            Tenancy::ByProperty(_) => {
                let rows = count(&source.reader, shape, lanes).await?;
                (rows.keys().flatten().map(active).collect(), rows)
            }
        };
        Ok(Self { tenants, chosen, rows })
    }
}

const CASE_SENSITIVE: &str = "tenants' names are case-sensitive";

/// Fails if a tenant is to be renamed that none of the collections has.
pub fn refuse_stray_tenants(wanted: &Wanted, sources: &[Source]) -> Result<()> {
    let has = |source: &Source, name: &String| {
        source.reader.tenants().unwrap_or_default().iter().any(|record| record.name == *name)
    };
    let mut renamed = wanted.reshape.rename_tenants.keys();
    match renamed.find(|name| !wanted.takes_tenant(name) || !sources.iter().any(|source| has(source, name))) {
        None => Ok(()),
        Some(stray) => {
            let text = format!("tenant \"{stray}\" is to be renamed but is not restored");
            let records = sources.iter().flat_map(|source| source.reader.tenants().unwrap_or_default());
            let near = nearest_or(stray, records.map(|record| &record.name), CASE_SENSITIVE);
            Err(Error::new(Kind::TenantNotFound, text).hint(near))
        }
    }
}

fn choose(source: &CollectionReader, name: &str, wanted: &Wanted) -> Result<(Vec<Tenant>, Chosen)> {
    let asked = wanted.chosen_tenants();
    let Some(records) = source.tenants() else {
        if asked.is_none() {
            return Ok((Vec::new(), None));
        }
        return Err(Error::new(
            Kind::TenantNotFound,
            format!("collection \"{name}\" is not multi-tenant, so it has no tenants to choose"),
        )
        .hint("name the multi-tenant collections, or leave this one out"));
    };
    let is_held = |record: &&TenantRecord| record.left_out.is_none();
    let held = records.iter().filter(is_held);
    let tenant =
        |record: &TenantRecord| Tenant { name: record.name.clone(), status: record.status.creatable() };
    let Some(asked) = asked else {
        let held: Vec<_> = held.map(tenant).collect();
        let chosen = without_strays(source, &held);
        return Ok((held, chosen));
    };
    let chosen: Vec<_> = held.filter(|record| asked.contains(&record.name)).map(tenant).collect();
    match asked.iter().find(|name| !chosen.iter().any(|tenant| tenant.name == **name)) {
        Some(missing) => Err(Error::new(
            Kind::TenantNotFound,
            format!("the backup does not hold tenant \"{missing}\" of collection \"{name}\""),
        )
        .hint(nearest_or(
            missing,
            records.iter().filter(is_held).map(|record| &record.name),
            CASE_SENSITIVE,
        ))),
        None => Ok((chosen, Some(Arc::new(asked)))),
    }
}

/// Data files can hold rows of tenants that went while they were read, which the backup does not claim to hold.
fn without_strays(source: &CollectionReader, held: &[Tenant]) -> Chosen {
    let names: BTreeSet<_> = held.iter().map(|tenant| tenant.name.clone()).collect();
    let mut spans = source.files().iter().flat_map(|file| &file.tenants);
    spans.any(|span| !names.contains(&span.tenant)).then(|| Arc::new(names))
}

/// By the tenants of the backup.
fn rows(source: &CollectionReader, chosen: Option<&BTreeSet<String>>) -> Rows {
    let Some(tenants) = source.tenants() else {
        return Rows::from([(None, source.files().iter().map(DataFile::objects).sum())]);
    };
    let wanted = tenants.iter().filter(|tenant| chosen.is_none_or(|chosen| chosen.contains(&tenant.name)));
    wanted.filter_map(|tenant| Some((Some(tenant.name.clone()), tenant.rows?))).collect()
}

/// The tenants that objects name, and how many each has. Fails if an object names none.
async fn count(source: &CollectionReader, shape: &Arc<Shape>, lanes: &Lanes) -> Result<Rows> {
    let from = FromArchive::new(source, None, Select::Texts).in_shape(Some(shape));
    let (mut rows, unseen) = (Rows::new(), Arc::new(CollectionCounters::unseen()));
    let carried = lanes.carry(from.tasks(), from, IntoCount, &unseen, |record| {
        record?.left.into_iter().for_each(|(tenant, more)| *rows.entry(tenant).or_default() += more);
        Ok(())
    });
    carried.await?;
    Ok(rows)
}

struct IntoCount;

impl Sinks for IntoCount {
    type Sink = CountSink;
    type Left = Rows;

    fn open(&self, _: usize) -> CountSink {
        CountSink(Rows::new())
    }
}

struct CountSink(Rows);

impl Sink for CountSink {
    type Left = Rows;

    async fn take(&mut self, page: Page) -> Result<()> {
        *self.0.entry(page.tenant.as_deref().map(str::to_owned)).or_default() += page.batch.len() as u64;
        Ok(())
    }

    async fn seal(self, _: Option<UuidRange>) -> Result<Rows> {
        Ok(self.0)
    }
}
