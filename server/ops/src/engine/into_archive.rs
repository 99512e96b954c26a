//! Objects into the data files of a backup: one or more for each task.

use std::sync::Arc;

use selvedge_archive::{CollectionWriter, FileWriter, Written};
use selvedge_model::UuidRange;
use selvedge_model::error::Result;

use super::{Page, Sink, Sinks};
use crate::CollectionCounters;

pub struct IntoArchive {
    writer: CollectionWriter,
    counters: Arc<CollectionCounters>,
}

impl IntoArchive {
    pub fn new(writer: &CollectionWriter, counters: &Arc<CollectionCounters>) -> Self {
        Self { writer: writer.clone(), counters: Arc::clone(counters) }
    }
}

impl Sinks for IntoArchive {
    type Sink = DataFileSink;
    type Left = Option<Written>;

    fn open(&self, room: usize) -> DataFileSink {
        DataFileSink { file: self.writer.data_file(room), counters: Arc::clone(&self.counters), counted: 0 }
    }

    fn keeps(&self) -> usize {
        self.writer.keeps()
    }

    /// A data file has to have its bytes. Where nothing was read, there is none.
    async fn take_back(&self, left: &Option<Written>) -> Result<bool> {
        let Some(Written { file, .. }) = left else { return Ok(true) };
        let holds = self.writer.holds(file).await?;
        if holds {
            self.counters.add_objects(file.rows);
            self.counters.add_bytes_written(file.bytes);
        }
        Ok(holds)
    }
}

/// A data file that takes objects.
pub struct DataFileSink {
    file: FileWriter,
    counters: Arc<CollectionCounters>,
    /// Bytes that were counted as written.
    counted: u64,
}

impl DataFileSink {
    fn count(&mut self, bytes: u64) {
        self.counters.add_bytes_written(bytes - std::mem::replace(&mut self.counted, bytes));
    }
}

impl Sink for DataFileSink {
    type Left = Option<Written>;

    async fn take(&mut self, page: Page) -> Result<()> {
        let objects = page.batch.len() as u64;
        self.file.append(page.tenant.as_deref(), page.batch).await?;
        self.counters.add_objects(objects);
        self.count(self.file.bytes());
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.file.is_full()
    }

    async fn flush(&mut self) -> Result<()> {
        self.file.flush().await
    }

    async fn seal(self, ids: Option<UuidRange>) -> Result<Option<Written>> {
        let Self { file, counters, counted } = self;
        let written = file.seal(ids).await?;
        let bytes = written.as_ref().map_or(0, |written| written.file.bytes);
        counters.add_bytes_written(bytes.saturating_sub(counted));
        Ok(written)
    }

    async fn abandon(self) {
        if let Err(error) = self.file.abort().await {
            tracing::warn!(%error, "parts of a data file may be left behind");
        }
    }
}
