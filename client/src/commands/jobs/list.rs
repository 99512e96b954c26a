//! `selvedge jobs list`

use selvedge_proto::v1::{Job, ListJobsRequest};

use crate::commands::Session;
use crate::failure::Failure;
use crate::table::{Align, Table};
use crate::{format, json, words};

pub async fn run(active_only: bool, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let mut jobs = Vec::new();
    let mut page_token = String::new();
    loop {
        let mut service = session.server.jobs();
        let page = session
            .answer(service.list_jobs(ListJobsRequest { active_only, page_size: 0, page_token }))
            .await?;
        jobs.extend(page.jobs);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    if session.options.json {
        return jobs.iter().try_for_each(|job| session.print_json(&json::Job::from(job)));
    }
    if jobs.is_empty() {
        session.talk(if active_only { "no active jobs" } else { "no jobs yet" });
        return Ok(());
    }
    session.terminal.print(&table(&jobs))
}

fn table(jobs: &[Job]) -> String {
    let mut table = Table::new([
        ("ID", Align::Left),
        ("CREATED", Align::Left),
        ("STATE", Align::Left),
        ("OBJECTS", Align::Right),
        ("JOB", Align::Left),
    ]);
    for job in jobs {
        let done = job.progress.as_ref().map_or(0, |progress| progress.objects_done);
        table.row([
            job.id.clone(),
            format::time(job.create_time.as_ref()),
            words::state(job.state()),
            format::count(done),
            about(job),
        ]);
    }
    table.render()
}

/// What it is to do, and what is not so of every job.
fn about(job: &Job) -> String {
    let mut text = job.summary.clone();
    if job.dry_run {
        text += " (dry run)";
    }
    if job.attempts > 1 {
        text += &format!(" (attempt {})", job.attempts);
    }
    if job.resumable {
        text += " (can be resumed)";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{example, snapshot};

    #[test]
    fn a_table_of_jobs() {
        snapshot("jobs_list", table(&[example::running(), example::succeeded(), example::interrupted()]));
    }
}
