//! Import: lines of JSON, from whichever tool, into a backup, so that a restore can put them anywhere.
//!
//! Lines come in any order, and a backup has its rows in that of their tenants and ids: `sorting` brings them into it, in memory
//! that does not grow with them.

mod sorting;

use bytes::Bytes;
use chrono::Utc;
use futures_util::{Stream, StreamExt};
use selvedge_archive::{
    BackupId, BackupKind, BackupOptions, BackupWriter, ClusterIdentity, CollectionManifest, CollectionWriter,
    CommitSummary, DataFile, DataFormat, FileWriter, Manifest, Repository, TenantRecord,
};
use selvedge_model::error::{Error, Result};
use selvedge_model::{Batch, Collection, Content, TenantStatus, UuidRange};
use sorting::{is_full, sorted};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::Budget;

/// Raw bytes of a row group.
const GROUP_BYTES: usize = 2 << 20;
/// Bytes of lines that are sorted at once, with what is known of each.
const RUN_BYTES: usize = 16 << 20;
/// Chunks of lines, and batches, that wait.
const WAITING: usize = 2;

/// What lines are to become.
#[derive(Debug)]
pub struct Import {
    pub backup_id: BackupId,
    /// What the objects are of; its schema has to have all that they have.
    pub collection: Collection,
    /// What its schema called it.
    pub was: String,
    pub format: DataFormat,
    /// Which Weaviate the schema is of; empty if nobody knows.
    pub weaviate_version: String,
}

/// Makes a backup of all objects that `lines` hold, or nothing at all.
pub async fn import(
    repository: &Repository,
    budget: &Budget,
    import: Import,
    lines: impl Stream<Item = Result<Bytes>> + Send,
) -> Result<Manifest> {
    let _share = budget.take_whole(RUN_BYTES, repository.keeps()).await?;
    let job_id = Uuid::now_v7().to_string();
    repository.check().await?;
    repository.check_writable(&import.backup_id, &job_id).await?;
    let writer = repository.create_backup(&import.backup_id, &job_id).await?.in_format(import.format);
    match write(&writer, import, lines).await {
        Ok(manifest) => Ok(manifest),
        Err(error) => Err(match writer.discard().await {
            Ok(_) => error,
            Err(left) => error.also(format!(
                "also, what was written under backups/{} could not be removed: {left}",
                writer.id()
            )),
        }),
    }
}

async fn write(
    writer: &BackupWriter,
    import: Import,
    lines: impl Stream<Item = Result<Bytes>> + Send,
) -> Result<Manifest> {
    let start_time = Utc::now();
    let Import { collection, was, format, weaviate_version, .. } = import;
    let (chunks, taken) = mpsc::channel(WAITING);
    let (sender, batches) = mpsc::channel(WAITING);
    // Reading lines and sorting them is work, and waits for files.
    let of = collection.clone();
    let sorting = tokio::task::spawn_blocking(move || sorted(&of, &was, RUN_BYTES, taken, &sender));
    let fed = async move {
        let mut lines = std::pin::pin!(lines);
        loop {
            let next = tokio::select! {
                biased;
                // It has failed, and says why.
                () = chunks.closed() => return Ok(()),
                next = lines.next() => next,
            };
            let Some(chunk) = next else { break };
            // Whether it has failed meanwhile shows above.
            let _ = chunks.send(Some(chunk?)).await;
        }
        // These were all: without this they are taken to have broken off, and none is written.
        let _ = chunks.send(None).await;
        Ok::<_, Error>(())
    };
    let written = write_collection(writer, &collection, batches);
    let (fed, written) = tokio::join!(fed, written);
    let sorted = sorting.await;
    fed?;
    sorted.map_err(|panic| Error::internal("sorting lines broke off").caused_by(panic))??;
    let summary = CommitSummary {
        settled_before: None,
        kind: BackupKind::Full,
        weaviate_version,
        cluster: ClusterIdentity::default(),
        start_time,
        end_time: Utc::now(),
        options: BackupOptions { format, ..BackupOptions::default() },
        access: None,
        remarks: Vec::new(),
    };
    writer.commit(summary, vec![written?], async { Ok(()) }).await
}

/// Objects of one tenant, in order.
type Batches = mpsc::Receiver<(Option<String>, Batch)>;

async fn write_collection(
    writer: &BackupWriter,
    collection: &Collection,
    mut batches: Batches,
) -> Result<CollectionManifest> {
    let target = writer.add_collection(collection, &[], &collection.vector_spaces).await?;
    let mut tenants = collection.multi_tenant.then(Vec::<TenantRecord>::new);
    let mut shelf = Shelf { target, files: Vec::new(), content: Content::default(), open: None };
    while let Some((tenant, batch)) = batches.recv().await {
        let rows = batch.len() as u64;
        let is_new = note_tenant(tenants.as_mut(), tenant.as_deref(), rows);
        // What fills a batch is likely to be more, and gets files of its own, so that they can be cut.
        let is_large = tenant.is_none() || is_full(&batch);
        shelf.make_room(&batch, is_new, is_large).await?;
        shelf.take(tenant.as_deref(), batch, is_large).await?;
    }
    shelf.seal(Uuid::max()).await?;
    let Shelf { target, files, content, .. } = shelf;
    target.finish(files, None, content, tenants, Vec::new()).await
}

/// The data files that were written, and the one that is being written.
struct Shelf {
    target: CollectionWriter,
    files: Vec<DataFile>,
    content: Content,
    open: Option<Open>,
}

struct Open {
    file: FileWriter,
    /// From which id on it has every object of its one tenant, or of the whole collection; None for a run of whole tenants.
    from: Option<Uuid>,
}

impl Shelf {
    /// Seals the open file, if what comes has to go into another one.
    async fn make_room(&mut self, batch: &Batch, is_new: bool, is_large: bool) -> Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        let is_over = match open.from {
            // Another tenant.
            Some(_) if is_new => return self.seal(Uuid::max()).await,
            Some(_) => open.file.is_full(),
            None => is_new && (is_large || open.file.is_full()),
        };
        if !is_over {
            return Ok(());
        }
        let first = batch.ids.first().map_or(u128::MAX, Uuid::as_u128);
        let from = open.from.map(|_| Uuid::from_u128(first));
        self.seal(Uuid::from_u128(first.saturating_sub(1))).await?;
        if from.is_some() {
            self.open = Some(Open { file: self.target.data_file(GROUP_BYTES), from });
        }
        Ok(())
    }

    async fn take(&mut self, tenant: Option<&str>, batch: Batch, is_large: bool) -> Result<()> {
        let open = self.open.get_or_insert_with(|| Open {
            file: self.target.data_file(GROUP_BYTES),
            from: is_large.then(Uuid::nil),
        });
        open.file.append(tenant, batch).await
    }

    /// `last` is the last id that it covers, if it is of one part.
    async fn seal(&mut self, last: Uuid) -> Result<()> {
        let Some(Open { file, from }) = self.open.take() else { return Ok(()) };
        let covers = from.map(|first| UuidRange { first, last });
        if let Some(written) = file.seal(covers).await? {
            self.files.push(written.file);
            self.content.merge(written.content);
        }
        Ok(())
    }
}

/// Whether it is another tenant than that of the batch before.
fn note_tenant(tenants: Option<&mut Vec<TenantRecord>>, tenant: Option<&str>, rows: u64) -> bool {
    let (Some(tenants), Some(name)) = (tenants, tenant) else { return false };
    if let Some(last) = tenants.last_mut().filter(|last| last.name == name) {
        last.rows = last.rows.map(|before| before + rows);
        return false;
    }
    let (name, status) = (name.to_owned(), TenantStatus::Hot);
    tenants.push(TenantRecord { name, status, rows: Some(rows), left_out: None, digest: None });
    true
}
