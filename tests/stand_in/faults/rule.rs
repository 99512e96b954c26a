//! One rule of the script.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use uuid::Uuid;

use super::{Call, Faults};
use crate::stand_in::Contents;

/// A rule in the making; the last word (`grpc`, `http`, `cut`…) puts it in force.
#[must_use = "a rule is in force only when it says what to do"]
pub struct OnCall {
    faults: Faults,
    call: Call,
    from: usize,
    times: usize,
}

impl OnCall {
    pub(super) fn new(faults: Faults, call: Call) -> Self {
        Self { faults, call, from: 1, times: 1 }
    }

    /// The first call that it applies to, counted from 1.
    pub fn from(mut self, nth: usize) -> Self {
        self.from = nth;
        self
    }

    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Answers with this status instead of doing anything.
    pub fn grpc(self, code: Code, text: &str) {
        self.put(Action::Grpc(code, text.into()));
    }

    /// Answers with this instead of doing anything.
    pub fn http(self, status: u16, body: &str) {
        self.put(Action::Http(status, body.into()));
    }

    pub fn delay(self, by: Duration) {
        self.put(Action::Delay(by));
    }

    /// Resets the connection instead of doing anything.
    pub fn cut(self) {
        self.put(Action::Cut);
    }

    /// Resets the connection after so many bytes of the answer (headers, and other calls' answers, count).
    pub fn cut_after(self, bytes: u64) {
        self.put(Action::CutAfter(bytes));
    }

    /// Does what is asked, then resets the connection instead of answering.
    pub fn lose_answer(self) {
        self.put(Action::LoseAnswer);
    }

    /// Refuses these objects of a batch with this text; the others are stored. The same with references, which go by the
    /// id of the object that they are added to.
    pub fn refuse_objects(self, objects: Objects, text: &str) {
        self.put(Action::RefuseObjects(objects, text.into()));
    }

    /// Answers a request for a page as if it asked for the first one.
    pub fn rewind(self) {
        self.put(Action::Rewind);
    }

    /// Changes the contents before the call is served.
    pub fn before(self, change: impl FnMut(&Contents) + Send + 'static) {
        self.put(Action::Before(Arc::new(Mutex::new(change))));
    }

    /// Keeps the calls waiting until the answer is told to release them, or dropped.
    pub fn hold(self) -> Held {
        let held = Arc::new(Hold { reached: Semaphore::new(0), released: CancellationToken::new() });
        self.put(Action::Hold(held.clone()));
        Held(held)
    }

    fn put(self, action: Action) {
        let rule = Rule { call: self.call, from: self.from, times: self.times, met: 0, action };
        self.faults.add(rule);
    }
}

/// Which objects of a batch.
#[derive(Clone, Debug)]
pub enum Objects {
    All,
    /// The place in the request, counted from 0.
    Index(usize),
    /// Every n-th of the request.
    Every(usize),
    Ids(Vec<Uuid>),
}

/// Calls that are kept waiting.
pub struct Held(Arc<Hold>);

pub(crate) struct Hold {
    reached: Semaphore,
    released: CancellationToken,
}

impl Held {
    /// Waits until a call is held; the next time, until another one is.
    pub async fn reached(&self) {
        let permit = self.0.reached.acquire().await.expect("the semaphore is never closed");
        permit.forget();
    }

    pub fn release(&self) {
        self.0.released.cancel();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

impl Hold {
    pub async fn wait(&self) {
        self.reached.add_permits(1);
        self.released.cancelled().await;
    }
}

pub(super) struct Rule {
    call: Call,
    from: usize,
    times: usize,
    met: usize,
    action: Action,
}

impl Rule {
    pub fn meet(&mut self, call: &Call) -> Option<Action> {
        if !self.call.covers(call) {
            return None;
        }
        self.met += 1;
        let since = self.met.checked_sub(self.from)?;
        (since < self.times).then(|| self.action.clone())
    }
}

#[derive(Clone)]
pub(crate) enum Action {
    Grpc(Code, String),
    Http(u16, String),
    Delay(Duration),
    Cut,
    CutAfter(u64),
    LoseAnswer,
    RefuseObjects(Objects, String),
    Rewind,
    Before(Arc<Change>),
    Hold(Arc<Hold>),
}

/// Something that a test does to the contents.
pub(crate) type Change = Mutex<dyn FnMut(&Contents) + Send>;

pub(crate) fn run(change: &Change, contents: &Contents) {
    (change.lock().unwrap_or_else(PoisonError::into_inner))(contents);
}

/// Travels with a request for a page to the code that makes it.
#[derive(Clone, Copy)]
pub(crate) struct Rewound;

/// Travels with a batch request to the code that stores it.
#[derive(Clone, Default)]
pub(crate) struct RefusedObjects(Vec<(Objects, String)>);

impl RefusedObjects {
    pub fn add(&mut self, objects: Objects, text: String) {
        self.0.push((objects, text));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn text(&self, index: usize, id: Option<Uuid>) -> Option<&str> {
        let hit = |objects: &Objects| match objects {
            Objects::All => true,
            Objects::Index(at) => *at == index,
            Objects::Every(n) => (index + 1).is_multiple_of(*n),
            Objects::Ids(wanted) => id.is_some_and(|id| wanted.contains(&id)),
        };
        self.0.iter().find(|(objects, _)| hit(objects)).map(|(_, text)| text.as_str())
    }
}
