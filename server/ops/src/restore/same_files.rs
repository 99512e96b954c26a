//! All attempts at a restore read the same data files, also those that somebody has edited.

use selvedge_archive::Modified;
use selvedge_model::error::{Error, Kind, Result};

use super::begun::Begun;
use super::target::Target;
use crate::Context;

/// The name under which a job writes down which files it takes although they are not what was written.
const FILE: &str = "modified.json";

/// Fails if a file was edited since the first attempt: what is done of it is written down by its place in it.
pub async fn keep_to(job: &Context, targets: &[Target], begun: Begun) -> Result<()> {
    let mut modified: Vec<&Modified> = targets.iter().flat_map(|target| &target.modified).collect();
    // The order of the targets depends on what is on the cluster.
    modified.sort_by(|a, b| a.key.cmp(&b.key));
    match job.journal().read::<Vec<Modified>>(FILE).await? {
        // Also that there are none: one may be edited before the next attempt.
        None if begun == Begun::Nothing => job.journal().write(FILE, &modified).await,
        None if modified.is_empty() => Ok(()),
        Some(before) if before.iter().eq(modified) => Ok(()),
        None | Some(_) => {
            let text = "data files of the backup were edited since the job was begun";
            Err(Error::new(Kind::JobNotResumable, text)
                .hint("start a new job; delete first what this one has created"))
        }
    }
}
