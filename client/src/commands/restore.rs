//! `selvedge restore`

mod reshape;

use std::path::PathBuf;

use selvedge_proto::v1::{self, RestoreCheck, RestoreRequest};

use reshape::ShapeArgs;

use super::latest::Latest;
use super::{Session, Starting, run_job};
use crate::ExitCode;
use crate::confirm::confirmed;
use crate::failure::Failure;
use crate::follow::{Call, request_id};
use crate::progress::Progress;
use crate::suggest;
use crate::{pairs, patches};

const EXAMPLES: &str = "\
Examples:
  selvedge restore latest                          # the newest whole backup
  selvedge restore nightly Article --rename Article=ArticleCopy
  selvedge restore nightly --if-exists merge --on-conflict skip
  selvedge restore nightly --dry-run";

/// Create collections on a cluster from a backup.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The id of the backup, or `latest`; `selvedge list` lists them.
    #[arg(add = suggest::backups())]
    pub backup: String,
    #[command(flatten)]
    pub latest: Latest,
    /// Collections of the backup by name or pattern (`*`, `?`, `[a-z]`); without any, all.
    #[arg(add = suggest::collections_of_backup(), value_name = "COLLECTION")]
    pub collections: Vec<String>,
    /// Leave out what this name or pattern matches; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Restore a collection under a new name; may be repeated.
    #[arg(long, value_name = "OLD=NEW", value_parser = pairs::parse_rename)]
    pub rename: Vec<(String, String)>,
    /// What to do with collections that are there already.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = IfExists::Fail)]
    pub if_exists: IfExists,
    /// In a merge, what to do with objects that are there and not as the backup has them.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = OnConflict::Fail)]
    pub on_conflict: OnConflict,
    /// With --if-exists replace: first make a backup of what is there, and drop only what it proves to hold.
    #[arg(long)]
    pub backup_first: bool,
    /// When something is overwritten or replaced: save what is there before, so that `selvedge undo` can put it back.
    #[arg(long)]
    pub undoable: bool,
    /// Restore one collection under a new name, and when it is checked, let this alias point to it.
    #[arg(long, value_name = "ALIAS", requires = "collections")]
    pub behind_alias: Option<String>,
    /// In the end, drop the collection that the alias points to now; it has to be named.
    #[arg(long, value_name = "COLLECTION", requires = "behind_alias")]
    pub drop_previous: Option<String>,
    /// Only schemas, no objects.
    #[arg(long)]
    pub schema_only: bool,
    /// Only objects, merged into collections that are there.
    #[arg(long, conflicts_with = "schema_only")]
    pub data_only: bool,
    /// Only this tenant; may be repeated.
    #[arg(long = "tenant", value_name = "TENANT")]
    pub tenants: Vec<String>,
    /// Create the collections without their reference properties.
    #[arg(long)]
    pub without_references: bool,
    /// Give the collections a setting instead of their own; may be repeated. There are vectorizer=none,
    /// replication_factor=N, shards=N, vector_index_type=TYPE, vector_index.PATH=VALUE (such as vector_index.ef=128),
    /// auto_tenant_creation=BOOL and auto_tenant_activation=BOOL.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pairs::parse_setting)]
    pub settings: Vec<(String, String)>,
    /// Change schemas as this JSON file says: an object with a JSON merge patch (RFC 7396) by collection of the backup.
    #[arg(long = "patch", value_name = "FILE")]
    pub patches: Option<PathBuf>,
    /// How to prove afterwards that the cluster matches the backup.
    #[arg(long = "verify", value_name = "CHECK", value_enum, default_value_t = Check::Digest)]
    pub check: Check,
    /// In the end, wait until Weaviate has indexed all vectors, where it does that in the background.
    #[arg(long)]
    pub wait_indexed: bool,
    /// In the end, create the roles of the backup that the cluster lacks, and give roles to those who had them.
    #[arg(long)]
    pub roles: bool,
    /// Succeed although the backup itself is partial; without this, restoring what is not whole in it ends partial.
    #[arg(long)]
    pub allow_partial: bool,
    /// Take files of JSON Lines that somebody has edited as they are now; the warnings name them.
    #[arg(long)]
    pub allow_modified: bool,
    /// Only show what would be done.
    #[arg(long, conflicts_with = "detach")]
    pub dry_run: bool,
    /// With --if-exists replace: do not ask, the collections on the command line are meant, by their exact names.
    #[arg(long, short, requires = "collections")]
    pub yes: bool,
    #[command(flatten)]
    pub starting: Starting,
    #[command(flatten)]
    pub shape: ShapeArgs,
}

/// What becomes of collections that are there already.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum IfExists {
    /// Refuse, and change nothing.
    Fail,
    /// Write the backup's objects into them; identical ones are not written again, missing tenants are created.
    Merge,
    /// Drop them with all they hold and create them from the backup, after their names were typed or --yes was given.
    Replace,
}

impl From<IfExists> for v1::IfExists {
    fn from(if_exists: IfExists) -> Self {
        match if_exists {
            IfExists::Fail => Self::Fail,
            IfExists::Merge => Self::Merge,
            IfExists::Replace => Self::Replace,
        }
    }
}

/// What becomes of objects that a merge finds otherwise than the backup has them.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum OnConflict {
    /// Refuse, and change nothing.
    Fail,
    /// Leave them as they are.
    Skip,
    /// Make them what the backup has, as a whole.
    Overwrite,
}

impl From<OnConflict> for v1::OnConflict {
    fn from(on_conflict: OnConflict) -> Self {
        match on_conflict {
            OnConflict::Fail => Self::Fail,
            OnConflict::Skip => Self::Skip,
            OnConflict::Overwrite => Self::Overwrite,
        }
    }
}

/// How a restore is checked.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Check {
    /// Not at all, beyond what Weaviate answers to each write.
    None,
    /// Count the objects, of each tenant where there are tenants.
    Count,
    /// Count, then read everything back and compare its content digest with the backup's.
    Digest,
}

impl From<Check> for RestoreCheck {
    fn from(check: Check) -> Self {
        match check {
            Check::None => Self::None,
            Check::Count => Self::Count,
            Check::Digest => Self::Digest,
        }
    }
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let asks = matches!(args.if_exists, IfExists::Replace) && !args.yes && !args.dry_run;
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
    let confirm = if args.yes { args.collections.iter().map(new_name).collect() } else { Vec::new() };
    let request = RestoreRequest {
        cluster: session.options.cluster(),
        repository: session.options.repository(),
        backup_id: args.backup,
        latest_of: args.latest.of(),
        collections: args.collections,
        exclude: args.exclude,
        rename: pairs::by_key("--rename", args.rename)
            .map_err(|failure| failure.hint("restore it twice, once under each name"))?,
        tenants: args.tenants,
        schema_only: args.schema_only,
        dry_run: args.dry_run,
        request_id: request_id(),
        check: RestoreCheck::from(args.check).into(),
        without_references: args.without_references,
        settings: pairs::by_key("--set", args.settings)?,
        allow_partial: args.allow_partial,
        if_exists: v1::IfExists::from(args.if_exists).into(),
        on_conflict: v1::OnConflict::from(args.on_conflict).into(),
        data_only: args.data_only,
        behind_alias: args.behind_alias.unwrap_or_default(),
        drop_previous: args.drop_previous.unwrap_or_default(),
        patches: args.patches.as_deref().map(patches::read).transpose()?.unwrap_or_default(),
        reshape: args.shape.into_request()?,
        confirm,
        wait_indexed: args.wait_indexed,
        backup_first: args.backup_first,
        allow_modified: args.allow_modified,
        roles: args.roles,
        undoable: args.undoable,
        lock_timeout: args.starting.lock_timeout(),
    };
    if !asks {
        return run_job(Call::Restore(Box::new(request)), &args.starting, session).await;
    }
    let (call, wait) = (Call::Restore(Box::new(request.clone())), args.starting.wait);
    let asked = confirmed(&call, wait, Progress::choose, session).await?;
    let Some(confirm) = asked else { return Ok(()) };
    let request = RestoreRequest { confirm, request_id: request_id(), ..request };
    run_job(Call::Restore(Box::new(request)), &args.starting, session).await
}

#[cfg(test)]
mod tests {
    use selvedge_proto::v1::{Job, JobKind};

    use super::*;
    use crate::ExitCode;
    use crate::scripted::{Step, User, example, run};

    async fn requested(line: &str) -> RestoreRequest {
        let restored = Job { kind: JobKind::Restore.into(), ..example::succeeded() };
        let mut ran = run(line, [vec![Step::Job(restored)]], User::default()).await;
        assert_eq!(ran.exit, ExitCode::Done, "{}", ran.err);
        ran.requests.restores.remove(0)
    }

    #[tokio::test]
    async fn arguments_become_the_request() {
        let plain = requested("restore b").await;
        assert_eq!(plain.check(), RestoreCheck::Digest);
        assert!(!plain.without_references && plain.settings.is_empty());

        assert!(!plain.roles && requested("restore b --roles").await.roles);
        assert!(!plain.allow_partial && requested("restore b --allow-partial").await.allow_partial);
        let line = "restore b --verify count --without-references --set shards=3 --set vectorizer=none";
        let told = requested(line).await;
        assert_eq!(told.check(), RestoreCheck::Count);
        assert!(told.without_references);
        assert_eq!((told.settings["shards"].as_str(), told.settings["vectorizer"].as_str()), ("3", "none"));
        assert_eq!(requested("restore b --verify none").await.check(), RestoreCheck::None);

        assert_eq!((plain.if_exists(), plain.on_conflict()), (v1::IfExists::Fail, v1::OnConflict::Fail));
        let merge = requested("restore b --if-exists merge --on-conflict skip").await;
        assert_eq!((merge.if_exists(), merge.on_conflict()), (v1::IfExists::Merge, v1::OnConflict::Skip));
        let behind = requested("restore b A --behind-alias Live --drop-previous A_1").await;
        assert_eq!((behind.behind_alias.as_str(), behind.drop_previous.as_str()), ("Live", "A_1"));
        let line = "restore b --drop-property A.x --rename-vector =v --coerce n=text --into-tenant t";
        let shape = requested(line).await.reshape.expect("a shape");
        assert_eq!((shape.drop_properties[0].as_str(), shape.rename_vectors[""].as_str()), ("A.x", "v"));
        assert_eq!(shape.coerce["n"], "text");
        assert_eq!(shape.tenancy, Some(v1::reshape::Tenancy::IntoTenant("t".to_owned())));
        assert!(plain.reshape.is_none());
        let data = requested("restore b --data-only --on-conflict overwrite").await;
        assert!(data.data_only && data.on_conflict() == v1::OnConflict::Overwrite);
    }

    #[tokio::test]
    async fn nothing_is_said_twice_in_different_words() {
        for (options, text) in [
            ("--rename A=B --rename A=C", "--rename says two things of A: B and C"),
            ("--set shards=1 --set shards=2", "--set says two things of shards: 1 and 2"),
        ] {
            let ran = run(&format!("restore b {options}"), [], User::default()).await;
            assert_eq!(ran.exit, ExitCode::Usage);
            assert!(ran.err.contains(text) && ran.calls.is_empty(), "{}", ran.err);
        }
    }
}
