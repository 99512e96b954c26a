//! What a collection takes over from its parent, once it is known what has changed since.

use std::sync::Arc;

use selvedge_archive::{CollectionReader, CollectionWriter, DataFile, Inheriting, Select, Written};
use selvedge_model::error::{Error, Result};
use selvedge_model::{Content, Digest};

use super::parents::Parent;
use crate::CollectionCounters;
use crate::engine::{Changes, FromArchive, IntoArchive, Lanes, Piece, Record, Task};

/// A file of which more than one in so many rows are hidden is written anew, so that what nobody needs does not stay for ever.
const HIDDEN_OF: u64 = 3;

/// What a collection holds in the end.
pub struct Whole {
    pub files: Vec<DataFile>,
    pub inheriting: Option<Inheriting>,
    pub content: Content,
}

impl Whole {
    /// The names of its data files, whoever they were written for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let shared = self.inheriting.iter().flat_map(Inheriting::files);
        self.files.iter().chain(shared).map(|file| file.name.as_str())
    }
}

/// Adds what is left of the parent to what was read. `files` and `content` are of the latter; in `content`, dimensions are
/// those of all.
pub async fn inherit(
    lanes: &Lanes,
    target: &CollectionWriter,
    parent: &Parent,
    changes: Changes,
    mut files: Vec<DataFile>,
    content: Content,
) -> Result<Whole> {
    let hidden = changes.hidden.into_iter().map(|(file, rows)| (file, rows.into_parts()));
    let left = parent.reader.without(hidden)?;
    let (mut inheriting, mut anew) = (Inheriting::from(&parent.backup), Vec::new());
    for (at, file) in left.files().iter().enumerate().filter(|(_, file)| file.objects() > 0) {
        // Of keys, nothing could be written anew.
        if (file.rows - file.objects()) * HIDDEN_OF > file.rows && !left.has_keys_only() {
            let piece = Piece::File { file: at, groups: 0..file.row_groups.len() };
            anew.push(Task { piece, objects: file.objects() });
        } else {
            inheriting.take(&left, file);
        }
    }
    if !anew.is_empty() {
        files.extend(write_anew(lanes, target, &left, anew).await?);
    }
    let mut whole = held_by(&parent.reader)?;
    whole.subtract(&changes.gone);
    whole.merge(content);
    let objects = files.iter().map(DataFile::objects).sum::<u64>() + inheriting.objects();
    if whole.total().objects != objects {
        let (name, counted) = (&parent.reader.collection().name, whole.total().objects);
        let text =
            format!("collection \"{name}\" has {objects} objects in files, and {counted} by their digests");
        return Err(Error::internal(text));
    }
    Ok(Whole { files, inheriting: Some(inheriting), content: whole })
}

/// What the parent holds, but for the dimensions of its vectors.
fn held_by(parent: &CollectionReader) -> Result<Content> {
    let buckets = parent.buckets().ok_or_else(|| Error::internal("a parent has no digests"))?;
    let mut content = Content { buckets: buckets.clone(), ..Content::default() };
    for record in parent.tenants().unwrap_or_default() {
        if let Some(digest) = record.digest.filter(|digest| *digest != Digest::default()) {
            content.tenants.insert(record.name.clone(), digest);
        }
    }
    Ok(content)
}

/// Writes what is left of some files into new ones. Another attempt may have to leave out other rows, so it does it again.
async fn write_anew(
    lanes: &Lanes,
    target: &CollectionWriter,
    left: &CollectionReader,
    tasks: Vec<Task>,
) -> Result<Vec<DataFile>> {
    let unseen = Arc::new(CollectionCounters::unseen());
    let (source, sinks) = (FromArchive::new(left, None, Select::All), IntoArchive::new(target, &unseen));
    let mut files = Vec::new();
    let mut gather = |Record { piece, left: written, .. }: Record<Option<Written>, ()>| {
        let covers = match piece {
            Piece::File { file, .. } => left.files()[file].covers,
            Piece::Ids { .. } => None,
        };
        files.extend(written.map(|Written { file, .. }| DataFile { covers, ..file }));
    };
    lanes
        .carry(tasks, source, sinks, &unseen, |record| {
            gather(record?);
            Ok(())
        })
        .await?;
    Ok(files)
}
