//! Backups on their way out.

use selvedge_proto::v1;

use super::remark::remark;
use super::timestamp;
use selvedge_archive::{BackupKind, BackupPage, CollectionManifest, Manifest};

pub fn backups(page: BackupPage) -> v1::ListBackupsResponse {
    let BackupPage { backups, unreadable, next } = page;
    v1::ListBackupsResponse {
        backups: backups.iter().map(backup).collect(),
        next_page_token: next.unwrap_or_default(),
        unreadable: unreadable.into_iter().collect(),
    }
}

pub fn backup(manifest: &Manifest) -> v1::Backup {
    v1::Backup {
        id: manifest.id.to_string(),
        kind: kind(manifest.kind).into(),
        start_time: Some(timestamp(manifest.start_time)),
        end_time: Some(timestamp(manifest.end_time)),
        cluster: manifest.cluster.name.clone(),
        weaviate_version: manifest.weaviate_version.clone(),
        selvedge_version: manifest.selvedge_version.clone(),
        format_version: manifest.format_version,
        without_vectors: manifest.options.without_vectors,
        objects: manifest.objects(),
        bytes: manifest.bytes(),
        collections: manifest.collections.iter().map(collection).collect(),
        remarks: manifest.remarks.iter().map(remark).collect(),
    }
}

fn kind(kind: BackupKind) -> v1::BackupKind {
    match kind {
        BackupKind::Full => v1::BackupKind::Full,
        BackupKind::Schema => v1::BackupKind::Schema,
        BackupKind::Subset => v1::BackupKind::Subset,
        BackupKind::Partial => v1::BackupKind::Partial,
    }
}

fn collection(manifest: &CollectionManifest) -> v1::BackupCollection {
    let CollectionManifest {
        name,
        objects,
        bytes,
        files,
        multi_tenant,
        tenants_covered,
        tenants_total,
        complete,
        remarks,
        digest,
        blake3: _,
    } = manifest;
    v1::BackupCollection {
        name: name.clone(),
        objects: *objects,
        bytes: *bytes,
        files: *files,
        multi_tenant: *multi_tenant,
        tenants_covered: *tenants_covered,
        tenants_total: *tenants_total,
        content_digest: digest.map(|digest| digest.fingerprint()).unwrap_or_default(),
        complete: *complete,
        remarks: remarks.iter().map(remark).collect(),
    }
}
