//! `selvedge copy`

use std::path::PathBuf;

use selvedge_proto::v1::{self, CopyRequest, InactiveTenants, RestoreCheck};

use super::backup::Inactive;
use super::restore::Check;
use super::{Session, Starting, run_job};
use crate::ExitCode;
use crate::confirm::confirmed;
use crate::failure::Failure;
use crate::follow::{Call, request_id};
use crate::progress::Progress;
use crate::{pairs, patches, suggest};

const EXAMPLES: &str = "\
Examples:
  selvedge copy --cluster old --to new Article Author
  selvedge copy Article --rename Article=ArticleTest
  selvedge copy --since 0198c1de --until-settled";

/// Copy collections to another cluster, or to another name, without a backup in between.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Collections by name or pattern (`*`, `?`, `[a-z]`); without any, all.
    #[arg(add = suggest::collections(), value_name = "COLLECTION")]
    pub collections: Vec<String>,
    /// The cluster that is written to; the one that is read is --cluster.
    #[arg(long, value_name = "NAME")]
    pub to: Option<String>,
    /// Leave out what this name or pattern matches; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Copy a collection under a new name; may be repeated.
    #[arg(long, value_name = "OLD=NEW", value_parser = pairs::parse_rename)]
    pub rename: Vec<(String, String)>,
    /// Only this tenant; may be repeated.
    #[arg(long = "tenant", value_name = "TENANT")]
    pub tenants: Vec<String>,
    /// What to do with tenants that are not active [default: report].
    #[arg(long, value_name = "HOW", value_enum)]
    pub inactive_tenants: Option<Inactive>,
    /// What to do with collections that are there already.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = IfExists::Fail)]
    pub if_exists: IfExists,
    /// Give the copies a setting instead of their own; may be repeated. `selvedge restore --help` lists them.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pairs::parse_setting)]
    pub settings: Vec<(String, String)>,
    /// A JSON file with merge patches of the schemas, by the names of the collections.
    #[arg(long, value_name = "FILE")]
    pub patches: Option<PathBuf>,
    /// Create the collections without their references.
    #[arg(long)]
    pub without_references: bool,
    /// Repeat this copy: move only what has changed since, and delete what is gone.
    #[arg(
        add = suggest::jobs(),
        long,
        value_name = "JOB",
        conflicts_with_all = ["collections", "exclude", "rename", "tenants", "if_exists", "settings", "patches", "without_references"]
    )]
    pub since: Option<String>,
    /// Copy again what has changed meanwhile, until a pass finds fewer changes than N [default of N: 1].
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pub until_settled: Option<u32>,
    /// So many passes at most.
    #[arg(long, value_name = "N", default_value_t = 20, requires = "until_settled")]
    pub passes: u32,
    /// How to prove that the copy holds what was read [default: digest; with --since, count].
    #[arg(long, value_name = "HOW", value_enum)]
    pub verify: Option<Check>,
    /// Only show what would be done.
    #[arg(long, conflicts_with = "detach")]
    pub dry_run: bool,
    /// Do not ask before a collection is replaced: the names on the command line are meant.
    #[arg(long, short)]
    pub yes: bool,
    #[command(flatten)]
    pub starting: Starting,
}

/// What becomes of collections that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum IfExists {
    /// The copy is refused.
    Fail,
    /// They are dropped, and made anew.
    Replace,
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let replaces = args.if_exists == IfExists::Replace;
    let asks = replaces && !args.yes && !args.dry_run;
    if asks && args.starting.detach {
        let text = "--if-exists replace asks before it destroys, and with --detach there is nobody to ask";
        return Err(Failure::new(ExitCode::Usage, text).hint("name the collections and add --yes"));
    }
    if let Some(pattern) = args.collections.iter().find(|name| args.yes && name.contains(['*', '?', '['])) {
        let text = format!("\"{pattern}\" is a pattern, and --yes is for exact names only");
        return Err(Failure::new(ExitCode::Usage, text).hint("name each collection that may be replaced"));
    }
    let new_name = |old: &String| {
        let renamed = args.rename.iter().find(|(name, _)| name == old);
        renamed.map_or(old, |(_, new)| new).clone()
    };
    let if_exists = if replaces { v1::IfExists::Replace } else { v1::IfExists::Fail };
    let request = CopyRequest {
        cluster: session.options.cluster(),
        repository: session.options.repository(),
        // Without another cluster, a copy is made beside the original.
        to: args.to.unwrap_or_else(|| match args.since {
            Some(_) => String::new(),
            None => session.options.cluster(),
        }),
        confirm: if args.yes { args.collections.iter().map(new_name).collect() } else { Vec::new() },
        collections: args.collections,
        exclude: args.exclude,
        tenants: args.tenants,
        rename: pairs::by_key("--rename", args.rename)
            .map_err(|failure| failure.hint("copy it twice, once under each name"))?,
        settings: pairs::by_key("--set", args.settings)?,
        patches: args.patches.as_deref().map(patches::read).transpose()?.unwrap_or_default(),
        without_references: args.without_references,
        if_exists: if_exists.into(),
        inactive_tenants: args.inactive_tenants.map_or(InactiveTenants::Unspecified, Into::into).into(),
        since: args.since.unwrap_or_default(),
        settle_passes: if args.until_settled.is_some() { args.passes } else { 0 },
        settle_below: args.until_settled.unwrap_or_default(),
        check: args.verify.map_or(RestoreCheck::Unspecified, RestoreCheck::from).into(),
        dry_run: args.dry_run,
        request_id: request_id(),
        lock_timeout: args.starting.lock_timeout(),
    };
    if !asks {
        return run_job(Call::Copy(Box::new(request)), &args.starting, session).await;
    }
    let call = Call::Copy(Box::new(request.clone()));
    let asked = confirmed(&call, args.starting.wait, Progress::choose, session).await?;
    let Some(confirm) = asked else { return Ok(()) };
    let request = CopyRequest { confirm, request_id: request_id(), ..request };
    run_job(Call::Copy(Box::new(request)), &args.starting, session).await
}

#[cfg(test)]
mod tests {
    use selvedge_proto::v1::{Job, JobKind};

    use super::*;
    use crate::scripted::{Step, User, example, run};

    async fn requested(line: &str) -> CopyRequest {
        let copied = Job { kind: JobKind::Copy.into(), ..example::succeeded() };
        let mut ran = run(line, [vec![Step::Job(copied)]], User::default()).await;
        assert_eq!(ran.exit, ExitCode::Done, "{}", ran.err);
        ran.requests.copies.remove(0)
    }

    #[tokio::test]
    async fn arguments_become_the_request() {
        let plain = requested("copy Article --cluster old --to new").await;
        assert_eq!((plain.cluster.as_str(), plain.to.as_str(), plain.settle_passes), ("old", "new", 0));
        let beside = requested("copy Article --cluster old --rename Article=B --set shards=2 --yes").await;
        assert_eq!((beside.to.as_str(), beside.confirm), ("old", vec!["B".to_owned()]));
        let again = requested("copy --since 0198 --until-settled=10 --passes 5").await;
        assert_eq!((again.since.as_str(), again.settle_passes, again.settle_below), ("0198", 5, 10));
        assert!(again.to.is_empty());
    }

    #[tokio::test]
    async fn what_does_not_go_together_is_refused() {
        let line = "copy Article --if-exists replace --detach";
        assert_eq!(run(line, [], User::default()).await.exit, ExitCode::Usage);
    }
}
