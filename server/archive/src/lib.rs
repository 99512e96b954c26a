//! The repository: where backups are kept, and the only code that knows an object store, Parquet or Arrow.
//!
//! Every key there is, those of a backup without `backups/<backup-id>/` in front:
//!
//! ```text
//! repository.json                                this is a repository: its format and id; made on purpose, once
//!
//! claim.json                                     this id is taken, by this job; created first, create-only
//! collections/<Collection>/schema.json           the class as Weaviate returned it, and its aliases
//! collections/<Collection>/data/<uuid>.parquet   the objects of one interval of ids, or of a run of whole tenants;
//!                                                `format::columns` tells what is in a file
//! collections/<Collection>/files.json            the vector spaces written, and every data file: rows, bytes,
//!                                                BLAKE3 (whole, and of each section), what it covers, tenants'
//!                                                row spans, content digests
//! collections/<Collection>/tenants.json          multi-tenant only: every tenant, its status, its rows or
//!                                                why it was left out
//! backup.json                                    the commit: a summary with the BLAKE3 of the JSON files in
//!                                                `collections` and of itself; created last, create-only
//!
//! jobs/<job-id>/<name>                           what is to be known of a job after the server's end
//! ```
//!
//! What is written once is never changed. Without `backup.json` there is no backup, so whatever breaks off leaves
//! garbage, never half a backup in the list; deleting removes `backup.json` first. A reader checks bytes before it
//! decodes them.

#![forbid(unsafe_code)]

mod backup_id;
mod checksum;
mod data_file;
mod format;
mod layout;
mod list;
mod manifest;
mod marker;
mod read;
mod repository;
mod store;
mod store_error;
#[cfg(test)]
mod tests;
mod threads;
mod write;

pub use backup_id::BackupId;
pub use data_file::{DataFile, TenantRecord};
pub use format::{Rows, Select};
pub use list::{BackupPage, Page};
pub use manifest::{BackupKind, BackupOptions, ClusterIdentity, CollectionManifest, CommitSummary, Manifest};
pub use read::{BackupReader, CollectionReader, Damage, DamageKind, FileReader};
pub use repository::Repository;
pub use write::{BackupWriter, CollectionWriter, FileWriter, Written};
