//! `selvedge list --incomplete`

use selvedge_proto::v1::{IncompleteBackup, ListBackupsRequest};

use crate::commands::Session;
use crate::failure::Failure;
use crate::table::{Align, Table};
use crate::{format, job_ids, json, words};

pub async fn run(request: ListBackupsRequest, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let pages = super::pages(request, false, session).await?;
    let backups: Vec<_> = pages.into_iter().flat_map(|page| page.incomplete).collect();
    if session.options.json {
        return backups
            .iter()
            .try_for_each(|backup| session.print_json(&json::IncompleteBackup::from(backup)));
    }
    if backups.is_empty() {
        session.talk("no incomplete backups in this repository");
        return Ok(());
    }
    let room = session.terminal.out_width;
    session.terminal.print(&table(&backups, room))
}

/// At a terminal, the ids of jobs are as long as it takes to tell these apart.
fn table(backups: &[IncompleteBackup], room: Option<usize>) -> String {
    let mut table = Table::new([
        ("ID", Align::Left),
        ("SINCE", Align::Left),
        ("STATE", Align::Left),
        ("FILES", Align::Right),
        ("SIZE", Align::Right),
        ("JOB", Align::Left),
    ])
    .cut("ID", 20)
    .shorten("SINCE", format::short_time)
    .leave(["FILES"]);
    let jobs: Vec<_> = backups.iter().map(|backup| backup.job_id.as_str()).collect();
    let jobs = if room.is_some() { job_ids::beginnings(&jobs) } else { jobs };
    for (backup, job) in backups.iter().zip(jobs) {
        table.row([
            backup.id.clone(),
            format::time(backup.claim_time.as_ref()),
            words::incomplete_state(backup.state()),
            format::count(backup.files),
            format::bytes(backup.bytes),
            if job.is_empty() { "-".to_owned() } else { job.to_owned() },
        ]);
    }
    table.render(room)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExitCode;
    use crate::scripted::{User, example, run, snapshot};

    #[test]
    fn a_table_of_incomplete_backups() {
        snapshot("list_incomplete", table(&example::incomplete(), None));
    }

    #[tokio::test]
    async fn they_are_asked_for_and_shown_in_either_form() {
        let ran = run("list --incomplete", [], User::default()).await;
        assert_eq!(ran.exit, ExitCode::Done, "{}", ran.err);
        assert_eq!(ran.out.trim_end(), table(&example::incomplete(), None));
        let json = run("list --incomplete --json", [], User::default()).await;
        assert_eq!(json.out.lines().count(), example::incomplete().len());
    }
}
