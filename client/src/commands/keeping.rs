//! `selvedge delete`, `selvedge hold`, `selvedge release`

use selvedge_proto::v1::{DeleteBackupRequest, HoldBackupRequest, ReleaseBackupRequest};

use super::Session;
use crate::failure::Failure;
use crate::suggest;
use crate::{ExitCode, format};

const DELETING: &str = "\
Examples:
  selvedge delete nightly                          # asks for the id
  selvedge delete nightly --yes";

/// Delete a backup; never one that is held, or that a job needs.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = DELETING)]
pub struct DeleteArgs {
    /// The id of the backup.
    #[arg(add = suggest::backups())]
    pub backup: String,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}

const HOLDING: &str = "\
Examples:
  selvedge hold nightly
  selvedge hold nightly --reason audit";

/// Hold a backup: nothing removes it until it is released.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = HOLDING)]
pub struct HoldArgs {
    /// The id of the backup.
    #[arg(add = suggest::backups())]
    pub backup: String,
    /// Why it has to stay.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub reason: String,
}

const RELEASING: &str = "\
Examples:
  selvedge release nightly
  selvedge release nightly --json";

/// Release a backup that is held.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = RELEASING)]
pub struct ReleaseArgs {
    /// The id of the backup.
    #[arg(add = suggest::backups())]
    pub backup: String,
}

pub async fn delete(args: DeleteArgs, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let DeleteArgs { backup, yes } = args;
    if !yes {
        let text = format!("deleting backup {backup} needs to be confirmed");
        if !session.terminal.interactive {
            return Err(Failure::unconfirmed(text));
        }
        let question = format!("Delete backup {backup} for good? Type its id to go on:");
        let answer = session.terminal.ask(&question).await?.unwrap_or_default();
        if answer != backup {
            return Err(Failure::new(ExitCode::Refused, "that is not the id; nothing was deleted"));
        }
    }
    let repository = session.options.repository();
    let request = DeleteBackupRequest { repository, confirm: backup.clone(), backup_id: backup };
    let mut service = session.server.backups();
    let done = session.answer(service.delete_backup(request.clone())).await?;
    if session.options.json {
        let line = serde_json::json!({
            "id": request.backup_id, "files": done.files, "bytes": done.bytes, "kept_files": done.kept_files,
            "kept_bytes": done.kept_bytes, "needed_by": done.needed_by,
        });
        return session.print_json(&line);
    }
    let (id, files, bytes) =
        (request.backup_id, format::quantity(done.files, "file"), format::bytes(done.bytes));
    let mut text = format!("deleted backup {id}: {files}, {bytes}");
    if done.kept_files > 0 {
        let (files, bytes) = (format::quantity(done.kept_files, "data file"), format::bytes(done.kept_bytes));
        text.push_str(&format!("\nkept {files}, {bytes}: needed by {}", format::names(&done.needed_by)));
    }
    session.terminal.print(&text)
}

pub async fn hold(args: HoldArgs, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let HoldArgs { backup, reason } = args;
    let request = HoldBackupRequest { repository: session.options.repository(), backup_id: backup, reason };
    let mut service = session.server.backups();
    let held = session.answer(service.hold_backup(request)).await?;
    let backup = held.backup_id;
    if session.options.json {
        return session.print_json(&serde_json::json!({"id": backup, "held": true, "reason": held.reason}));
    }
    session.terminal.print(&format!("backup {backup} is held until it is released"))
}

pub async fn release(args: ReleaseArgs, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let request = ReleaseBackupRequest { repository: session.options.repository(), backup_id: args.backup };
    let mut service = session.server.backups();
    let released = session.answer(service.release_backup(request)).await?;
    let backup = released.backup_id;
    if session.options.json {
        return session
            .print_json(&serde_json::json!({"id": backup, "held": false, "was_held": released.was_held}));
    }
    session.terminal.print(&match released.was_held {
        true => format!("backup {backup} is no longer held"),
        false => format!("backup {backup} was not held"),
    })
}
