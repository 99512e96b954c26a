//! A server that answers from a script, and a client against it.

pub mod example;

use std::collections::VecDeque;
use std::io::{Cursor, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use clap::Parser;
use selvedge_proto::v1::collection_service_server::{CollectionService, CollectionServiceServer};
use selvedge_proto::v1::job_service_server::{JobService, JobServiceServer};
use selvedge_proto::v1::*;
use selvedge_proto::{ERROR_DOMAIN, v1::FailureReason};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{Args, ExitCode, Terminal};

/// Compares with `client/snapshots/NAME.snap`; `INSTA_UPDATE=always` writes it.
pub fn snapshot(name: &str, text: impl AsRef<str>) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text.as_ref()));
}

/// One call's answer, in order.
pub type Answer = Vec<Step>;

#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "a script is short")]
pub enum Step {
    Job(Job),
    Status(Status),
    /// Nothing more comes, and the stream stays open.
    Hang,
}

/// A status as the real server sends it.
pub fn status(code: Code, reason: FailureReason, message: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason.id(), ERROR_DOMAIN, []);
    Status::with_error_details(code, message, details)
}

/// A connection that breaks.
pub fn reset() -> Step {
    Step::Status(Status::unavailable("connection reset"))
}

#[derive(Clone, Default)]
pub struct Scripted {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    calls: Arc<Mutex<Vec<String>>>,
    clears: Arc<Mutex<Vec<ClearRequest>>>,
}

type JobStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Scripted {
    fn answer<T: Send + 'static>(
        &self,
        call: String,
        wrap: fn(Job) -> T,
    ) -> Result<Response<JobStream<T>>, Status> {
        self.calls.lock().expect("calls").push(call);
        let answer =
            self.answers.lock().expect("answers").pop_front().expect("no more calls than the script has");
        if let [Step::Status(status)] = answer.as_slice() {
            return Err(status.clone());
        }
        let hangs = answer.iter().any(|step| matches!(step, Step::Hang));
        let messages = answer.into_iter().filter_map(move |step| match step {
            Step::Job(job) => Some(Ok(wrap(job))),
            Step::Status(status) => Some(Err(status)),
            Step::Hang => None,
        });
        let messages = tokio_stream::iter(messages.collect::<Vec<_>>());
        Ok(Response::new(match hangs {
            true => Box::pin(messages.chain(tokio_stream::pending())),
            false => Box::pin(messages),
        }))
    }
}

#[tonic::async_trait]
impl CollectionService for Scripted {
    type BackupStream = JobStream<BackupResponse>;
    type RestoreStream = JobStream<RestoreResponse>;
    type ClearStream = JobStream<ClearResponse>;

    async fn backup(&self, request: Request<BackupRequest>) -> Result<Response<Self::BackupStream>, Status> {
        let id = request.into_inner().request_id;
        self.answer(format!("backup {id}"), |job| BackupResponse { job: Some(job) })
    }

    async fn restore(&self, _: Request<RestoreRequest>) -> Result<Response<Self::RestoreStream>, Status> {
        self.answer("restore".to_owned(), |job| RestoreResponse { job: Some(job) })
    }

    async fn clear(&self, request: Request<ClearRequest>) -> Result<Response<Self::ClearStream>, Status> {
        self.clears.lock().expect("clears").push(request.into_inner());
        self.answer("clear".to_owned(), |job| ClearResponse { job: Some(job) })
    }

    async fn list_collections(
        &self,
        _: Request<ListCollectionsRequest>,
    ) -> Result<Response<ListCollectionsResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

#[tonic::async_trait]
impl JobService for Scripted {
    type WatchJobStream = JobStream<WatchJobResponse>;

    async fn list_jobs(
        &self,
        request: Request<ListJobsRequest>,
    ) -> Result<Response<ListJobsResponse>, Status> {
        // Two pages.
        Ok(Response::new(match request.into_inner().page_token.as_str() {
            "" => ListJobsResponse { jobs: vec![example::running()], next_page_token: "2".to_owned() },
            _ => ListJobsResponse { jobs: vec![example::succeeded()], next_page_token: String::new() },
        }))
    }

    async fn get_job(&self, _: Request<GetJobRequest>) -> Result<Response<GetJobResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn watch_job(
        &self,
        request: Request<WatchJobRequest>,
    ) -> Result<Response<Self::WatchJobStream>, Status> {
        let id = request.into_inner().job_id;
        self.answer(format!("watch {id}"), |job| WatchJobResponse { job: Some(job) })
    }

    async fn cancel_job(&self, _: Request<CancelJobRequest>) -> Result<Response<CancelJobResponse>, Status> {
        Ok(Response::new(CancelJobResponse { job: Some(example::running()) }))
    }
}

/// What a run left behind.
pub struct Ran {
    pub exit: ExitCode,
    pub out: String,
    pub err: String,
    /// The streaming calls the server saw.
    pub calls: Vec<String>,
    pub clears: Vec<ClearRequest>,
}

/// Somebody at the keyboard, or not.
#[derive(Clone, Copy, Default)]
pub struct User {
    /// What is typed; `None` without a terminal.
    pub types: Option<&'static str>,
    /// Presses Ctrl-C after this many milliseconds.
    pub interrupts_after: Option<u64>,
}

/// Runs `selvedge LINE` against a server with these answers.
pub async fn run(line: &str, answers: impl IntoIterator<Item = Answer>, user: User) -> Ran {
    let mut out = Vec::new();
    let ran = run_into(&mut out, line, answers, user).await;
    Ran { out: String::from_utf8(out).expect("UTF-8"), ..ran }
}

/// The same, with the result going to `out`.
pub async fn run_into(
    out: &mut (dyn Write + Send),
    line: &str,
    answers: impl IntoIterator<Item = Answer>,
    user: User,
) -> Ran {
    let scripted =
        Scripted { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Scripted::default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("has an address"));
    let serving = tonic::transport::Server::builder()
        .add_service(CollectionServiceServer::new(scripted.clone()))
        .add_service(JobServiceServer::new(scripted.clone()))
        .serve_with_incoming(TcpListenerStream::new(listener));
    let serving = tokio::spawn(serving);
    let words = ["selvedge", "--server", &url].into_iter().chain(line.split_whitespace());
    let args = Args::try_parse_from(words).expect("parses");
    let mut err = Vec::new();
    let mut terminal = Terminal::new(out, &mut err);
    if let Some(text) = user.types {
        terminal.interactive = true;
        terminal.input = Box::new(Cursor::new(text));
    }
    if let Some(millis) = user.interrupts_after {
        terminal.interrupt = Box::pin(tokio::time::sleep(std::time::Duration::from_millis(millis)));
    }
    let exit = crate::run(args, &mut terminal).await;
    serving.abort();
    Ran {
        exit,
        out: String::new(),
        err: String::from_utf8(err).expect("UTF-8").replace(&url, "URL"),
        calls: scripted.calls.lock().expect("calls").clone(),
        clears: scripted.clears.lock().expect("clears").clone(),
    }
}
