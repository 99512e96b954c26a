//! After reading: is what was read all there was?

use std::collections::{BTreeMap, BTreeSet};

use selvedge_archive::TenantRecord;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, DimensionCount, Dimensions, LeftOut, Reason, Remark, Tenant, TenantStatus};
use selvedge_weaviate::{Cluster, Misreading, compare_schemas};

use super::BackupRequest;
use super::reading::Gathered;
use super::subject::{Counted, Subject};
use super::tenants::left_out;
use crate::engine::{Misreadings, PartTally, Tally};

/// Values that are named in a note, after which they are only counted.
const NAMED: usize = 10;

/// What the lanes read is what the data files hold.
pub fn check_rows(collection: &Collection, gathered: &Gathered) -> Result<()> {
    let (read, stored) =
        (gathered.tally.rows_read(), gathered.files.iter().map(|file| file.rows).sum::<u64>());
    if read == stored {
        return Ok(());
    }
    let name = &collection.name;
    Err(Error::internal(format!(
        "{read} objects of collection \"{name}\" were read, and {stored} were written"
    )))
}

/// Compares what was read with what is there. Writes under the backup are no failure, but they are told.
///
/// Fewer objects than there were both before and after are a failure: Weaviate did not show everything, or so much was
/// written that nobody can tell. What came on a single page is as it was at that moment, and needs no count.
pub async fn compare(
    cluster: &Cluster,
    collection: &Collection,
    parts: &[Counted],
    tally: &Tally,
) -> Result<Option<Remark>> {
    if let Some(part) = parts.iter().find(|part| !tally.parts.contains_key(&part.tenant)) {
        let (name, part) = (&collection.name, &part.tenant);
        return Err(Error::internal(format!("of collection \"{name}\", {part:?} was not read")));
    }
    let is_lost = |part: &&Counted| part.tenant.as_ref().is_some_and(|tenant| tally.lost.contains(tenant));
    let read = |part: &Counted| tally.parts.get(&part.tenant).copied().unwrap_or_default();
    let before = |part: &Counted| part.objects.or(read(part).before);
    let counted = parts.iter().filter(|part| !is_lost(part));
    let counted = counted.filter_map(|part| Some((part, before(part)?, read(part))));
    let counted: Vec<_> = counted.collect();
    let now = recount(cluster, collection, &counted).await?;
    let mut note = None;
    for ((part, before, read), after) in counted.into_iter().zip(now) {
        let seen = read.rows + read.unreadable;
        if seen < before.min(after) {
            return Err(incomplete(collection, part, [before, seen, after]));
        }
        if note.is_none() && (seen != before || seen != after || read.young > 0) {
            let (tenant, read, young) = (part.tenant.clone(), read.rows, read.young);
            note = Some(Reason::ChangedWhileReading { tenant, before, read, after, young });
        }
    }
    Ok(note.map(Remark::note))
}

/// Counts again what was not read because it was empty, and what is not as it was; the rest has just been counted by reading
/// it. Of a collection without tenants, that would not tell of a shard that was away.
async fn recount(
    cluster: &Cluster,
    collection: &Collection,
    counted: &[(&Counted, u64, PartTally)],
) -> Result<Vec<u64>> {
    let name = &collection.name;
    if !collection.multi_tenant {
        return match counted {
            [] => Ok(Vec::new()),
            _ => Ok(vec![cluster.count(name, None).await?]),
        };
    }
    let is_doubtful = |(_, before, read): &&(&Counted, u64, PartTally)| *before == 0 || read.rows != *before;
    let doubtful = counted.iter().filter(is_doubtful).filter_map(|(part, ..)| part.tenant.as_deref());
    let doubtful: Vec<_> = doubtful.collect();
    let counts = cluster.count_tenants(name, doubtful.iter().copied()).await?;
    let again: BTreeMap<_, _> = doubtful.into_iter().zip(counts).collect();
    // One that went after it was read is as it was when it was read.
    let now = |(part, before, read): &(&Counted, u64, PartTally)| match part
        .tenant
        .as_deref()
        .and_then(|tenant| again.get(tenant))
    {
        Some(count) => count.unwrap_or(read.rows),
        None => *before,
    };
    Ok(counted.iter().map(now).collect())
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
pub async fn schema_now(
    cluster: &Cluster,
    collection: &Collection,
    remarks: &mut Vec<Remark>,
) -> Result<Schema> {
    let Some(now) = cluster.collection_again(collection).await? else { return Ok(Schema::Dropped) };
    let differences = compare_schemas(&collection.schema, &now.schema);
    let Some(difference) = differences.first() else { return Ok(Schema::Same) };
    if now.shape() != collection.shape() {
        return Ok(Schema::Changed(difference.to_string()));
    }
    remarks.push(Remark::note(Reason::SchemaChanged { difference: difference.to_string() }));
    Ok(Schema::Same)
}

/// What Weaviate did not show as it is: each by id and property, up to a few.
pub fn misread(misread: &Misreadings) -> impl Iterator<Item = Remark> {
    let named = misread.samples.iter().take(NAMED).map(|Misreading { id, property, loss }| {
        let (property, loss) = (property.clone(), loss.clone());
        Reason::ValueMisread { object: *id, property, loss }
    });
    let more = misread.total.saturating_sub(NAMED as u64);
    named.chain((more > 0).then_some(Reason::ValuesMisread { count: more })).map(Remark::gap)
}

/// An index cannot hold vectors of several dimensions, so these could not be restored.
pub fn mixed_dimensions(dimensions: &Dimensions) -> impl Iterator<Item = Remark> + use<> {
    dimensions.mixed().into_iter().take(NAMED).map(|odd| {
        let DimensionCount { vector, dimension, objects, sample, .. } = odd;
        Remark::note(Reason::MixedDimensions { vector, dimension, objects, sample })
    })
}

/// The tenants as the backup records them: all that the collection still has, and which of them it holds. `lost` are those
/// that could not be read although they are there, and why.
pub fn tenant_records(
    subject: &Subject,
    request: &BackupRequest,
    tally: &Tally,
    lost: &BTreeMap<String, (TenantStatus, LeftOut)>,
) -> Option<Vec<TenantRecord>> {
    if !subject.collection.multi_tenant {
        return None;
    }
    let contents = &subject.contents;
    let active = contents.parts.iter().filter_map(|part| part.tenant.as_deref());
    // One that was to be woken may have been gone by then.
    let woken = contents.asleep.iter().filter(|tenant| tally.parts.contains_key(&Some((*tenant).clone())));
    let unread = contents.unread.iter().map(String::as_str);
    let covered: BTreeSet<_> = active.chain(woken.map(String::as_str)).chain(unread).collect();
    let gone = |tenant: &Tenant| {
        let is_gone = !request.schema_only && !covered.contains(tenant.name.as_str());
        is_gone.then_some(LeftOut::Gone)
    };
    let record = |tenant: &Tenant| {
        let name = tenant.name.clone();
        if let Some((status, why)) = lost.get(&name) {
            return TenantRecord { name, status: *status, rows: None, left_out: Some(*why), digest: None };
        }
        let rows = || tally.parts.get(&Some(tenant.name.clone())).map_or(0, |read| read.rows);
        TenantRecord {
            status: tenant.status,
            rows: covered.contains(tenant.name.as_str()).then(rows),
            left_out: match contents.unread.contains(&tenant.name) {
                true => None,
                false => left_out(tenant, request).or_else(|| gone(tenant)),
            },
            digest: None,
            name,
        }
    };
    let is_deleted = |tenant: &&Tenant| tally.lost.contains(&tenant.name) && !lost.contains_key(&tenant.name);
    Some(contents.tenants.iter().filter(|tenant| !is_deleted(tenant)).map(record).collect())
}

/// `counts` are of before, of what was read, and of after.
fn incomplete(collection: &Collection, part: &Counted, counts: [u64; 3]) -> Error {
    let [before, read, after] = counts;
    let tenant = part.tenant.as_ref().map_or(String::new(), |tenant| format!(" of tenant \"{tenant}\""));
    Error::new(
        Kind::CountMismatch,
        format!(
            "Weaviate showed {read} objects{tenant} of collection \"{}\", but counted {before} before and {after} after",
            collection.name
        ),
    )
    .hint("check that all nodes are up and replicas agree; if it is written to a lot, pause the writers; then start again")
}
