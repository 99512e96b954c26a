//! `selvedge list`

use selvedge_proto::v1::{Backup, ListBackupsRequest};

use super::Session;
use crate::failure::Failure;
use crate::table::{Align, Table};
use crate::terminal::Label;
use crate::{format, json, words};

pub async fn run(session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let mut backups = Vec::new();
    let mut unreadable = Vec::new();
    let mut page_token = String::new();
    loop {
        let request =
            ListBackupsRequest { repository: session.options.repository(), page_size: 0, page_token };
        let mut service = session.server.backups();
        let page = session.answer(service.list_backups(request)).await?;
        backups.extend(page.backups);
        unreadable.extend(page.unreadable);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    print(&backups, session)?;
    unreadable.sort();
    for (id, why) in unreadable {
        session.terminal.say_labelled(Label::Warning, &format!("backup {id} cannot be read: {why}"));
    }
    Ok(())
}

fn print(backups: &[Backup], session: &mut Session<'_, '_>) -> Result<(), Failure> {
    if session.options.json {
        return backups.iter().try_for_each(|backup| session.print_json(&json::Backup::from(backup)));
    }
    if backups.is_empty() {
        session.talk("no backups in this repository");
        return Ok(());
    }
    session.terminal.print(&table(backups))
}

fn table(backups: &[Backup]) -> String {
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
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{example, snapshot};

    #[test]
    fn a_table_of_backups() {
        snapshot("list", table(&[example::backup()]));
    }
}
