//! After reading: is what was read all there was?

use std::collections::{BTreeMap, BTreeSet};

use super::BackupRequest;
use super::remarks::Remarks;
use super::source::Source;
use super::tenants::left_out;
use crate::lanes::{Misreadings, Part, Tally};
use selvedge_archive::{TenantRecord, Written};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, Dimensions, Tenant, TenantStatus};
use selvedge_weaviate::{Cluster, Misreading, compare_schemas};

pub const READ_AT_ONE: &str = "it has several replicas and was read from any one of each shard: objects that only another \
                               replica has would be missing";
/// Reasons of remarks.
pub const CHANGED: &str = "changed_while_reading";
const MISREAD: &str = "value_misread";
/// Values that are named in a note, after which they are only counted.
const NAMED: usize = 10;

/// Compares what was read with what is there. Writes under the backup are no failure, but they are told.
pub async fn check(cluster: &Cluster, source: &Source, tally: &Tally, remarks: &mut Remarks) -> Result<()> {
    // At once, and not as soon as all shards are back: while one was away, what it has was not shown.
    cluster.check_shards_now(&source.collection).await?;
    if let Some(text) = compare(cluster, &source.collection, &source.contents.parts, tally).await? {
        remarks.note(CHANGED, text);
    }
    Ok(())
}

/// What the lanes read is what the data files hold.
pub fn check_rows(source: &Source, tally: &Tally, written: &Written) -> Result<()> {
    let (read, stored) = (tally.rows(), written.files.iter().map(|file| file.rows).sum::<u64>());
    if read == stored {
        return Ok(());
    }
    let name = &source.collection.name;
    Err(Error::internal(format!(
        "{read} objects of collection \"{name}\" were read, and {stored} were written"
    )))
}

/// Fewer objects than there were both before and after are a failure: Weaviate did not show everything, or so much was
/// written that nobody can tell. Otherwise returns what to note, if writes were seen.
pub async fn compare(
    cluster: &Cluster,
    collection: &Collection,
    parts: &[Part],
    tally: &Tally,
) -> Result<Option<String>> {
    let mut note = None;
    let is_lost = |part: &Part| part.tenant.as_ref().is_some_and(|tenant| tally.lost.contains(tenant));
    let parts: Vec<_> = parts.iter().filter(|part| !is_lost(part)).cloned().collect();
    let now = recount(cluster, collection, &parts, tally).await?;
    for (part, now) in parts.iter().zip(now) {
        let read = tally.parts.get(&part.tenant).copied().unwrap_or_default();
        let seen = read.rows + read.unreadable;
        if seen < part.objects.min(now) {
            return Err(incomplete(collection, part, seen, now));
        }
        if note.is_none() && (seen != part.objects || seen != now || read.young > 0) {
            note = Some(format!(
                "objects were written or deleted while {} was read ({} before, {} read, {now} after, {} of them written \
                 meanwhile): the backup is not a point-in-time image",
                part.tenant.as_ref().map_or("it".to_owned(), |tenant| format!("tenant \"{tenant}\"")),
                part.objects,
                read.rows,
                read.young,
            ));
        }
    }
    Ok(note)
}

/// Counts again what was not read because it was empty, and what is not as it was; the rest has just been counted by
/// reading it.
async fn recount(
    cluster: &Cluster,
    collection: &Collection,
    parts: &[Part],
    tally: &Tally,
) -> Result<Vec<u64>> {
    let name = &collection.name;
    if !collection.multi_tenant {
        return Ok(vec![cluster.count(name, None).await?]);
    }
    let rows = |part: &Part| tally.parts.get(&part.tenant).map_or(0, |read| read.rows);
    let doubtful = |part: &&Part| part.objects == 0 || rows(part) != part.objects;
    let doubtful: Vec<_> = parts.iter().filter(doubtful).filter_map(|part| part.tenant.as_deref()).collect();
    let counts = cluster.count_tenants(name, doubtful.iter().copied()).await?;
    let counted: BTreeMap<_, _> = doubtful.into_iter().zip(counts).collect();
    // One that went after it was read is as it was when it was read.
    let now = |part: &Part| match part.tenant.as_deref().and_then(|tenant| counted.get(tenant)) {
        Some(counted) => counted.unwrap_or_else(|| rows(part)),
        None => part.objects,
    };
    Ok(parts.iter().map(now).collect())
}

/// How a collection is, after it was read.
pub enum Schema {
    /// As it was, in all that matters to its objects.
    Same,
    /// Its objects may not fit any more what was read. Says what is different.
    Changed(String),
    Dropped,
}

/// A change of the schema's shape under the backup would leave objects that do not fit it. Other changes are noted.
pub async fn schema_now(cluster: &Cluster, source: &Source, remarks: &mut Remarks) -> Result<Schema> {
    let Some(now) = cluster.collection_again(&source.collection).await? else { return Ok(Schema::Dropped) };
    let differences = compare_schemas(&source.collection.schema, &now.schema);
    let Some(difference) = differences.first() else { return Ok(Schema::Same) };
    if now.shape() != source.collection.shape() {
        return Ok(Schema::Changed(difference.to_string()));
    }
    let note = format!("the schema changed while it was read, but not its shape: {difference}");
    remarks.note(CHANGED, note);
    Ok(Schema::Same)
}

/// What Weaviate did not show as it is: each by id and property, up to a few.
pub fn tell_misreadings(misread: &Misreadings, remarks: &mut Remarks) {
    for misreading in misread.samples.iter().take(NAMED) {
        let Misreading { id, property, loss } = misreading;
        let object = match property.as_str() {
            "" => format!("object {id}"),
            property => format!("object {id}, property \"{property}\""),
        };
        let text = format!("{object}: {loss}; what is stored cannot be told");
        remarks.gap(MISREAD, text);
    }
    let more = misread.total.saturating_sub(NAMED as u64);
    if more > 0 {
        remarks.gap(MISREAD, format!("{more} more values that Weaviate does not show as they are stored"));
    }
}

/// An index cannot hold vectors of several dimensions, so these could not be restored.
pub fn tell_dimensions(dimensions: &Dimensions, remarks: &mut Remarks) {
    for odd in dimensions.mixed().iter().take(NAMED) {
        let name = if odd.vector.is_empty() { "vectors" } else { odd.vector.as_str() };
        let text = format!(
            "{name}: {} objects have {} dimensions and others do not, such as object {}; a restore will refuse that",
            odd.objects, odd.dimension, odd.sample
        );
        remarks.note("mixed_dimensions", text);
    }
}

/// The tenants as the backup records them: all that the collection still has, and which of them it holds. `lost` are those
/// that could not be read although they are there, and why.
pub fn tenant_records(
    source: &Source,
    request: &BackupRequest,
    tally: &Tally,
    lost: &BTreeMap<String, (TenantStatus, String)>,
) -> Option<Vec<TenantRecord>> {
    if !source.collection.multi_tenant {
        return None;
    }
    let contents = &source.contents;
    let active = contents.parts.iter().filter_map(|part| part.tenant.as_deref());
    // One that was to be woken may have been gone by then.
    let woken = contents.asleep.iter().filter(|tenant| tally.parts.contains_key(&Some((*tenant).clone())));
    let covered: BTreeSet<_> = active.chain(woken.map(String::as_str)).collect();
    let gone = |tenant: &Tenant| {
        let is_gone = !request.schema_only && !covered.contains(tenant.name.as_str());
        is_gone.then(|| "gone before it was read".to_owned())
    };
    let record = |tenant: &Tenant| {
        let name = tenant.name.clone();
        if let Some((status, why)) = lost.get(&name) {
            return TenantRecord {
                name,
                status: *status,
                rows: None,
                left_out: Some(why.clone()),
                digest: None,
            };
        }
        let rows = || tally.parts.get(&Some(tenant.name.clone())).map_or(0, |read| read.rows);
        TenantRecord {
            status: tenant.status,
            rows: covered.contains(tenant.name.as_str()).then(rows),
            left_out: left_out(tenant, request).or_else(|| gone(tenant)),
            digest: None,
            name,
        }
    };
    let is_deleted = |tenant: &&Tenant| tally.lost.contains(&tenant.name) && !lost.contains_key(&tenant.name);
    Some(contents.tenants.iter().filter(|tenant| !is_deleted(tenant)).map(record).collect())
}

fn incomplete(collection: &Collection, part: &Part, read: u64, now: u64) -> Error {
    let tenant = part.tenant.as_ref().map_or(String::new(), |tenant| format!(" of tenant \"{tenant}\""));
    Error::new(
        Kind::CountMismatch,
        format!(
            "Weaviate showed {read} objects{tenant} of collection \"{}\", but counted {} before and {now} after",
            collection.name, part.objects
        ),
    )
    .hint("check that all nodes are up and replicas agree; if it is written to a lot, pause the writers; then start again")
}
