//! The stream of a job's state: a view that is sampled when the client is ready for more, so that neither a slow client
//! nor one that hangs up has any effect on the job.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream;
use selvedge_proto::v1;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::{convert, status};
use crate::jobs::{Job, Lifecycle, Registry, Shown, Snapshot, State};

const SAMPLE_EVERY: Duration = Duration::from_millis(200);
/// Most jobs get their turn at once: the first message can wait so long for it.
const FIRST_WITHIN: Duration = Duration::from_millis(100);
/// A job of another process is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A message comes at least this often, so that a client can tell a job that waits from a connection that is dead.
const HEARTBEAT: Duration = Duration::from_secs(10);

pub type Watch<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

struct Watcher {
    registry: Arc<Registry>,
    watched: Watched,
    /// What was sent last, and when. None before the first message.
    last: Option<(v1::Job, Instant)>,
    /// What remains after the message with the terminal state.
    end: Option<Result<(), Status>>,
}

enum Watched {
    Here {
        job: Arc<Job>,
        lifecycle: tokio::sync::watch::Receiver<Lifecycle>,
    },
    /// Another process runs it, and writes down every few seconds how far it is.
    Elsewhere {
        id: String,
        first: Option<Box<Snapshot>>,
    },
}

/// The job's state at once, then whenever it has changed, and at last its terminal state. Then the stream ends: with OK
/// for a success, else with the status of the failure. `wrap` makes it the response of the call at hand.
pub fn watch<T: 'static>(registry: Arc<Registry>, shown: Shown, wrap: fn(v1::Job) -> T) -> Watch<T> {
    let watched = match shown {
        Shown::Here(job) => Watched::Here { lifecycle: job.watch(), job },
        Shown::Written(snapshot) => Watched::Elsewhere { id: snapshot.id.to_string(), first: Some(snapshot) },
    };
    let watcher = Watcher { registry, watched, last: None, end: None };
    Box::pin(stream::unfold(watcher, move |mut watcher| async move {
        let message = match watcher.end.take() {
            Some(Ok(())) => return None,
            Some(Err(status)) => {
                watcher.end = Some(Ok(()));
                Err(status)
            }
            None => match watcher.next().await {
                Ok(job) => Ok(wrap(job)),
                Err(status) => {
                    watcher.end = Some(Ok(()));
                    Err(status)
                }
            },
        };
        Some((message, watcher))
    }))
}

impl Watcher {
    async fn next(&mut self) -> Result<v1::Job, Status> {
        loop {
            self.pause().await;
            let snapshot = self.look().await?;
            let message = convert::job(&snapshot);
            if snapshot.lifecycle.state.is_terminal() {
                let failure = snapshot.lifecycle.failure;
                self.end = Some(failure.map_or(Ok(()), |error| Err(status::job_end(&error, &message.id))));
                return Ok(message);
            }
            let now = Instant::now();
            let due =
                |(last, at): &(v1::Job, Instant)| *last != message || now.duration_since(*at) >= HEARTBEAT;
            if self.last.as_ref().is_none_or(due) {
                self.last = Some((message.clone(), now));
                return Ok(message);
            }
        }
    }

    async fn look(&mut self) -> Result<Snapshot, Status> {
        let id = match &mut self.watched {
            Watched::Here { job, .. } => return Ok(self.registry.snapshot(job)),
            Watched::Elsewhere { first: Some(_), .. } if self.last.is_none() => None,
            Watched::Elsewhere { id, .. } => Some(id.clone()),
        };
        let Some(id) = id else {
            return match &mut self.watched {
                Watched::Elsewhere { first, .. } => {
                    first.take().map(|first| *first).ok_or_else(|| Status::internal("a job without a state"))
                }
                Watched::Here { job, .. } => Ok(self.registry.snapshot(job)),
            };
        };
        match self.registry.show(&id).await.map_err(status::refusal)? {
            Shown::Written(snapshot) => Ok(*snapshot),
            // It was gone on with here.
            Shown::Here(job) => {
                let snapshot = self.registry.snapshot(&job);
                self.watched = Watched::Here { lifecycle: job.watch(), job };
                Ok(snapshot)
            }
        }
    }

    /// Until the next sample is due, or the job's state changes.
    async fn pause(&mut self) {
        let is_first = self.last.is_none();
        match &mut self.watched {
            Watched::Here { lifecycle, .. } if is_first => {
                let begun = lifecycle.wait_for(|lifecycle| lifecycle.state != State::Pending);
                // If it takes longer, that is what there is to be told.
                let _ = tokio::time::timeout(FIRST_WITHIN, begun).await;
                lifecycle.mark_unchanged();
            }
            Watched::Here { lifecycle, .. } => tokio::select! {
                // An error means that the job is gone, and so has ended.
                _ = lifecycle.changed() => {}
                () = sleep_until(Instant::now() + SAMPLE_EVERY) => {}
            },
            Watched::Elsewhere { .. } if is_first => {}
            Watched::Elsewhere { .. } => sleep_until(Instant::now() + LOOK_EVERY).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tokio::sync::oneshot;
    use tonic::Code;

    use super::*;
    use crate::jobs::Limits;
    use selvedge_model::error::{Error, Kind, Result};
    use selvedge_ops::{ClearRequest, Context, Failure, Operation, Outcome, Places, Report, Request};

    fn registry() -> Arc<Registry> {
        let places = Arc::new(Places::new(Vec::new(), Vec::new()).unwrap());
        Registry::new(Limits { running: 9, waiting: 0, history: 9, memory: 0 }, places, Arc::default())
    }

    fn watched(job: &Arc<Job>) -> Watch<v1::Job> {
        watch(registry(), Shown::Here(Arc::clone(job)), |job| job)
    }

    /// A job that does `work`.
    fn start<F>(work: impl FnOnce(Context) -> F + Send + 'static) -> Arc<Job>
    where
        F: Future<Output = Result<Outcome, Failure>> + Send + 'static,
    {
        let request = ClearRequest { collections: vec!["Article".to_owned()], ..ClearRequest::default() };
        let (cluster, repository) = ("default".to_owned(), "default".to_owned());
        let request = Request {
            cluster,
            repository,
            operation: Operation::Clear(request),
            lock_timeout: Duration::ZERO,
        };
        registry().start(crate::jobs::Asking::default(), request, |context, _| work(context)).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_job_is_sampled_and_its_end_comes_last() {
        let job = start(|context| async move {
            let counters = context.progress.add_collection("Article", "");
            for _ in 0..2000 {
                counters.add_objects(1);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(Error::new(Kind::SchemaChanged, "it changed").hint("again").into())
        });
        let mut items: Vec<_> = watched(&job).collect().await;
        let status = items.pop().unwrap().unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Aborted, "it changed"));
        let jobs: Vec<v1::Job> = items.into_iter().map(Result::unwrap).collect();
        assert!((9..15).contains(&jobs.len()), "2 s give about 10 samples, not {}", jobs.len());
        let (last, before) = jobs.split_last().unwrap();
        assert_eq!((last.state(), last.progress.unwrap().objects_done), (v1::JobState::Failed, 2000));
        assert_eq!(last.failure.as_ref().unwrap().hint, "again");
        assert!(before.iter().all(|job| job.end_time.is_none() && job.failure.is_none()));

        let again: Vec<_> = watched(&job).collect().await;
        assert_eq!(again.len(), 2, "of a job that has ended there is one message, and its status");
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_job_is_silent_but_for_a_heartbeat_and_outlives_its_stream() {
        let (begun, has_begun) = oneshot::channel();
        let (finish, finished) = oneshot::channel::<()>();
        let job = start(|_| async move {
            let _ = begun.send(());
            let _ = finished.await;
            Ok(Outcome::Complete(Report::default()))
        });
        has_begun.await.unwrap();
        let mut stream = watched(&job);
        let start = Instant::now();
        let first = stream.next().await.unwrap().unwrap();
        assert_eq!(first.state(), v1::JobState::Running);
        assert!(start.elapsed().is_zero(), "the first message comes at once");
        assert_eq!(stream.next().await.unwrap().unwrap(), first);
        assert!(start.elapsed() >= HEARTBEAT);

        drop(stream);
        let stream = watched(&job);
        finish.send(()).unwrap();
        let states: Vec<_> = stream.map(|item| item.unwrap().state()).collect().await;
        assert_eq!(states.last(), Some(&v1::JobState::Succeeded), "and then OK");
    }
}
