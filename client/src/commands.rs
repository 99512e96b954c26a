//! A module for each command, or for a few that belong together: arguments, call, output.

pub mod backup;
pub mod check;
pub mod clear;
pub mod collections;
pub mod completions;
pub mod export;
pub mod import;
pub mod jobs;
pub mod keeping;
pub mod list;
pub mod prune;
pub mod restore;
pub mod show;
pub mod verify;

use selvedge_proto::v1::Job;
use serde::Serialize;
use tonic::{Response, Status};

use crate::connect::Server;
use crate::failure::{Asked, Failure};
use crate::follow::{self, Call, Followed};
use crate::progress::Progress;
use crate::{Options, Terminal, json, report};

/// What a command works with.
pub struct Session<'s, 't> {
    pub server: Server,
    pub options: &'s Options,
    pub terminal: &'s mut Terminal<'t>,
    /// What the command line asks for.
    pub asked: Asked,
}

impl Session<'_, '_> {
    /// Tells something that is not the result, unless only results are wanted.
    pub fn talk(&mut self, text: &str) {
        if !self.options.quiet {
            self.terminal.say(text);
        }
    }

    pub fn print_json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        self.terminal.print_verbatim(&json::line(value))
    }

    /// Waits for the answer of a call that is no job.
    pub async fn answer<T>(
        &mut self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Failure> {
        let answer = self.terminal.unless_interrupted("the server had not answered yet", call).await?;
        answer
            .map(Response::into_inner)
            .map_err(|status| Failure::of_status(&status, self.server.url(), &self.asked))
    }
}

/// Starts a job, or attaches to one, and reports how it ended; with `detach` only that it was started.
async fn run_job(call: Call, detach: bool, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let progress = Progress::choose(session.options, session.terminal);
    match follow::follow(call, detach, progress, session).await? {
        Followed::Ended(job) => report::ended(&job, session),
        Followed::Started(job) => started(&job, session),
    }
}

fn started(job: &Job, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    if session.options.json {
        return session.print_json(&json::Message::Status(json::Job::from(job)));
    }
    let id = &job.id;
    session.talk(&format!("started; watch it with `selvedge jobs watch {id}`"));
    // Nothing but the id: a script wants to keep it.
    session.terminal.print(id)
}
