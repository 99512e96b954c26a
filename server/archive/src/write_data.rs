use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::task::AbortOnDropHandle;

use super::DataFile;
use super::encode::TenantBatch;
use super::write_collection::Target;
use super::write_file::OpenFile;
use selvedge_model::error::{Error, Result};
use selvedge_model::{Batch, Content};

/// How large things get.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Raw bytes of a row group: what is buffered, encoded, fetched and decoded at once.
    pub row_group_bytes: usize,
    pub row_group_rows: usize,
    /// A file that has reached this many bytes takes no more.
    pub file_bytes: u64,
    /// Of a multipart upload. S3 wants at least 5 MiB.
    pub part_bytes: usize,
}

const MIB: usize = 1 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Measured: 8 MiB are no faster, and take a third more memory.
            row_group_bytes: 4 * MIB,
            row_group_rows: 65_536,
            file_bytes: 64 * MIB as u64,
            part_bytes: 8 * MIB,
        }
    }
}

/// Counted for each batch besides its values, so that very many tiny batches are not taken for nothing.
const BATCH_OVERHEAD: usize = 1024;

/// One lane's data files. While a row group is encoded and sent in the background, the next one is filled, so a lane
/// holds about three row groups.
#[derive(Debug)]
pub struct DataWriter {
    target: Arc<Target>,
    group: Group,
    lane: Stage,
    written: Arc<AtomicU64>,
}

/// A row group that is being filled.
#[derive(Debug, Default)]
struct Group {
    batches: Vec<TenantBatch>,
    rows: usize,
    bytes: usize,
}

#[derive(Debug)]
enum Stage {
    Idle(Box<Lane>),
    Working(AbortOnDropHandle<Result<Lane>>),
    /// Failed, and said so.
    Failed,
}

/// What data writers have written: adds up.
#[derive(Debug, Default)]
pub struct Written {
    pub files: Vec<DataFile>,
    pub content: Content,
}

impl Written {
    pub fn merge(&mut self, other: Self) {
        self.files.extend(other.files);
        self.content.merge(other.content);
    }
}

/// The files of a data writer. The last one may be open.
struct Lane {
    finished: Written,
    open: Option<OpenFile>,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane")
            .field("finished", &self.finished.files.len())
            .field("open", &self.open.is_some())
            .finish()
    }
}

impl DataWriter {
    pub(super) fn new(target: Arc<Target>) -> Self {
        let lane = Lane { finished: Written::default(), open: None };
        Self { target, group: Group::default(), lane: Stage::Idle(Box::new(lane)), written: Arc::default() }
    }

    /// Takes objects of one tenant; None without multi-tenancy. A failure may be that of a batch before. After one,
    /// what this writer has not finished is lost.
    pub async fn append(&mut self, tenant: Option<&str>, batch: Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let columns = &self.target.columns;
        if tenant.is_some() != columns.multi_tenant || batch.vectors.len() != columns.spaces.len() {
            return Err(Error::internal(format!(
                "a batch does not fit collection \"{}\"",
                self.target.collection
            )));
        }
        if self.group.would_overflow(&batch, &self.target) {
            self.flush().await?;
        }
        self.group.push(tenant, batch);
        if self.group.is_full(&self.target) {
            self.flush().await?;
        }
        Ok(())
    }

    /// Bytes handed to the store until now; they are not all durable yet.
    pub fn bytes_written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Writes what is left. All files are durable when it returns; there are none if nothing was appended.
    pub async fn finish(mut self) -> Result<Written> {
        self.flush().await?;
        let mut lane = self.settle().await?;
        if let Some(open) = lane.open.take() {
            lane.end(open).await?;
        }
        Ok(lane.finished)
    }

    /// Drops what is not finished. Finished files stay, and are told if they are known, until they are discarded.
    pub async fn abort(mut self) -> Written {
        // A failure has cleaned up by itself.
        let Ok(Lane { open, finished }) = self.settle().await else { return Written::default() };
        if let Some(open) = open
            && let Err(error) = open.abort().await
        {
            tracing::warn!(%error, "parts of a data file may be left behind");
        }
        finished
    }

    /// Lets the background write the group as soon as it is done with the one before.
    async fn flush(&mut self) -> Result<()> {
        if self.group.batches.is_empty() {
            return Ok(());
        }
        let lane = self.settle().await?;
        let group = std::mem::take(&mut self.group);
        let work = lane.write(group.batches, self.target.clone(), self.written.clone());
        self.lane = Stage::Working(AbortOnDropHandle::new(tokio::spawn(work)));
        Ok(())
    }

    /// Waits for the background. Leaves `Failed` behind, which the caller replaces or never looks at again.
    async fn settle(&mut self) -> Result<Lane> {
        match std::mem::replace(&mut self.lane, Stage::Failed) {
            Stage::Idle(lane) => Ok(*lane),
            Stage::Working(task) => match task.await {
                Ok(result) => result,
                Err(failure) => Err(Error::internal("writing a data file broke off").caused_by(failure)),
            },
            Stage::Failed => Err(Error::internal("a data writer was used after it failed")),
        }
    }
}

impl Group {
    fn push(&mut self, tenant: Option<&str>, batch: Batch) {
        self.rows += batch.len();
        self.bytes += batch.byte_len() + BATCH_OVERHEAD;
        let tenant = tenant.map(|tenant| match self.batches.last() {
            Some((Some(last), _)) if **last == *tenant => last.clone(),
            _ => Arc::from(tenant),
        });
        self.batches.push((tenant, batch));
    }

    fn would_overflow(&self, batch: &Batch, target: &Target) -> bool {
        self.rows + batch.len() > target.limits.row_group_rows
            || self.bytes + batch.byte_len()
                > target.limits.row_group_bytes + target.limits.row_group_bytes / 4
    }

    fn is_full(&self, target: &Target) -> bool {
        self.rows >= target.limits.row_group_rows || self.bytes >= target.limits.row_group_bytes
    }
}

impl Lane {
    async fn write(
        mut self,
        batches: Vec<TenantBatch>,
        target: Arc<Target>,
        written: Arc<AtomicU64>,
    ) -> Result<Self> {
        let open = match self.open.take() {
            Some(open) => open,
            None => OpenFile::new(&target, written)?,
        };
        let open = open.write(batches).await?;
        if open.bytes() >= target.limits.file_bytes {
            self.end(open).await?;
        } else {
            self.open = Some(open);
        }
        Ok(self)
    }

    async fn end(&mut self, file: OpenFile) -> Result<()> {
        let (file, content) = file.finish().await?;
        self.finished.merge(Written { files: vec![file], content });
        Ok(())
    }
}
