//! `backup.json`: what makes a folder of files a backup.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::backup_id::BackupId;
use crate::checksum::Checksum;
use crate::format::DataFormat;
use crate::layout;
use crate::sealing::Seal;
use crate::store_error::corrupt;
use selvedge_model::error::Result;
use selvedge_model::{Access, Digest, Remark, gaps};

mod format_1;
mod sealed;
mod text;

pub use self::sealed::{ManifestCover, SealedManifest};
use self::text::{Outline, unknown_format, with_checksum};

/// The version of the format that this Selvedge writes. Fields may be added without raising it.
pub const FORMAT_VERSION: u32 = 2;
/// That of what only those can read who know of other files than Parquet.
const FORMAT_WITH_LINES: u32 = 3;
/// That of one that is encrypted, whatever its files are.
const FORMAT_SEALED: u32 = 4;
/// That of what only those can read who know of files that were written for other backups.
const FORMAT_WITH_INHERITANCE: u32 = 5;
/// The last one that is read.
const NEWEST: u32 = FORMAT_WITH_INHERITANCE;

/// The first one, which is read too.
const FORMAT_1: u32 = 1;

/// A committed backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format_version: u32,
    pub id: BackupId,
    pub kind: BackupKind,
    /// The version that wrote it.
    pub selvedge_version: String,
    pub weaviate_version: String,
    /// The job that made it.
    pub job_id: String,
    /// The checksum of `claim.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Checksum>,
    /// None if the backup does not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessManifest>,
    pub cluster: ClusterIdentity,
    /// What is in it was read between the two.
    pub start_time: DateTime<Utc>,
    pub end_time: DateTime<Utc>,
    /// What bears an earlier time was written before it was begun, by the cluster's own clock: of that, a time tells everything.
    /// None if nobody has asked the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_before: Option<DateTime<Utc>>,
    pub options: BackupOptions,
    /// Of the selection as a whole, such as why collections that were asked for may be missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
    pub collections: Vec<CollectionManifest>,
}

/// `access.json`, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessManifest {
    /// Those that somebody has made.
    pub roles: u64,
    /// Users and groups that have roles.
    pub holders: u64,
    pub blake3: Checksum,
}

/// How much of its collections a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum BackupKind {
    /// All objects.
    Full,
    /// Schemas only.
    Schema,
    /// Some tenants, or objects without vectors, as the request asked.
    Subset,
    /// Less than the request asked for.
    Partial,
    /// What a job was about to change, so that it can be undone.
    Undo,
    /// What a job has copied to another cluster: ids, times and hashes of objects, without what they hold.
    Keys,
}

impl BackupKind {
    /// Whether it is what another job has left, and nobody has asked for a backup.
    pub fn is_byproduct(self) -> bool {
        matches!(self, Self::Undo | Self::Keys)
    }
}

/// Where a backup was read from; nothing is known of imported lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClusterIdentity {
    /// Its name in the server's configuration.
    pub name: String,
    /// Its URL or host name.
    pub address: String,
}

/// What the request asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupOptions {
    pub schema_only: bool,
    pub without_vectors: bool,
    /// Empty for all.
    pub tenants: Vec<String>,
    /// For people, and for what is to be kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "DataFormat::is_default")]
    pub format: DataFormat,
}

/// A collection in a backup, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionManifest {
    pub name: String,
    pub objects: u64,
    /// Size of the data files.
    pub bytes: u64,
    /// How many data files.
    pub files: u64,
    pub multi_tenant: bool,
    /// Tenants of which the backup has the objects.
    pub tenants_covered: u64,
    /// Tenants that the collection had.
    pub tenants_total: u64,
    /// Whether there is no gap among the remarks, for those who read the file without knowing them.
    #[serde(default = "yes")]
    pub complete: bool,
    /// What is missing of it, and what else a person should know of its completeness.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
    /// Of all its objects. None if it was made before there were digests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What it has in common with backups before it. None if it has all to itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inheritance: Option<Inheritance>,
    /// Of the collection's other files but those of data, by their names.
    pub blake3: BTreeMap<String, Checksum>,
}

/// What a collection has in common with backups before it. Its other numbers have this in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inheritance {
    /// The backup that the cluster was compared with.
    pub parent: BackupId,
    /// How many data files were written for which backup.
    pub files: BTreeMap<BackupId, u64>,
    /// Size of these files.
    pub bytes: u64,
    /// Objects in them.
    pub objects: u64,
    /// Rows in them that are none any more.
    pub hidden: u64,
}

impl CollectionManifest {
    /// Whether its lists have files that were written for other backups, or of which rows are hidden.
    fn lists_other_files(&self) -> bool {
        self.inheritance.is_some() || self.blake3.contains_key(layout::HIDDEN)
    }
}

/// Backups that do not say so are whole: before, others were refused.
fn yes() -> bool {
    true
}

/// What the manifest says beyond the collections.
#[derive(Debug, Clone)]
pub struct CommitSummary {
    pub kind: BackupKind,
    pub weaviate_version: String,
    pub cluster: ClusterIdentity,
    pub start_time: DateTime<Utc>,
    pub end_time: DateTime<Utc>,
    pub settled_before: Option<DateTime<Utc>>,
    pub options: BackupOptions,
    /// Who may do what on the cluster, if it is to be in the backup.
    pub access: Option<Access>,
    pub remarks: Vec<Remark>,
}

impl Manifest {
    pub fn new(
        id: BackupId,
        job_id: String,
        claim: Checksum,
        summary: CommitSummary,
        mut collections: Vec<CollectionManifest>,
        seal: &Seal,
    ) -> Self {
        // There may be more remarks than when it was written down.
        for collection in &mut collections {
            collection.complete = gaps(&collection.remarks).next().is_none();
        }
        Self {
            format_version: match (seal, summary.options.format) {
                (Some(_), _) => FORMAT_SEALED,
                (None, _) if collections.iter().any(CollectionManifest::lists_other_files) => {
                    FORMAT_WITH_INHERITANCE
                }
                (None, DataFormat::Parquet) => FORMAT_VERSION,
                (None, DataFormat::JsonLines | DataFormat::JsonLinesZstd) => FORMAT_WITH_LINES,
            },
            id,
            kind: summary.kind,
            selvedge_version: env!("CARGO_PKG_VERSION").to_owned(),
            weaviate_version: summary.weaviate_version,
            job_id,
            claim: Some(claim),
            access: None,
            cluster: summary.cluster,
            start_time: summary.start_time,
            end_time: summary.end_time,
            settled_before: summary.settled_before,
            options: summary.options,
            remarks: summary.remarks,
            collections,
        }
    }

    /// Whether nothing is missing that is told.
    pub fn is_whole(&self) -> bool {
        gaps(&self.remarks).next().is_none() && self.collections.iter().all(|collection| collection.complete)
    }

    pub fn is_encrypted(&self) -> bool {
        self.format_version == FORMAT_SEALED
    }

    /// In all collections together.
    pub fn objects(&self) -> u64 {
        self.collections.iter().map(|collection| collection.objects).sum()
    }

    /// Size of all data files.
    pub fn bytes(&self) -> u64 {
        self.collections.iter().map(|collection| collection.bytes).sum()
    }

    /// The backups that it has data files of.
    pub fn inherits(&self) -> BTreeSet<BackupId> {
        let inheritances = self.collections.iter().filter_map(|one| one.inheritance.as_ref());
        inheritances.flat_map(|inheritance| inheritance.files.keys().cloned()).collect()
    }

    /// Of backups of the same cluster that were asked for in the same way, and are as whole: one of them can take the place of
    /// an older one.
    pub fn series(&self) -> Checksum {
        let BackupOptions { schema_only: _, without_vectors, tenants, tags: _, format: _ } = &self.options;
        let ClusterIdentity { name, address } = &self.cluster;
        // Imported lines are of nowhere, and of anything.
        let import = name.is_empty().then_some(&self.id);
        let collections: BTreeSet<_> = self.collections.iter().map(|one| one.name.as_str()).collect();
        let tenants: BTreeSet<_> = tenants.iter().collect();
        let same =
            serde_json::json!([name, address, import, self.kind, collections, without_vectors, tenants]);
        Checksum::of(same.to_string().as_bytes())
    }

    /// The text of `backup.json`.
    pub(crate) fn to_json(&self, seal: &Seal) -> Result<Bytes> {
        let text = match seal {
            None => with_checksum(self),
            Some(key) => SealedManifest::text_of(self, key),
        };
        text.map(Bytes::from)
    }

    /// What is in a `backup.json`, which may be sealed.
    pub(crate) fn parse(id: &BackupId, bytes: &[u8]) -> Result<Parsed> {
        let broken = |error: serde_json::Error| {
            let what = if error.is_eof() { "is cut off" } else { "is not valid" };
            corrupt(id, format_args!("backup.json {what}")).caused_by(error)
        };
        let outline: Outline = serde_json::from_slice(bytes).map_err(broken)?;
        if !(FORMAT_1..=NEWEST).contains(&outline.format_version) {
            return Err(unknown_format(id, &outline));
        }
        if !outline.is_checksum_of(bytes) {
            return Err(corrupt(id, "backup.json was altered: its checksum does not match"));
        }
        if outline.format_version == FORMAT_SEALED {
            let sealed: SealedManifest = serde_json::from_slice(bytes).map_err(broken)?;
            return of_its_own(id, &sealed.cover.id).map(|()| Parsed::Sealed(sealed));
        }
        let mut manifest: Self = serde_json::from_slice(bytes).map_err(broken)?;
        if outline.format_version == FORMAT_1 {
            format_1::tell(&mut manifest, bytes).map_err(broken)?;
        }
        of_its_own(id, &manifest.id).map(|()| Parsed::Open(manifest))
    }
}

/// A `backup.json` whose bytes are as they were written.
pub(crate) enum Parsed {
    Open(Manifest),
    Sealed(SealedManifest),
}

impl Parsed {
    pub(crate) fn end_time(&self) -> DateTime<Utc> {
        match self {
            Self::Open(manifest) => manifest.end_time,
            Self::Sealed(sealed) => sealed.cover.end_time,
        }
    }
}

fn of_its_own(id: &BackupId, found: &BackupId) -> Result<()> {
    if found == id {
        return Ok(());
    }
    Err(corrupt(id, format_args!("its backup.json belongs to backup {found}")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use selvedge_model::error::Kind;

    use super::text::UNCHECKED;
    use crate::sealing::{Covered, Key};
    use crate::tests::samples::summary;

    fn manifest() -> Manifest {
        Manifest::new(
            "b".parse().unwrap(),
            "job".to_owned(),
            Checksum::of(b"{}"),
            summary(),
            Vec::new(),
            &None,
        )
    }

    fn read(text: &str) -> Result<Manifest> {
        match Manifest::parse(&"b".parse().unwrap(), text.as_bytes())? {
            Parsed::Open(manifest) => Ok(manifest),
            Parsed::Sealed(_) => panic!("it is sealed"),
        }
    }

    #[test]
    fn it_comes_back_and_no_altered_or_shortened_text_passes() {
        let text = String::from_utf8(manifest().to_json(&None).unwrap().to_vec()).unwrap();
        assert_eq!(read(&text).unwrap().to_json(&None).unwrap(), text);
        for end in 0..text.len() {
            assert_eq!(read(&text[..end]).unwrap_err().kind(), Kind::BackupCorrupt, "cut at {end}");
        }
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let Err(error) = Manifest::parse(&"b".parse().unwrap(), &bytes) else {
                panic!("altered at {at}")
            };
            assert!(
                matches!(error.kind(), Kind::BackupCorrupt | Kind::BackupFormatUnknown),
                "at {at}: {error}"
            );
        }
    }

    #[test]
    fn a_sealed_one_shows_its_cover_and_opens_with_its_key() {
        let (key, manifest) = (Arc::new(Key::random().unwrap()), manifest());
        let text = manifest.to_json(&Some(key.clone())).unwrap();
        let Parsed::Sealed(sealed) = Manifest::parse(&manifest.id, &text).unwrap() else {
            panic!("it is open")
        };
        assert_eq!(sealed.cover, manifest.cover());
        assert_eq!(sealed.open(&key).unwrap(), manifest);
        assert_eq!(sealed.open(&Key::random().unwrap()).unwrap_err().kind(), Kind::BackupCorrupt);
        assert!(!String::from_utf8(text.to_vec()).unwrap().contains(&manifest.cluster.name));
    }

    #[test]
    fn fields_of_the_future_are_tolerated_and_formats_of_the_future_are_not() {
        let text = String::from_utf8(manifest().to_json(&None).unwrap().to_vec()).unwrap();
        let checksum = serde_json::from_str::<Outline>(&text).unwrap().blake3.unwrap().to_string();
        let blank = text.replace(&checksum, UNCHECKED).replacen('{', "{\"novelty\": [1], ", 1);
        let checked = blank.replace(UNCHECKED, &Checksum::of(blank.as_bytes()).to_string());
        assert!(read(&checked).is_ok());

        let newer = text.replace("\"format_version\": 2", "\"format_version\": 7");
        let error = read(&newer).unwrap_err();
        assert_eq!(error.kind(), Kind::BackupFormatUnknown);
        assert_eq!(
            error.to_string(),
            "backup b has format version 7, and this Selvedge reads versions 1 to 5"
        );
        assert!(error.hint_text().unwrap().contains("use Selvedge 0."));
    }
}
