//! `selvedge list`

mod incomplete;

use selvedge_proto::v1::{Backup, ListBackupsRequest, ListBackupsResponse};

use super::Session;
use crate::failure::Failure;
use crate::table::{Align, Table};
use crate::terminal::Label;
use crate::{ExitCode, format, json, words};

/// The id of a backup whose manifest cannot be read, and why.
type Unreadable = (String, String);

/// List the backups of a repository, newest first.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// List what is no backup, or not yet, instead: what jobs have begun and not finished.
    #[arg(long)]
    pub incomplete: bool,
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    if args.incomplete { incomplete::run(session).await } else { committed(session).await }
}

async fn committed(session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let mut backups = Vec::new();
    let mut unreadable: Vec<Unreadable> = Vec::new();
    for page in pages(session, false).await? {
        backups.extend(page.backups);
        unreadable.extend(page.unreadable);
    }
    unreadable.sort();
    print(&backups, &unreadable, session)?;
    damaged(&unreadable, backups.len())
}

async fn pages(session: &mut Session<'_, '_>, incomplete: bool) -> Result<Vec<ListBackupsResponse>, Failure> {
    let mut pages: Vec<ListBackupsResponse> = Vec::new();
    loop {
        let page_token = pages.last().map(|page| page.next_page_token.clone()).unwrap_or_default();
        let repository = session.options.repository();
        let request = ListBackupsRequest { repository, page_size: 0, page_token, incomplete };
        let mut service = session.server.backups();
        let page = session.answer(service.list_backups(request)).await?;
        let is_last = page.next_page_token.is_empty();
        pages.push(page);
        if is_last {
            return Ok(pages);
        }
    }
}

/// A backup that is damaged is no reason not to show it: it is one that somebody counts on.
fn damaged(unreadable: &[Unreadable], sound: usize) -> Result<(), Failure> {
    if unreadable.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = unreadable.iter().map(|(id, _)| id.as_str()).collect();
    let all = format::quantity((sound + ids.len()) as u64, "backup");
    let text = format!("{} of {all} damaged: {}", ids.len(), ids.join(", "));
    Err(Failure::new(ExitCode::Integrity, text)
        .hint("bring their backup.json back from a copy of the repository, or make new backups"))
}

fn print(
    backups: &[Backup],
    unreadable: &[Unreadable],
    session: &mut Session<'_, '_>,
) -> Result<(), Failure> {
    if session.options.json {
        backups.iter().try_for_each(|backup| session.print_json(&json::Backup::from(backup)))?;
        return unreadable
            .iter()
            .try_for_each(|(id, damaged)| session.print_json(&json::DamagedBackup { id, damaged }));
    }
    if backups.is_empty() && unreadable.is_empty() {
        session.talk("no backups in this repository");
        return Ok(());
    }
    session.terminal.print(&table(backups, unreadable))?;
    for (id, why) in unreadable {
        session.terminal.say_labelled(Label::Warning, &format!("backup {id} is damaged: {why}"));
    }
    Ok(())
}

fn table(backups: &[Backup], unreadable: &[Unreadable]) -> String {
    let mut table = Table::new([
        ("ID", Align::Left),
        ("TIME", Align::Left),
        ("KIND", Align::Left),
        ("COLLECTIONS", Align::Right),
        ("OBJECTS", Align::Right),
        ("SIZE", Align::Right),
    ]);
    for backup in backups {
        table.row([
            backup.id.clone(),
            format::time(backup.end_time.as_ref()),
            words::backup_kind(backup.kind()),
            format::count(backup.collections.len() as u64),
            format::count(backup.objects),
            format::bytes(backup.bytes),
        ]);
    }
    for (id, _) in unreadable {
        let unknown = || "-".to_owned();
        table.row([id.clone(), unknown(), "damaged".to_owned(), unknown(), unknown(), unknown()]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{example, snapshot};

    #[test]
    fn a_table_of_backups() {
        let damaged = ("broken".to_owned(), "backup.json is cut off".to_owned());
        snapshot("list", table(&[example::backup()], &[damaged]));
    }
}
