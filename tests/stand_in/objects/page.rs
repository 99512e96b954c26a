//! Pages of a class in the order of ids.

use std::ops::Bound;

use uuid::Uuid;

use super::Object;
use crate::stand_in::contents::Class;
use crate::stand_in::refusal::Outcome;

/// Objects whose id is greater than `after`, over all shards that are there.
pub(crate) fn page(
    class: &mut Class,
    tenant: &str,
    after: Option<Uuid>,
    limit: usize,
) -> Outcome<Vec<Object>> {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut found: Vec<&Object> = Vec::new();
    for partition in class.readable(tenant)? {
        found.extend(partition.objects.range((from, Bound::Unbounded)).take(limit).map(|(_, object)| object));
    }
    found.sort_unstable_by_key(|object| object.id);
    found.truncate(limit);
    Ok(found.into_iter().cloned().collect())
}
