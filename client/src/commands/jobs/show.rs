//! `selvedge jobs show`

use selvedge_proto::v1::{CollectionProgress, GetJobRequest, Job};

use crate::commands::Session;
use crate::failure::Failure;
use crate::progress::text;
use crate::table::{Align, Table};
use crate::{format, json, report, words};

pub async fn run(id: String, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let mut service = session.server.jobs();
    let job = session.answer(service.get_job(GetJobRequest { job_id: id })).await?.job.unwrap_or_default();
    if session.options.json {
        return session.print_json(&json::Job::from(&job));
    }
    let room = session.terminal.out_width;
    session.terminal.print(&render(&job, room))
}

fn render(job: &Job, room: Option<usize>) -> String {
    let mut lines = head(job);
    if !job.collections.is_empty() {
        lines.push(format!("\n{}", collections(&job.collections).render(room)));
    }
    lines.extend(job.warnings.iter().map(|warning| format!("warning: {}", report::warning(warning))));
    lines.extend(report::findings(job));
    if let Some(failure) = &job.failure {
        lines.push(format!("{}: {}", failure.reason().id(), failure.message));
    }
    // Without a failure too: a job can be resumed that never said why it stopped.
    let hint = Failure::of_job(job).hint;
    if !hint.is_empty() {
        lines.push(format!("next: {hint}"));
    }
    lines.join("\n")
}

/// What the job is, a line each.
fn head(job: &Job) -> Vec<String> {
    let mut lines = vec![
        format!("job         {}{}", job.id, if job.dry_run { " (dry run)" } else { "" }),
        format!("does        {}", job.summary),
        format!("state       {}", text::plain(job)),
        format!("created     {}", format::time(job.create_time.as_ref())),
        format!("started     {}", format::time(job.start_time.as_ref())),
        format!("ended       {}", format::time(job.end_time.as_ref())),
        format!("cluster     {}", job.cluster),
    ];
    for (label, value) in [
        ("repository", &job.repository),
        ("backup", &job.backup_id),
        ("made first", &job.first_backup_id),
        ("owner", &job.owner),
        ("asked by", &job.caller),
    ] {
        if !value.is_empty() {
            lines.push(format!("{label:<11} {value}"));
        }
    }
    if job.attempts > 1 {
        lines.push(format!("attempts    {}", format::count(job.attempts.into())));
    }
    if job.retries > 0 {
        lines.push(format!("retries     {}", format::count(job.retries)));
    }
    lines
}

fn collections(collections: &[CollectionProgress]) -> Table {
    let mut table =
        Table::new([("COLLECTION", Align::Left), ("STATE", Align::Left), ("OBJECTS", Align::Right)])
            .cut("COLLECTION", 20);
    for collection in collections {
        let progress = collection.progress.unwrap_or_default();
        table.row([
            text::name(collection),
            words::collection_state(collection.state()),
            text::objects(&progress),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{example, snapshot};

    #[test]
    fn jobs_in_full() {
        snapshot("jobs_show_running", render(&example::running(), None));
        snapshot("jobs_show_partial", render(&example::partial(), None));
        snapshot("jobs_show_differing", render(&example::differing(), None));
        snapshot("jobs_show_interrupted", render(&example::interrupted(), None));
    }
}
