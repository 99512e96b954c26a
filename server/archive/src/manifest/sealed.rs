//! The `backup.json` of an encrypted backup: in the open is what it takes to list it and to know when it may go.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::text::with_checksum;
use super::{FORMAT_SEALED, Manifest};
use crate::backup_id::BackupId;
use crate::checksum::Checksum;
use crate::layout;
use crate::sealing::{Covered, Key, Opened};
use crate::store_error::corrupt;
use selvedge_model::error::{Error, Result};

/// What everybody can read of a backup. Of what is sealed it tells nothing but whether two backups are of the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestCover {
    pub format_version: u32,
    pub id: BackupId,
    pub selvedge_version: String,
    pub job_id: String,
    pub start_time: DateTime<Utc>,
    pub end_time: DateTime<Utc>,
    /// Size of all data files.
    pub bytes: u64,
    pub series: Checksum,
    /// The backups that it has data files of.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub inherits: BTreeSet<BackupId>,
}

/// `backup.json`, but for its hash.
#[derive(Serialize, Deserialize)]
pub struct SealedManifest {
    #[serde(flatten)]
    pub cover: ManifestCover,
    /// The manifest, in base64.
    sealed: String,
}

impl Covered for Manifest {
    type Cover = ManifestCover;

    fn cover(&self) -> ManifestCover {
        ManifestCover {
            format_version: FORMAT_SEALED,
            id: self.id.clone(),
            selvedge_version: self.selvedge_version.clone(),
            job_id: self.job_id.clone(),
            start_time: self.start_time,
            end_time: self.end_time,
            bytes: self.bytes(),
            series: self.series(),
            inherits: self.inherits(),
        }
    }
}

impl Opened<Manifest> {
    pub fn id(&self) -> &BackupId {
        match self {
            Self::Whole(manifest) => &manifest.id,
            Self::Cover(cover) => &cover.id,
        }
    }

    /// The backups that it has data files of.
    pub fn inherits(&self) -> BTreeSet<BackupId> {
        match self {
            Self::Whole(manifest) => manifest.inherits(),
            Self::Cover(cover) => cover.inherits.clone(),
        }
    }
}

impl SealedManifest {
    /// The text of `backup.json`.
    pub fn text_of(manifest: &Manifest, key: &Key) -> Result<String> {
        let inner = serde_json::to_vec(manifest)
            .map_err(|error| Error::internal("a manifest cannot be written as JSON").caused_by(error))?;
        let sealed = key.file(&layout::manifest(&manifest.id)).seal(inner)?;
        with_checksum(&Self { cover: manifest.cover(), sealed: STANDARD.encode(sealed) })
    }

    pub fn open(&self, key: &Key) -> Result<Manifest> {
        let id = &self.cover.id;
        let altered = || {
            corrupt(
                id,
                "what is sealed in backup.json is not what was sealed, or key.age is of another backup",
            )
        };
        let sealed = STANDARD.decode(&self.sealed).map_err(|_| altered())?;
        let inner = key.file(&layout::manifest(id)).open(&sealed).ok_or_else(altered)?;
        let manifest: Manifest = serde_json::from_slice(&inner)
            .map_err(|error| corrupt(id, "what is sealed in backup.json is not valid").caused_by(error))?;
        // Whoever cannot open it goes by the cover.
        if manifest.cover() != self.cover {
            return Err(corrupt(id, "backup.json does not agree with what is sealed in it"));
        }
        Ok(manifest)
    }
}
