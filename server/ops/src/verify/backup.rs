//! A backup on its own: its files, its rows, and whether a restore could be planned.

use std::sync::Arc;

use super::{Found, of_collection, of_damage};
use crate::{
    CollectionCounters, CollectionState, Context, FindingKind, Level, VerifyRequest, Wanted, restore,
};
use selvedge_archive::{BackupReader, CollectionManifest, CollectionReader};
use selvedge_model::Content;
use selvedge_model::error::{Kind, Result};
use selvedge_weaviate::Cluster;

/// Reads everything there is of these collections, and notes all that is wrong.
pub async fn check(
    job: &Context,
    backup: &BackupReader,
    request: &VerifyRequest,
    names: &[String],
    found: &Found,
) -> Result<()> {
    let manifest = backup.manifest();
    let mut work = Vec::new();
    for summary in manifest.collections.iter().filter(|collection| names.contains(&collection.name)) {
        let counters = job.progress.add_collection(&summary.name, "");
        counters.expect_objects(summary.objects, true);
        work.push((summary, counters));
    }
    let mut readers = Vec::new();
    for (summary, counters) in work {
        job.check_stop()?;
        counters.set_state(CollectionState::Running);
        let before = found.total();
        readers.extend(check_collection(job, backup, request, summary, &counters, found).await?);
        counters.set_state(found.state_since(before));
    }
    let claim = job.or_stop(backup.damaged_claim()).await?;
    // Of collections that were not looked into, nothing is known.
    let extra = job.or_stop(backup.extra_files(&readers)).await?;
    for damage in claim.into_iter().chain(extra) {
        found.add(of_damage("", damage));
    }
    Ok(())
}

/// None if its lists are damaged, so that nothing more can be said.
async fn check_collection(
    job: &Context,
    backup: &BackupReader,
    request: &VerifyRequest,
    summary: &CollectionManifest,
    counters: &Arc<CollectionCounters>,
    found: &Found,
) -> Result<Option<CollectionReader>> {
    let name = &summary.name;
    let damages = job.or_stop(backup.damaged_lists(summary)).await?;
    if !damages.is_empty() {
        damages.into_iter().for_each(|damage| found.add(of_damage(name, damage)));
        return Ok(None);
    }
    let reader = job.or_stop(backup.collection(name)).await?;
    let mut content = Content::default();
    let mut sound = true;
    for file in reader.files() {
        let damage = match job.or_stop(reader.damaged_file(file)).await? {
            None if request.level >= Level::Rows => match job.or_stop(reader.content_of_file(file)).await? {
                Ok(of_file) => {
                    content.merge(of_file);
                    None
                }
                Err(damage) => Some(damage),
            },
            other => other,
        };
        sound &= damage.is_none();
        counters.add_objects(file.rows);
        counters.add_bytes_read(file.bytes);
        damage.into_iter().for_each(|damage| found.add(of_damage(name, damage)));
    }
    if request.level >= Level::Rows && sound {
        check_sums(&reader, summary, &content, found);
    }
    Ok(Some(reader))
}

/// The rows of all files together, against what the lists say of the collection and of each tenant.
fn check_sums(reader: &CollectionReader, summary: &CollectionManifest, content: &Content, findings: &Found) {
    let name = &summary.name;
    let unsound = |part: &str, text: String| {
        findings.add(of_collection(FindingKind::RowsUnsound, name, part, text));
    };
    if summary.digest.is_some_and(|digest| digest != content.total()) {
        unsound("backup.json", format!("the rows of {name} are not those whose digest is in backup.json"));
    }
    if reader.buckets().is_some_and(|buckets| *buckets != content.buckets) {
        unsound("files.json", format!("the rows of {name} are not those whose digests are in files.json"));
    }
    for record in reader.tenants().unwrap_or_default() {
        let found = content.tenants.get(&record.name).copied().unwrap_or_default();
        if record.digest.is_some_and(|digest| digest != found) {
            let text =
                format!("the rows of tenant \"{}\" of {name} are not those of tenants.json", record.name);
            unsound("tenants.json", text);
        }
    }
}

/// Whether a restore could be planned. That Weaviate cannot be asked is a failure of the verification, anything else one
/// of the backup.
pub async fn check_restorable(
    job: &Context,
    cluster: &Cluster,
    backup: &BackupReader,
    request: &VerifyRequest,
    found: &Found,
) -> Result<()> {
    let (collections, rename) = (request.collections.clone(), request.rename.clone());
    let wanted = Wanted { collections, rename, ..Wanted::default() };
    let check = restore::check_restorable(cluster, backup, &wanted);
    let Err(error) = job.or_stop(check).await else { return Ok(()) };
    if matches!(
        error.kind(),
        Kind::CollectionUnsupported
            | Kind::ReferenceTargetMissing
            | Kind::BackupCorrupt
            | Kind::InvalidRequest
    ) {
        found.add(of_collection(FindingKind::NotRestorable, "", "", error.to_string()));
    }
    Err(error)
}
