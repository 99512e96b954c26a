//! Where things are. The list of all keys is at the top of the crate.

use object_store::path::Path;

use crate::backup_id::BackupId;
use crate::sealing::Seal;

pub const BACKUPS: &str = "backups";
pub const SCHEMA: &str = "schema.json";
pub const FILES: &str = "files.json";
pub const TENANTS: &str = "tenants.json";
/// Which rows of inherited files are hidden.
pub const HIDDEN: &str = "hidden.parquet";
/// What there was not: only in a backup that a job has made to be undone.
pub const ABSENT: &str = "absent.json";
/// A statement that shows an incremental backup's collection as a whole.
pub const VIEW: &str = "view.sql";

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

/// In the folder that it is for.
pub const KEY: &str = "key.age";

/// The key of what is sealed in a folder.
pub fn key(dir: &Path) -> Path {
    dir.clone().join(KEY)
}

/// There once what is written is encrypted: who does not know of it must not write there in the open.
pub fn encrypted() -> Path {
    Path::from("encrypted.json")
}

/// That of the identity, so that another one is not taken for it.
pub fn recipient() -> Path {
    Path::from("recipient.txt")
}

/// The identity that a passphrase opens.
pub fn identity() -> Path {
    Path::from("identity.age")
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

/// There once a backup was deleted, and others need files of it.
pub fn deleted(id: &BackupId) -> Path {
    backup_dir(id).join("deleted.json")
}

/// One for each removal.
pub fn doom(id: &BackupId, removal: uuid::Uuid) -> Path {
    dooms_dir(id).join(format!("{removal}.json"))
}

pub fn catalog_dir() -> Path {
    Path::from("catalog")
}

pub fn index() -> Path {
    catalog_dir().join("index.jsonl")
}

pub fn removals_dir() -> Path {
    catalog_dir().join("removed")
}

/// One for each removal, and not beside the manifest: one list tells of all, and it outlives the backup.
pub fn removal(id: &BackupId, removal: uuid::Uuid) -> Path {
    removals_dir().join(id.as_str()).join(format!("{removal}.json"))
}

pub fn collections_dir(id: &BackupId) -> Path {
    backup_dir(id).join("collections")
}

/// Its name, which a sealed backup does not show.
pub fn collection_dir(id: &BackupId, collection: &str, seal: &Seal) -> Path {
    match seal {
        None => collections_dir(id).join(collection),
        Some(key) => collections_dir(id).join(key.folder(collection)),
    }
}

/// Below the folder of a collection: `name` is one of those above.
pub fn collection_file(collection_dir: &Path, name: &str) -> Path {
    collection_dir.clone().join(name)
}

pub fn data_file(collection_dir: &Path, name: &str) -> Path {
    data_dir(collection_dir).join(name)
}

/// The backup that a data file was written for, if it is in a place where such files are.
pub fn backup_of(data_file: &Path) -> Option<BackupId> {
    let mut parts = data_file.prefix_match(&backups_dir())?;
    let id = parts.next()?.as_ref().parse().ok()?;
    let rest: Vec<_> = parts.collect();
    match rest.as_slice() {
        [collections, _, data, _] if collections.as_ref() == "collections" && data.as_ref() == "data" => {
            Some(id)
        }
        _ => None,
    }
}

pub fn data_dir(collection_dir: &Path) -> Path {
    collection_dir.clone().join("data")
}

pub fn jobs_dir() -> Path {
    Path::from("jobs")
}

pub fn locks_dir() -> Path {
    Path::from("locks")
}
