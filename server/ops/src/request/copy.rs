//! What to copy from one cluster to another, or to another name.

use std::collections::BTreeMap;

use selvedge_archive::BackupId;
use selvedge_model::Selection;
use serde::{Deserialize, Serialize};

use super::{BackupRequest, Check, IfExists, InactiveTenants, OnConflict, RestoreRequest, Settings, Wanted};
use crate::ParentChoice;

/// The cluster that is read is that of the request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CopyRequest {
    /// The cluster that is written to, by its name.
    pub to: String,
    pub collections: Selection,
    /// Empty for all.
    pub tenants: Vec<String>,
    pub inactive_tenants: InactiveTenants,
    /// New names by those on the cluster that is read.
    pub rename: BTreeMap<String, String>,
    pub without_references: bool,
    pub settings: Settings,
    /// Fail or replace: nothing is merged into.
    pub if_exists: IfExists,
    /// The names of the collections that may be replaced.
    pub confirm: Vec<String>,
    /// Only what has changed since a copy is moved: this is what that has left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<BackupId>,
    /// So many passes at most are made afterwards, until one finds fewer changes than `settle_below`.
    pub settle: u32,
    pub settle_below: u32,
    pub check: Check,
    /// The backup of keys that the copy leaves; None for one made from the time.
    pub keys: Option<BackupId>,
    pub dry_run: bool,
}

impl CopyRequest {
    /// What is read.
    pub(crate) fn reading(&self) -> BackupRequest {
        BackupRequest {
            collections: self.collections.clone(),
            tenants: self.tenants.clone(),
            backup_id: self.keys.clone(),
            inactive_tenants: self.inactive_tenants,
            parent: self.since.clone().map(ParentChoice::Backup),
            settle: self.settle,
            settle_below: self.settle_below,
            keys_only: true,
            dry_run: self.dry_run,
            ..BackupRequest::default()
        }
    }

    /// What is written.
    pub(crate) fn writing(&self, keys: &BackupId) -> RestoreRequest {
        RestoreRequest {
            wanted: Wanted {
                collections: self.collections.clone(),
                rename: self.rename.clone(),
                tenants: self.tenants.clone(),
                without_references: self.without_references,
                settings: self.settings.clone(),
                ..Wanted::default()
            },
            if_exists: self.if_exists,
            on_conflict: if self.since.is_some() { OnConflict::Overwrite } else { OnConflict::Fail },
            data_only: self.since.is_some(),
            confirm: self.confirm.clone(),
            check: self.check,
            dry_run: self.dry_run,
            ..RestoreRequest::new(keys.clone())
        }
    }

    /// What a collection is called on the cluster that is written to.
    pub(crate) fn new_name(&self, old: &str) -> String {
        self.rename.get(old).cloned().unwrap_or_else(|| old.to_owned())
    }
}
