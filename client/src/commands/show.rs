//! `selvedge show`

mod collection;

use std::collections::BTreeSet;

use selvedge_proto::v1::{Backup, BackupInheritance, GetBackupRequest};

use super::Session;
use crate::failure::Failure;
use crate::suggest;
use crate::table::{Align, Table};
use crate::{format, json, remarks, words};

/// Enough of a content digest to compare two at a glance; `--json` has all of it.
const DIGEST_DIGITS: usize = 12;

/// So it is with every restore: to be known, and no reason for a warning each time.
const TIMES: &str = "\nnote: a restore brings objects back with new creation and update times, which Weaviate sets; \
                     the backup has the original ones";

const EXAMPLES: &str = "\
Examples:
  selvedge show nightly
  selvedge show latest --json
  selvedge show latest Article --tenants
  selvedge show latest Article --schema";

/// Show what is in a backup, or in one collection of it.
///
/// A backup is full (all objects of its collections), schema (no objects, as was asked for), subset (some tenants, or objects
/// without vectors, as was asked for) or partial (less than was asked for; what is missing is told below it).
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The id of the backup, or `latest`; `selvedge list` lists them.
    #[arg(add = suggest::backups())]
    pub backup: String,
    /// Show this collection of it: its properties, vectors and aliases.
    #[arg(add = suggest::collections_of_backup())]
    pub collection: Option<String>,
    /// Print its schema instead, as Weaviate's REST API returned it.
    #[arg(long, requires = "collection", conflicts_with_all = ["tenants", "files"])]
    pub schema: bool,
    /// Also its tenants, with what the backup has of each.
    #[arg(long, requires = "collection")]
    pub tenants: bool,
    /// Also its data files.
    #[arg(long, requires = "collection")]
    pub files: bool,
}

pub async fn run(mut args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    if let Some(collection) = args.collection.take() {
        return collection::run(args, collection, session).await;
    }
    let request = GetBackupRequest { repository: session.options.repository(), backup_id: args.backup };
    let mut service = session.server.backups();
    let response = session.answer(service.get_backup(request)).await?;
    let backup = response.backup.unwrap_or_default();
    if session.options.json {
        return session.print_json(&json::Backup::from(&backup));
    }
    if backup.sealed {
        return session.terminal.print(&sealed(&backup));
    }
    let room = session.terminal.out_width;
    session.terminal.print(&render(&backup, room))
}

fn render(backup: &Backup, room: Option<usize>) -> String {
    let kind = words::backup_kind(backup.kind());
    let vectors = if backup.without_vectors { ", without vectors" } else { "" };
    let encrypted = if backup.encrypted { ", encrypted" } else { "" };
    let (start, end) = (backup.start_time.as_ref(), backup.end_time.as_ref());
    let took = format::seconds_between(start, end).map_or_else(|| "-".to_owned(), format::duration);
    format!(
        "backup    {} ({kind}{vectors}{encrypted})\n\
         read      {} to {} ({took})\n\
         from      {}\n\
         written   by Selvedge {}, format {}, {}\n\
         contains  {}, {}\n\
         {}{}tags      {}\n\n{}",
        backup.id,
        format::time(start),
        format::time(end),
        from(backup),
        backup.selvedge_version,
        backup.format_version,
        words::data_format(backup.format()),
        format::quantity(backup.objects, "object"),
        format::bytes(backup.bytes),
        parents(backup),
        access(backup),
        super::list::tags(backup),
        collections(backup, room),
    )
}

/// All that is known of it.
fn sealed(backup: &Backup) -> String {
    format!(
        "backup    {} (encrypted: the server has no identity for it)\n\
         read      {} to {}\n\
         written   by Selvedge {}, format {}\n\
         contains  {}",
        backup.id,
        format::time(backup.start_time.as_ref()),
        format::time(backup.end_time.as_ref()),
        backup.selvedge_version,
        backup.format_version,
        format::bytes(backup.bytes),
    )
}

fn from(backup: &Backup) -> String {
    match backup.cluster.as_str() {
        "" => "imported lines".to_owned(),
        cluster => format!("cluster {cluster}, Weaviate {}", backup.weaviate_version),
    }
}

/// What it has in common with others, where there is anything: a line of its own.
fn parents(backup: &Backup) -> String {
    let inheritances = backup.collections.iter().filter_map(|one| one.inheritance.as_ref());
    let all: Vec<&BackupInheritance> = inheritances.collect();
    if all.is_empty() {
        return String::new();
    }
    let parents: BTreeSet<_> = all.iter().map(|one| one.parent.as_str()).collect();
    let parents: Vec<_> = parents.into_iter().collect();
    let bytes: u64 = all.iter().map(|one| one.bytes).sum();
    let own = format::bytes(backup.bytes.saturating_sub(bytes));
    format!("parent    {}: {own} of its own, {} in common\n", format::names(&parents), format::bytes(bytes))
}

/// A line of its own, where there is something to say.
fn access(backup: &Backup) -> String {
    backup.access.as_ref().map_or_else(String::new, |access| {
        let roles = format::quantity(access.roles, "role");
        format!("access    {roles}, {}\n", format::quantity(access.holders, "role holder"))
    })
}

fn collections(backup: &Backup, room: Option<usize>) -> String {
    let mut table = Table::new([
        ("COLLECTION", Align::Left),
        ("OBJECTS", Align::Right),
        ("SIZE", Align::Right),
        ("FILES", Align::Right),
        ("TENANTS", Align::Right),
        ("DIGEST", Align::Left),
    ])
    .cut("COLLECTION", 20)
    .leave(["FILES", "DIGEST"]);
    let mut told: String =
        remarks::gaps(&backup.remarks).map(|gap| format!("\nnot complete: {gap}")).collect();
    if backup.objects > 0 {
        told.push_str(TIMES);
    }
    told.extend(remarks::notes(&backup.remarks).map(|note| format!("\nnote: {note}")));
    for collection in &backup.collections {
        let (covered, total) = (collection.tenants_covered, collection.tenants_total);
        let tenants = format!("{} of {}", format::count(covered), format::count(total));
        table.row([
            collection.name.clone(),
            format::count(collection.objects),
            format::bytes(collection.bytes),
            format::count(collection.files),
            if collection.multi_tenant { tenants } else { "-".to_owned() },
            digest(&collection.content_digest),
        ]);
        for gap in remarks::gaps(&collection.remarks) {
            told.push_str(&format!("\nnot complete: {}: {gap}", collection.name));
        }
        for note in remarks::notes(&collection.remarks) {
            told.push_str(&format!("\nnote on {}: {note}", collection.name));
        }
    }
    table.render(room) + &told
}

fn digest(content_digest: &str) -> String {
    let digits: String = content_digest.chars().take(DIGEST_DIGITS).collect();
    if digits.is_empty() { "-".to_owned() } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{example, snapshot};

    #[test]
    fn a_backup_in_full() {
        snapshot("show", render(&example::backup(), None));
    }
}
