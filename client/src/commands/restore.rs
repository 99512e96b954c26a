//! `selvedge restore`

use std::collections::HashMap;

use selvedge_proto::v1::RestoreRequest;

use super::{Session, run_job};
use crate::ExitCode;
use crate::failure::Failure;
use crate::follow::{Call, request_id};

/// Create collections on a cluster from a backup.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The id of the backup; `selvedge list` lists them.
    pub backup: String,
    /// Collections of the backup by name or pattern (`*`, `?`, `[a-z]`); without any, all.
    #[arg(value_name = "COLLECTION")]
    pub collections: Vec<String>,
    /// Leave out what this name or pattern matches; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Restore a collection under a new name; may be repeated.
    #[arg(long, value_name = "OLD=NEW", value_parser = parse_rename)]
    pub rename: Vec<(String, String)>,
    /// Only schemas, no objects.
    #[arg(long)]
    pub schema_only: bool,
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
    let request = RestoreRequest {
        cluster: session.options.cluster(),
        repository: session.options.repository(),
        backup_id: args.backup,
        collections: args.collections,
        exclude: args.exclude,
        rename: renames(args.rename)?,
        tenants: args.tenants,
        schema_only: args.schema_only,
        dry_run: args.dry_run,
        request_id: request_id(),
    };
    run_job(Call::Restore(request), args.detach, session).await
}

fn parse_rename(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.to_owned(), new.to_owned())),
        _ => Err("it must look like Old=New".to_owned()),
    }
}

/// By old name. Two new names for one collection are a mistake that a map would hide.
fn renames(pairs: Vec<(String, String)>) -> Result<HashMap<String, String>, Failure> {
    let mut renames = HashMap::new();
    for (old, new) in pairs {
        if let Some(other) = renames.insert(old.clone(), new.clone())
            && other != new
        {
            let text = format!("--rename gives {old} two names: {other} and {new}");
            return Err(Failure::new(ExitCode::Usage, text).hint("restore it twice, once under each name"));
        }
    }
    Ok(renames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_gets_one_new_name() {
        let pair = |text| parse_rename(text).expect("parses");
        assert_eq!(renames(vec![pair("A=B"), pair("A=B"), pair("C=D")]).expect("fits").len(), 2);
        assert_eq!(renames(vec![pair("A=B"), pair("A=C")]).expect_err("twice").exit, ExitCode::Usage);
        assert!(parse_rename("A=").is_err() && parse_rename("=B").is_err() && parse_rename("A").is_err());
    }
}
