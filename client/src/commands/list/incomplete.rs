//! `selvedge list --incomplete`

use selvedge_proto::v1::{IncompleteBackup, ListBackupsRequest};

use crate::commands::Session;
use crate::failure::Failure;
use crate::table::{Align, Table};
use crate::{format, json, words};

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
    session.terminal.print(&table(&backups))
}

fn table(backups: &[IncompleteBackup]) -> String {
    let mut table = Table::new([
        ("ID", Align::Left),
        ("SINCE", Align::Left),
        ("STATE", Align::Left),
        ("FILES", Align::Right),
        ("SIZE", Align::Right),
        ("JOB", Align::Left),
    ]);
    for backup in backups {
        table.row([
            backup.id.clone(),
            format::time(backup.claim_time.as_ref()),
            words::incomplete_state(backup.state()),
            format::count(backup.files),
            format::bytes(backup.bytes),
            if backup.job_id.is_empty() { "-".to_owned() } else { backup.job_id.clone() },
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExitCode;
    use crate::scripted::{User, example, run, snapshot};

    #[test]
    fn a_table_of_incomplete_backups() {
        snapshot("list_incomplete", table(&example::incomplete()));
    }

    #[tokio::test]
    async fn they_are_asked_for_and_shown_in_either_form() {
        let ran = run("list --incomplete", [], User::default()).await;
        assert_eq!(ran.exit, ExitCode::Done, "{}", ran.err);
        assert_eq!(ran.out.trim_end(), table(&example::incomplete()));
        let json = run("list --incomplete --json", [], User::default()).await;
        assert_eq!(json.out.lines().count(), example::incomplete().len());
    }
}
