//! What is in a collection of a backup, as JSON.

use selvedge_proto::v1;
use serde::Serialize;
use serde_json::Value;

use super::backup::BackupCollection;
use crate::words;

#[derive(Serialize)]
pub struct CollectionOfBackup<'a> {
    backup_id: &'a str,
    collection: BackupCollection,
    aliases: &'a [String],
    /// As Weaviate's REST API returned it.
    schema: &'a Value,
    /// With --tenants.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenants: Option<Vec<Tenant<'a>>>,
    /// With --files.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<File<'a>>>,
}

impl<'a> CollectionOfBackup<'a> {
    pub fn new(
        response: &'a v1::GetBackupCollectionResponse,
        schema: &'a Value,
        tenants: Option<&'a [v1::BackupTenant]>,
        files: Option<&'a [v1::BackupFile]>,
    ) -> Self {
        Self {
            backup_id: &response.backup_id,
            collection: BackupCollection::from(&response.collection.clone().unwrap_or_default()),
            aliases: &response.aliases,
            schema,
            tenants: tenants.map(|tenants| tenants.iter().map(Tenant::from).collect()),
            files: files.map(|files| files.iter().map(File::from).collect()),
        }
    }
}

#[derive(Serialize)]
struct Tenant<'a> {
    name: &'a str,
    status: &'a str,
    /// Null if the backup does not have its objects.
    objects: Option<u64>,
    /// Why not; null if it has them, or if nobody knows.
    left_out: Option<String>,
}

impl<'a> From<&'a v1::BackupTenant> for Tenant<'a> {
    fn from(tenant: &'a v1::BackupTenant) -> Self {
        let left_out = words::left_out(tenant);
        Self { name: &tenant.name, status: &tenant.status, objects: tenant.objects, left_out }
    }
}

#[derive(Serialize)]
struct File<'a> {
    path: &'a str,
    objects: u64,
    bytes: u64,
    blake3: &'a str,
    /// Empty where the file has whole tenants.
    first_id: &'a str,
    last_id: &'a str,
    tenants: u64,
}

impl<'a> From<&'a v1::BackupFile> for File<'a> {
    fn from(file: &'a v1::BackupFile) -> Self {
        Self {
            path: &file.path,
            objects: file.objects,
            bytes: file.bytes,
            blake3: &file.blake3,
            first_id: &file.first_id,
            last_id: &file.last_id,
            tenants: file.tenants,
        }
    }
}
