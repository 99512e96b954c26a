//! `selvedge clear`

use selvedge_proto::v1::ClearRequest;

use super::{Session, Starting, run_job};
use crate::confirm::confirmed;
use crate::failure::Failure;
use crate::follow::{Call, request_id};
use crate::placed::Showing;
use crate::progress::Progress;
use crate::suggest;

const EXAMPLES: &str = "\
Examples:
  selvedge clear Article                           # shows what is lost, and asks
  selvedge clear Article Author --backup-first
  selvedge clear Customer --tenant acme --yes";

/// Remove all objects of collections and keep their schema.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Collections by exact name.
    #[arg(add = suggest::collections(), value_name = "COLLECTION", required = true)]
    pub collections: Vec<String>,
    /// Only this tenant; may be repeated.
    #[arg(long = "tenant", value_name = "TENANT")]
    pub tenants: Vec<String>,
    /// First make a backup of what is to be removed, and remove only what it proves to hold.
    #[arg(long)]
    pub backup_first: bool,
    /// Only show what would be done.
    #[arg(long, conflicts_with = "detach")]
    pub dry_run: bool,
    /// Do not ask: the names on the command line are meant.
    #[arg(long, short)]
    pub yes: bool,
    #[command(flatten)]
    pub starting: Starting,
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let request = ClearRequest {
        cluster: session.options.cluster(),
        confirm: if args.yes { args.collections.clone() } else { Vec::new() },
        collections: args.collections,
        tenants: args.tenants,
        dry_run: args.dry_run,
        request_id: request_id(),
        backup_first: args.backup_first,
        repository: session.options.repository(),
        lock_timeout: args.starting.lock_timeout(),
    };
    if args.yes || args.dry_run {
        return run_job(Call::Clear(request), &args.starting, session).await;
    }
    // Unconfirmed, this only plans: too short to be watched, unless it waits, and never detached from.
    let wait = args.starting.wait;
    let showing: Showing = if wait.is_some() { Progress::choose } else { |_, _| Progress::Silent };
    let asked = confirmed(&Call::Clear(request.clone()), wait, showing, session).await?;
    let Some(confirm) = asked else { return Ok(()) };
    let request = ClearRequest { confirm, request_id: request_id(), ..request };
    run_job(Call::Clear(request), &args.starting, session).await
}
