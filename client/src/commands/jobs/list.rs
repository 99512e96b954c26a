//! `selvedge jobs list`

use selvedge_proto::v1::{Job, ListJobsRequest, ListJobsResponse};

use crate::commands::Session;
use crate::connect::Server;
use crate::failure::Failure;
use crate::table::{Align, Table};
use crate::{format, job_ids, json, words};

pub async fn run(active_only: bool, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let jobs = all(active_only, session).await?;
    if session.options.json {
        return jobs.iter().try_for_each(|job| session.print_json(&json::Job::from(job)));
    }
    if jobs.is_empty() {
        session.talk(if active_only { "no active jobs" } else { "no jobs yet" });
        return Ok(());
    }
    let room = session.terminal.out_width;
    session.terminal.print(&table(&jobs, room))
}

pub async fn all(active_only: bool, session: &mut Session<'_, '_>) -> Result<Vec<Job>, Failure> {
    let call = |server: &Server, page_token| {
        let mut service = server.jobs();
        async move { service.list_jobs(ListJobsRequest { active_only, page_size: 0, page_token }).await }
    };
    session.all_pages(call, |page: ListJobsResponse| (page.jobs, page.next_page_token)).await
}

/// At a terminal, ids are as long as it takes to tell these jobs apart.
fn table(jobs: &[Job], room: Option<usize>) -> String {
    let mut table = Table::new([
        ("ID", Align::Left),
        ("CREATED", Align::Left),
        ("STATE", Align::Left),
        ("OBJECTS", Align::Right),
        ("JOB", Align::Left),
    ])
    .shorten("CREATED", format::short_time)
    .cut("JOB", 24)
    .leave(["OBJECTS", "CREATED"]);
    let ids: Vec<_> = jobs.iter().map(|job| job.id.as_str()).collect();
    let ids = if room.is_some() { job_ids::beginnings(&ids) } else { ids };
    for (job, id) in jobs.iter().zip(ids) {
        let done = job.progress.as_ref().map_or(0, |progress| progress.objects_done);
        table.row([
            id.to_owned(),
            format::time(job.create_time.as_ref()),
            words::state(job.state()),
            format::count(done),
            about(job),
        ]);
    }
    table.render(room)
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
        let jobs = [example::running(), example::succeeded(), example::interrupted()];
        snapshot("jobs_list", table(&jobs, None));
    }

    #[test]
    fn at_a_terminal_it_fits() {
        let with_id = |id: &str| Job { id: id.to_owned(), ..example::interrupted() };
        let ids = ["01a215a1-a35c-702a-a044-0ad70768f5e3", "01a2159e-994c-763b-a51f-941940696248"];
        let narrow = table(&ids.map(with_id), Some(80));
        assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
        let ids = ["\n01a215a1-a35c  ", "\n01a2159e-994c  "];
        assert!(ids.iter().all(|id| narrow.contains(id)), "{narrow}");
    }
}
