//! `selvedge undo`

use selvedge_proto::v1::UndoRequest;

use super::{Session, Starting, run_job};
use crate::ExitCode;
use crate::confirm::{confirmed, meant};
use crate::failure::Failure;
use crate::follow::{Call, request_id};
use crate::progress::Progress;
use crate::suggest;

const EXAMPLES: &str = "\
Examples:
  selvedge undo 0198c1de --dry-run
  selvedge undo 0198c1de                           # shows what would be lost by it, and asks
  selvedge undo 0198c1de --yes";

/// Put back what a job has changed.
///
/// Repairs can be undone, and jobs with --undoable or --backup-first. What was written to the same objects since is lost; what a
/// repair or a merge is undone by can itself be undone.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The job's id, or the beginning of it; `selvedge jobs list` lists them.
    #[arg(add = suggest::jobs())]
    pub job: String,
    /// Only show what would be done.
    #[arg(long, conflicts_with = "detach")]
    pub dry_run: bool,
    /// Do not ask before objects are deleted or a collection is replaced.
    #[arg(long, short)]
    pub yes: bool,
    #[command(flatten)]
    pub starting: Starting,
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    if args.starting.detach && !args.yes {
        let text = "undo asks before it deletes, and with --detach there is nobody to ask";
        return Err(Failure::new(ExitCode::Usage, text).hint("add --yes"));
    }
    let request = UndoRequest {
        job_id: args.job,
        confirm: Vec::new(),
        dry_run: args.dry_run,
        request_id: request_id(),
        lock_timeout: args.starting.lock_timeout(),
    };
    let call = Call::Undo(request.clone());
    if args.dry_run {
        return run_job(call, &args.starting, session).await;
    }
    let wait = args.starting.wait;
    let asked = match args.yes {
        true => meant(&call, wait, Progress::choose, session).await?,
        false => confirmed(&call, wait, Progress::choose, session).await?,
    };
    let Some(confirm) = asked else { return Ok(()) };
    let request = UndoRequest { confirm, request_id: request_id(), ..request };
    run_job(Call::Undo(request), &args.starting, session).await
}

#[cfg(test)]
mod tests {
    use selvedge_proto::v1::{Job, JobKind};

    use super::*;
    use crate::scripted::{Step, User, example, run};

    #[tokio::test]
    async fn what_is_lost_is_confirmed() {
        let mut unconfirmed = example::unconfirmed();
        unconfirmed.kind = JobKind::Repair.into();
        let names = unconfirmed.plan.clone().unwrap_or_default().confirmation;
        let undone = Job { kind: JobKind::Repair.into(), ..example::succeeded() };
        let answers = || [vec![Step::Job(unconfirmed.clone())], vec![Step::Job(undone.clone())]];
        let ran = run("undo 0198 --yes", answers(), User::default()).await;
        assert_eq!(ran.exit, ExitCode::Done, "{}", ran.err);
        assert_eq!((ran.requests.undos[1].job_id.as_str(), &ran.requests.undos[1].confirm), ("0198", &names));
        let ran = run("undo 0198", answers(), User::default()).await;
        assert_eq!(ran.exit, ExitCode::Refused, "{}", ran.err);
        let ran = run("undo 0198 --detach", answers(), User::default()).await;
        assert_eq!(ran.exit, ExitCode::Usage, "{}", ran.err);
    }
}
