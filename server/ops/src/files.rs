//! The data files of a backup, as files: whether each has the bytes that were written.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use selvedge_archive::{CollectionReader, Damage, DataFile};
use selvedge_model::error::Result;

use crate::engine::may_hold;
use crate::{Context, Progress};

/// Files that are read side by side.
const AT_ONCE: usize = 3;

/// Only what holds objects of these tenants; None for all.
type Chosen = Option<Arc<BTreeSet<String>>>;

/// Reads the data files of these collections, counting the bytes. `found` hears of each file what is wrong with it, in their
/// order; the first error that it returns ends the check.
pub async fn check(
    job: &Context,
    collections: &[(CollectionReader, Chosen)],
    mut found: impl FnMut(&CollectionReader, &DataFile, Option<Damage>) -> Result<()>,
) -> Result<()> {
    let mut checks = Vec::new();
    for (reader, tenants) in collections {
        for (at, file) in reader.files().iter().enumerate() {
            if may_hold(file, tenants.as_deref()) {
                job.progress.expect_check(file.bytes);
                // A reader is cheap to clone.
                checks.push(check_one(reader.clone(), at, Arc::clone(&job.progress)));
            }
        }
    }
    let mut checks = stream::iter(checks).buffered(AT_ONCE);
    while let Some((reader, at, damage)) = job.or_stop(async { Ok(checks.next().await) }).await? {
        found(&reader, &reader.files()[at], damage?)?;
    }
    Ok(())
}

/// Owns what it needs, so that checks need not borrow from each other's surroundings.
async fn check_one(
    reader: CollectionReader,
    at: usize,
    progress: Arc<Progress>,
) -> (CollectionReader, usize, Result<Option<Damage>>) {
    let damage = reader.check(&reader.files()[at], |bytes| progress.add_checked(bytes)).await;
    (reader, at, damage)
}
