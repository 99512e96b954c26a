//! A server that answers from a script, and a client against it.

pub mod example;
mod services;

use std::collections::VecDeque;
use std::io::{Cursor, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use clap::Parser;
use selvedge_proto::ERROR_DOMAIN;
use selvedge_proto::v1::backup_service_server::BackupServiceServer;
use selvedge_proto::v1::collection_service_server::CollectionServiceServer;
use selvedge_proto::v1::job_service_server::JobServiceServer;
use selvedge_proto::v1::server_service_server::ServerServiceServer;
use selvedge_proto::v1::{
    BackupRequest, ClearRequest, CopyRequest, FailureReason, Job, PruneBackupsRequest, RepairRequest,
    RestoreRequest, UndoRequest, VerifyBackupRequest,
};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Code, Response, Status};
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

/// The requests of the starting calls, and of those that remove something.
#[derive(Clone, Default)]
pub struct Requests {
    pub backups: Vec<BackupRequest>,
    pub restores: Vec<RestoreRequest>,
    pub clears: Vec<ClearRequest>,
    pub copies: Vec<CopyRequest>,
    pub repairs: Vec<RepairRequest>,
    pub undos: Vec<UndoRequest>,
    pub verifies: Vec<VerifyBackupRequest>,
    pub prunes: Vec<PruneBackupsRequest>,
}

#[derive(Clone, Default)]
pub struct Scripted {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    calls: Arc<Mutex<Vec<String>>>,
    requests: Arc<Mutex<Requests>>,
}

type JobStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Scripted {
    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().expect("requests")
    }

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

/// What a run left behind.
pub struct Ran {
    pub exit: ExitCode,
    pub out: String,
    pub err: String,
    /// The streaming calls the server saw.
    pub calls: Vec<String>,
    pub requests: Requests,
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
        .add_service(BackupServiceServer::new(scripted.clone()))
        .add_service(JobServiceServer::new(scripted.clone()))
        .add_service(ServerServiceServer::new(scripted.clone()))
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
        requests: scripted.requests().clone(),
    }
}
