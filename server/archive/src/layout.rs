//! Where things are. The list of all keys is at the top of the crate.

use object_store::path::Path;

use crate::backup_id::BackupId;

pub const BACKUPS: &str = "backups";
pub const SCHEMA: &str = "schema.json";
pub const FILES: &str = "files.json";
pub const TENANTS: &str = "tenants.json";

pub fn marker() -> Path {
    Path::from("repository.json")
}

/// Gone a moment later.
pub fn probe(id: uuid::Uuid) -> Path {
    probes_dir().join(id.to_string())
}

pub fn probes_dir() -> Path {
    Path::from("probes")
}

pub fn backups_dir() -> Path {
    Path::from(BACKUPS)
}

pub fn backup_dir(id: &BackupId) -> Path {
    backups_dir().join(id.as_str())
}

pub fn claim(id: &BackupId) -> Path {
    backup_dir(id).join("claim.json")
}

pub fn access(id: &BackupId) -> Path {
    backup_dir(id).join("access.json")
}

pub fn manifest(id: &BackupId) -> Path {
    backup_dir(id).join("backup.json")
}

/// All in one folder, so that one list tells which backups are held.
pub fn hold(id: &BackupId) -> Path {
    holds_dir().join(format!("{id}.json"))
}

pub fn holds_dir() -> Path {
    Path::from("holds")
}

/// Beside the manifest, and no part of the backup.
pub fn dooms_dir(id: &BackupId) -> Path {
    backup_dir(id).join("doomed")
}

/// One for each removal.
pub fn doom(id: &BackupId, removal: uuid::Uuid) -> Path {
    dooms_dir(id).join(format!("{removal}.json"))
}

pub fn collections_dir(id: &BackupId) -> Path {
    backup_dir(id).join("collections")
}

pub fn collection_dir(id: &BackupId, collection: &str) -> Path {
    collections_dir(id).join(collection)
}

/// `name` is [`SCHEMA`], [`FILES`] or [`TENANTS`].
pub fn collection_file(id: &BackupId, collection: &str, name: &str) -> Path {
    collection_dir(id, collection).join(name)
}

pub fn data_file(id: &BackupId, collection: &str, name: &str) -> Path {
    data_dir(id, collection).join(name)
}

pub fn data_dir(id: &BackupId, collection: &str) -> Path {
    collection_dir(id, collection).join("data")
}

pub fn jobs_dir() -> Path {
    Path::from("jobs")
}

pub fn locks_dir() -> Path {
    Path::from("locks")
}
