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
//!                                                `format::columns` tells what is in a file; or in JSON Lines
//!                                                (.jsonl, .jsonl.zst), see `format::into_lines`
//! collections/<Collection>/files.json            the vector spaces written, and every data file: rows, bytes,
//!                                                BLAKE3 (whole, and of each section), what it covers, tenants'
//!                                                row spans, content digests
//! collections/<Collection>/tenants.json          multi-tenant only: every tenant, its status, its rows or
//!                                                why it was left out
//! collections/<Collection>/hidden.parquet        incremental backups only: which rows of files of earlier backups, that
//!                                                `files.json` lists too, are no objects of this one; see `hidden`
//! collections/<Collection>/absent.json           only in a backup of what a job was about to change: the tenants and objects
//!                                                that there were not; undoing the job takes them away
//! collections/<Collection>/view.sql              incremental backups in the open only: shows the collection as a whole
//! access.json                                    only where there is access control that the key may read: roles with
//!                                                their permissions as Weaviate returned them, and who has them
//! backup.json                                    the commit: a summary with the BLAKE3 of the other JSON files and of
//!                                                itself; created last, create-only
//!
//! doomed/<uuid>.json                             only while it is being removed
//! deleted.json                                   it was deleted, and its data files that are left are those that other
//!                                                backups need
//!
//! holds/<backup-id>.json                         only while somebody wants the backup to stay
//!
//! catalog/index.jsonl                            what every backup.json says, so that a list need not read them; may be
//!                                                deleted at any time, and is written again by the next list
//! catalog/removed/<backup-id>/<uuid>.json        this backup was removed: what an index says of it may be from before
//!
//! jobs/<job-id>/job.json                         what was asked for; created first, create-only
//! jobs/<job-id>/attempts/<n>.json                which process tries it; create-only, so no two are both n
//! jobs/<job-id>/alive/<n>.json                   rewritten every few seconds while attempt n lasts: how far it is
//! jobs/<job-id>/ends/<n>.json                    how attempt n ended, and the job, if there is no later one
//! jobs/<job-id>/{plan,…}.json                    what an attempt has decided or begun, and the next one has to know
//! jobs/<job-id>/records/<Collection>/<work>/…    one for each part of the work that is done
//! probes/<uuid>                                  gone a moment later: whether the store does what it should
//! encrypted.json                                 backups are encrypted here, and none is to be made in the open
//! identity.age, recipient.txt                    the identity that a passphrase opens, and its recipient
//! {backups,jobs}/<id>/key.age                    the key of what is sealed there; see `sealing`
//! locks/<cluster>/<job-id>-….json                what a job holds of a cluster; void when the job ends or its attempt dies
//! ```
//!
//! What is written once is never changed, but for who can open it (`key.age`, `identity.age`). Without `backup.json` there is no backup, so whatever breaks off leaves
//! garbage, never half a backup in the list; deleting removes `backup.json` first. A reader checks bytes before it
//! decodes them.

#![forbid(unsafe_code)]

mod backup_id;
mod catalog;
mod checksum;
mod config;
mod covering;
mod data_file;
mod examine;
mod folder;
mod format;
mod hidden;
mod keep;
mod layout;
mod lines;
mod list;
mod location;
mod manifest;
mod marker;
mod read;
mod remains;
mod repository;
mod sealing;
mod store;
mod store_error;
#[cfg(test)]
mod tests;
mod threads;
mod view;
mod write;

pub use backup_id::BackupId;
pub use config::{RepositoryConfig, StoreOption};
pub use covering::{Covering, Coverings};
pub use data_file::{Absent, AbsentObjects, DataFile, TenantRecord};
pub use examine::{Examination, Trial};
pub use folder::{FileInfo, JsonFolder};
pub use format::{DataFormat, Rows, Select};
pub use keep::BackupHold;
pub use lines::LineReader;
pub use list::{BackupFilter, BackupPage, Page, Uncommitted};
pub use manifest::{
    AccessManifest, BackupKind, BackupOptions, ClusterIdentity, CollectionManifest, CommitSummary,
    Inheritance, Manifest, ManifestCover,
};
pub use read::{BackupReader, CollectionReader, Damage, DamageKind, FileReader, Key, KeyReader, Modified};
pub use remains::Removed;
pub use repository::Repository;
pub use sealing::{Covered, Encryption, Opened, Rewrapped, new_identity};
pub use write::{BackupWriter, CollectionWriter, FileWriter, Inheriting, Written};
