//! `selvedge diff`

use selvedge_proto::v1::diff_backup_response::Difference;
use selvedge_proto::v1::{
    CollectionDifference, DiffBackupRequest, DiffBackupResponse, ObjectChange, ObjectDifference,
};

use super::Session;
use crate::failure::Failure;
use crate::table::{Align, Table};
use crate::{ExitCode, format, json, pairs, suggest};

const EXAMPLES: &str = "\
Examples:
  selvedge diff monday tuesday                # two backups; no cluster is needed
  selvedge diff latest --live Article         # what has changed since
  selvedge diff nightly --live --rename Article=Copy --limit 0
  selvedge diff monday tuesday --exit-code    # 6 if they differ";

/// More objects are told as they come, and not after the counts.
const KEPT: u64 = 10_000;

/// Compare a backup with another one, or with a cluster, object by object.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The backup, as things were.
    #[arg(add = suggest::backups())]
    pub backup: String,
    /// The backup to compare it with, unless --live; then collections by name or pattern, without any all.
    #[arg(value_name = "BACKUP2|COLLECTION", add = suggest::backups())]
    pub others: Vec<String>,
    /// Compare it with the cluster as it is now.
    #[arg(long)]
    pub live: bool,
    /// Leave out what this name or pattern matches; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// The other side has a collection under another name; may be repeated.
    #[arg(long, value_name = "OLD=NEW", value_parser = pairs::parse_rename)]
    pub rename: Vec<(String, String)>,
    /// Tell so many objects of each collection one by one; 0 for all.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: u64,
    /// With --live: compare all that objects hold. Otherwise one with the times that it has in the backup is the same.
    #[arg(long, requires = "live")]
    pub check_all: bool,
    /// Exit with 6 if there is any difference.
    #[arg(long)]
    pub exit_code: bool,
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let Args { backup, mut others, live, exclude, rename, limit, check_all, exit_code } = args;
    if !live && others.is_empty() {
        let failure = Failure::new(ExitCode::Usage, "nothing to compare it with");
        return Err(failure.hint("name another backup, or say --live"));
    }
    let other = if live { String::new() } else { others.remove(0) };
    let what = if live { "the cluster".to_owned() } else { format!("backup {other}") };
    let request = DiffBackupRequest {
        repository: session.options.repository(),
        backup_id: backup.clone(),
        other_backup_id: other,
        live,
        cluster: if live { session.options.cluster() } else { String::new() },
        collections: others,
        exclude,
        rename: pairs::by_key("--rename", rename)?,
        limit,
        check_all,
    };
    let mut service = session.server.backups();
    let mut told = session.answer(service.diff_backup(request)).await?;
    let (mut kept, mut collections): (Vec<ObjectDifference>, Vec<CollectionDifference>) = Default::default();
    while let Some(DiffBackupResponse { difference }) =
        session.answer(async { told.message().await.map(tonic::Response::new) }).await?
    {
        match difference {
            Some(Difference::Object(object)) if session.options.json => {
                session.print_json(&json::ObjectDifference::from(&object))?;
            }
            Some(Difference::Collection(collection)) if session.options.json => {
                session.print_json(&json::CollectionDifference::from(&collection))?;
                collections.push(collection);
            }
            Some(Difference::Object(object)) if limit == 0 || limit > KEPT => {
                session.terminal.print(&line(&object))?;
            }
            Some(Difference::Object(object)) => kept.push(object),
            Some(Difference::Collection(collection)) => collections.push(collection),
            None => {}
        }
    }
    if !session.options.json {
        let room = session.terminal.out_width;
        session.terminal.print(&table(&collections).render(room))?;
        for text in notes(&collections).chain(kept.iter().map(line)) {
            session.terminal.print(&text)?;
        }
        let told = kept.len() as u64;
        let all: u64 = collections.iter().map(|one| one.added + one.removed + one.changed).sum();
        if limit > 0 && limit <= KEPT && told < all {
            session.talk(&format!(
                "{} more are not listed; --limit 0 lists all",
                format::quantity(all - told, "object")
            ));
        }
    }
    match collections.iter().any(differs) {
        true if exit_code => {
            Err(Failure::new(ExitCode::Integrity, format!("backup {backup} and {what} are not the same")))
        }
        _ => Ok(()),
    }
}

fn differs(collection: &CollectionDifference) -> bool {
    let CollectionDifference { name, other_name, added, removed, changed, schema, .. } = collection;
    name.is_empty() || other_name.is_empty() || added + removed + changed > 0 || !schema.is_empty()
}

fn table(collections: &[CollectionDifference]) -> Table {
    let mut table = Table::new([
        ("COLLECTION", Align::Left),
        ("ADDED", Align::Right),
        ("REMOVED", Align::Right),
        ("CHANGED", Align::Right),
        ("SAME", Align::Right),
    ])
    .cut("COLLECTION", 20)
    .leave(["SAME"]);
    for collection in collections {
        let name = match (collection.name.as_str(), collection.other_name.as_str()) {
            ("", only) => format!("+ {only}"),
            (only, "") => format!("- {only}"),
            (name, other) if name == other => name.to_owned(),
            (name, other) => format!("{name} → {other}"),
        };
        let is_on_both = !collection.name.is_empty() && !collection.other_name.is_empty();
        let count = |number| if is_on_both { format::count(number) } else { "-".to_owned() };
        table.row([
            name,
            count(collection.added),
            count(collection.removed),
            count(collection.changed),
            count(collection.same),
        ]);
    }
    table
}

/// What there is to know of collections beside their objects.
fn notes(collections: &[CollectionDifference]) -> impl Iterator<Item = String> {
    collections.iter().flat_map(|collection| {
        let name = &collection.name;
        let schema = collection.schema.iter().map(move |text| format!("schema of {name}: {text}"));
        let unread = (collection.unread_tenant_count > 0).then(|| {
            let count = format::quantity(collection.unread_tenant_count, "tenant");
            format!("{count} of {name} not compared: {}", format::names(&collection.unread_tenants))
        });
        schema.chain(unread)
    })
}

/// `~ Article/0000…0007 of acme: property "text" differs`
fn line(object: &ObjectDifference) -> String {
    let sign = match object.change() {
        ObjectChange::Added => "+",
        ObjectChange::Removed => "-",
        ObjectChange::Changed | ObjectChange::Unspecified => "~",
    };
    let tenant =
        if object.tenant.is_empty() { String::new() } else { format!(" of tenant {}", object.tenant) };
    let parts: Vec<_> = object.parts.iter().map(|part| part.text.as_str()).collect();
    let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    format!("{sign} {}/{}{tenant}{parts}", object.collection, object.id)
}
