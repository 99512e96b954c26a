//! `selvedge import`

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use selvedge_proto::v1::import_backup_request::Part;
use selvedge_proto::v1::{ImportBackupHeader, ImportBackupRequest};
use tokio::sync::mpsc;
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

/// Make a backup from JSON Lines: objects that a REST batch of Weaviate would take, in any order.
#[derive(Clone, Debug, clap::Args)]
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
    let reading = tokio::task::spawn_blocking(move || send(lines, &sender));
    let header = tokio_stream::once(ImportBackupRequest { part: Some(Part::Header(header)) });
    let request = header.chain(ReceiverStream::new(parts));
    let mut service = session.server.backups();
    let response = session.answer(service.import_backup(request)).await?;
    let read = reading
        .await
        .map_err(|panic| Failure::new(ExitCode::Failed, format!("reading broke off: {panic}")))?;
    read.map_err(|error| unread(&args.file, &error))?;
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

/// Until nobody takes more of them. What cannot be read must not look like the end: the stream breaks off.
fn send(mut lines: impl Read, parts: &mpsc::Sender<ImportBackupRequest>) -> io::Result<()> {
    loop {
        let mut part = vec![0; PART_BYTES];
        let read = match lines.read(&mut part) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) => {
                // Neither header nor lines: the server refuses it, and keeps nothing.
                let _ = parts.blocking_send(ImportBackupRequest { part: None });
                return Err(error);
            }
        };
        part.truncate(read);
        if parts.blocking_send(ImportBackupRequest { part: Some(Part::Lines(part)) }).is_err() {
            return Ok(());
        }
    }
}
