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

pub fn backup_dir(id: &BackupId) -> Path {
    Path::from(BACKUPS).join(id.as_str())
}

pub fn claim(id: &BackupId) -> Path {
    backup_dir(id).join("claim.json")
}

pub fn manifest(id: &BackupId) -> Path {
    backup_dir(id).join("backup.json")
}

pub fn collection_dir(id: &BackupId, collection: &str) -> Path {
    backup_dir(id).join("collections").join(collection)
}

/// `name` is [`SCHEMA`], [`FILES`] or [`TENANTS`].
pub fn collection_file(id: &BackupId, collection: &str, name: &str) -> Path {
    collection_dir(id, collection).join(name)
}

pub fn data_file(id: &BackupId, collection: &str, name: &str) -> Path {
    collection_dir(id, collection).join("data").join(name)
}

pub fn jobs_dir() -> Path {
    Path::from("jobs")
}

/// `name` may have folders in front.
pub fn job_file(job_id: &str, name: &str) -> Path {
    name.split('/').fold(jobs_dir().join(job_id), |path, part| path.join(part))
}

/// The job's id and the file's name, with its folders.
pub fn parse_job_file(path: &Path) -> Option<(String, String)> {
    let mut parts = path.parts().skip(1).map(|part| part.as_ref().to_owned());
    let job = parts.next()?;
    let name: Vec<_> = parts.collect();
    (!name.is_empty()).then(|| (job, name.join("/")))
}
