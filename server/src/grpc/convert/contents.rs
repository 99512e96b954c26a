//! What is in a collection of a backup.

use selvedge_proto::v1;

use super::page::page_of;
use super::remark::word;
use selvedge_archive::{BackupId, CollectionManifest, CollectionReader, DataFile, TenantRecord};
use selvedge_model::LeftOut;
use selvedge_model::error::Result;

pub fn collection_of_backup(
    id: &BackupId,
    manifest: &CollectionManifest,
    reader: &CollectionReader,
) -> v1::GetBackupCollectionResponse {
    v1::GetBackupCollectionResponse {
        backup_id: id.to_string(),
        collection: Some(super::backup::collection(manifest)),
        schema: reader.collection().schema.to_string(),
        aliases: reader.aliases().to_vec(),
    }
}

pub fn tenants_of_backup(
    reader: &CollectionReader,
    size: u32,
    token: &str,
) -> Result<v1::ListBackupTenantsResponse> {
    let mut all: Vec<_> = reader.tenants().unwrap_or_default().iter().collect();
    all.sort_unstable_by_key(|record| &record.name);
    let (page, next_page_token) = page_of(&all, size, token)?;
    Ok(v1::ListBackupTenantsResponse {
        tenants: page.iter().map(|one| tenant(one)).collect(),
        next_page_token,
    })
}

fn tenant(record: &TenantRecord) -> v1::BackupTenant {
    let TenantRecord { name, status, rows, left_out, digest: _ } = record;
    let left_out = match left_out {
        None | Some(LeftOut::Unknown) => v1::LeftOut::Unspecified,
        Some(LeftOut::NotChosen) => v1::LeftOut::NotChosen,
        Some(LeftOut::Inactive) => v1::LeftOut::Inactive,
        Some(LeftOut::Offloaded) => v1::LeftOut::Offloaded,
        Some(LeftOut::Gone) => v1::LeftOut::Gone,
        Some(LeftOut::InactiveMeanwhile) => v1::LeftOut::InactiveMeanwhile,
    };
    let (name, status) = (name.clone(), word(*status).to_owned());
    v1::BackupTenant { name, status, objects: *rows, left_out: left_out.into() }
}

pub fn files_of_backup(
    reader: &CollectionReader,
    size: u32,
    token: &str,
) -> Result<v1::ListBackupFilesResponse> {
    let (page, next_page_token) = page_of(reader.files(), size, token)?;
    let files = page.iter().map(|one| file(reader, one)).collect();
    Ok(v1::ListBackupFilesResponse { files, next_page_token })
}

fn file(reader: &CollectionReader, file: &DataFile) -> v1::BackupFile {
    let ids = file.covers.map(|ids| (ids.first.to_string(), ids.last.to_string()));
    let (first_id, last_id) = ids.unwrap_or_default();
    v1::BackupFile {
        path: reader.place(file),
        objects: file.objects(),
        bytes: file.bytes,
        blake3: file.blake3.to_string(),
        first_id,
        last_id,
        tenants: file.tenants.len() as u64,
    }
}
