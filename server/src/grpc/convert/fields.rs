//! Fields that several requests have, on their way in.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use selvedge_archive::{BackupId, DataFormat};
use selvedge_model::error::{Error, Result};
use selvedge_model::{Selection, is_collection_name};
use selvedge_ops::{Check, IfExists, InactiveTenants, LATEST, LatestOf};
use selvedge_proto::v1;

use super::names::{check_name, check_names};

const MAX_REQUEST_ID: usize = 128;
const LONGEST_LOCK_TIMEOUT: Duration = Duration::from_secs(7 * 86_400);

pub fn inactive_tenants(wire: i32) -> Result<InactiveTenants> {
    Ok(match known("inactive_tenants", wire)? {
        v1::InactiveTenants::Unspecified | v1::InactiveTenants::Report => InactiveTenants::Report,
        v1::InactiveTenants::Skip => InactiveTenants::Skip,
        v1::InactiveTenants::Activate => InactiveTenants::Activate,
    })
}

pub fn if_exists(wire: i32) -> Result<IfExists> {
    Ok(match known("if_exists", wire)? {
        v1::IfExists::Unspecified | v1::IfExists::Fail => IfExists::Fail,
        v1::IfExists::Merge => IfExists::Merge,
        v1::IfExists::Replace => IfExists::Replace,
    })
}

pub fn check(wire: i32) -> Result<Check> {
    Ok(match known("check", wire)? {
        v1::RestoreCheck::None => Check::None,
        v1::RestoreCheck::Count => Check::Count,
        v1::RestoreCheck::Unspecified | v1::RestoreCheck::Digest => Check::Digest,
    })
}

/// As many passes as anybody can wait for.
const MOST_PASSES: u32 = 100;

pub fn passes(wire: u32) -> Result<u32> {
    match wire {
        passes if passes > MOST_PASSES => {
            let text = format!("`settle_passes` is {passes}, and may be {MOST_PASSES} at most");
            Err(Error::invalid("settle_passes", text))
        }
        passes => Ok(passes),
    }
}

pub fn data_format(wire: i32) -> Result<DataFormat> {
    Ok(match known("format", wire)? {
        v1::DataFormat::Unspecified | v1::DataFormat::Parquet => DataFormat::Parquet,
        v1::DataFormat::JsonLines => DataFormat::JsonLines,
        v1::DataFormat::JsonLinesZstd => DataFormat::JsonLinesZstd,
    })
}

/// The tenants in a call that starts no job.
pub fn tenant_names(tenants: &[String]) -> Result<()> {
    check_names("tenants", tenants)
}

/// The collection that a call means which starts no job.
pub fn collection_name(name: &str) -> Result<()> {
    check_name("collection", name)?;
    match name {
        "" => Err(Error::invalid("collection", "`collection` is missing").hint("name one of the backup")),
        _ => Ok(()),
    }
}

/// The names in a call that starts no job.
pub fn selection(collections: &[String]) -> Result<Selection> {
    check_names("collections", collections)?;
    Selection::new(collections, &[])
}

pub fn backup_id(text: &str) -> Result<BackupId> {
    check_name("backup_id", text)?;
    if text.is_empty() {
        return Err(Error::invalid("backup_id", "`backup_id` is missing")
            .hint("give the id of a backup of the repository"));
    }
    text.parse()
}

/// Which backups "latest" is meant of; None for all.
pub fn latest_of(backup_id: &str, wire: Option<v1::LatestOf>) -> Result<Option<LatestOf>> {
    let Some(v1::LatestOf { cluster, tag }) = wire else { return Ok(None) };
    check_name("latest_of", &cluster)?;
    check_name("latest_of", &tag)?;
    if backup_id != LATEST {
        let text = format!("`latest_of` is about \"{LATEST}\", and the backup is named");
        return Err(Error::invalid("latest_of", text).hint("leave one of the two out"));
    }
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(Some(LatestOf { cluster: some(cluster), tag: some(tag) }))
}

/// The id of a backup that is to be made.
pub fn new_backup_id(text: &str) -> Result<BackupId> {
    if text == LATEST {
        let text = format!("`backup_id` is \"{LATEST}\", which stands for the newest whole backup");
        return Err(Error::invalid("backup_id", text).hint("choose another id"));
    }
    backup_id(text)
}

/// An enum value that this version knows: what a newer client means by another one cannot be guessed.
pub fn known<T: TryFrom<i32>>(field: &'static str, value: i32) -> Result<T> {
    T::try_from(value).map_err(|_| Error::invalid(field, format!("`{field}` is {value}, which is not known")))
}

pub fn request_id(text: String) -> Result<Option<String>> {
    if text.chars().count() > MAX_REQUEST_ID {
        return Err(Error::invalid(
            "request_id",
            format!("`request_id` is longer than {MAX_REQUEST_ID} characters"),
        ));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

pub fn lock_timeout(wire: Option<prost_types::Duration>) -> Result<Option<Duration>> {
    let Some(wire) = wire else { return Ok(None) };
    match Duration::try_from(wire) {
        Ok(timeout) if timeout <= LONGEST_LOCK_TIMEOUT => Ok(Some(timeout)),
        _ => {
            let days = LONGEST_LOCK_TIMEOUT.as_secs() / 86_400;
            Err(Error::invalid("lock_timeout", format!("`lock_timeout` is not between 0 s and {days} days")))
        }
    }
}

pub fn distinct(field: &'static str, names: Vec<String>) -> Result<Vec<String>> {
    let mut seen = BTreeSet::new();
    for name in &names {
        if name.is_empty() {
            return Err(Error::invalid(field, format!("`{field}` holds an empty name")));
        }
        if !seen.insert(name) {
            return Err(Error::invalid(field, format!("`{field}` holds \"{name}\" twice")));
        }
    }
    Ok(names)
}

pub fn rename(wire: HashMap<String, String>) -> Result<BTreeMap<String, String>> {
    let rename: BTreeMap<_, _> = wire.into_iter().collect();
    let mut origins = BTreeMap::new();
    for (from, to) in &rename {
        if from.is_empty() {
            return Err(Error::invalid("rename", "`rename` holds an empty name"));
        }
        if !is_collection_name(to) {
            let text = format!(
                "\"{to}\" cannot be the name of a collection: it must be a capital letter and up to 254 letters, digits and `_`"
            );
            return Err(Error::invalid("rename", text));
        }
        if let Some(other) = origins.insert(to, from) {
            return Err(Error::invalid(
                "rename",
                format!("\"{other}\" and \"{from}\" would both be named \"{to}\""),
            ));
        }
    }
    Ok(rename)
}
