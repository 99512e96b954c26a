//! Which jobs there are: all that run, and the last ones that ended.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use uuid::Uuid;

use super::{Job, State};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::Request;

#[derive(Debug, Default)]
pub(super) struct Book {
    jobs: BTreeMap<Uuid, Arc<Job>>,
    by_request: HashMap<String, Uuid>,
    /// Of jobs that servers before this one have taken; None of what is encrypted, and cannot be read here.
    remembered: HashMap<String, (Uuid, Option<Request>)>,
    /// Jobs that have ended, in the order in which they did.
    ended: VecDeque<Uuid>,
    /// Jobs that were refused, in the order in which they were: whoever watches one can still hear why.
    refused: VecDeque<Uuid>,
    /// Jobs that have not begun, in the order in which they will.
    waiting: Vec<Uuid>,
    /// Set when the server is about to stop.
    pub closed: bool,
}

impl Book {
    pub fn get(&self, id: Uuid) -> Option<&Arc<Job>> {
        self.jobs.get(&id)
    }

    /// Jobs that have not ended.
    pub fn active(&self) -> usize {
        self.jobs.len() - self.ended.len() - self.refused.len()
    }

    /// How many jobs wait for their turn that came before this one.
    pub fn ahead_of(&self, id: Uuid) -> usize {
        let waits = |job: &&Arc<Job>| job.state() == State::Pending;
        self.waiting
            .iter()
            .take_while(|other| **other != id)
            .filter_map(|id| self.jobs.get(id))
            .filter(waits)
            .count()
    }

    /// It waits for its turn no longer.
    pub fn begin(&mut self, id: Uuid) {
        self.waiting.retain(|other| *other != id);
    }

    /// All jobs older than `before`, newest first.
    pub fn newest_first(&self, before: Option<Uuid>) -> impl Iterator<Item = &Arc<Job>> {
        let end = before.unwrap_or(Uuid::max());
        self.jobs.range(..end).rev().map(|(_, job)| job)
    }

    /// The job that an earlier call with this request id started. Fails if that call asked for something else.
    pub fn same_request(&self, request_id: &str, request: &Request) -> Result<Option<&Arc<Job>>> {
        let Some(job) = self.by_request.get(request_id).and_then(|id| self.jobs.get(id)) else {
            return Ok(None);
        };
        same(request_id, &job.asked, request).map(|()| Some(job))
    }

    /// As [`Book::same_request`], of a job of an earlier server.
    pub fn remembered(&self, request_id: &str, request: &Request) -> Result<Option<Uuid>> {
        let Some((id, asked)) = self.remembered.get(request_id) else { return Ok(None) };
        let Some(asked) = asked else {
            let text = format!(
                "request id \"{request_id}\" was used for job {id}, which is encrypted, and this server has no identity for it"
            );
            return Err(
                Error::new(Kind::KeyMissing, text).hint("use a new request id if it is to be done again")
            );
        };
        same(request_id, asked, request).map(|()| Some(*id))
    }

    pub fn remember(&mut self, request_id: String, id: Uuid, asked: Option<Request>) {
        self.remembered.insert(request_id, (id, asked));
    }

    /// A job, or another attempt at one that has ended.
    pub fn add(&mut self, job: Arc<Job>) {
        if let Some(request_id) = &job.request_id {
            self.by_request.insert(request_id.clone(), job.id);
        }
        self.ended.retain(|ended| *ended != job.id);
        self.refused.retain(|refused| *refused != job.id);
        self.waiting.push(job.id);
        self.jobs.insert(job.id, job);
    }

    /// Notes that a job has ended, and forgets the one that ended longest ago if more than `history` have.
    pub fn end(&mut self, id: Uuid, history: usize) {
        self.begin(id);
        self.ended.push_back(id);
        while self.ended.len() > history {
            if let Some(oldest) = self.ended.pop_front() {
                self.jobs.remove(&oldest);
                self.by_request.retain(|_, job| *job != oldest);
            }
        }
    }

    /// As [`Book::end`], of one that was refused. The same call again may find what was missing, so it is no longer the same.
    pub fn refuse(&mut self, id: Uuid, history: usize) {
        self.begin(id);
        self.by_request.retain(|_, job| *job != id);
        self.remembered.retain(|_, (job, _)| *job != id);
        self.refused.push_back(id);
        while self.refused.len() > history {
            if let Some(oldest) = self.refused.pop_front() {
                self.jobs.remove(&oldest);
            }
        }
    }
}

fn same(request_id: &str, asked: &Request, request: &Request) -> Result<()> {
    if asked == request {
        return Ok(());
    }
    let text = format!("request id \"{request_id}\" was used for another request: {asked}");
    Err(Error::new(Kind::RequestIdReused, text).hint("use a new request id for a new request"))
}
