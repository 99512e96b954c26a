//! `selvedge backup`

use selvedge_proto::v1::BackupRequest;

use super::{Session, run_job};
use crate::failure::Failure;
use crate::follow::{Call, request_id};

/// Copy collections from a cluster into a new backup.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Collections by name or pattern (`*`, `?`, `[a-z]`); without any, all.
    #[arg(value_name = "COLLECTION")]
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
    /// Only show what would be done.
    #[arg(long)]
    pub dry_run: bool,
    /// Return as soon as the job has started.
    #[arg(long, conflicts_with = "dry_run")]
    pub detach: bool,
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
    };
    run_job(Call::Backup(request), args.detach, session).await
}
