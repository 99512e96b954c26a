//! `selvedge jobs cancel`

use selvedge_proto::v1::CancelJobRequest;

use crate::commands::Session;
use crate::failure::Failure;
use crate::{json, words};

pub async fn run(id: String, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let mut service = session.server.jobs();
    let job =
        session.answer(service.cancel_job(CancelJobRequest { job_id: id })).await?.job.unwrap_or_default();
    if session.options.json {
        return session.print_json(&json::Job::from(&job));
    }
    let id = &job.id;
    let text = if words::has_ended(job.state()) {
        format!("job {id} has ended: {}", words::state(job.state()))
    } else {
        format!("asked job {id} to stop; `selvedge jobs watch {id}` shows when it has")
    };
    session.terminal.print(&text)
}
