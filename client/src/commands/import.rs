//! `selvedge import`

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use selvedge_proto::v1::import_backup_request::Part;
use selvedge_proto::v1::{ImportBackupEnd, ImportBackupHeader, ImportBackupRequest};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::Session;
use super::backup::{Compression, Format, data_format};
use crate::failure::Failure;
use crate::{ExitCode, format, json};

/// Far below what the server takes as a message.
const PART_BYTES: usize = 256 << 10;
/// Parts that are read ahead.
const AHEAD: usize = 4;

const EXAMPLES: &str = "\
Examples:
  selvedge import article.jsonl --collection Article
  selvedge import - --collection Article --schema article.json --id imported";

/// Make a backup from JSON Lines: objects that a REST batch of Weaviate would take, in any order.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The lines, as text; `-` for stdin, as in `zstdcat FILE | selvedge import -`.
    pub file: PathBuf,
    /// The collection that they are of.
    #[arg(long, value_name = "NAME")]
    pub collection: String,
    /// Its schema, as Weaviate's REST API shows it [default: that of the collection on the cluster].
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,
    /// The new backup's id [default: made from the time].
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub id: Option<String>,
    /// How to write the objects.
    #[arg(long, value_enum, default_value_t = Format::Parquet)]
    pub format: Format,
    /// With --format jsonl: how to compress the lines.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Compression::Zstd)]
    pub compression: Compression,
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let unread = |path: &Path, error: &io::Error| {
        Failure::new(ExitCode::Usage, format!("cannot read {}: {error}", path.display()))
    };
    let schema = args
        .schema
        .as_deref()
        .map(|path| std::fs::read_to_string(path).map_err(|error| unread(path, &error)));
    let header = ImportBackupHeader {
        repository: session.options.repository(),
        cluster: session.options.cluster(),
        backup_id: args.id.unwrap_or_default(),
        collection: args.collection,
        schema: schema.transpose()?.unwrap_or_default(),
        format: data_format(args.format, args.compression).into(),
    };
    let lines = open(&args.file).map_err(|error| unread(&args.file, &error))?;
    let (sender, parts) = mpsc::channel(AHEAD);
    let (failing, mut failed) = oneshot::channel();
    // Nobody waits for it: stdin may stay open although the server has refused.
    drop(tokio::task::spawn_blocking(move || send(lines, &sender, failing)));
    let header = tokio_stream::once(ImportBackupRequest { part: Some(Part::Header(header)) });
    let request = header.chain(ReceiverStream::new(parts));
    let mut service = session.server.backups();
    let response = session.answer(service.import_backup(request)).await;
    if let Ok(error) = failed.try_recv() {
        // All that the server knows is that the lines broke off.
        return Err(unread(&args.file, &error));
    }
    let response = response?;
    let backup = response.backup.unwrap_or_default();
    if session.options.json {
        return session.print_json(&json::Backup::from(&backup));
    }
    let (objects, bytes) = (format::quantity(backup.objects, "object"), format::bytes(backup.bytes));
    session.terminal.print(&format!("backup {}: {objects}, {bytes}", backup.id))
}

fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    Ok(if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(std::fs::File::open(path)?) })
}

/// Until nobody takes more of them. What cannot be read must not look like the end.
fn send(mut lines: impl Read, parts: &mpsc::Sender<ImportBackupRequest>, failed: oneshot::Sender<io::Error>) {
    let send = |part| parts.blocking_send(ImportBackupRequest { part: Some(part) }).is_ok();
    let mut bytes = 0;
    loop {
        let mut part = vec![0; PART_BYTES];
        match lines.read(&mut part) {
            Ok(0) => {
                send(Part::End(ImportBackupEnd { bytes }));
                return;
            }
            Ok(read) => {
                part.truncate(read);
                bytes += read as u64;
                if !send(Part::Lines(part)) {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                // Before the stream ends, so that whoever sees its end sees this. Nobody may look any more.
                let _ = failed.send(error);
                return;
            }
        }
    }
}
