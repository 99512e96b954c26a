//! `selvedge repair`

use std::path::PathBuf;

use selvedge_proto::v1::{Deviation, RepairRequest};

use super::latest::Latest;
use super::{Session, Starting, run_job};
use crate::ExitCode;
use crate::confirm::confirmed;
use crate::failure::Failure;
use crate::follow::{Call, request_id};
use crate::pairs;
use crate::progress::Progress;
use crate::suggest;

const EXAMPLES: &str = "\
Examples:
  selvedge repair latest Article --dry-run         # what differs, and what would be written
  selvedge repair nightly Article --only missing
  selvedge repair nightly Article --only missing --only changed --only extra";

/// Make a collection what a backup has, by writing only what differs.
///
/// What is about to be changed is saved in a small backup before: `selvedge undo` puts it back.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The id of the backup, or `latest`; `selvedge list` lists them.
    #[arg(add = suggest::backups())]
    pub backup: String,
    #[command(flatten)]
    pub latest: Latest,
    /// Collections of the backup by exact name.
    #[arg(add = suggest::collections_of_backup(), value_name = "COLLECTION", required = true)]
    pub collections: Vec<String>,
    /// The cluster has a collection under another name; may be repeated.
    #[arg(long, value_name = "OLD=NEW", value_parser = pairs::parse_rename)]
    pub rename: Vec<(String, String)>,
    /// Only this tenant; may be repeated.
    #[arg(long = "tenant", value_name = "TENANT")]
    pub tenants: Vec<String>,
    /// Bring back only what differs in this way; may be repeated [default: missing and changed].
    #[arg(long, value_name = "HOW", value_enum)]
    pub only: Vec<Only>,
    /// Bring back only the objects whose ids are in this file, one in a line; `-` is the standard input.
    #[arg(long, value_name = "FILE")]
    pub ids: Option<PathBuf>,
    /// Only show what would be done.
    #[arg(long, conflicts_with = "detach")]
    pub dry_run: bool,
    /// Do not ask before objects are deleted: the names on the command line are meant.
    #[arg(long, short)]
    pub yes: bool,
    #[command(flatten)]
    pub starting: Starting,
}

/// How an object is not as the backup has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Only {
    /// Only the backup has it: it is written.
    Missing,
    /// Both have it: it becomes what the backup has.
    Changed,
    /// Only the cluster has it: it is deleted.
    Extra,
}

impl From<Only> for Deviation {
    fn from(only: Only) -> Self {
        match only {
            Only::Missing => Self::Missing,
            Only::Changed => Self::Changed,
            Only::Extra => Self::Extra,
        }
    }
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let asks = args.only.contains(&Only::Extra) && !args.yes && !args.dry_run;
    if asks && args.starting.detach {
        let text = "--only extra asks before it deletes, and with --detach there is nobody to ask";
        return Err(Failure::new(ExitCode::Usage, text).hint("add --yes"));
    }
    let new_name = |old: &String| {
        let renamed = args.rename.iter().find(|(name, _)| name == old);
        renamed.map_or(old, |(_, new)| new).clone()
    };
    let request = RepairRequest {
        cluster: session.options.cluster(),
        repository: session.options.repository(),
        backup_id: args.backup,
        latest_of: args.latest.of(),
        confirm: if args.yes { args.collections.iter().map(new_name).collect() } else { Vec::new() },
        collections: args.collections,
        rename: pairs::by_key("--rename", args.rename)?,
        tenants: args.tenants,
        only: args.only.into_iter().map(|only| Deviation::from(only).into()).collect(),
        ids: args.ids.map(|file| ids(&file)).transpose()?.unwrap_or_default(),
        dry_run: args.dry_run,
        request_id: request_id(),
        lock_timeout: args.starting.lock_timeout(),
    };
    if !asks {
        return run_job(Call::Repair(request), &args.starting, session).await;
    }
    let call = Call::Repair(request.clone());
    let asked = confirmed(&call, args.starting.wait, Progress::choose, session).await?;
    let Some(confirm) = asked else { return Ok(()) };
    let request = RepairRequest { confirm, request_id: request_id(), ..request };
    run_job(Call::Repair(request), &args.starting, session).await
}

fn ids(file: &std::path::Path) -> Result<Vec<String>, Failure> {
    let read = match file.to_str() {
        Some("-") => std::io::read_to_string(std::io::stdin()),
        _ => std::fs::read_to_string(file),
    };
    let text =
        read.map_err(|error| Failure::new(ExitCode::Usage, format!("--ids {}: {error}", file.display())))?;
    let ids: Vec<_> = text.lines().map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect();
    match ids.is_empty() {
        // Without any, all objects would be meant.
        true => Err(Failure::new(ExitCode::Usage, format!("--ids {}: there is no id in it", file.display()))),
        false => Ok(ids),
    }
}

#[cfg(test)]
mod tests {
    use selvedge_proto::v1::{Job, JobKind};

    use super::*;
    use crate::scripted::{Step, User, example, run};

    #[tokio::test]
    async fn arguments_become_the_request() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ids");
        std::fs::write(&file, " 0198c1de-0000-7000-8000-000000000001\n\n").expect("a file");
        let line = format!(
            "repair b Article --rename Article=Copy --tenant acme --only missing --only extra --ids {} --yes",
            file.display()
        );
        let repaired = Job { kind: JobKind::Repair.into(), ..example::succeeded() };
        let mut ran = run(&line, [vec![Step::Job(repaired)]], User::default()).await;
        assert_eq!(ran.exit, ExitCode::Done, "{}", ran.err);
        let request = ran.requests.repairs.remove(0);
        assert_eq!((request.backup_id.as_str(), request.rename["Article"].as_str()), ("b", "Copy"));
        assert_eq!((request.confirm, request.tenants), (vec!["Copy".to_owned()], vec!["acme".to_owned()]));
        assert_eq!(request.only, [Deviation::Missing, Deviation::Extra].map(i32::from));
        assert_eq!(request.ids, ["0198c1de-0000-7000-8000-000000000001"]);
    }

    #[tokio::test]
    async fn what_is_deleted_is_asked_for() {
        let mut unconfirmed = example::unconfirmed();
        unconfirmed.kind = JobKind::Repair.into();
        let user = User { types: Some("Article Author"), ..User::default() };
        let repaired = Job { kind: JobKind::Repair.into(), ..example::succeeded() };
        let answers = [vec![Step::Job(unconfirmed)], vec![Step::Job(repaired)]];
        let ran = run("repair b Article --only extra", answers, user).await;
        assert_eq!(ran.exit, ExitCode::Done, "{}", ran.err);
        assert!(ran.err.contains("`selvedge undo` can put it back"), "{}", ran.err);
        assert_eq!(ran.requests.repairs[1].confirm, ["Article", "Author"]);
    }
}
