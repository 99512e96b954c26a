//! A backup as JSON.

use selvedge_proto::v1;
use serde::Serialize;

use crate::{format, remarks, words};

#[derive(Serialize)]
pub struct Backup {
    id: String,
    kind: String,
    start_time: Option<String>,
    end_time: Option<String>,
    cluster: String,
    weaviate_version: String,
    selvedge_version: String,
    format_version: u32,
    without_vectors: bool,
    format: String,
    objects: u64,
    bytes: u64,
    gaps: Vec<String>,
    notes: Vec<String>,
    /// The gaps and the notes once more, with what programs can act on.
    remarks: Vec<Remark>,
    collections: Vec<BackupCollection>,
    tags: Vec<String>,
    held: bool,
    cluster_address: String,
    encrypted: bool,
    sealed: bool,
    /// Null if the backup does not have it.
    access: Option<BackupAccess>,
}

impl From<&v1::Backup> for Backup {
    fn from(backup: &v1::Backup) -> Self {
        Self {
            id: backup.id.clone(),
            kind: words::backup_kind(backup.kind()),
            start_time: format::rfc3339(backup.start_time.as_ref()),
            end_time: format::rfc3339(backup.end_time.as_ref()),
            cluster: backup.cluster.clone(),
            weaviate_version: backup.weaviate_version.clone(),
            selvedge_version: backup.selvedge_version.clone(),
            format_version: backup.format_version,
            without_vectors: backup.without_vectors,
            format: words::data_format(backup.format()),
            objects: backup.objects,
            bytes: backup.bytes,
            gaps: owned(remarks::gaps(&backup.remarks)),
            notes: owned(remarks::notes(&backup.remarks)),
            remarks: backup.remarks.iter().map(Remark::from).collect(),
            collections: backup.collections.iter().map(BackupCollection::from).collect(),
            tags: backup.tags.clone(),
            held: backup.held,
            cluster_address: backup.cluster_address.clone(),
            encrypted: backup.encrypted,
            sealed: backup.sealed,
            access: backup.access.as_ref().map(BackupAccess::from),
        }
    }
}

#[derive(Serialize)]
struct BackupAccess {
    roles: u64,
    holders: u64,
}

impl From<&v1::BackupAccess> for BackupAccess {
    fn from(access: &v1::BackupAccess) -> Self {
        Self { roles: access.roles, holders: access.holders }
    }
}

/// The newest backup that holds all of a collection.
#[derive(Serialize)]
pub struct NewestBackup {
    backup_id: String,
    time: Option<String>,
    objects: u64,
    tenants_covered: u64,
    tenants_total: u64,
}

impl From<&v1::NewestBackup> for NewestBackup {
    fn from(newest: &v1::NewestBackup) -> Self {
        Self {
            backup_id: newest.backup_id.clone(),
            time: format::rfc3339(newest.time.as_ref()),
            objects: newest.objects,
            tenants_covered: newest.tenants_covered,
            tenants_total: newest.tenants_total,
        }
    }
}

/// A backup whose manifest cannot be read.
#[derive(Serialize)]
pub struct DamagedBackup<'a> {
    pub id: &'a str,
    /// What is wrong with it.
    pub damaged: &'a str,
}

#[derive(Serialize)]
pub struct BackupCollection {
    name: String,
    objects: u64,
    bytes: u64,
    files: u64,
    multi_tenant: bool,
    tenants_covered: u64,
    tenants_total: u64,
    gaps: Vec<String>,
    notes: Vec<String>,
    remarks: Vec<Remark>,
    /// 64 hex digits; empty if there is none.
    content_digest: String,
    complete: bool,
    /// None if it has all to itself.
    inheritance: Option<BackupInheritance>,
}

/// What it has in common with backups before it.
#[derive(Serialize)]
pub struct BackupInheritance {
    parent: String,
    files: u64,
    bytes: u64,
    objects: u64,
    hidden_rows: u64,
    owners: Vec<String>,
}

impl From<&v1::BackupInheritance> for BackupInheritance {
    fn from(inheritance: &v1::BackupInheritance) -> Self {
        let v1::BackupInheritance { parent, files, bytes, objects, hidden_rows, owners } = inheritance;
        let (parent, owners) = (parent.clone(), owners.clone());
        Self { parent, files: *files, bytes: *bytes, objects: *objects, hidden_rows: *hidden_rows, owners }
    }
}

impl From<&v1::BackupCollection> for BackupCollection {
    fn from(collection: &v1::BackupCollection) -> Self {
        Self {
            name: collection.name.clone(),
            objects: collection.objects,
            bytes: collection.bytes,
            files: collection.files,
            multi_tenant: collection.multi_tenant,
            tenants_covered: collection.tenants_covered,
            tenants_total: collection.tenants_total,
            gaps: owned(remarks::gaps(&collection.remarks)),
            notes: owned(remarks::notes(&collection.remarks)),
            remarks: collection.remarks.iter().map(Remark::from).collect(),
            content_digest: collection.content_digest.clone(),
            complete: collection.complete,
            inheritance: collection.inheritance.as_ref().map(BackupInheritance::from),
        }
    }
}

#[derive(Serialize)]
struct Remark {
    kind: String,
    reason: String,
    text: String,
    // Which of the following are set is for the reason to say; the others are empty or 0, as in the contract.
    tenant: String,
    names: Vec<String>,
    count: u64,
    total: u64,
    object_id: String,
    property: String,
    status: String,
}

impl From<&v1::Remark> for Remark {
    fn from(remark: &v1::Remark) -> Self {
        Self {
            kind: words::remark_kind(remark.kind()),
            reason: words::remark_reason(remark.reason()),
            text: remark.text.clone(),
            tenant: remark.tenant.clone(),
            names: remark.names.clone(),
            count: remark.count,
            total: remark.total,
            object_id: remark.object_id.clone(),
            property: remark.property.clone(),
            status: remark.status.clone(),
        }
    }
}

fn owned<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<String> {
    texts.map(str::to_owned).collect()
}
