//! The data files of a backup, as files: whether each has the bytes that were written.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use selvedge_archive::{CollectionReader, Damage, DataFile};
use selvedge_model::error::Result;
use serde::{Deserialize, Serialize};

use crate::engine::may_hold;
use crate::journal::Ledger;
use crate::{Context, Progress};

/// Files that are read side by side.
const AT_ONCE: usize = 3;

/// What is to be checked of a collection.
pub struct Checked {
    pub reader: CollectionReader,
    /// Only what holds objects of these tenants; None for all.
    pub tenants: Option<Arc<BTreeSet<String>>>,
    /// Tells which files were found whole.
    pub ledger: Ledger,
}

/// The record of a file that has its bytes.
#[derive(Serialize, Deserialize)]
struct Whole {
    file: String,
}

/// Reads the data files of these collections, counting the bytes; those that an earlier attempt found whole are not read again.
/// `found` hears of each file what is wrong with it; the first error that it returns ends the check.
pub async fn check(
    job: &Context,
    collections: &[Checked],
    mut found: impl FnMut(&CollectionReader, &DataFile, Option<Damage>) -> Result<()>,
) -> Result<()> {
    let mut checks = Vec::new();
    for Checked { reader, tenants, ledger } in collections {
        let whole = job.or_stop(whole(ledger)).await?;
        for (at, file) in reader.files().iter().enumerate() {
            if !may_hold(file, tenants.as_deref()) {
                continue;
            }
            job.progress.expect_check(file.bytes);
            if whole.contains(&file.name) {
                job.progress.add_checked(file.bytes);
                found(reader, file, None)?;
                continue;
            }
            // A reader is cheap to clone.
            checks.push(check_one(reader.clone(), at, ledger.clone(), Arc::clone(&job.progress)));
        }
    }
    let mut checks = stream::iter(checks).buffered(AT_ONCE);
    while let Some((reader, at, damage)) = job.or_stop(async { Ok(checks.next().await) }).await? {
        found(&reader, &reader.files()[at], damage?)?;
    }
    Ok(())
}

/// The names of the files that were found whole.
async fn whole(ledger: &Ledger) -> Result<BTreeSet<String>> {
    let mut whole = BTreeSet::new();
    for name in ledger.earlier().await? {
        whole.extend(ledger.read::<Whole>(&name).await?.map(|record| record.file));
    }
    Ok(whole)
}

/// Owns what it needs, so that checks need not borrow from each other's surroundings.
async fn check_one(
    reader: CollectionReader,
    at: usize,
    ledger: Ledger,
    progress: Arc<Progress>,
) -> (CollectionReader, usize, Result<Option<Damage>>) {
    let file = &reader.files()[at];
    let damage = reader.check(file, |bytes| progress.add_checked(bytes)).await;
    if let Ok(None) = &damage {
        ledger.keep(&Whole { file: file.name.clone() }, false, &progress).await;
    }
    (reader, at, damage)
}
