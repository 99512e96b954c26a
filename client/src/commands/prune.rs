//! `selvedge prune`

use selvedge_proto::v1::{PruneBackupsRequest, PruneBackupsResponse};

use super::Session;
use crate::failure::Failure;
use crate::table::{Align, Table};
use crate::{ExitCode, format, json};

/// Remove what jobs left behind that nobody needs any more; never a backup.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Only show what would be removed.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    if args.dry_run || !args.yes {
        let plan = prune(true, session).await?;
        if args.dry_run || plan.pruned.is_empty() {
            return print(&plan, true, session);
        }
        confirm(&plan, session).await?;
    }
    let done = prune(false, session).await?;
    print(&done, false, session)
}

async fn prune(dry_run: bool, session: &mut Session<'_, '_>) -> Result<PruneBackupsResponse, Failure> {
    let request = PruneBackupsRequest { repository: session.options.repository(), dry_run };
    let mut service = session.server.backups();
    session.answer(service.prune_backups(request)).await
}

/// Shows what will be removed and has it confirmed.
async fn confirm(plan: &PruneBackupsResponse, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    session.terminal.say(&render(plan, true));
    if !session.terminal.interactive {
        if session.options.json {
            session.print_json(&json::Prune::new(plan, true))?;
        }
        let text = format!("removing {} needs to be confirmed", totals(plan));
        return Err(Failure::new(ExitCode::Refused, text)
            .hint("repeat the command with --yes if that is what you want"));
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
    session.terminal.print(&render(response, dry_run))
}

/// One row for each leftover; below it what stays, and all together.
fn render(response: &PruneBackupsResponse, dry_run: bool) -> String {
    let mut lines = Vec::new();
    if !response.pruned.is_empty() {
        lines.push(table(response));
    }
    lines.extend(response.kept.iter().map(|kept| format!("kept: {kept}")));
    lines.push(match (response.pruned.is_empty(), dry_run) {
        (true, _) => "nothing to remove".to_owned(),
        (false, true) => format!("{} would be removed", totals(response)),
        (false, false) => format!("removed {}", totals(response)),
    });
    lines.join("\n")
}

fn table(response: &PruneBackupsResponse) -> String {
    let mut table = Table::new([
        ("PATH", Align::Left),
        ("FILES", Align::Right),
        ("SIZE", Align::Right),
        ("WHY", Align::Left),
    ]);
    for leftover in &response.pruned {
        table.row([
            leftover.path.clone(),
            format::count(leftover.files),
            format::bytes(leftover.bytes),
            leftover.why.clone(),
        ]);
    }
    table.render()
}

/// `12 files, 45.2 MiB`
fn totals(response: &PruneBackupsResponse) -> String {
    format!("{}, {}", format::quantity(response.files, "file"), format::bytes(response.bytes))
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
        snapshot("prune_plan", render(&example::prunable(), true));
        snapshot("prune_done", render(&example::prunable(), false));
        assert_eq!(render(&PruneBackupsResponse::default(), true), "nothing to remove");
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
