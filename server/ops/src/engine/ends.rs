//! The two ends of a move.

use std::sync::Arc;

use selvedge_model::error::{Error, Result};
use selvedge_model::{Batch, Digest, UuidRange};
use serde::{Deserialize, Serialize};

use super::{Mark, Piece, Running, Task};

/// Where objects come from.
pub trait Source: Send + Sync + 'static {
    type Pages: Pages;

    /// Opens a task's objects.
    fn open(&self, task: Arc<Running>) -> impl Future<Output = Result<Self::Pages>> + Send;
}

/// The objects of a task, page by page.
pub trait Pages: Send {
    /// What there is to know of them beside the objects.
    type Notes: Send + Sync;

    /// The next page, which weighs no more than `room` bytes where it comes from. May be dropped at any time.
    fn next(&mut self, room: usize) -> impl Future<Output = Result<Fetched>> + Send;

    /// Of the pages since it was asked last.
    fn notes(&mut self) -> Self::Notes;
}

/// What a task, or a part of it, left behind when it was done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record<L, N> {
    /// Which objects were moved: all there were of it.
    pub piece: Piece,
    pub left: L,
    pub notes: N,
}

/// A task that has failed.
#[derive(Debug)]
pub struct Broken {
    pub piece: Piece,
    pub error: Error,
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        broken.error
    }
}

/// What becomes of a task, or of a part of it, between such ends.
pub type Ended<S, K> = Result<Record<<K as Sinks>::Left, <<S as Source>::Pages as Pages>::Notes>, Broken>;

/// What came of asking for a page.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once, and nearly always a page")]
pub enum Fetched {
    Page(Page),
    /// There is nothing more.
    End,
    /// The next object alone is heavier than that; at least this heavy, if it is known.
    NoRoom(usize),
    /// Something that was to be moved is larger than was known: it is left out of this task, and makes tasks of its own.
    Apart(Vec<Task>),
}

/// A run of objects of one tenant, in the order of their ids.
#[derive(Debug)]
pub struct Page {
    /// None without multi-tenancy.
    pub tenant: Option<Arc<str>>,
    pub batch: Batch,
    /// What it weighed where it came from.
    pub bytes: u64,
    /// Up to here everything was passed, whether or not it is on the page. None in the middle of a row group.
    pub passed: Option<Mark>,
    /// The data file and the row group that it comes from, by their places in the list.
    pub origin: Option<Origin>,
    /// Of each object, if only these were asked for.
    pub digests: Vec<Digest>,
}

/// A data file and one of its row groups, by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    pub file: usize,
    pub group: usize,
}

/// Where objects go: makes a sink for each task.
pub trait Sinks: Send + Sync + 'static {
    type Sink: Sink<Left = Self::Left>;
    type Left: Send + Sync;

    /// `room` is how much a page weighs at most.
    fn open(&self, room: usize) -> Self::Sink;

    /// How many bytes each of its sinks keeps even when it is asked to hold nothing: it is sealed before others get its memory.
    fn keeps(&self) -> usize {
        0
    }

    /// Whether what an earlier attempt left behind is still what it was. If so, it counts as done.
    fn take_back(&self, left: &Self::Left) -> impl Future<Output = Result<bool>> + Send {
        let _ = left;
        std::future::ready(Ok(true))
    }

    /// Whether it can be written down as done.
    fn is_settled(_: &Self::Left) -> bool {
        true
    }

    /// Whether it tells of something that Weaviate refused.
    fn tells_of_refusals(_: &Self::Left) -> bool {
        false
    }
}

/// Takes the objects of a task, one page after the other.
pub trait Sink: Send + 'static {
    /// What it leaves behind when it is sealed.
    type Left: Send + Sync;

    fn take(&mut self, page: Page) -> impl Future<Output = Result<()>> + Send;

    /// Whether it should be sealed, and the rest go into another one.
    fn is_full(&self) -> bool {
        false
    }

    /// Waits until nothing is held in memory that can be handed on.
    fn flush(&mut self) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Everything is where it belongs when this returns. `ids` are those that were moved; None if the task is a run of tenants
    /// or a part of a file.
    fn seal(self, ids: Option<UuidRange>) -> impl Future<Output = Result<Self::Left>> + Send;

    /// Something has failed: leaves nothing half done.
    fn abandon(self) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        drop(self);
        std::future::ready(())
    }
}
