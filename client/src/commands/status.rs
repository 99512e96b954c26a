//! `selvedge status`: whether all is well, on one screen.

use std::time::{Duration, SystemTime};

use selvedge_proto::v1::{CollectionStatus, GetStatusRequest, GetStatusResponse, Job, JobFailure, JobState};

use super::{Session, jobs};
use crate::failure::Failure;
use crate::progress::text;
use crate::table::{Align, Table};
use crate::{ExitCode, format, job_ids, json};

/// At a terminal, more collections than this are only counted: those with the oldest backups are shown.
const ROWS: usize = 12;
const JOBS: usize = 4;
/// Of the collections without a backup, in the verdict.
const NAMED: usize = 5;

const EXAMPLES: &str = "\
Examples:
  selvedge status
  selvedge status --max-age 26h --json";

/// Show what runs, what can be reached, and how old the newest whole backup of each collection is.
///
/// Exits 8 if a cluster or a repository cannot be used; 5 if a collection has no whole backup, or with --max-age, none that is
/// young enough; else 0.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// How old the newest whole backup of a collection may be (26h, 8d).
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub max_age: Option<Duration>,
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let (cluster, repository) = (session.options.cluster(), session.options.repository());
    let mut service = session.server.server();
    let mut status = session.answer(service.get_status(GetStatusRequest { cluster, repository })).await?;
    let jobs = jobs::list::all(true, session).await?;
    // Oldest first: what needs somebody comes first.
    status.collections.sort_by_key(|one| {
        one.newest_backup.as_ref().and_then(|newest| newest.time).map(|time| time.seconds)
    });
    let now = SystemTime::now();
    let lacking = lacking(&status.collections, args.max_age, now);
    if session.options.json {
        session.print_json(&json::Status::new(&status, &jobs, &lacking))?;
    } else {
        let (room, url) = (session.terminal.out_width, session.server.url().to_owned());
        session.terminal.print(&render(&status, &jobs, &url, now, room))?;
    }
    verdict(&status, &lacking, args.max_age)
}

/// The collections without a whole backup that is young enough.
fn lacking(
    collections: &[CollectionStatus],
    max_age: Option<Duration>,
    now: SystemTime,
) -> Vec<&CollectionStatus> {
    let lacks = |one: &&CollectionStatus| match (age(one, now), max_age) {
        (None, _) => true,
        (Some(age), Some(max_age)) => age > max_age,
        (Some(_), None) => false,
    };
    collections.iter().filter(lacks).collect()
}

fn age(collection: &CollectionStatus, now: SystemTime) -> Option<Duration> {
    let made = SystemTime::try_from(collection.newest_backup.as_ref()?.time?).ok()?;
    // Clocks differ.
    Some(now.duration_since(made).unwrap_or_default())
}

fn verdict(
    status: &GetStatusResponse,
    lacking: &[&CollectionStatus],
    max_age: Option<Duration>,
) -> Result<(), Failure> {
    let clusters = status.clusters.iter().filter(|one| one.failure.is_some()).map(|one| &one.name);
    let repositories = status.repositories.iter().filter(|one| one.failure.is_some()).map(|one| &one.name);
    let clusters = clusters.map(|name| format!("cluster \"{name}\""));
    let away: Vec<_> = clusters.chain(repositories.map(|name| format!("repository \"{name}\""))).collect();
    if !away.is_empty() {
        return Err(Failure::new(ExitCode::Unavailable, format!("cannot be used now: {}", away.join(", ")))
            .hint("`selvedge check` tries all that jobs need"));
    }
    // Of what nobody sees, nobody knows whether there is a backup.
    let blind = status.clusters.iter().find(|cluster| {
        let is_of_it = |one: &CollectionStatus| one.cluster == cluster.name;
        !cluster.unseen.is_empty() && !status.collections.iter().any(is_of_it)
    });
    if let Some(cluster) = blind {
        let text = format!(
            "the server's key sees no collection of cluster \"{}\": {}",
            cluster.name, cluster.unseen
        );
        return Err(Failure::new(ExitCode::Partial, text).hint("give the key read_collections on Weaviate"));
    }
    if lacking.is_empty() {
        return Ok(());
    }
    let young =
        max_age.map_or_else(String::new, |age| format!(" younger than {}", format::limit(age.as_secs())));
    let name = |one: &&CollectionStatus| match status.clusters.len() {
        0 | 1 => one.collection.clone(),
        _ => format!("{} on {}", one.collection, one.cluster),
    };
    let names: Vec<_> = lacking.iter().take(NAMED).map(name).collect();
    let of = match lacking.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    };
    Err(Failure::new(ExitCode::Partial, format!("no whole backup{young} of {of}"))
        .hint("`selvedge backup` makes one; `selvedge jobs list` has how the last ones ended"))
}

fn render(
    status: &GetStatusResponse,
    jobs: &[Job],
    url: &str,
    now: SystemTime,
    room: Option<usize>,
) -> String {
    let mut lines = vec![format!("server      ok    {} at {url}", status.selvedge_version)];
    for cluster in &status.clusters {
        let well = format!("Weaviate {} at {}", cluster.weaviate_version, cluster.address);
        lines.extend(place("cluster", &cluster.name, cluster.failure.as_ref(), &well));
        if !cluster.unseen.is_empty() {
            lines.push(format!(
                "            the server's key may not see all collections: {}",
                cluster.unseen
            ));
        }
    }
    for repository in &status.repositories {
        let mut well = format!(
            "{}, {}",
            format::quantity(repository.backups, "backup"),
            format::bytes(repository.bytes)
        );
        if let Some(free) = repository.free_bytes {
            well += &format!(", {} free", format::bytes(free));
        }
        lines.extend(place("repository", &repository.name, repository.failure.as_ref(), &well));
    }
    lines.extend(at_work(jobs));
    let lines: Vec<_> = lines
        .iter()
        .map(|line| room.map_or_else(|| line.clone(), |room| format::shorten(line, room)))
        .collect();
    let mut text = lines.join("\n");
    if !status.collections.is_empty() {
        text += &format!("\n\n{}", collections(&status.collections, now, room));
    }
    text
}

fn place(kind: &str, name: &str, failure: Option<&JobFailure>, well: &str) -> Vec<String> {
    match failure {
        None => vec![format!("{kind:<10}  ok    {name}: {well}")],
        Some(failure) => {
            let mut lines = vec![format!("{kind:<10}  fail  {name}: {}", text::one_line(&failure.message))];
            if !failure.hint.is_empty() {
                lines.push(format!("            next: {}", text::one_line(&failure.hint)));
            }
            lines
        }
    }
}

/// How many there are, and what the first few are at.
fn at_work(jobs: &[Job]) -> Vec<String> {
    let queued = jobs.iter().filter(|job| job.state() == JobState::Pending).count();
    let (queued, running) = (queued as u64, (jobs.len() - queued) as u64);
    let waiting = if queued > 0 { format!(", {} queued", format::count(queued)) } else { String::new() };
    let mut lines = vec![format!("jobs        {} running{waiting}", format::count(running))];
    let ids: Vec<_> = jobs.iter().map(|job| job.id.as_str()).collect();
    for (job, id) in jobs.iter().zip(job_ids::beginnings(&ids)).take(JOBS) {
        lines.push(format!("  {id}  {}  {}", text::plain(job), job.summary));
    }
    lines
}

fn collections(all: &[CollectionStatus], now: SystemTime, room: Option<usize>) -> String {
    let with_clusters = all.iter().any(|one| one.cluster != all[0].cluster);
    let shown = if room.is_some() { all.len().min(ROWS) } else { all.len() };
    let columns = [
        (with_clusters, ("CLUSTER", Align::Left)),
        (true, ("COLLECTION", Align::Left)),
        (true, ("AGE", Align::Right)),
        (true, ("NEWEST WHOLE BACKUP", Align::Left)),
        (true, ("OBJECTS", Align::Right)),
    ];
    let is_shown = |index: usize| columns[index].0;
    let mut table = Table::new(columns.iter().filter(|(shown, _)| *shown).map(|(_, column)| *column))
        .cut("COLLECTION", 20)
        .cut("NEWEST WHOLE BACKUP", 20)
        .leave(["OBJECTS"]);
    for one in &all[..shown] {
        let newest = one.newest_backup.as_ref();
        let cells = [
            one.cluster.clone(),
            one.collection.clone(),
            age(one, now).map_or_else(|| "-".to_owned(), format::age),
            newest.map_or_else(|| "none".to_owned(), |newest| newest.backup_id.clone()),
            newest.map_or_else(|| "-".to_owned(), |newest| format::count(newest.objects)),
        ];
        table.row(cells.into_iter().enumerate().filter(|(index, _)| is_shown(*index)).map(|(_, cell)| cell));
    }
    let mut text = table.render(room);
    if let Some(next) = all.get(shown) {
        let more = format::quantity((all.len() - shown) as u64, "collection");
        text += &match age(next, now) {
            Some(oldest) => {
                format!("\nand {more} more, the oldest backup of them {} old", format::age(oldest))
            }
            None => format!("\nand {more} more, the next of which has none, too"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{User, example, run, snapshot};

    #[test]
    fn one_screen_whatever_there_is() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_449_600 + 7_200);
        let (few, jobs) = (example::status(3), [example::running()]);
        snapshot("status", render(&few, &jobs, "http://127.0.0.1:50071", now, None));
        let many = render(&example::status(300), &jobs, "http://127.0.0.1:50071", now, Some(80));
        assert!(many.lines().count() <= 24 && many.lines().all(|line| line.chars().count() <= 80), "{many}");
        snapshot("status_many", many);
    }

    #[tokio::test]
    async fn the_exit_code_says_whether_all_is_well() {
        let ran = run("status", [], User::default()).await;
        assert_eq!(ran.exit, ExitCode::Unavailable, "{}", ran.err);
        assert!(ran.err.contains("cannot be used now: cluster \"us\""), "{}", ran.err);
        let mut status = example::status(3);
        assert!(verdict(&status, &[], None).is_err());
        status.clusters.retain(|cluster| cluster.failure.is_none());
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_449_600 + 7_200);
        let found = |max_age| lacking(&status.collections, max_age, now);
        assert_eq!(found(None).len(), 1);
        assert_eq!(found(Some(Duration::from_secs(3600))).len(), 3);
        assert!(verdict(&status, &[], None).is_ok());
        let failure = verdict(&status, &found(None), None).expect_err("one has none");
        assert_eq!((failure.exit, failure.message.as_str()), (ExitCode::Partial, "no whole backup of C000"));
    }
}
