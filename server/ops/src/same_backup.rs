//! All attempts at a job read the same backup.

use selvedge_archive::Manifest;
use selvedge_model::error::{Error, Kind, Result};

use crate::Context;

/// The name under which a job writes down which backup it reads.
const FILE: &str = "backup.json";

/// Fails if the backup of this id is not the one that the first attempt has read: it was deleted, and another one made.
pub async fn keep_to(job: &Context, manifest: &Manifest) -> Result<()> {
    match job.journal().read::<Manifest>(FILE).await? {
        None => job.journal().write(FILE, manifest).await,
        Some(before) if before == *manifest => Ok(()),
        Some(_) => {
            let text = format!("backup {} is not the one that the job was begun with", manifest.id);
            Err(Error::new(Kind::JobNotResumable, text)
                .hint("start a new job; delete first what this one has created"))
        }
    }
}
