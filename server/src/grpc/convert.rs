//! Between the wire and the domain: requests come in through `request` and `import`, the rest is on its way out.

mod backup;
mod check;
mod collection;
mod contents;
mod copy;
mod diff;
mod fields;
mod import;
mod job;
mod names;
mod page;
mod remark;
mod replicas;
mod request;
mod reshape;
mod retention;
mod settings;
mod status;

pub use backup::{as_far_as_known, backup, backups, incomplete, pruned, removed, wanted};
pub use check::checked;
pub use collection::collections;
pub use contents::{collection_of_backup, files_of_backup, tenants_of_backup};
pub use copy::copy_call;
pub use diff::{diff, difference};
pub use fields::{backup_id, collection_name, lock_timeout, selection, tenant_names};
pub use import::import_header;
pub use job::{failures, job};
pub use page::{fits_in_a_message, jobs_after, page_of_jobs, page_size};
pub use replicas::{replica_finding, replicas};
pub use request::{Call, backup_call, clear_call, repair_call, restore_call, undo_call, verify_call};
pub use retention::policy;
pub use status::status;

use chrono::{DateTime, Utc};
use prost_types::Timestamp;

fn timestamp(time: DateTime<Utc>) -> Timestamp {
    // A date has less than 10^9 nanoseconds in a second, or 2 * 10^9 in a leap second, which the type cannot say.
    let nanos = time.timestamp_subsec_nanos().min(999_999_999);
    Timestamp { seconds: time.timestamp(), nanos: i32::try_from(nanos).unwrap_or(0) }
}
