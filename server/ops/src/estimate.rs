//! How long something is likely to take, for plans: whether it is a matter of seconds or of hours.
//!
//! The speeds are those that were measured with Weaviate 1.39 and Selvedge sharing two cores. Where Weaviate has more, it is
//! faster.

use std::time::Duration;

/// Objects a second.
const READ: u64 = 20_000;
const WRITTEN: u64 = 5_000;
/// As long as the index is built while objects are written.
const WRITTEN_INTO_GRAPH: u64 = 500;
/// Bytes a second, of a backup's files.
const BYTES_WRITTEN: u64 = 20 << 20;
/// Tenants that take as long as a collection.
const TENANTS: usize = 100;
/// To create a collection, or to clear it.
const COLLECTION: Duration = Duration::from_millis(300);

pub fn of_reading(objects: u64) -> Duration {
    rate(objects, READ)
}

/// `graph`: whether their vectors get into an index that is a graph.
pub fn of_writing(objects: u64, bytes: u64, graph: bool) -> Duration {
    let objects_a_second = if graph { WRITTEN_INTO_GRAPH } else { WRITTEN };
    rate(objects, objects_a_second).max(rate(bytes, BYTES_WRITTEN))
}

pub fn of_collections(collections: usize) -> Duration {
    COLLECTION * u32::try_from(collections).unwrap_or(u32::MAX)
}

/// To create them, or to delete and create them.
pub fn of_tenants(tenants: usize) -> Duration {
    COLLECTION * u32::try_from(tenants / TENANTS).unwrap_or(u32::MAX)
}

fn rate(count: u64, a_second: u64) -> Duration {
    Duration::from_millis(count.saturating_mul(1000) / a_second)
}
