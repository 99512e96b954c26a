//! `selvedge backup`

use std::time::{Duration, SystemTime};

use selvedge_proto::v1::{
    Backup, BackupKind, BackupRequest, DataFormat, InactiveTenants, ListBackupsRequest,
    ListCollectionsRequest,
};

use super::{Session, Starting, run_job};
use crate::failure::Failure;
use crate::follow::{Call, request_id};
use crate::suggest;
use crate::{format, json};

const EXAMPLES: &str = "\
Examples:
  selvedge backup                                  # all collections
  selvedge backup Article 'Author*' --id nightly
  selvedge backup --if-older-than 20h --tag nightly
  selvedge backup --parent latest                  # only what has changed";

/// Copy collections from a cluster into a new backup.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Collections by name or pattern (`*`, `?`, `[a-z]`); without any, all.
    #[arg(add = suggest::collections(), value_name = "COLLECTION")]
    pub collections: Vec<String>,
    /// Leave out what this name or pattern matches; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// The new backup's id [default: made from the time].
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub id: Option<String>,
    /// Only schemas, no objects.
    #[arg(long)]
    pub schema_only: bool,
    /// Objects without their vectors.
    #[arg(long)]
    pub without_vectors: bool,
    /// Only this tenant; may be repeated.
    #[arg(long = "tenant", value_name = "TENANT")]
    pub tenants: Vec<String>,
    /// What to do with tenants that are not active and therefore cannot be read.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Inactive::Report)]
    pub inactive_tenants: Inactive,
    /// How to write the objects.
    #[arg(long, value_enum, default_value_t = Format::Parquet)]
    pub format: Format,
    /// With --format jsonl: how to compress the lines.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Compression::Zstd)]
    pub compression: Compression,
    /// Read only what has changed since this backup (`latest`: for each collection the newest that holds all of it). The new one is
    /// whole by itself, and takes the room of the changes.
    #[arg(long, value_name = "BACKUP", add = suggest::backups(), conflicts_with_all = ["schema_only", "without_vectors"])]
    pub parent: Option<String>,
    /// With --parent: compare all that objects hold, and not only their times; as slow as reading everything.
    #[arg(long, requires = "parent")]
    pub check_all: bool,
    /// After reading, read again what has changed meanwhile, until nothing has, in up to N passes [without N: 5]. The backup says
    /// between which moments it is current.
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "5", conflicts_with = "schema_only")]
    pub settle: Option<u32>,
    /// A word that `list --tag` and `prune --keep-tag` find it by; may be repeated.
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
    /// Do nothing if there is a whole backup of the cluster that is younger than this (20h, 7d) and holds the collections. Name
    /// the cluster with --cluster if its name is not "default".
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, conflicts_with_all = ["exclude", "tenants"])]
    pub if_older_than: Option<Duration>,
    /// Only show what would be done.
    #[arg(long, conflicts_with = "detach")]
    pub dry_run: bool,
    #[command(flatten)]
    pub starting: Starting,
}

/// How objects are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Columns, as DuckDB, pandas and others read them.
    Parquet,
    /// JSON Lines: an object a line, in the shape of Weaviate's REST API with its tenant.
    Jsonl,
}

/// How JSON Lines are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Compression {
    /// With zstd, as `zstdcat` reads it.
    Zstd,
    /// Not at all: a text file.
    None,
}

/// In the words of the contract.
pub fn data_format(format: Format, compression: Compression) -> DataFormat {
    match (format, compression) {
        (Format::Parquet, _) => DataFormat::Parquet,
        (Format::Jsonl, Compression::Zstd) => DataFormat::JsonLinesZstd,
        (Format::Jsonl, Compression::None) => DataFormat::JsonLines,
    }
}

/// What to do with tenants that are not active.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Inactive {
    /// Leave them out and name them; the job ends partial.
    Report,
    /// Leave them out on purpose; the job succeeds, and tells what it covers.
    Skip,
    /// Activate them a few at a time and put each back as it was; offloaded ones are reported.
    Activate,
}

impl From<Inactive> for InactiveTenants {
    fn from(inactive: Inactive) -> Self {
        match inactive {
            Inactive::Report => Self::Report,
            Inactive::Skip => Self::Skip,
            Inactive::Activate => Self::Activate,
        }
    }
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let request = BackupRequest {
        cluster: session.options.cluster(),
        repository: session.options.repository(),
        collections: args.collections,
        exclude: args.exclude,
        tenants: args.tenants,
        backup_id: args.id.unwrap_or_default(),
        schema_only: args.schema_only,
        without_vectors: args.without_vectors,
        dry_run: args.dry_run,
        request_id: request_id(),
        inactive_tenants: InactiveTenants::from(args.inactive_tenants).into(),
        format: data_format(args.format, args.compression).into(),
        tags: args.tags,
        parent: args.parent.unwrap_or_default(),
        check_all: args.check_all,
        settle_passes: args.settle.unwrap_or(0),
        lock_timeout: args.starting.lock_timeout(),
    };
    if let Some(age) = args.if_older_than
        && let Some(young) = younger_than(age, &request.collections, session).await?
    {
        if session.options.json {
            return session.print_json(&json::Backup::from(&young));
        }
        let made = format::time(young.end_time.as_ref());
        let nothing = format!("nothing to do: backup {} of {made} is young enough", young.id);
        if args.starting.detach {
            // There is no job whose id could be printed.
            session.talk(&nothing);
            return Ok(());
        }
        return session.terminal.print(&nothing);
    }
    run_job(Call::Backup(request), &args.starting, session).await
}

/// The newest whole backup that holds these collections, or if none is named all that there are now, if it is young enough.
async fn younger_than(
    age: Duration,
    collections: &[String],
    session: &mut Session<'_, '_>,
) -> Result<Option<Backup>, Failure> {
    let cluster = session.options.cluster();
    let request = ListCollectionsRequest { cluster, collections: collections.to_vec() };
    let mut service = session.server.collections();
    let now = session.answer(service.list_collections(request)).await?;
    let oldest = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut request = ListBackupsRequest {
        repository: session.options.repository(),
        kind: BackupKind::Full.into(),
        // What was read from another one is no reason not to read this one.
        cluster: now.cluster,
        since: Some(oldest.into()),
        ..ListBackupsRequest::default()
    };
    loop {
        let mut service = session.server.backups();
        let page = session.answer(service.list_backups(request.clone())).await?;
        let holds = |backup: &Backup| {
            let has = |name: &String| backup.collections.iter().any(|held| held.name == *name);
            backup.cluster_address == now.cluster_address && now.collections.iter().all(|one| has(&one.name))
        };
        if let Some(young) = page.backups.into_iter().find(holds) {
            return Ok(Some(young));
        }
        if page.next_page_token.is_empty() {
            return Ok(None);
        }
        request.page_token = page.next_page_token;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{Step, User, example, run};

    #[tokio::test]
    async fn inactive_tenants_are_reported_unless_told_otherwise() {
        for (option, expected) in [
            ("", InactiveTenants::Report),
            ("--inactive-tenants report", InactiveTenants::Report),
            ("--inactive-tenants skip", InactiveTenants::Skip),
            ("--inactive-tenants activate", InactiveTenants::Activate),
        ] {
            let answer = vec![Step::Job(example::succeeded())];
            let ran = run(&format!("backup {option}"), [answer], User::default()).await;
            assert_eq!(ran.requests.backups[0].inactive_tenants(), expected, "{option}");
        }
    }
}
