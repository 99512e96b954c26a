//! A backup on its own: its files and its rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use selvedge_archive::{BackupReader, CollectionManifest, CollectionReader, Damage, DataFile, Select};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Content, Digest};

use super::{Found, of_collection, of_damage};
use crate::engine::{Broken, FromArchive, IntoDigest, Lanes, Lens, Piece, Record};
use crate::{CollectionCounters, CollectionState, Context, FindingKind, Level, VerifyRequest, files};

/// Reads everything there is of these collections, and notes all that is wrong.
pub async fn check(
    job: &Context,
    backup: &BackupReader,
    request: &VerifyRequest,
    names: &[String],
    found: &Arc<Found>,
) -> Result<()> {
    let manifest = backup.manifest();
    let chosen = manifest.collections.iter().filter(|collection| names.contains(&collection.name));
    let lanes = Arc::new(Lanes::of(job));
    let mut checks = Vec::new();
    for summary in chosen {
        let counters = job.progress.add_collection(&summary.name, "");
        counters.expect_objects(summary.objects, true);
        let (job, lanes, backup) = (job.clone(), Arc::clone(&lanes), backup.clone());
        let (summary, here) = (summary.clone(), Found::new(request.max_findings));
        let checking = Checking { job, lanes, backup, summary, counters, found: here };
        checks.push(checking.run(request.level, Arc::clone(found)));
    }
    let readers = lanes.side_by_side(checks).await?;
    let readers: Vec<_> = readers.into_iter().flatten().collect();
    let claim = job.or_stop(backup.damaged_claim()).await?;
    let access = job.or_stop(backup.damaged_access()).await?;
    // Of collections that were not looked into, nothing is known.
    let extra = job.or_stop(backup.extra_files(&readers)).await?;
    claim.into_iter().chain(access).chain(extra).for_each(|damage| found.add(of_damage("", damage)));
    Ok(())
}

/// The checking of one collection.
struct Checking {
    job: Context,
    lanes: Arc<Lanes>,
    backup: BackupReader,
    summary: CollectionManifest,
    counters: Arc<CollectionCounters>,
    /// Of this collection.
    found: Found,
}

impl Checking {
    async fn run(self, level: Level, all: Arc<Found>) -> Result<Option<CollectionReader>> {
        self.counters.set_state(CollectionState::Running);
        let reader = self.check(level).await;
        self.counters.set_state(if reader.is_err() { CollectionState::Failed } else { self.found.state() });
        all.merge(self.found);
        reader
    }

    /// None if its lists are damaged, so that nothing more can be said.
    async fn check(&self, level: Level) -> Result<Option<CollectionReader>> {
        let Self { job, backup, summary, found, .. } = self;
        let name = &summary.name;
        let damages = job.or_stop(backup.damaged_lists(summary)).await?;
        if !damages.is_empty() {
            damages.into_iter().for_each(|damage| found.add(of_damage(name, damage)));
            return Ok(None);
        }
        let reader = job.or_stop(backup.collection(name)).await?;
        if level >= Level::Rows && !reader.has_keys_only() {
            self.rows(&reader).await?;
        } else {
            self.bytes(&reader).await?;
        }
        Ok(Some(reader))
    }

    async fn bytes(&self, reader: &CollectionReader) -> Result<()> {
        let Self { job, summary, counters, found, .. } = self;
        let ledger = job.journal().ledger(&summary.name, "files");
        let all = [files::Checked { reader: reader.clone(), tenants: None, ledger }];
        let checked = files::check(job, &all, |_, file, damage| {
            counters.add_objects(file.objects());
            counters.add_bytes_read(file.bytes);
            damage.into_iter().for_each(|damage| found.add(of_damage(&summary.name, damage)));
            Ok(())
        });
        checked.await
    }

    /// Whoever reads all rows has read all bytes, and checked them.
    async fn rows(&self, reader: &CollectionReader) -> Result<()> {
        let Self { job, lanes, summary, counters, found, .. } = self;
        let ledger = job.journal().ledger(&summary.name, "rows");
        let source = FromArchive::new(reader, None, Select::All);
        let (digester, collection) = (reader.digester().clone(), summary.name.clone());
        let sinks = IntoDigest::new(Lens { digester, names: None, references: true, collection }, counters);
        let (mut content, mut digests, mut broken) = (Content::default(), BTreeMap::new(), BTreeMap::new());
        let read = lanes.carry_on(source.tasks(), source, sinks, counters, &ledger, |ended| {
            match ended {
                Ok(Record { piece, left, .. }) => {
                    *digests.entry(file_of(&piece)).or_default() += left.total();
                    content.merge(left);
                }
                Err(Broken { piece, error }) if is_damage(&error) => {
                    broken.entry(file_of(&piece)).or_insert(error);
                }
                Err(Broken { error, .. }) => return Err(error),
            }
            Ok(())
        });
        read.await?;
        let mut sound = true;
        for (place, file) in reader.files().iter().enumerate() {
            let digest: Digest = digests.remove(&Some(place)).unwrap_or_default();
            if let Some(damage) = self.damage(reader, file, digest, broken.remove(&Some(place))).await? {
                sound = false;
                found.add(of_damage(&summary.name, damage));
            }
        }
        if sound {
            self.check_sums(reader, &content);
        }
        Ok(())
    }

    /// What is wrong with a data file of which these rows were read, or that could not be read.
    async fn damage(
        &self,
        reader: &CollectionReader,
        file: &DataFile,
        digest: Digest,
        error: Option<Error>,
    ) -> Result<Option<Damage>> {
        if let Some(error) = error {
            // Whether its bytes are others, or only make no sense.
            let damage = self.job.or_stop(reader.check(file, |_| {})).await?;
            let unsound = || reader.unsound(file, format_args!("cannot be decoded: {error}"));
            return Ok(Some(damage.unwrap_or_else(unsound)));
        }
        let differs =
            digest.objects != file.objects() || file.digest.is_some_and(|written| written != digest);
        Ok(differs.then(|| reader.unsound(file, "has rows that are not those that were written")))
    }

    /// The rows of all files together, against what the lists say of the collection and of each tenant.
    fn check_sums(&self, reader: &CollectionReader, content: &Content) {
        let Self { summary, found, .. } = self;
        let name = &summary.name;
        let unsound = |part: &str, text: String| {
            found.add(of_collection(FindingKind::RowsUnsound, name, part, text));
        };
        if summary.digest.is_some_and(|digest| digest != content.total()) {
            unsound(
                "backup.json",
                format!("the rows of {name} are not those whose digest is in backup.json"),
            );
        }
        if reader.buckets().is_some_and(|buckets| *buckets != content.buckets) {
            unsound(
                "files.json",
                format!("the rows of {name} are not those whose digests are in files.json"),
            );
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
}

fn file_of(piece: &Piece) -> Option<usize> {
    match piece {
        Piece::File { file, .. } => Some(*file),
        Piece::Ids { .. } => None,
    }
}

/// Whether it tells of the backup, and not of the way to it.
fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), Kind::BackupCorrupt | Kind::WeaviateUnintelligible)
}
