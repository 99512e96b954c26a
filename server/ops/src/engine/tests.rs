//! Moves between ends that do what a test says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use selvedge_model::error::{Kind, Result};
use selvedge_model::{Batch, UuidRange};
use uuid::Uuid;

use super::{Fetched, Lanes, Mark, Page, Pages, Running, Sink, Sinks, Source, Task};
use crate::{CollectionCounters, Context};

/// A move that takes longer waits for what never comes.
const DEADLINE: Duration = Duration::from_secs(10);
/// Worth splitting.
const MANY: u64 = 100_000;

/// Both ends of a move.
struct Script {
    /// What comes of asking for a page of a task, by how many came before.
    page: Box<dyn Fn(usize) -> Fetched + Send + Sync>,
    /// What happens while a sink is being sealed, to the task that it is of.
    seal: Box<dyn Fn(&Running) + Send + Sync>,
    /// The task that was opened.
    task: Mutex<Option<Arc<Running>>>,
}

impl Script {
    fn new(
        page: impl Fn(usize) -> Fetched + Send + Sync + 'static,
        seal: impl Fn(&Running) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { page: Box::new(page), seal: Box::new(seal), task: Mutex::default() })
    }
}

struct ScriptedPages {
    script: Arc<Script>,
    asked: usize,
}

impl Source for Arc<Script> {
    type Pages = ScriptedPages;

    async fn open(&self, task: Arc<Running>) -> Result<ScriptedPages> {
        *self.task.lock().unwrap() = Some(task);
        Ok(ScriptedPages { script: Arc::clone(self), asked: 0 })
    }
}

impl Pages for ScriptedPages {
    type Notes = ();

    async fn next(&mut self, _: usize) -> Result<Fetched> {
        self.asked += 1;
        Ok((self.script.page)(self.asked - 1))
    }

    fn notes(&mut self) {}
}

/// Leaves behind which ids it was sealed with.
struct ScriptedSink(Arc<Script>);

impl Sinks for Arc<Script> {
    type Sink = ScriptedSink;
    type Left = Option<UuidRange>;

    fn open(&self, _: usize) -> ScriptedSink {
        ScriptedSink(Arc::clone(self))
    }
}

impl Sink for ScriptedSink {
    type Left = Option<UuidRange>;

    async fn take(&mut self, _: Page) -> Result<()> {
        Ok(())
    }

    /// After each page that says how far it goes.
    fn is_full(&self) -> bool {
        true
    }

    async fn seal(self, ids: Option<UuidRange>) -> Result<Option<UuidRange>> {
        if let Some(task) = &*self.0.task.lock().unwrap() {
            (self.0.seal)(task);
        }
        Ok(ids)
    }
}

/// A page of one object.
fn page(last: Option<Uuid>) -> Fetched {
    let mut batch = Batch::new(&[], false);
    batch.ids.push(Uuid::nil());
    let passed = last.map(Mark::Id);
    Fetched::Page(Page { tenant: None, batch, bytes: 1, passed, origin: None, digests: Vec::new() })
}

/// Moves a task. Returns what became of it, and what was sealed, as far as it was told.
async fn moved(context: &Context, script: Arc<Script>) -> (Result<()>, Vec<Option<UuidRange>>) {
    let (lanes, counters) = (Lanes::of(context), Arc::new(CollectionCounters::unseen()));
    let (tasks, mut told) = (vec![Task::whole(MANY)], Vec::new());
    let carried = lanes.carry(tasks, Arc::clone(&script), script, &counters, |record| {
        told.push(record?.left);
        Ok(())
    });
    let outcome = tokio::time::timeout(DEADLINE, carried).await.expect("it ends");
    (outcome, told)
}

#[tokio::test]
async fn a_panic_fails_the_move() {
    let script = Script::new(|_| panic!("as the test wants it"), |_| {});
    let (outcome, told) = moved(&Context::alone(), script).await;
    assert_eq!(outcome.unwrap_err().kind(), Kind::Internal);
    assert!(told.is_empty());
}

#[tokio::test]
async fn what_is_being_sealed_is_not_given_away() {
    let one_page = |before: usize| if before == 0 { page(None) } else { Fetched::End };
    let script = Script::new(one_page, |task| assert!(task.split().is_none(), "another lane has a part"));
    let (outcome, told) = moved(&Context::alone(), script).await;
    outcome.unwrap();
    assert_eq!(told, [Some(UuidRange::ALL)]);
}

/// Whoever takes away what a job has left must know of it.
#[tokio::test]
async fn what_was_sealed_is_told_although_the_job_is_cancelled() {
    let context = Context::alone();
    let (last, stop) = (Uuid::from_u128(7), context.stop_token().clone());
    let script = Script::new(move |_| page(Some(last)), move |_| stop.cancel());
    let (outcome, told) = moved(&context, script).await;
    assert_eq!(outcome.unwrap_err().kind(), Kind::Cancelled);
    assert_eq!(told, [Some(UuidRange { first: Uuid::nil(), last })]);
}
