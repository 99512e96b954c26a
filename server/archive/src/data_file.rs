//! What `files.json` and `tenants.json` hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::checksum::Checksum;
use crate::sealing::KeyText;
use selvedge_model::{Buckets, Digest, DimensionCount, LeftOut, TenantStatus, UuidRange, VectorSpace};

/// A data file, and what must be known to read it and to trust it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Its name in the collection's `data` folder.
    pub name: String,
    pub rows: u64,
    pub bytes: u64,
    /// Of the whole file.
    pub blake3: Checksum,
    /// The ids, of its one tenant or of the whole collection, among which its objects are: every object there is, unless the
    /// backup has inherited others. None for a run of whole tenants, which are then `tenants`, and in format 1, where a file is
    /// of no interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covers: Option<UuidRange>,
    /// In the order of the rows. Together with the footer they are the whole file, without gaps: the leading magic
    /// number belongs to the first.
    pub row_groups: Vec<RowGroup>,
    /// Empty in JSON Lines.
    pub footer: Footer,
    /// Multi-tenant collections only: whose rows they are, in the order of the rows. In format 1 a tenant may
    /// come more than once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<TenantSpan>,
    /// How many rows have no vector, by the name of the vector space ("" for the legacy one). Zeros are left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub without_vector: BTreeMap<String, u64>,
    /// Of its rows that are not hidden. None in backups of before there were digests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

impl DataFile {
    /// How many of its rows are objects of the backup: those that are not hidden.
    pub fn objects(&self) -> u64 {
        self.digest.map_or(self.rows, |digest| digest.objects)
    }
}

/// A data file that a backup has in common with one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InheritedFile {
    /// Where it is in the repository.
    pub path: String,
    /// What it is encrypted with, so that nothing of the backup that it was written for is needed. None in the open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyText>,
    /// How many of its rows are hidden: superseded or deleted since they were written. `hidden.parquet` says which.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hidden: u64,
    /// As it was written, but for its digest.
    #[serde(flatten)]
    pub file: DataFile,
}

/// A range of a data file that can be fetched, checked and decoded alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowGroup {
    pub offset: u64,
    pub bytes: u64,
    /// Of JSON Lines: how many bytes the lines have. 0 otherwise.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unpacked: u64,
    pub rows: u64,
    /// How many of its rows have references. Format 1 does not tell.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub references: u64,
    /// Only where there are no sections: in format 1, and in JSON Lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<Checksum>,
    /// In the order of the file. Together they are the row group, without gaps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<Section>,
}

impl RowGroup {
    /// Whether `references` tells anything.
    pub fn counts_references(&self) -> bool {
        self.is_divided() || self.unpacked > 0
    }

    /// False in format 1 and in JSON Lines: then it is read as a whole, and has no hashes.
    pub fn is_divided(&self) -> bool {
        !self.sections.is_empty()
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Columns of a row group that can be fetched and checked alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    pub kind: SectionKind,
    pub offset: u64,
    pub bytes: u64,
    pub blake3: Checksum,
}

/// In the order of the file. What a collection does not have is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SectionKind {
    /// Ids, tenants, times and content hashes.
    Keys,
    Properties,
    References,
    Vectors,
    /// Of a newer Selvedge: it is only read with everything.
    #[serde(other)]
    Unknown,
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

/// What there was not when a job was about to make it: of a backup that serves to undo that, beside what there was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    pub tenants: Vec<String>,
    pub objects: Vec<AbsentObjects>,
}

/// Of a tenant, or of a collection without tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbsentObjects {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// In their order.
    pub ids: Vec<Uuid>,
}

impl Absent {
    pub fn is_empty(&self) -> bool {
        self.tenants.is_empty() && self.objects.iter().all(|of| of.ids.is_empty())
    }

    /// The objects of a tenant, or of a collection without tenants.
    pub fn ids(&self, tenant: Option<&str>) -> &[Uuid] {
        let mut objects = self.objects.iter();
        objects.find(|of| of.tenant.as_deref() == tenant).map_or(&[], |of| &of.ids)
    }
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
    pub left_out: Option<LeftOut>,
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
    /// What it has in common with backups before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inherited: Vec<InheritedFile>,
    /// The digests of the objects by the bucket of their id. None in backups of before there were digests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buckets: Option<Buckets>,
    /// Vectors whose dimension is not the only one in their space: hardly ever any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mixed_dimensions: Vec<DimensionCount>,
    /// The dimension that all vectors of a space have, by its name ("" for the legacy one): 0 if there are none. Those of
    /// several dimensions are left out. None in backups of before this was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<BTreeMap<String, u64>>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_section_of_the_future_is_read() {
        let kinds: Vec<SectionKind> = serde_json::from_str(r#"["keys", "novelties", "vectors"]"#).unwrap();
        assert_eq!(kinds, [SectionKind::Keys, SectionKind::Unknown, SectionKind::Vectors]);
    }
}
