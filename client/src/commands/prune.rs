//! `selvedge prune`

use std::time::Duration;

use selvedge_proto::v1::{PruneBackupsRequest, PruneBackupsResponse, RetentionDecision, RetentionPolicy};

use super::Session;
use crate::failure::Failure;
use crate::table::{Align, Table};
use crate::{ExitCode, format, json};

const EXAMPLES: &str = "\
Examples:
  selvedge prune                                   # only what failed jobs have left
  selvedge prune --keep-last 3 --keep-daily 14 --keep-monthly 12 --dry-run
  selvedge prune --keep-within 30d --keep-tag release --yes";

/// Remove what jobs left behind that nobody needs any more, and backups that a policy does not keep.
///
/// Without any --keep option no backup is removed. With one, backups of the same cluster, kind, collections and chosen tenants
/// are a series, and of each series those stay that any of the options keeps. Of hours, days and so on (of UTC) the newest backup counts. What
/// is held, or needed by a job, stays.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Keep the newest N.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub keep_last: u32,
    /// Keep one for each of the newest N hours that have any.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub keep_hourly: u32,
    /// The same of days.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub keep_daily: u32,
    /// The same of weeks.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub keep_weekly: u32,
    /// The same of months.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub keep_monthly: u32,
    /// The same of years.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub keep_yearly: u32,
    /// Keep all that are no more than this older than the newest (36h, 14d).
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub keep_within: Option<Duration>,
    /// Keep all that have this tag; may be repeated.
    #[arg(long = "keep-tag", value_name = "TAG")]
    pub keep_tags: Vec<String>,
    /// Only show what would be removed.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}

impl Args {
    fn policy(&self) -> Option<RetentionPolicy> {
        let policy = RetentionPolicy {
            keep_last: self.keep_last,
            keep_hourly: self.keep_hourly,
            keep_daily: self.keep_daily,
            keep_weekly: self.keep_weekly,
            keep_monthly: self.keep_monthly,
            keep_yearly: self.keep_yearly,
            keep_within: self.keep_within.and_then(|within| within.try_into().ok()),
            keep_tags: self.keep_tags.clone(),
        };
        (policy != RetentionPolicy::default()).then_some(policy)
    }
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    if args.dry_run || !args.yes {
        let plan = prune(&args, true, session).await?;
        if args.dry_run || (plan.pruned.is_empty() && going(&plan).next().is_none()) {
            return print(&plan, true, session);
        }
        confirm(&plan, session).await?;
    }
    let done = prune(&args, false, session).await?;
    print(&done, false, session)
}

async fn prune(
    args: &Args,
    dry_run: bool,
    session: &mut Session<'_, '_>,
) -> Result<PruneBackupsResponse, Failure> {
    let (repository, policy) = (session.options.repository(), args.policy());
    let request = PruneBackupsRequest { repository, dry_run, policy, confirm: !dry_run };
    let mut service = session.server.backups();
    session.answer(service.prune_backups(request)).await
}

/// Shows what will be removed and has it confirmed.
async fn confirm(plan: &PruneBackupsResponse, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    // What is about to be removed is named in full.
    session.terminal.say(&render(plan, true, None));
    if !session.terminal.interactive {
        if session.options.json {
            session.print_json(&json::Prune::new(plan, true))?;
        }
        let text = format!("removing {} needs to be confirmed", totals(plan));
        return Err(Failure::unconfirmed(text));
    }
    let answer = session.terminal.ask("Remove them? Type yes to go on:").await?.unwrap_or_default();
    if answer == "yes" {
        return Ok(());
    }
    Err(Failure::new(ExitCode::Refused, "that is not \"yes\"; nothing was removed"))
}

fn print(
    response: &PruneBackupsResponse,
    dry_run: bool,
    session: &mut Session<'_, '_>,
) -> Result<(), Failure> {
    if session.options.json {
        return session.print_json(&json::Prune::new(response, dry_run));
    }
    let room = session.terminal.out_width;
    session.terminal.print(&render(response, dry_run, room))
}

/// One row for each leftover; below it what stays, and all together.
fn render(response: &PruneBackupsResponse, dry_run: bool, room: Option<usize>) -> String {
    let mut lines = Vec::new();
    if !response.decisions.is_empty() {
        lines.push(decisions(response, dry_run).render(room));
    }
    if !response.pruned.is_empty() {
        lines.push(table(response).render(room));
    }
    lines.extend(response.kept.iter().map(|kept| format!("kept: {kept}")));
    let is_nothing = response.pruned.is_empty() && going(response).next().is_none();
    lines.push(match (is_nothing, dry_run) {
        (true, _) => "nothing to remove".to_owned(),
        (false, true) => format!("{} would be removed", totals(response)),
        (false, false) => format!("removed {}", totals(response)),
    });
    lines.join("\n")
}

fn table(response: &PruneBackupsResponse) -> Table {
    let mut table = Table::new([
        ("PATH", Align::Left),
        ("FILES", Align::Right),
        ("SIZE", Align::Right),
        ("WHY", Align::Left),
    ])
    .cut("PATH", 28)
    .cut("WHY", 24)
    .leave(["FILES"]);
    for leftover in &response.pruned {
        table.row([
            leftover.path.clone(),
            format::count(leftover.files),
            format::bytes(leftover.bytes),
            leftover.why.clone(),
        ]);
    }
    table
}

/// Those that are not kept.
fn going(response: &PruneBackupsResponse) -> impl Iterator<Item = &RetentionDecision> {
    response.decisions.iter().filter(|decision| decision.reasons.is_empty())
}

/// One row for each backup, with why it stays or that it goes.
fn decisions(response: &PruneBackupsResponse, dry_run: bool) -> Table {
    let mut table = Table::new([
        ("BACKUP", Align::Left),
        ("TIME", Align::Left),
        ("SIZE", Align::Right),
        ("WHY", Align::Left),
    ])
    .cut("BACKUP", 20)
    .shorten("TIME", format::short_time)
    .cut("WHY", 24)
    .leave(["SIZE"]);
    for decision in &response.decisions {
        let backup = decision.backup.clone().unwrap_or_default();
        let why = match (decision.reasons.is_empty(), dry_run) {
            (false, _) => format!("stays: {}", decision.reasons.join("; ")),
            (true, true) => "goes".to_owned(),
            (true, false) => "removed".to_owned(),
        };
        table.row([backup.id, format::time(backup.end_time.as_ref()), format::bytes(backup.bytes), why]);
    }
    table
}

/// `2 backups of 45.2 MiB; 12 files, 45.2 MiB`
fn totals(response: &PruneBackupsResponse) -> String {
    let leftovers =
        format!("{}, {}", format::quantity(response.files, "file"), format::bytes(response.bytes));
    let sizes: Vec<_> = going(response).flat_map(|one| &one.backup).map(|backup| backup.bytes).collect();
    let of_backups = format!(
        "{} of {}",
        format::quantity(sizes.len() as u64, "backup"),
        format::bytes(sizes.iter().sum())
    );
    match (sizes.is_empty(), response.pruned.is_empty()) {
        (true, _) => leftovers,
        (false, true) => of_backups,
        (false, false) => format!("{of_backups}; {leftovers}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{Ran, User, example, run, snapshot};

    fn asked(ran: &Ran) -> Vec<bool> {
        ran.requests.prunes.iter().map(|request| request.dry_run).collect()
    }

    #[test]
    fn what_is_removed_and_what_stays() {
        snapshot("prune_plan", render(&example::prunable(), true, None));
        snapshot("prune_done", render(&example::prunable(), false, None));
        assert_eq!(render(&PruneBackupsResponse::default(), true, None), "nothing to remove");
    }

    #[tokio::test]
    async fn without_a_terminal_it_shows_the_plan_and_removes_nothing() {
        let ran = run("prune", [], User::default()).await;
        assert_eq!((ran.exit, asked(&ran)), (ExitCode::Refused, vec![true]));
        assert!(ran.out.is_empty() && ran.err.contains("backups/nightly"), "{}{}", ran.out, ran.err);
        assert!(ran.err.contains("next: repeat the command with --yes"), "{}", ran.err);
    }

    #[tokio::test]
    async fn only_a_yes_removes() {
        let user = |types| User { types: Some(types), ..User::default() };
        for types in ["no\n", "\n", ""] {
            let ran = run("prune", [], user(types)).await;
            assert_eq!((ran.exit, asked(&ran)), (ExitCode::Refused, vec![true]));
            assert!(ran.err.contains("nothing was removed"), "{}", ran.err);
        }
        let ran = run("prune", [], user("yes\n")).await;
        assert_eq!((ran.exit, asked(&ran)), (ExitCode::Done, vec![true, false]));
        assert!(ran.out.contains("\nremoved "), "{}", ran.out);
    }

    #[tokio::test]
    async fn options_say_what_needs_no_question() {
        let dry = run("prune --dry-run --json", [], User::default()).await;
        assert_eq!((dry.exit, asked(&dry)), (ExitCode::Done, vec![true]));
        let plan: serde_json::Value = serde_json::from_str(&dry.out).expect("JSON");
        assert_eq!(plan["dry_run"], true);
        let sure = run("prune --yes", [], User::default()).await;
        assert_eq!((sure.exit, asked(&sure)), (ExitCode::Done, vec![false]));
    }
}
