//! `selvedge list`

mod incomplete;

use std::cmp::Reverse;
use std::time::{Duration, SystemTime};

use selvedge_proto::v1::{Backup, BackupKind, ListBackupsRequest, ListBackupsResponse};

use super::Session;
use crate::failure::Failure;
use crate::suggest;
use crate::table::{Align, Table};
use crate::terminal::Label;
use crate::{ExitCode, format, json, words};

/// The id of a backup whose manifest cannot be read, and why.
type Unreadable = (String, String);

const EXAMPLES: &str = "\
Examples:
  selvedge list
  selvedge list --collection Article --newer-than 7d --sort size
  selvedge list --kind full --latest --json
  selvedge list --incomplete";

/// List the backups of a repository, newest first.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// List what is no backup, or not yet, instead: what jobs have begun and not finished.
    #[arg(long, conflicts_with_all = ["collection", "kind", "tag", "newer_than", "older_than", "latest"])]
    pub incomplete: bool,
    /// Only backups that hold this collection.
    #[arg(add = suggest::collections(), long, value_name = "COLLECTION")]
    pub collection: Option<String>,
    /// Only backups of this kind.
    #[arg(long, value_enum)]
    pub kind: Option<Kind>,
    /// Only backups that have this tag.
    #[arg(long)]
    pub tag: Option<String>,
    /// Only backups that were made since (20h, 7d).
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub newer_than: Option<Duration>,
    /// Only backups that were made before (20h, 7d).
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub older_than: Option<Duration>,
    /// Only the newest of them.
    #[arg(long)]
    pub latest: bool,
    /// In which order they are listed.
    #[arg(long, value_enum, default_value_t = Sort::Time, conflicts_with = "incomplete")]
    pub sort: Sort,
}

/// What backups are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sort {
    /// The newest first.
    Time,
    /// The largest first.
    Size,
    /// Those with the most objects first.
    Objects,
    /// By their ids.
    Id,
}

impl Sort {
    /// They come newest first.
    fn sort(self, backups: &mut [Backup]) {
        match self {
            Self::Time => {}
            Self::Size => backups.sort_by_key(|backup| Reverse(backup.bytes)),
            Self::Objects => backups.sort_by_key(|backup| Reverse(backup.objects)),
            Self::Id => backups.sort_by(|a, b| a.id.cmp(&b.id)),
        }
    }
}

/// How much of its collections a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// All objects.
    Full,
    /// Schemas only.
    Schema,
    /// Some tenants, or objects without vectors, as was asked for.
    Subset,
    /// Less than was asked for.
    Partial,
    /// What a job was about to change, so that it can be undone.
    Undo,
    /// What a copy has moved, without what objects hold.
    Keys,
}

impl From<Kind> for BackupKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Full => Self::Full,
            Kind::Schema => Self::Schema,
            Kind::Subset => Self::Subset,
            Kind::Partial => Self::Partial,
            Kind::Undo => Self::Undo,
            Kind::Keys => Self::Keys,
        }
    }
}

impl Args {
    fn request(&self, session: &Session<'_, '_>) -> ListBackupsRequest {
        let ago = |span: Option<Duration>| {
            let time = span.map(|span| SystemTime::now().checked_sub(span).unwrap_or(SystemTime::UNIX_EPOCH));
            time.map(Into::into)
        };
        ListBackupsRequest {
            repository: session.options.repository(),
            page_size: u32::from(self.latest),
            incomplete: self.incomplete,
            cluster: session.options.cluster(),
            collection: self.collection.clone().unwrap_or_default(),
            kind: self.kind.map_or(BackupKind::Unspecified, BackupKind::from).into(),
            tag: self.tag.clone().unwrap_or_default(),
            since: ago(self.newer_than),
            before: ago(self.older_than),
            page_token: String::new(),
        }
    }
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let request = args.request(session);
    if args.incomplete {
        incomplete::run(request, session).await
    } else {
        committed(&args, request, session).await
    }
}

async fn committed(
    args: &Args,
    request: ListBackupsRequest,
    session: &mut Session<'_, '_>,
) -> Result<(), Failure> {
    let everything = ListBackupsRequest { repository: request.repository.clone(), ..Default::default() };
    let wants_all = ListBackupsRequest { page_size: 0, ..request.clone() } == everything;
    let none = if wants_all { "no backups in this repository" } else { "no such backups in this repository" };
    let mut backups = Vec::new();
    let mut unreadable: Vec<Unreadable> = Vec::new();
    for page in pages(request, args.latest, session).await? {
        backups.extend(page.backups);
        unreadable.extend(page.unreadable);
    }
    args.sort.sort(&mut backups);
    unreadable.sort();
    print(&backups, &unreadable, none, session)?;
    damaged(&unreadable, backups.len())
}

/// All pages, or only the first.
pub async fn pages(
    request: ListBackupsRequest,
    first_only: bool,
    session: &mut Session<'_, '_>,
) -> Result<Vec<ListBackupsResponse>, Failure> {
    let mut pages: Vec<ListBackupsResponse> = Vec::new();
    loop {
        let page_token = pages.last().map(|page| page.next_page_token.clone()).unwrap_or_default();
        let request = ListBackupsRequest { page_token, ..request.clone() };
        let mut service = session.server.backups();
        let page = session.answer(service.list_backups(request)).await?;
        let is_last = page.next_page_token.is_empty() || first_only;
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
    Err(Failure::new(ExitCode::Integrity, text).hint(format!("`selvedge show {}` says what to do", ids[0])))
}

/// `none` is said if there are none.
fn print(
    backups: &[Backup],
    unreadable: &[Unreadable],
    none: &str,
    session: &mut Session<'_, '_>,
) -> Result<(), Failure> {
    if session.options.json {
        backups.iter().try_for_each(|backup| session.print_json(&json::Backup::from(backup)))?;
        return unreadable
            .iter()
            .try_for_each(|(id, damaged)| session.print_json(&json::DamagedBackup { id, damaged }));
    }
    if backups.is_empty() && unreadable.is_empty() {
        session.talk(none);
        return Ok(());
    }
    let room = session.terminal.out_width;
    session.terminal.print(&table(backups, unreadable, SystemTime::now()).render(room))?;
    for (id, why) in unreadable {
        session.terminal.say_labelled(Label::Warning, &format!("backup {id} is damaged: {why}"));
    }
    Ok(())
}

fn table(backups: &[Backup], unreadable: &[Unreadable], now: SystemTime) -> Table {
    let mut table = Table::new([
        ("ID", Align::Left),
        ("TIME", Align::Left),
        ("AGE", Align::Right),
        ("KIND", Align::Left),
        ("COLLECTIONS", Align::Right),
        ("OBJECTS", Align::Right),
        ("SIZE", Align::Right),
        ("TAGS", Align::Left),
    ])
    // As long as an id that is made from the time.
    .cut("ID", 20)
    .shorten("TIME", format::short_time)
    .cut("TAGS", 8)
    .leave(["AGE", "COLLECTIONS", "SIZE", "TAGS"]);
    let unknown = || "-".to_owned();
    for backup in backups {
        let known = |text: String| if backup.sealed { unknown() } else { text };
        let kind = words::backup_kind(backup.kind());
        table.row([
            backup.id.clone(),
            format::time(backup.end_time.as_ref()),
            age(backup, now),
            if backup.sealed { "encrypted".to_owned() } else { kind },
            known(format::count(backup.collections.len() as u64)),
            known(format::count(backup.objects)),
            format::bytes(backup.bytes),
            tags(backup),
        ]);
    }
    for (id, _) in unreadable {
        let known = [id.clone(), unknown(), unknown(), "damaged".to_owned()];
        table.row(known.into_iter().chain(std::iter::repeat_with(unknown).take(4)));
    }
    table
}

/// Clocks differ: none is younger than now.
fn age(backup: &Backup, now: SystemTime) -> String {
    let made = backup.end_time.and_then(|time| SystemTime::try_from(time).ok());
    made.map_or_else(|| "-".to_owned(), |made| format::age(now.duration_since(made).unwrap_or_default()))
}

/// That it is held is like a tag, and what people look for there.
pub fn tags(backup: &Backup) -> String {
    let held = backup.held.then_some("(held)");
    let words: Vec<_> = backup.tags.iter().map(String::as_str).chain(held).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{example, snapshot};

    #[test]
    fn a_table_of_backups() {
        let damaged = ("broken".to_owned(), "backup.json is cut off".to_owned());
        let (id, end_time) = ("sealed".to_owned(), example::backup().end_time);
        let sealed = Backup { id, end_time, bytes: 1, sealed: true, ..Backup::default() };
        let made = SystemTime::try_from(example::backup().end_time.unwrap()).unwrap();
        let now = made + Duration::from_secs(26 * 3600);
        let table = table(&[example::backup(), sealed], &[damaged], now);
        snapshot("list", table.render(None));
        let narrow = table.render(Some(80));
        assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
        assert!(narrow.contains(&example::backup().id), "{narrow}");
    }
}
