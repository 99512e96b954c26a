//! What `files.json` and `tenants.json` hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Checksum;
use selvedge_model::{Buckets, Digest, DimensionCount, TenantStatus, VectorSpace};

/// A data file, and what must be known to read it and to trust it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Its name in the collection's `data` folder.
    pub name: String,
    pub rows: u64,
    pub bytes: u64,
    /// Of the whole file.
    pub blake3: Checksum,
    /// In the order of the rows. Together with the footer they are the whole file, without gaps: the leading magic
    /// number belongs to the first.
    pub row_groups: Vec<RowGroup>,
    pub footer: Footer,
    /// Multi-tenant collections only: whose rows they are, in the order of the rows. A tenant may come more than
    /// once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<TenantSpan>,
    /// How many rows have no vector, by the name of the vector space ("" for the legacy one). Zeros are left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub without_vector: BTreeMap<String, u64>,
    /// Of its rows. None in backups of before there were digests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// A range of a data file that can be fetched, checked and decoded alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowGroup {
    pub offset: u64,
    pub bytes: u64,
    pub rows: u64,
    pub blake3: Checksum,
}

/// The end of a data file: everything after the last row group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footer {
    pub offset: u64,
    pub bytes: u64,
    pub blake3: Checksum,
}

/// Consecutive rows of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSpan {
    pub tenant: String,
    pub first_row: u64,
    pub rows: u64,
}

/// A tenant as the backup knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    pub name: String,
    pub status: TenantStatus,
    /// None if its objects are not in the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Why they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// Of its objects; None if they are not in the backup, or if it was made before there were digests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// `files.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct FilesJson {
    /// The vector spaces that the data files have columns for.
    pub vectors: Vec<WrittenSpace>,
    pub files: Vec<DataFile>,
    /// The digests of the objects by the bucket of their id. None in backups of before there were digests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buckets: Option<Buckets>,
    /// Vectors whose dimension is not the only one in their space: hardly ever any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mixed_dimensions: Vec<DimensionCount>,
}

/// A vector space of which the data files hold the vectors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenSpace {
    /// None for the legacy, unnamed one.
    pub name: Option<String>,
    pub multi: bool,
}

impl From<&VectorSpace> for WrittenSpace {
    fn from(space: &VectorSpace) -> Self {
        Self { name: space.name.clone(), multi: space.multi }
    }
}

/// `tenants.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct TenantsJson {
    pub tenants: Vec<TenantRecord>,
}

/// `schema.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct SchemaJson {
    /// As Weaviate returned it.
    pub class: serde_json::Value,
    pub aliases: Vec<String>,
}
