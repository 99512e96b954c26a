//! What is asked for, as a value: it can be written down, compared, and carried out by another process.

mod copy;
mod repair;
mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::Utc;
use selvedge_archive::{BackupId, DataFormat};
use selvedge_model::Selection;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ParentChoice, Reshape, Tenancy};
pub use copy::CopyRequest;
pub use repair::{Deviation, Repair};

/// An operation, and the places it is for. Equal requests ask for the same. Its text says what it does, such as "back up
/// Article and Author".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The names that [`crate::Places`] knows them by.
    pub cluster: String,
    pub repository: String,
    pub operation: Operation,
    /// How long to wait for collections that other jobs hold.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub lock_timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    Backup(BackupRequest),
    Restore(Box<RestoreRequest>),
    Clear(ClearRequest),
    Verify(VerifyRequest),
    /// A restore of what differs.
    Repair(Box<RestoreRequest>),
    Copy(Box<CopyRequest>),
}

impl Operation {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Backup(_) => "backup",
            Self::Restore(_) => "restore",
            Self::Clear(_) => "clear",
            Self::Verify(_) => "verify",
            Self::Repair(_) => "repair",
            Self::Copy(_) => "copy",
        }
    }

    pub fn is_dry_run(&self) -> bool {
        match self {
            Self::Backup(request) => request.dry_run,
            Self::Restore(request) | Self::Repair(request) => request.dry_run,
            Self::Clear(request) => request.dry_run,
            Self::Copy(request) => request.dry_run,
            // It never changes anything, and does all it was asked for.
            Self::Verify(_) => false,
        }
    }

    /// The cluster that it is about besides the request's.
    pub fn other_cluster(&self) -> Option<&str> {
        match self {
            Self::Copy(request) => Some(&request.to),
            Self::Backup(_) | Self::Restore(_) | Self::Clear(_) | Self::Verify(_) | Self::Repair(_) => None,
        }
    }

    /// The backup it makes or reads. None where it is still to be decided, or where there is none.
    pub fn backup_id(&self) -> Option<&BackupId> {
        match self {
            Self::Backup(request) => request.backup_id.as_ref(),
            Self::Restore(request) | Self::Repair(request) => Some(&request.backup_id),
            Self::Verify(request) => Some(&request.backup_id),
            Self::Copy(request) => request.keys.as_ref(),
            Self::Clear(_) => None,
        }
    }

    /// What was left open is decided, once and for all who carry it out. `latest` is the backup that [`LATEST`] means now.
    pub fn decided(mut self, latest: Option<BackupId>) -> Self {
        match (&mut self, latest) {
            (Self::Restore(request) | Self::Repair(request), Some(latest)) => request.backup_id = latest,
            (Self::Verify(request), Some(latest)) => request.backup_id = latest,
            _ => {}
        }
        match &mut self {
            Self::Backup(request) => {
                request.backup_id.get_or_insert_with(BackupId::generate);
            }
            Self::Copy(request) => {
                request.keys.get_or_insert_with(BackupId::generate);
            }
            Self::Restore(request) if request.behind_alias.is_some() => request.choose_new_name(),
            Self::Restore(_) | Self::Clear(_) | Self::Verify(_) | Self::Repair(_) => {}
        }
        self
    }
}

/// What stands for the newest whole backup where the id of a backup is asked for.
pub const LATEST: &str = "latest";

/// Which backups [`LATEST`] is the newest whole one of. The default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LatestOf {
    /// The name of the cluster they were made of.
    pub cluster: Option<String>,
    pub tag: Option<String>,
}

impl LatestOf {
    fn is_all(&self) -> bool {
        *self == Self::default()
    }
}

/// What to back up. The default is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupRequest {
    pub collections: Selection,
    /// Empty for all.
    pub tenants: Vec<String>,
    /// None for one made from the time.
    pub backup_id: Option<BackupId>,
    pub schema_only: bool,
    pub without_vectors: bool,
    pub format: DataFormat,
    pub inactive_tenants: InactiveTenants,
    /// Only what has changed since a backup is read; None for everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentChoice>,
    /// What has changed is found out by what objects hold, and not by their times.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub check_all: bool,
    /// So many passes at most are made over what was read, to read again what has changed meanwhile.
    #[serde(skip_serializing_if = "is_zero")]
    pub settle: u32,
    /// No more passes are made once one has found fewer changes than this; 0 for none at all.
    #[serde(skip_serializing_if = "is_zero")]
    pub settle_below: u32,
    /// Only what tells objects is kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keys_only: bool,
    /// For people, and for what is to be kept.
    pub tags: Vec<String>,
    pub dry_run: bool,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What becomes of tenants that are not active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InactiveTenants {
    /// They are left out, and the backup is not whole.
    #[default]
    Report,
    /// They are left out, which is what is wanted.
    Skip,
    /// They are activated, read, and put back.
    Activate,
}

/// What to restore, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreRequest {
    pub backup_id: BackupId,
    #[serde(default, skip_serializing_if = "LatestOf::is_all")]
    pub latest_of: LatestOf,
    #[serde(flatten)]
    pub wanted: Wanted,
    #[serde(default)]
    pub if_exists: IfExists,
    #[serde(default)]
    pub on_conflict: OnConflict,
    /// No collection is created: all of them must be there, and are merged into.
    #[serde(default)]
    pub data_only: bool,
    #[serde(default)]
    pub behind_alias: Option<BehindAlias>,
    /// The names of the collections that may be replaced.
    #[serde(default)]
    pub confirm: Vec<String>,
    /// A backup of what is replaced is made and verified before anything is destroyed.
    #[serde(default)]
    pub backup_first: bool,
    /// What a merge changes is saved before, so that it can be put back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undoable: bool,
    /// Only what differs is brought back, and this of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair>,
    /// The job ends when all vectors are indexed.
    #[serde(default)]
    pub wait_indexed: bool,
    /// Roles are created that the cluster does not have, and given to those who had them.
    #[serde(default)]
    pub roles: bool,
    pub check: Check,
    /// That the backup itself is not whole is no reason for the job not to succeed.
    pub allow_partial: bool,
    pub dry_run: bool,
}

/// Which of a backup's collections are to be made, and what is to be different. The default is everything as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wanted {
    pub collections: Selection,
    /// New names by the names in the backup.
    pub rename: BTreeMap<String, String>,
    /// Empty for all.
    pub tenants: Vec<String>,
    pub schema_only: bool,
    pub without_references: bool,
    pub settings: Settings,
    pub reshape: Reshape,
    /// Data files of JSON Lines are taken as they are, whatever was written.
    pub allow_modified: bool,
}

impl Wanted {
    /// The tenants of the backup that are wanted; None for all.
    pub fn chosen_tenants(&self) -> Option<BTreeSet<String>> {
        match &self.reshape.tenancy {
            Tenancy::OutOf(tenant) => Some([tenant.clone()].into()),
            _ => {
                Some(self.tenants.iter().cloned().collect()).filter(|chosen: &BTreeSet<_>| !chosen.is_empty())
            }
        }
    }

    pub fn takes_tenant(&self, tenant: &str) -> bool {
        self.chosen_tenants().is_none_or(|chosen| chosen.contains(tenant))
    }
}

/// Settings that restored collections get instead of their own. Nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// No vector is ever made for an object.
    pub no_vectorizer: bool,
    pub replication_factor: Option<u64>,
    /// For collections without tenants.
    pub shards: Option<u64>,
    /// Of all vectors.
    pub vector_index_type: Option<String>,
    /// Of the indexes of all vectors, by their paths in Weaviate's schema, such as `ef` or `pq.enabled`.
    pub vector_index: BTreeMap<String, Value>,
    /// For collections with tenants.
    pub auto_tenant_creation: Option<bool>,
    pub auto_tenant_activation: Option<bool>,
    /// JSON merge patches (RFC 7396) of the schemas, by the names of the collections in the backup.
    pub patches: BTreeMap<String, Value>,
}

/// An alias that is to point to the one collection that is restored, when all of it is there and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BehindAlias {
    pub alias: String,
    /// The collection that it points to until then, by its name, if that is to be dropped afterwards.
    pub drop_previous: Option<String>,
}

/// What becomes of collections that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IfExists {
    /// They are not touched, and the restore is refused.
    #[default]
    Fail,
    /// The backup's objects are written into them.
    Merge,
    /// They are dropped, and created from the backup.
    Replace,
}

/// What becomes of objects that a merge finds, and that are not as the backup has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// They are not touched, and the merge is refused.
    #[default]
    Fail,
    /// They stay as they are.
    Skip,
    /// They become what the backup has, as a whole.
    Overwrite,
}

/// How the result of a restore is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    None,
    Count,
    /// Count, and compare the content.
    #[default]
    Digest,
}

/// What to clear.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearRequest {
    /// Exact names.
    pub collections: Vec<String>,
    /// Empty for all.
    pub tenants: Vec<String>,
    /// Must repeat `collections` for anything to be changed.
    pub confirm: Vec<String>,
    /// A backup of it is made and verified before anything is destroyed.
    #[serde(default)]
    pub backup_first: bool,
    pub dry_run: bool,
}

/// What to verify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyRequest {
    pub backup_id: BackupId,
    #[serde(default, skip_serializing_if = "LatestOf::is_all")]
    pub latest_of: LatestOf,
    pub level: Level,
    /// The names on the cluster by those in the backup.
    pub rename: BTreeMap<String, String>,
    pub collections: Selection,
    /// Those of the cluster that are compared; empty for all.
    #[serde(default)]
    pub tenants: Vec<String>,
    /// With the cluster: what becomes of tenants that cannot be read.
    #[serde(default)]
    pub inactive_tenants: InactiveTenants,
    /// How many findings to list.
    pub max_findings: usize,
}

/// How deep to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Manifests, lists, and the bytes of all files.
    Files,
    /// Also each row.
    Rows,
    /// Also the plan of a restore.
    Restorable,
    /// The cluster instead of the backup's data.
    AgainstLive,
}

impl RestoreRequest {
    /// For everything in a backup, as it was.
    pub fn new(backup_id: BackupId) -> Self {
        Self {
            backup_id,
            latest_of: LatestOf::default(),
            wanted: Wanted::default(),
            if_exists: IfExists::default(),
            on_conflict: OnConflict::default(),
            data_only: false,
            behind_alias: None,
            confirm: Vec::new(),
            backup_first: false,
            undoable: false,
            repair: None,
            wait_indexed: false,
            roles: false,
            check: Check::default(),
            allow_partial: false,
            dry_run: false,
        }
    }
}

impl RestoreRequest {
    /// Whether all of these may be replaced, or lose objects. A name that is not among them does no harm: what is not there is not destroyed.
    pub(crate) fn confirms(&self, replaced: &[String]) -> bool {
        replaced.iter().all(|name| self.confirm.contains(name))
    }

    /// Beside the collection that the alias points to until then, unless a name was given.
    fn choose_new_name(&mut self) {
        if let [collection] = self.wanted.collections.included()[..] {
            let new = format!("{collection}_{}", Utc::now().format("%Y%m%d_%H%M%S"));
            self.wanted.rename.entry(collection.to_owned()).or_insert(new);
        }
    }
}

impl VerifyRequest {
    /// For the files of everything in a backup.
    pub fn new(backup_id: BackupId, max_findings: usize) -> Self {
        let (level, collections) = (Level::Files, Selection::default());
        let (latest_of, rename, tenants, inactive_tenants) = Default::default();
        Self { backup_id, latest_of, level, rename, collections, tenants, inactive_tenants, max_findings }
    }
}

impl ClearRequest {
    pub(crate) fn is_confirmed(&self) -> bool {
        let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
        set(&self.collections) == set(&self.confirm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_names_confirm() {
        let request = |confirm: &[&str]| ClearRequest {
            collections: vec!["B".to_owned(), "A".to_owned()],
            tenants: Vec::new(),
            confirm: confirm.iter().map(|name| (*name).to_owned()).collect(),
            backup_first: false,
            dry_run: false,
        };
        assert!(request(&["A", "B"]).is_confirmed());
        for confirm in [&[][..], &["A"], &["A", "B", "C"], &["a", "B"], &["*"]] {
            assert!(!request(confirm).is_confirmed(), "{confirm:?}");
        }
    }

    #[test]
    fn a_request_comes_back_from_what_was_written_down() {
        let collections = Selection::new(&["A*".to_owned(), "B".to_owned()], &["Ab".to_owned()]).unwrap();
        let wanted = Wanted { collections, ..Wanted::default() };
        let backup_id: BackupId = "nightly".parse().unwrap();
        let restore = RestoreRequest {
            wanted,
            if_exists: IfExists::Merge,
            on_conflict: OnConflict::Skip,
            check: Check::Count,
            allow_partial: true,
            ..RestoreRequest::new(backup_id)
        };
        let operations = [
            Operation::Backup(BackupRequest::default()).decided(None),
            Operation::Restore(Box::new(restore)),
        ];
        for operation in operations {
            let (cluster, repository, lock_timeout) =
                ("c".to_owned(), "r".to_owned(), Duration::from_secs(9));
            let request = Request { cluster, repository, operation, lock_timeout };
            let json = serde_json::to_string(&request).unwrap();
            assert_eq!(serde_json::from_str::<Request>(&json).unwrap(), request);
        }
        assert!(serde_json::from_str::<Selection>(r#"{"collections": ["[z"]}"#).is_err());
    }
}
