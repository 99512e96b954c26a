//! Import: lines of JSON, from whichever tool, into a backup, so that a restore can put them anywhere.
//!
//! Lines come in any order, and a backup has its rows in that of their tenants and ids: `sorting` brings them into it, in memory
//! that does not grow with them.

mod sorting;

use bytes::Bytes;
use chrono::Utc;
use futures_util::{Stream, StreamExt};
use selvedge_archive::{
    BackupId, BackupKind, BackupOptions, BackupWriter, ClusterIdentity, CollectionManifest, CommitSummary,
    DataFile, DataFormat, FileWriter, LineReader, Manifest, Repository, TenantRecord,
};
use selvedge_model::error::{Error, Result};
use selvedge_model::{Batch, Collection, Content, TenantStatus, UuidRange};
use sorting::sorted;
use tokio::sync::mpsc;
use uuid::Uuid;

/// Raw bytes of a row group.
const GROUP_BYTES: usize = 2 << 20;
/// Chunks of lines, and batches, that wait.
const WAITING: usize = 2;

/// What lines are to become.
#[derive(Debug)]
pub struct Import {
    pub backup_id: BackupId,
    /// What the objects are of; its schema has to have all that they have.
    pub collection: Collection,
    pub format: DataFormat,
    /// Which Weaviate the schema is of, and where that is from.
    pub weaviate_version: String,
    pub cluster: ClusterIdentity,
}

/// Makes a backup of all objects that `lines` hold, or nothing at all.
pub async fn import(
    repository: &Repository,
    import: Import,
    lines: impl Stream<Item = Result<Bytes>> + Send,
) -> Result<Manifest> {
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
    let Import { collection, format, weaviate_version, cluster, .. } = import;
    let reader = LineReader::new(&collection)?;
    let (chunks, taken) = mpsc::channel(WAITING);
    let (sender, batches) = mpsc::channel(WAITING);
    // Reading lines and sorting them is work, and waits for files.
    let sorting = tokio::task::spawn_blocking(move || sorted(&reader, taken, &sender));
    let fed = async move {
        let mut lines = std::pin::pin!(lines);
        while let Some(chunk) = lines.next().await {
            if chunks.send(chunk?).await.is_err() {
                // It has failed, and says why.
                break;
            }
        }
        Ok::<_, Error>(())
    };
    let written = write_collection(writer, &collection, batches);
    let (fed, written) = tokio::join!(fed, written);
    let sorted = sorting.await;
    fed?;
    sorted.map_err(|panic| Error::internal("sorting lines broke off").caused_by(panic))??;
    let summary = CommitSummary {
        kind: BackupKind::Full,
        weaviate_version,
        cluster,
        start_time,
        end_time: Utc::now(),
        options: BackupOptions { format, ..BackupOptions::default() },
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
    let (mut files, mut content): (Vec<DataFile>, _) = (Vec::new(), Content::default());
    let mut tenants = collection.multi_tenant.then(Vec::<TenantRecord>::new);
    let mut file: Option<FileWriter> = None;
    let mut from = Uuid::nil();
    while let Some((tenant, batch)) = batches.recv().await {
        let rows = batch.len() as u64;
        let is_new = note_tenant(tenants.as_mut(), tenant.as_deref(), rows);
        // A file has whole tenants, or an interval of ids.
        if let Some(full) = file.take_if(|file| file.is_full() && (is_new || tenant.is_none())) {
            let first = batch.ids.first().map_or(u128::MAX, Uuid::as_u128);
            let covers = UuidRange { first: from, last: Uuid::from_u128(first.saturating_sub(1)) };
            from = Uuid::from_u128(first);
            seal(full, tenant.is_none().then_some(covers), &mut files, &mut content).await?;
        }
        let open = file.get_or_insert_with(|| target.data_file(GROUP_BYTES));
        open.append(tenant.as_deref(), batch).await?;
    }
    if let Some(last) = file {
        let covers = UuidRange { first: from, last: Uuid::max() };
        seal(last, tenants.is_none().then_some(covers), &mut files, &mut content).await?;
    }
    target.finish(files, content, tenants, Vec::new()).await
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

async fn seal(
    file: FileWriter,
    covers: Option<UuidRange>,
    files: &mut Vec<DataFile>,
    content: &mut Content,
) -> Result<()> {
    if let Some(written) = file.seal(covers).await? {
        files.push(written.file);
        content.merge(written.content);
    }
    Ok(())
}
