//! `selvedge verify`

mod all;
mod replicas;

use selvedge_proto::v1::{CompareReplicasRequest, InactiveTenants, VerifyBackupRequest, VerifyLevel};

use super::backup::Inactive;
use super::latest::Latest;
use super::{Session, Starting, run_job};
use crate::failure::Failure;
use crate::follow::{Call, request_id};
use crate::pairs;
use crate::suggest;

const EXAMPLES: &str = "\
Examples:
  selvedge verify latest --level rows
  selvedge verify --all                            # every backup of the repository
  selvedge verify nightly --against-live           # compares the cluster with it
  selvedge verify --replicas Article               # compares the replicas of a collection";

/// Prove that a backup is intact, or that a cluster matches it.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The id of the backup, or `latest`; `selvedge list` lists them.
    #[arg(add = suggest::backups(), required_unless_present_any = ["all", "replicas"])]
    pub backup: Option<String>,
    #[command(flatten)]
    pub latest: Latest,
    /// Collections of the backup by name or pattern (`*`, `?`, `[a-z]`); without any, all.
    #[arg(add = suggest::collections_of_backup(), value_name = "COLLECTION")]
    pub collections: Vec<String>,
    /// Leave out what this name or pattern matches; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// How deep to look; each level does what the one before does, and more [default: files].
    #[arg(long, conflicts_with = "against_live")]
    pub level: Option<Level>,
    /// Verify all backups of the repository, one after the other, newest first.
    #[arg(long, conflicts_with_all = ["backup", "collections", "exclude", "against_live", "rename", "detach"])]
    pub all: bool,
    /// Compare the replicas of a collection of the cluster instead, object by object: which have it, and from when.
    #[arg(
        long,
        value_name = "COLLECTION",
        add = suggest::collections(),
        conflicts_with_all = ["backup", "collections", "exclude", "level", "all", "against_live", "rename", "detach"]
    )]
    pub replicas: Option<String>,
    /// With --replicas: also what this cluster lists, which is another node of the same one; may be repeated.
    #[arg(long, value_name = "CLUSTER", requires = "replicas")]
    pub through: Vec<String>,
    /// Compare the cluster with the backup instead, by content digest.
    #[arg(long)]
    pub against_live: bool,
    /// With --against-live: what to do with tenants of the cluster that are not active [default: report].
    #[arg(long, value_name = "HOW", value_enum, requires = "against_live")]
    pub inactive_tenants: Option<Inactive>,
    /// With --against-live, compare only this tenant; may be repeated.
    #[arg(long = "tenant", value_name = "TENANT", requires = "against_live")]
    pub tenants: Vec<String>,
    /// The cluster has a collection under another name; may be repeated.
    #[arg(long, value_name = "OLD=NEW", value_parser = pairs::parse_rename)]
    pub rename: Vec<(String, String)>,
    /// List up to this many findings, at most 1000.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=1000)
    )]
    pub max_findings: u32,
    #[command(flatten)]
    pub starting: Starting,
}

/// How deep to look.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Level {
    /// Every file is there with the bytes that were written, and no other.
    Files,
    /// Every row decodes, fits the schema, and has the content digest that was recorded.
    Rows,
    /// A restore to the cluster could be planned, collections that exist there aside.
    Restorable,
}

impl From<Level> for VerifyLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Files => Self::Files,
            Level::Rows => Self::Rows,
            Level::Restorable => Self::Restorable,
        }
    }
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    if let Some(collection) = args.replicas {
        let (cluster, through, limit) = (session.options.cluster(), args.through, args.max_findings.into());
        return replicas::run(CompareReplicasRequest { cluster, collection, through, limit }, session).await;
    }
    let request = VerifyBackupRequest {
        repository: session.options.repository(),
        backup_id: args.backup.unwrap_or_default(),
        level: args.level.map_or(VerifyLevel::Unspecified, VerifyLevel::from).into(),
        against_live: args.against_live,
        cluster: session.options.cluster(),
        collections: args.collections,
        exclude: args.exclude,
        rename: pairs::by_key("--rename", args.rename)
            .map_err(|failure| failure.hint("verify it twice, once with each name"))?,
        max_findings: args.max_findings,
        request_id: request_id(),
        tenants: args.tenants,
        lock_timeout: args.starting.lock_timeout(),
        inactive_tenants: args.inactive_tenants.map_or(InactiveTenants::Unspecified, Into::into).into(),
        latest_of: args.latest.of(),
    };
    if args.all {
        return all::run(request, args.starting.wait, session).await;
    }
    run_job(Call::Verify(request), &args.starting, session).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExitCode;
    use crate::scripted::{Step, User, example, run};

    async fn requested(line: &str) -> VerifyBackupRequest {
        let mut ran = run(line, [vec![Step::Job(example::verified())]], User::default()).await;
        assert_eq!(ran.exit, ExitCode::Done, "{}", ran.err);
        ran.requests.verifies.remove(0)
    }

    #[tokio::test]
    async fn arguments_become_the_request() {
        let plain = requested("verify b").await;
        assert_eq!((plain.backup_id.as_str(), plain.max_findings), ("b", 20));
        assert_eq!(plain.level(), VerifyLevel::Unspecified);
        assert!(!plain.against_live && !plain.request_id.is_empty());

        let deep = requested("verify b A* --exclude Ab --level rows --max-findings 3").await;
        assert_eq!((deep.level(), deep.max_findings), (VerifyLevel::Rows, 3));
        assert_eq!((deep.collections, deep.exclude), (vec!["A*".to_owned()], vec!["Ab".to_owned()]));

        let live = requested("verify b --against-live --rename A=B --cluster other").await;
        assert!(live.against_live);
        assert_eq!((live.cluster.as_str(), live.rename["A"].as_str()), ("other", "B"));
        assert_eq!(live.inactive_tenants(), InactiveTenants::Unspecified);
        let waking = requested("verify b --against-live --inactive-tenants activate").await;
        assert_eq!(waking.inactive_tenants(), InactiveTenants::Activate);
    }

    #[tokio::test]
    async fn two_names_for_one_collection_are_refused() {
        let ran = run("verify b --rename A=B --rename A=C", [], User::default()).await;
        assert_eq!(ran.exit, ExitCode::Usage);
        assert!(ran.err.contains("next: verify it twice"), "{}", ran.err);
    }
}
