//! What a command works with: a server, somebody to talk to, and what was asked for.

use serde::Serialize;
use tonic::{Response, Status};

use crate::connect::Server;
use crate::failure::{Asked, Failure};
use crate::{Options, Terminal, json};

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

    /// All there is of a list. `call` asks for the page of a token; `open` tells what is on a page, and the token of the next one.
    pub async fn all_pages<T, P, F>(
        &mut self,
        call: impl Fn(&Server, String) -> F,
        open: impl Fn(P) -> (Vec<T>, String),
    ) -> Result<Vec<T>, Failure>
    where
        F: Future<Output = Result<Response<P>, Status>>,
    {
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            let asked = call(&self.server, token);
            let (more, next) = open(self.answer(asked).await?);
            all.extend(more);
            if next.is_empty() {
                return Ok(all);
            }
            token = next;
        }
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
