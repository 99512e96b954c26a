use tokio::sync::oneshot;

use super::*;
use crate::jobs::State;
use crate::jobs::journal::{AttemptJson, EndJson};
use selvedge_ops::{Access, ClearRequest, Operation, Report};

fn registry(running: usize, history: usize) -> Arc<Registry> {
    let places = Arc::new(Places::new(Vec::new(), Vec::new()).unwrap());
    Registry::new(Limits { running, waiting: 0, history, memory: 0 }, places, Arc::default())
}

fn done() -> Outcome {
    Outcome::Complete(Report::default())
}

fn clearing(collection: &str) -> Request {
    let request = ClearRequest { collections: vec![collection.to_owned()], ..ClearRequest::default() };
    let (cluster, repository) = ("default".to_owned(), "default".to_owned());
    Request { cluster, repository, operation: Operation::Clear(request), lock_timeout: Duration::ZERO }
}

async fn ended(job: &Job) -> State {
    job.watch().wait_for(|lifecycle| lifecycle.state.is_terminal()).await.unwrap().state
}

/// Runs until it is asked to stop.
async fn endless(context: Context, _: Request) -> Result<Outcome, Failure> {
    Ok(context.or_stop(std::future::pending()).await?)
}

/// Turns the request down before it does anything.
async fn refusing(_: Context, _: Request) -> Result<Outcome, Failure> {
    let mut failure = Failure::from(Error::new(Kind::CollectionNotFound, "there is no collection \"A\""));
    failure.refused = true;
    Err(failure)
}

#[tokio::test]
async fn what_is_refused_is_no_job() {
    let registry = registry(1, 10);
    let asking = || named(Some("nightly".to_owned()));
    let job = registry.start(asking(), clearing("A"), refusing).unwrap();
    assert_eq!(ended(&job).await, State::Refused);
    assert!(registry.list(false, None, 9).await.unwrap().is_empty());
    assert!(registry.active_jobs().is_empty());
    // Whoever watches it still hears why.
    let Shown::Here(shown) = registry.show(&job.id.to_string()).await.unwrap() else { panic!() };
    assert!(Arc::ptr_eq(&shown, &job));
    // By now, what was missing may be there.
    let again = registry.start(asking(), clearing("A"), |_, _| async { Ok(done()) }).unwrap();
    assert_ne!(again.id, job.id);
    assert_eq!(ended(&again).await, State::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn of_what_is_refused_nothing_is_written_down() {
    let (registry, job, _) = written().await;
    registry.cancel(&job.id.to_string()).await.unwrap();
    ended(&job).await;
    let repository = registry.places.repositories().next().unwrap().clone();
    let before = repository.job_ids().await.unwrap();
    let refused = registry.start(Asking::default(), clearing("B"), refusing).unwrap();
    assert_eq!(ended(&refused).await, State::Refused);
    assert_eq!(repository.job_ids().await.unwrap(), before);
}

#[tokio::test]
async fn a_job_ends_as_its_operation_does() {
    let registry = registry(10, 10);
    type Ending = fn() -> Result<Outcome, Failure>;
    let cases: [(Ending, State); 5] = [
        (|| Ok(done()), State::Succeeded),
        (
            || Ok(Outcome::Partial(Report::default(), Error::new(Kind::ObjectsRefused, "2 objects"))),
            State::Partial,
        ),
        (|| Err(Error::new(Kind::ObjectsRefused, "2 objects").into()), State::Failed),
        (|| Err(Error::new(Kind::ServerStopped, "stopped").into()), State::Interrupted),
        (|| panic!("the sky fell"), State::Failed),
    ];
    for (result, state) in cases {
        let job =
            registry.start(Asking::default(), clearing("A"), move |_, _| async move { result() }).unwrap();
        assert_eq!(ended(&job).await, state);
    }
    let last = &registry.list(false, None, 9).await.unwrap()[0];
    let failure = last.lifecycle.failure.clone().unwrap();
    assert_eq!(
        (failure.kind(), failure.to_string().as_str()),
        (Kind::Internal, "the job panicked: the sky fell")
    );
}

#[tokio::test]
async fn cancelling_waits_for_the_job_and_keeps_what_it_really_ended_as() {
    let registry = registry(10, 10);
    let job = registry.start(Asking::default(), clearing("A"), endless).unwrap();
    registry.cancel(&job.id.to_string()).await.unwrap();
    assert_eq!(job.state(), State::Cancelling);
    assert_eq!(ended(&job).await, State::Cancelled);

    let (release, released) = oneshot::channel::<()>();
    let (begun, has_begun) = oneshot::channel::<()>();
    let work = move |_, _| async move {
        begun.send(()).unwrap();
        released.await.unwrap();
        Ok(done())
    };
    let job = registry.start(Asking::default(), clearing("A"), work).unwrap();
    has_begun.await.unwrap();
    registry.cancel(&job.id.to_string()).await.unwrap();
    release.send(()).unwrap();
    assert_eq!(ended(&job).await, State::Succeeded);
    let Shown::Here(job) = registry.cancel(&job.id.to_string()).await.unwrap() else { panic!() };
    assert_eq!(job.state(), State::Succeeded);
    assert_eq!(registry.cancel("no-such-job").await.err().unwrap().kind(), Kind::JobNotFound);
}

#[tokio::test]
async fn a_request_id_attaches_to_its_job_and_to_no_other() {
    let registry = registry(1, 10);
    let id = || Some("nightly".to_owned());
    let first = registry.start(named(id()), clearing("A"), endless).unwrap();
    // Attaching needs no room for another job.
    assert!(Arc::ptr_eq(&first, &registry.start(named(id()), clearing("A"), endless).unwrap()));
    assert_eq!(
        registry.start(named(id()), clearing("B"), endless).unwrap_err().kind(),
        Kind::RequestIdReused
    );
    assert_eq!(
        registry.start(Asking::default(), clearing("A"), endless).unwrap_err().kind(),
        Kind::TooManyJobs
    );
    registry.cancel(&first.id.to_string()).await.unwrap();
    ended(&first).await;
    assert!(
        Arc::ptr_eq(&first, &registry.start(named(id()), clearing("A"), endless).unwrap()),
        "also when it has ended"
    );
}

#[tokio::test]
async fn old_jobs_are_forgotten_and_running_ones_never() {
    let registry = registry(10, 2);
    let running = registry.start(Asking::default(), clearing("R"), endless).unwrap();
    let mut jobs = Vec::new();
    for n in 0..3 {
        let request_id = Some(format!("request {n}"));
        let job = registry.start(named(request_id), clearing("A"), |_, _| async { Ok(done()) }).unwrap();
        ended(&job).await;
        jobs.push(job);
    }
    let listed: Vec<_> = registry.list(false, None, 9).await.unwrap().iter().map(|job| job.id).collect();
    assert_eq!(listed, [jobs[2].id, jobs[1].id, running.id], "newest first");
    assert_eq!(registry.list(true, None, 9).await.unwrap().len(), 1);
    assert_eq!(registry.list(false, Some(jobs[1].id), 9).await.unwrap().len(), 1);
    let again = registry.start(named(Some("request 0".to_owned())), clearing("B"), endless).unwrap();
    assert_ne!(again.id, jobs[0].id);
}

#[tokio::test]
async fn locks_end_with_the_job_and_are_per_cluster() {
    let registry = registry(10, 10);
    let (locked, is_locked) = oneshot::channel();
    let holder = registry
        .start(Asking::default(), clearing("A"), move |context, request| async move {
            let _guard = context.lock(&["A".to_owned()], Access::Exclusive).await?;
            let _ = locked.send(());
            endless(context, request).await
        })
        .unwrap();
    is_locked.await.unwrap();
    let take = |context: Context, _| async move {
        context.lock(&["A".to_owned()], Access::Shared).await?;
        Ok(done())
    };
    let busy = registry.start(Asking::default(), clearing("A"), take).unwrap();
    assert_eq!(ended(&busy).await, State::Failed);
    assert!(registry.snapshot(&busy).lifecycle.failure.unwrap().to_string().contains(&holder.id.to_string()));

    let elsewhere = Request { cluster: "other".to_owned(), ..clearing("A") };
    assert_eq!(ended(&registry.start(Asking::default(), elsewhere, take).unwrap()).await, State::Succeeded);
    registry.cancel(&holder.id.to_string()).await.unwrap();
    ended(&holder).await;
    assert_eq!(
        ended(&registry.start(Asking::default(), clearing("A"), take).unwrap()).await,
        State::Succeeded
    );
}

#[tokio::test(start_paused = true)]
async fn the_server_waits_for_what_must_not_be_cut_and_cuts_the_rest() {
    let registry = registry(10, 10);
    let quick = registry.start(Asking::default(), clearing("A"), endless).unwrap();
    let deaf = registry.start(Asking::default(), clearing("B"), |_, _| std::future::pending()).unwrap();
    let (finish, finished) = oneshot::channel::<()>();
    let (begun, has_begun) = oneshot::channel::<()>();
    let uncut = registry
        .start(Asking::default(), clearing("C"), |context, _| async move {
            let section = async move {
                begun.send(()).unwrap();
                finished.await.unwrap();
                Ok(())
            };
            context.uncut(section).await?;
            Ok(done())
        })
        .unwrap();
    has_begun.await.unwrap();

    registry.close();
    assert_eq!(
        registry.start(Asking::default(), clearing("D"), endless).unwrap_err().kind(),
        Kind::ServerStopped
    );
    let draining = tokio::spawn({
        let registry = Arc::clone(&registry);
        async move { registry.drain(Duration::from_secs(30)).await }
    });
    assert_eq!(ended(&quick).await, State::Interrupted);
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(!draining.is_finished(), "an uncut section outlasts the deadline");
    finish.send(()).unwrap();
    draining.await.unwrap();
    assert_eq!((deaf.state(), uncut.state()), (State::Interrupted, State::Succeeded));
}

#[tokio::test]
async fn more_jobs_than_may_run_wait_for_their_turn() {
    let places = Arc::new(Places::new(Vec::new(), Vec::new()).unwrap());
    let registry =
        Registry::new(Limits { running: 1, waiting: 2, history: 9, memory: 0 }, places, Arc::default());
    let first = registry.start(Asking::default(), clearing("A"), endless).unwrap();
    first.watch().wait_for(|lifecycle| lifecycle.state == State::Running).await.unwrap();
    let second = registry.start(Asking::default(), clearing("B"), endless).unwrap();
    let third = registry.start(Asking::default(), clearing("C"), |_, _| async { Ok(done()) }).unwrap();
    assert_eq!(
        registry.start(Asking::default(), clearing("D"), endless).unwrap_err().kind(),
        Kind::TooManyJobs
    );
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let ahead =
        [&second, &third].map(|job| registry.snapshot(job)).map(|job| (job.lifecycle.state, job.jobs_ahead));
    assert_eq!(ahead, [(State::Pending, 0), (State::Pending, 1)]);
    // One that waits can be cancelled at once, and the next one moves up.
    registry.cancel(&second.id.to_string()).await.unwrap();
    assert_eq!(ended(&second).await, State::Cancelled);
    assert_eq!(registry.snapshot(&third).jobs_ahead, 0);
    registry.cancel(&first.id.to_string()).await.unwrap();
    assert_eq!(ended(&third).await, State::Succeeded);
}

fn named(request_id: Option<String>) -> Asking {
    Asking { request_id, ..Asking::default() }
}

/// A registry whose jobs are written down in memory, and the journal of one of them.
async fn written() -> (Arc<Registry>, Arc<Job>, selvedge_archive::JsonFolder) {
    let url = "http://127.0.0.1:9".to_owned();
    let cluster = selvedge_weaviate::ClusterConfig {
        name: "default".to_owned(),
        rest_url: url.clone(),
        grpc_url: url,
        credentials: None,
        ca_file: None,
        headers: Vec::new(),
        retry_budget: Duration::ZERO,
    };
    let repository =
        Repository::open(&selvedge_archive::RepositoryConfig::new("default", "memory://test")).unwrap();
    repository.init().await.unwrap();
    let places = Arc::new(Places::new(vec![cluster], vec![repository.clone()]).unwrap());
    let registry =
        Registry::new(Limits { running: 1, waiting: 1, history: 9, memory: 0 }, places, Arc::default());
    let job = registry.start(Asking::default(), clearing("A"), endless).unwrap();
    job.watch().wait_for(|lifecycle| lifecycle.state == State::Running).await.unwrap();
    let folder = repository.job(&job.id.to_string());
    (registry, job, folder)
}

#[tokio::test(start_paused = true)]
async fn an_attempt_stops_when_a_later_one_has_begun() {
    let (registry, job, folder) = written().await;
    let attempt: AttemptJson = folder.read("attempts/1.json").await.unwrap().unwrap();
    folder.create("attempts/2.json", &attempt).await.unwrap();
    assert_eq!(ended(&job).await, State::Interrupted);
    let failure = registry.snapshot(&job).lifecycle.failure.unwrap();
    assert_eq!(failure.kind(), Kind::JobSuperseded);
    // What is told of the job is how the later attempt is.
    let Shown::Written(shown) = registry.show(&job.id.to_string()).await.unwrap() else { panic!() };
    assert_eq!(shown.attempts, 2);
}

#[tokio::test(start_paused = true)]
async fn what_ended_is_written_down_and_can_be_gone_on_with() {
    let (registry, job, folder) = written().await;
    registry.close();
    assert_eq!(ended(&job).await, State::Interrupted);
    let end: EndJson = folder.read("ends/1.json").await.unwrap().unwrap();
    assert_eq!((end.state, end.report.resumable), (State::Interrupted, true));
    assert!(folder.list("alive").await.unwrap().is_empty());
    // Another server, which knows of it only what is written.
    let other = Registry::new(registry.limits, Arc::clone(&registry.places), Arc::default());
    let again = other.resume(&job.id.to_string(), |_, _| async { Ok(done()) }).await.unwrap();
    assert_eq!(ended(&again).await, State::Succeeded);
    assert_eq!((again.id, again.attempt()), (job.id, 2));
    let error = other.resume(&job.id.to_string(), |_, _| async { Ok(done()) }).await.unwrap_err();
    assert_eq!(error.kind(), Kind::JobNotResumable);
}

/// Neither cancel of a server that has not got it is lost.
#[tokio::test(start_paused = true)]
async fn a_cancel_from_elsewhere_reaches_a_job_that_waits() {
    let (registry, job, _) = written().await;
    let waiting = registry.start(Asking::default(), clearing("B"), |_, _| async { Ok(done()) }).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let other = Registry::new(registry.limits, Arc::clone(&registry.places), Arc::default());
    other.cancel(&waiting.id.to_string()).await.unwrap();
    assert_eq!(ended(&waiting).await, State::Cancelled);
    other.cancel(&job.id.to_string()).await.unwrap();
    assert_eq!(ended(&job).await, State::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn journals_of_old_jobs_are_removed_unless_they_can_be_gone_on_with() {
    let (registry, endless, folder) = written().await;
    let repository = registry.places.repositories().next().unwrap().clone();
    let limits = Limits { running: 9, history: 2, ..registry.limits };
    let other = Registry::new(limits, Arc::clone(&registry.places), Arc::default());
    let mut jobs = Vec::new();
    for _ in 0..3 {
        let job = other.start(Asking::default(), clearing("B"), |_, _| async { Ok(done()) }).unwrap();
        ended(&job).await;
        jobs.push(job.id.to_string());
    }
    // What others have to finish is not forgotten, nor what the journal of a later version may mean.
    repository.job("01a20975-0000-7000-8000-000000000000").create("woken-1.json", &"a").await.unwrap();
    repository.job("01a20975-0000-7000-8000-000000000001").create("job.json", &"b").await.unwrap();
    let pruned = other.prune(&repository, true).await.unwrap();
    let paths: Vec<_> = pruned.leftovers.into_iter().map(|leftover| leftover.path).collect();
    assert_eq!(paths, [format!("jobs/{}", jobs[0])]);
    assert_eq!(repository.job_ids().await.unwrap().len(), 6);
    other.prune(&repository, false).await.unwrap();
    let left = repository.job_ids().await.unwrap();
    assert_eq!((left.len(), left.contains(&jobs[0])), (5, false), "{left:?}");
    assert!(folder.read::<AttemptJson>("attempts/1.json").await.unwrap().is_some(), "it runs");
    registry.cancel(&endless.id.to_string()).await.unwrap();
}
