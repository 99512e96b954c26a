//! `selvedge export`

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use selvedge_proto::v1::ExportBackupRequest;

use super::Session;
use crate::failure::Failure;
use crate::suggest;
use crate::{ExitCode, format};

const EXAMPLES: &str = "\
Examples:
  selvedge export nightly Article --output article.jsonl
  selvedge export latest Customer --tenant acme";

/// Write the objects of a collection of a backup as JSON Lines, to stdout or into a file.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The id of the backup; `selvedge list` lists them.
    #[arg(add = suggest::backups())]
    pub backup: String,
    /// The collection, by its name in the backup.
    #[arg(add = suggest::collections_of_backup())]
    pub collection: String,
    /// Only this tenant; may be repeated.
    #[arg(long = "tenant", value_name = "TENANT")]
    pub tenants: Vec<String>,
    /// How to write objects: an object a line, in the shape of Weaviate's REST API with its tenant.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    pub format: Format,
    /// A new file, instead of stdout.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// How objects are written.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Format {
    /// JSON Lines.
    Jsonl,
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let Args { backup, collection, tenants, format: Format::Jsonl, output } = args;
    let repository = session.options.repository();
    let request = ExportBackupRequest { repository, backup_id: backup, collection, tenants };
    let mut service = session.server.backups();
    // Before the file: what is refused leaves none.
    let mut parts = session.answer(service.export_backup(request)).await?;
    let mut file = output.as_deref().map(create).transpose()?;
    let mut lines = 0;
    let written = async {
        while let Some(part) =
            session.answer(async { parts.message().await.map(tonic::Response::new) }).await?
        {
            lines += part.lines.iter().filter(|byte| **byte == b'\n').count() as u64;
            match &mut file {
                Some(file) => {
                    file.write_all(&part.lines).map_err(|error| unwritten(output.as_deref(), &error))?;
                }
                None if !session.terminal.print_bytes(&part.lines)? => break,
                None => {}
            }
        }
        file.as_mut().map_or(Ok(()), Write::flush).map_err(|error| unwritten(output.as_deref(), &error))
    };
    if let Err(failure) = written.await {
        if let Some(path) = &output {
            // A part of it would look like the whole. That it cannot be removed is no better reason.
            let _ = std::fs::remove_file(path);
        }
        return Err(failure);
    }
    session.talk(&format!("{} exported", format::quantity(lines, "object")));
    Ok(())
}

/// Never over something else.
fn create(path: &Path) -> Result<BufWriter<File>, Failure> {
    File::create_new(path).map(BufWriter::new).map_err(|error| unwritten(Some(path), &error))
}

fn unwritten(path: Option<&Path>, error: &std::io::Error) -> Failure {
    let path = path.unwrap_or_else(|| Path::new("-")).display();
    Failure::new(ExitCode::Failed, format!("cannot write {path}: {error}"))
}
