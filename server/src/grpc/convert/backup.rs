//! Backups on their way out.

use selvedge_proto::v1;

use super::remark::remark;
use super::retention::decision;
use super::timestamp;
use crate::jobs::{Decision, Incomplete, IncompleteState, Pruned, PrunedLeftover};
use chrono::DateTime;
use selvedge_archive::{
    AccessManifest, BackupFilter, BackupKind, BackupPage, CollectionManifest, Covering, DataFormat,
    Inheritance, Manifest, Opened, Removed,
};
use selvedge_model::error::{Error, Result};

pub fn backups(page: BackupPage) -> v1::ListBackupsResponse {
    let BackupPage { backups, held, unreadable, next } = page;
    let shown =
        |found: &Opened<Manifest>| v1::Backup { held: held.contains(found.id()), ..as_far_as_known(found) };
    v1::ListBackupsResponse {
        backups: backups.iter().map(shown).collect(),
        next_page_token: next.unwrap_or_default(),
        unreadable: unreadable.into_iter().collect(),
        incomplete: Vec::new(),
    }
}

/// There are few, so they are on one page.
pub fn incomplete(found: Vec<Incomplete>) -> v1::ListBackupsResponse {
    let incomplete = found.into_iter().map(|Incomplete { id, job_id, claimed, files, bytes, state }| {
        let state = match state {
            IncompleteState::Running => v1::IncompleteBackupState::Running,
            IncompleteState::Resumable => v1::IncompleteBackupState::Resumable,
            IncompleteState::Young => v1::IncompleteBackupState::Young,
            IncompleteState::Garbage => v1::IncompleteBackupState::Garbage,
        };
        let (id, claim_time) = (id.to_string(), claimed.map(timestamp));
        v1::IncompleteBackup { id, job_id, claim_time, files, bytes, state: state.into() }
    });
    v1::ListBackupsResponse { incomplete: incomplete.collect(), ..v1::ListBackupsResponse::default() }
}

pub fn pruned(pruned: Pruned, decisions: &[Decision]) -> v1::PruneBackupsResponse {
    let Pruned { leftovers, kept } = pruned;
    v1::PruneBackupsResponse {
        decisions: decisions.iter().map(decision).collect(),
        files: leftovers.iter().map(|one| one.files).sum(),
        bytes: leftovers.iter().map(|one| one.bytes).sum(),
        pruned: leftovers
            .into_iter()
            .map(|PrunedLeftover { path, why, files, bytes }| v1::PrunedLeftover { path, why, files, bytes })
            .collect(),
        kept,
    }
}

pub fn removed(removed: Removed) -> v1::DeleteBackupResponse {
    let Removed { files, bytes, kept_files, kept_bytes, needed_by } = removed;
    let needed_by = needed_by.iter().map(ToString::to_string).collect();
    v1::DeleteBackupResponse { files, bytes, kept_files, kept_bytes, needed_by }
}

fn inheritance(inheritance: &Inheritance) -> v1::BackupInheritance {
    let Inheritance { parent, files, bytes, objects, hidden } = inheritance;
    v1::BackupInheritance {
        parent: parent.to_string(),
        files: files.values().sum(),
        bytes: *bytes,
        objects: *objects,
        hidden_rows: *hidden,
        owners: files.keys().map(ToString::to_string).collect(),
    }
}

pub fn as_far_as_known(found: &Opened<Manifest>) -> v1::Backup {
    let cover = match found {
        Opened::Whole(manifest) => return backup(manifest),
        Opened::Cover(cover) => cover,
    };
    v1::Backup {
        id: cover.id.to_string(),
        start_time: Some(timestamp(cover.start_time)),
        end_time: Some(timestamp(cover.end_time)),
        selvedge_version: cover.selvedge_version.clone(),
        format_version: cover.format_version,
        bytes: cover.bytes,
        encrypted: true,
        sealed: true,
        ..v1::Backup::default()
    }
}

pub fn backup(manifest: &Manifest) -> v1::Backup {
    v1::Backup {
        id: manifest.id.to_string(),
        kind: kind(manifest.kind).into(),
        start_time: Some(timestamp(manifest.start_time)),
        end_time: Some(timestamp(manifest.end_time)),
        cluster: manifest.cluster.name.clone(),
        cluster_address: manifest.cluster.address.clone(),
        weaviate_version: manifest.weaviate_version.clone(),
        selvedge_version: manifest.selvedge_version.clone(),
        format_version: manifest.format_version,
        without_vectors: manifest.options.without_vectors,
        format: data_format(manifest.options.format).into(),
        objects: manifest.objects(),
        bytes: manifest.bytes(),
        collections: manifest.collections.iter().map(collection).collect(),
        remarks: manifest.remarks.iter().map(remark).collect(),
        tags: manifest.options.tags.clone(),
        encrypted: manifest.is_encrypted(),
        sealed: false,
        held: false,
        access: manifest.access.as_ref().map(access),
    }
}

pub fn newest(covering: Covering) -> v1::NewestBackup {
    let Covering { backup, time, objects, tenants_covered, tenants_total } = covering;
    let (backup_id, time) = (backup.to_string(), Some(timestamp(time)));
    v1::NewestBackup { backup_id, time, objects, tenants_covered, tenants_total }
}

fn access(manifest: &AccessManifest) -> v1::BackupAccess {
    let AccessManifest { roles, holders, blake3: _ } = manifest;
    v1::BackupAccess { roles: *roles, holders: *holders }
}

/// Which backups a list is to have.
pub fn wanted(request: &v1::ListBackupsRequest) -> Result<BackupFilter> {
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let time = |field, time: &Option<prost_types::Timestamp>| {
        let time = time.as_ref().map(|time| {
            let nanos = u32::try_from(time.nanos).ok();
            let time = nanos.and_then(|nanos| DateTime::from_timestamp(time.seconds, nanos));
            time.ok_or_else(|| Error::invalid(field, format!("`{field}` is no time")))
        });
        time.transpose()
    };
    let kind = match v1::BackupKind::try_from(request.kind) {
        Ok(v1::BackupKind::Unspecified) => None,
        Ok(v1::BackupKind::Full) => Some(BackupKind::Full),
        Ok(v1::BackupKind::Schema) => Some(BackupKind::Schema),
        Ok(v1::BackupKind::Subset) => Some(BackupKind::Subset),
        Ok(v1::BackupKind::Partial) => Some(BackupKind::Partial),
        Ok(v1::BackupKind::Undo) => Some(BackupKind::Undo),
        Ok(v1::BackupKind::Keys) => Some(BackupKind::Keys),
        Err(_) => {
            return Err(Error::invalid("kind", format!("`kind` is {}, which is not known", request.kind)));
        }
    };
    Ok(BackupFilter {
        cluster: text(&request.cluster),
        collection: text(&request.collection),
        kind,
        tag: text(&request.tag),
        since: time("since", &request.since)?,
        before: time("before", &request.before)?,
    })
}

fn data_format(format: DataFormat) -> v1::DataFormat {
    match format {
        DataFormat::Parquet => v1::DataFormat::Parquet,
        DataFormat::JsonLines => v1::DataFormat::JsonLines,
        DataFormat::JsonLinesZstd => v1::DataFormat::JsonLinesZstd,
    }
}

fn kind(kind: BackupKind) -> v1::BackupKind {
    match kind {
        BackupKind::Full => v1::BackupKind::Full,
        BackupKind::Schema => v1::BackupKind::Schema,
        BackupKind::Subset => v1::BackupKind::Subset,
        BackupKind::Partial => v1::BackupKind::Partial,
        BackupKind::Undo => v1::BackupKind::Undo,
        BackupKind::Keys => v1::BackupKind::Keys,
    }
}

pub fn collection(manifest: &CollectionManifest) -> v1::BackupCollection {
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
        inheritance: inherited,
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
        inheritance: inherited.as_ref().map(inheritance),
    }
}
