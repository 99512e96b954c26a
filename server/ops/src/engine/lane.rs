//! Carrying out one task.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt;
use selvedge_model::error::{Error, Kind, Result};
use serde_json::value::RawValue;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::budget::Share;
use super::{Broken, Budget, Ended, Fetched, Mark, Page, Pages, Record, Running, Sink, Sinks, Source, Task};
use crate::journal::Ledger;
use crate::{CollectionCounters, Progress, Stop};

/// Bytes that a task moves in a row on one share, while others may wait for memory.
const TURN: u64 = 64 << 20;

/// What all tasks of a move have in common, whatever its ends are.
pub trait Work: Send + Sync {
    /// Carries out one of its tasks. Returns the tasks that have come up meanwhile.
    fn carry(self: Arc<Self>, task: Arc<Running>) -> Pin<Box<dyn Future<Output = Vec<Task>> + Send>>;

    /// Whether what is left of it is not to be begun any more.
    fn is_stopped(&self) -> bool;
}

/// A move of some tasks from one end to the other.
pub struct Move<S: Source, K: Sinks> {
    pub source: S,
    pub sinks: K,
    /// What is done, or why it has failed.
    pub records: UnboundedSender<Ended<S, K>>,
    /// None if nobody goes on with it.
    pub ledger: Option<LedgerOf<S, K>>,
    pub stop: CancellationToken,
    /// That of the job.
    pub pause: Arc<Stop>,
    pub budget: Budget,
    pub progress: Arc<Progress>,
    pub counters: Arc<CollectionCounters>,
}

/// What a record of a move is.
pub type RecordOf<S, K> = Record<<K as Sinks>::Left, <<S as Source>::Pages as Pages>::Notes>;

/// Where the records of a move go, and how they are written.
pub struct LedgerOf<S: Source, K: Sinks> {
    pub ledger: Ledger,
    pub write: fn(&RecordOf<S, K>) -> serde_json::Result<Box<RawValue>>,
}

impl<S: Source, K: Sinks> Work for Move<S, K> {
    fn carry(self: Arc<Self>, task: Arc<Running>) -> Pin<Box<dyn Future<Output = Vec<Task>> + Send>> {
        Box::pin(async move {
            let mut apart = Vec::new();
            if self.is_stopped() {
                return apart;
            }
            // A lane that ended with a panic would leave the job waiting for this task.
            let span = self.progress.task_span(&self.counters.collection, &task.task().piece);
            let moved = self.move_all(Arc::clone(&task), &mut apart).instrument(span);
            let moved = AssertUnwindSafe(moved).catch_unwind().await;
            let broke_off = || Err(Error::internal("moving a part of a collection broke off"));
            if let Err(error) = moved.unwrap_or_else(|_| broke_off()) {
                let piece = task.task().piece;
                // Nobody listens to a move that was given up.
                let _ = self.records.send(Err(Broken { piece, error }));
            }
            apart
        })
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }
}

/// A task that a lane is at.
struct Open<S: Source, K: Sinks> {
    task: Arc<Running>,
    pages: S::Pages,
    sink: K::Sink,
    /// None only while it is exchanged for another one.
    share: Option<Share>,
    /// Bytes that were moved on it.
    moved: u64,
    /// Where that begins which goes into the sink. None for what is sealed only as a whole.
    first: Option<Mark>,
    /// Up to here it has gone there. None if nothing has.
    passed: Option<Mark>,
    /// All of it was sealed: behind the last id of all there is nothing.
    is_over: bool,
}

impl<S: Source, K: Sinks> Move<S, K> {
    async fn move_all(&self, task: Arc<Running>, apart: &mut Vec<Task>) -> Result<()> {
        let share = self.or_stop(self.take()).await?;
        let pages = self.or_stop(self.source.open(Arc::clone(&task))).await?;
        let (sink, first) = (self.sinks.open(share.room()), Mark::first_of(&task.task().piece));
        let (share, passed) = (Some(share), None);
        let mut open = Open::<S, K> { task, pages, sink, share, moved: 0, first, passed, is_over: false };
        loop {
            let page = async {
                self.pause.while_paused().await;
                open.pages.next(open.room()).await
            };
            let moved = match self.or_stop(page).await {
                Ok(Fetched::Page(page)) => self.pass(&mut open, page).await,
                Ok(Fetched::NoRoom(object)) => self.grow(&mut open, object).await,
                Ok(Fetched::Apart(tasks)) => {
                    apart.extend(tasks);
                    Ok(())
                }
                Ok(Fetched::End) => break,
                Err(error) => Err(error),
            };
            if let Err(error) = moved {
                open.sink.abandon().await;
                return Err(error);
            }
        }
        let Open { task, mut pages, sink, first, is_over, .. } = open;
        if is_over {
            task.close();
            return sink.seal(None).await.map(drop);
        }
        // From here on nobody takes a part of it: what is sealed is all of it.
        let piece = task.close().starting_at(first);
        let left = sink.seal(piece.ids()).await?;
        self.hand_in(Record { piece, left, notes: pages.notes() }).await;
        Ok(())
    }

    /// Whoever cleans up or goes on has to know of what was sealed, whatever fails next.
    async fn hand_in(&self, record: RecordOf<S, K>) {
        // Nothing is to be told of a part that holds nothing.
        let is_told = !record.piece.is_empty() && K::is_settled(&record.left);
        if let Some(LedgerOf { ledger, write }) = self.ledger.as_ref().filter(|_| is_told) {
            match write(&record) {
                Ok(json) => {
                    ledger.keep(&json, K::tells_of_refusals(&record.left), &self.progress).await;
                }
                Err(error) => {
                    let text =
                        format!("a record cannot be written as JSON, so it could not be resumed: {error}");
                    self.progress.warn("not_recorded", text, self.counters.collection.clone());
                }
            }
        }
        let _ = self.records.send(Ok(record));
    }

    async fn pass(&self, open: &mut Open<S, K>, page: Page) -> Result<()> {
        let objects = page.batch.len() as u64;
        open.task.add(objects);
        open.moved += page.bytes;
        open.passed = page.passed;
        self.counters.add_bytes_read(page.bytes);
        if objects > 0 {
            open.sink.take(page).await?;
        }
        if open.moved >= TURN || open.share.as_ref().is_some_and(Share::is_all) {
            self.let_go(open).await?;
            open.share = Some(self.or_stop(self.take()).await?);
        }
        if open.sink.is_full() && self.seal(open).await? {
            open.share = None;
            open.share = Some(self.or_stop(self.take()).await?);
            open.moved = 0;
        }
        Ok(())
    }

    /// What was passed is sealed, and the rest goes into another sink. False for what is sealed only as a whole.
    async fn seal(&self, open: &mut Open<S, K>) -> Result<bool> {
        let (Some(first), Some(passed)) = (open.first, open.passed) else { return Ok(false) };
        let piece = open.task.task().piece.starting_at(Some(first)).up_to(passed);
        let next = self.sinks.open(open.room());
        let full = std::mem::replace(&mut open.sink, next);
        let left = full.seal(piece.ids()).await?;
        self.hand_in(Record { piece, left, notes: open.pages.notes() }).await;
        open.first = passed.next();
        open.passed = None;
        open.is_over = open.first.is_none();
        Ok(true)
    }

    /// Gives its memory back, so that others who wait for some have their turn.
    async fn let_go(&self, open: &mut Open<S, K>) -> Result<()> {
        // What a sink keeps is memory too.
        if self.sinks.keeps() == 0 || !self.seal(open).await? {
            open.sink.flush().await?;
        }
        open.share = None;
        open.moved = 0;
        Ok(())
    }

    /// Makes room for an object that is heavier than pages may be.
    async fn grow(&self, open: &mut Open<S, K>, object: usize) -> Result<()> {
        if open.share.as_ref().is_some_and(Share::is_all) {
            return Err(Error::internal("an object does not fit into any room"));
        }
        let wanted = object.max(2 * open.room()) + 1;
        // Whoever waits for more must not hold anything.
        self.let_go(open).await?;
        let share = self.or_stop(self.budget.take_for(wanted, self.sinks.keeps())).await?;
        if share.is_all() {
            let text = format!(
                "an object is too heavy for the memory budget of {} MiB, and goes alone",
                self.budget.total() >> 20
            );
            self.progress.warn("object_above_budget", text, self.counters.collection.clone());
        }
        open.share = Some(share);
        Ok(())
    }

    async fn take(&self) -> Result<Share> {
        let share = self.budget.take(self.sinks.keeps()).await?;
        if share.is_small() {
            let text = format!(
                "the memory budget of {} MiB is short: pages and requests are smaller than they could be",
                self.budget.total() >> 20
            );
            self.progress.warn("memory_short", text, self.counters.collection.clone());
        }
        Ok(share)
    }

    async fn or_stop<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.stop.run_until_cancelled(work).await.unwrap_or_else(|| Err(stopped()))
    }
}

impl<S: Source, K: Sinks> Open<S, K> {
    /// Alone, an object may weigh whatever it does.
    fn room(&self) -> usize {
        match &self.share {
            Some(share) if share.is_all() => usize::MAX,
            Some(share) => share.room(),
            None => 0,
        }
    }
}

/// What is said of work that is stopped because of other work. Why is for that to say.
pub fn stopped() -> Error {
    Error::new(Kind::Cancelled, "work was stopped because other work had failed")
}
