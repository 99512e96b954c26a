//! Lines in any order, into objects in that of their tenants and ids: runs that fit into memory are sorted, kept in files, and
//! merged.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::Utc;
use selvedge_archive::{LineReader, Rows};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Batch, Collection, rename_references};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use tokio::sync::mpsc;
use uuid::Uuid;

/// Of an object, and so of a line: more than Weaviate takes.
const LINE_BYTES: usize = 256 << 20;
/// Objects that are handed on together.
const BATCH_ROWS: usize = 500;
const BATCH_BYTES: usize = 1 << 20;

/// Where an object belongs.
type Key = (Option<String>, Uuid);

/// A line, and which it is, counted from 1.
struct Line {
    key: Key,
    number: u64,
    text: String,
}

/// Hands on the objects of all lines, in order, when the last chunk has come, which is none. Sorts so many bytes of lines at once.
/// `was` is what the schema called the collection. Blocks.
pub fn sorted(
    collection: &Collection,
    was: &str,
    run_bytes: usize,
    mut chunks: mpsc::Receiver<Option<Bytes>>,
    out: &mpsc::Sender<(Option<String>, Batch)>,
) -> Result<()> {
    let reader = LineReader::new(collection)?;
    let mut sorting = Sorting::new(&reader, run_bytes);
    let mut rest: Vec<u8> = Vec::new();
    loop {
        let chunk = match chunks.blocking_recv() {
            // They broke off, which whoever sends them tells.
            None => return Ok(()),
            Some(None) => break,
            // Nobody takes what would come of them.
            Some(Some(_)) if out.is_closed() => return Ok(()),
            Some(Some(chunk)) => chunk,
        };
        let mut chunk = &chunk[..];
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            rest.extend_from_slice(&chunk[..end]);
            sorting.take(&rest)?;
            rest.clear();
            chunk = &chunk[end + 1..];
        }
        rest.extend_from_slice(chunk);
        if rest.len() > LINE_BYTES {
            return Err(wrong(sorting.number + 1, "it is too long for an object"));
        }
    }
    sorting.take(&rest)?;
    sorting.merge(was, &collection.name, out)
}

struct Sorting<'r> {
    reader: &'r LineReader,
    run_bytes: usize,
    /// The collection that all lines say they are of.
    class: Option<String>,
    number: u64,
    run: Vec<Line>,
    bytes: usize,
    /// All runs that are put aside, and where each of them is. It has no name, and is gone with us.
    aside: Option<Arc<File>>,
    runs: Vec<Range<u64>>,
}

impl<'r> Sorting<'r> {
    fn new(reader: &'r LineReader, run_bytes: usize) -> Self {
        let (run, runs) = (Vec::new(), Vec::new());
        Self { reader, run_bytes, class: None, number: 0, run, bytes: 0, aside: None, runs }
    }

    fn take(&mut self, line: &[u8]) -> Result<()> {
        self.number += 1;
        let number = self.number;
        let text = str::from_utf8(line).map_err(|error| wrong(number, error))?;
        // What some tools put before the first line.
        let text = text.trim_start_matches('\u{feff}');
        if text.trim().is_empty() {
            return Ok(());
        }
        let outline: Outline<'_> = serde_json::from_str(text)
            .map_err(|error| wrong(number, format_args!("it is no object: {error}")))?;
        if let Some(class) = outline.class {
            match &self.class {
                Some(known) if **known != *class => {
                    return Err(wrong(
                        number,
                        format_args!("it is of \"{class}\", those before of \"{known}\""),
                    ));
                }
                Some(_) => {}
                None => self.class = Some(class.into_owned()),
            }
        }
        let text = if text.trim_start().starts_with('{') && outline.id.is_none() {
            with_id(text)
        } else {
            text.to_owned()
        };
        let rows = self.reader.read(&text).map_err(|why| wrong(number, why))?;
        self.reader.check(&rows).map_err(|why| wrong(number, why))?;
        self.bytes += text.len() + size_of::<Line>();
        self.run.push(Line { key: key(&rows), number, text });
        if self.bytes >= self.run_bytes { self.end_run() } else { Ok(()) }
    }

    fn sort_run(&mut self) -> Vec<Line> {
        self.bytes = 0;
        let mut run = std::mem::take(&mut self.run);
        run.sort_by(|a, b| (&a.key, a.number).cmp(&(&b.key, b.number)));
        run
    }

    fn end_run(&mut self) -> Result<()> {
        let run = self.sort_run();
        let start = self.runs.last().map_or(0, |run| run.end);
        let aside = match &self.aside {
            Some(aside) => Arc::clone(aside),
            None => Arc::new(tempfile::tempfile().map_err(no_room)?),
        };
        let mut file = BufWriter::new(&*aside);
        let mut end = start;
        for Line { number, text, .. } in &run {
            let line = format!("{number}\t{text}\n");
            file.write_all(line.as_bytes()).map_err(no_room)?;
            end += line.len() as u64;
        }
        file.flush().map_err(no_room)?;
        drop(file);
        self.aside = Some(aside);
        self.runs.push(start..end);
        Ok(())
    }

    /// `was` is what the schema called the collection, which is `now` another.
    fn merge(mut self, was: &str, now: &str, out: &mpsc::Sender<(Option<String>, Batch)>) -> Result<()> {
        let renamed = [Some(was), self.class.as_deref()].into_iter().flatten().filter(|old| *old != now);
        let renamed: BTreeMap<_, _> = renamed.map(|old| (old.to_owned(), now.to_owned())).collect();
        let reader = self.reader;
        let read = move |number: u64, text: &str| {
            let rows = reader.read(text).map_err(|why| wrong(number, why))?;
            Ok(Head { key: key(&rows), number, rows })
        };
        let last = self.sort_run().into_iter().map(move |line| read(line.number, &line.text));
        let mut sources: Vec<Box<dyn Iterator<Item = Result<Head>> + '_>> = vec![Box::new(last)];
        for run in std::mem::take(&mut self.runs) {
            let Some(file) = self.aside.clone() else { break };
            let lines = BufReader::new(Section { file, rest: run }).lines();
            sources.push(Box::new(lines.map(move |line| {
                let line = line.map_err(no_room)?;
                let lost = || Error::internal("a line that was put aside is not what it was");
                let (number, text) = line.split_once('\t').ok_or_else(lost)?;
                read(number.parse().map_err(|_| lost())?, text)
            })));
        }
        let mut heads = BinaryHeap::new();
        for (source, lines) in sources.iter_mut().enumerate() {
            heads.extend(lines.next().transpose()?.map(|head| Reverse((head, source))));
        }
        let mut sending = Sending { out, batch: None };
        let mut before: Option<(Key, u64)> = None;
        while let Some(Reverse((Head { key, number, mut rows }, source))) = heads.pop() {
            heads.extend(sources[source].next().transpose()?.map(|head| Reverse((head, source))));
            if let Some((_, first)) = before.filter(|(before, _)| *before == key) {
                return Err(wrong(number, format_args!("object {} is in line {first} already", key.1)));
            }
            // What refers to the collection itself follows its new name.
            if let Some(column) = rows.batch.references.as_mut().filter(|_| !renamed.is_empty()) {
                *column = rename_references(column, &renamed).map_err(|why| wrong(number, why))?;
            }
            if !sending.push(rows) {
                // Whoever takes them has failed, and says why.
                return Ok(());
            }
            before = Some((key, number));
        }
        sending.flush();
        Ok(())
    }
}

/// The next object of a run. They come by their keys, and then by their lines.
struct Head {
    key: Key,
    number: u64,
    rows: Rows,
}

impl Head {
    fn place(&self) -> (&Key, u64) {
        (&self.key, self.number)
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Head {}

/// What has to be known of a line before it is read.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow, default)]
    class: Option<Cow<'a, str>>,
    /// Null too: then it is refused.
    #[serde(default, deserialize_with = "present")]
    id: Option<IgnoredAny>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<IgnoredAny>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(Some)
}

/// A part of the file.
struct Section {
    file: Arc<File>,
    rest: Range<u64>,
}

impl Read for Section {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.rest.end - self.rest.start).unwrap_or(usize::MAX);
        let most = bytes.len().min(left);
        let read = self.file.read_at(&mut bytes[..most], self.rest.start)?;
        self.rest.start += read as u64;
        Ok(read)
    }
}

/// Hands on objects of one tenant, some at a time.
struct Sending<'o> {
    out: &'o mpsc::Sender<(Option<String>, Batch)>,
    batch: Option<Rows>,
}

impl Sending<'_> {
    /// False if nobody takes them.
    fn push(&mut self, rows: Rows) -> bool {
        match &mut self.batch {
            Some(open) if open.tenant == rows.tenant => open.batch.append(&rows.batch),
            _ => {
                if !self.flush() {
                    return false;
                }
                self.batch = Some(rows);
            }
        }
        if self.batch.as_ref().is_some_and(|open| is_full(&open.batch)) { self.flush() } else { true }
    }

    fn flush(&mut self) -> bool {
        let Some(Rows { tenant, mut batch, .. }) = self.batch.take() else { return true };
        let now = Utc::now().timestamp_millis();
        let times = batch.creation_times.iter_mut().chain(&mut batch.update_times);
        // What says nothing of its times is of now.
        times.filter(|time| **time == 0).for_each(|time| *time = now);
        self.out.blocking_send((tenant, batch)).is_ok()
    }
}

/// Whether there are likely to be more of the same tenant.
pub fn is_full(batch: &Batch) -> bool {
    batch.len() >= BATCH_ROWS || batch.byte_len() >= BATCH_BYTES
}

fn key(rows: &Rows) -> Key {
    (rows.tenant.clone(), rows.batch.ids.first().copied().unwrap_or_default())
}

/// As Weaviate gives it one.
fn with_id(line: &str) -> String {
    let rest = line.trim_start().trim_start_matches('{').trim_start();
    let comma = if rest.starts_with('}') { "" } else { "," };
    format!("{{\"id\":\"{}\"{comma}{rest}", Uuid::new_v4())
}

fn wrong(number: u64, why: impl std::fmt::Display) -> Error {
    let text = format!("line {number} cannot be taken: {why}");
    Error::new(Kind::InvalidRequest, text)
        .hint("mend the line and import the file again; nothing was written")
}

fn no_room(error: io::Error) -> Error {
    let text = format!("lines cannot be put aside in {}: {error}", std::env::temp_dir().display());
    Error::new(Kind::Internal, text)
        .hint("make room there, or name another folder with TMPDIR")
        .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(lines: &[&str], run_bytes: usize) -> Result<Vec<(Option<String>, Batch)>> {
        let schema = json!({"class": "A", "multiTenancyConfig": {"enabled": true},
            "properties": [{"name": "n", "dataType": ["int"]}]});
        let reader = LineReader::new(&Collection::from_schema(schema).unwrap()).unwrap();
        let mut sorting = Sorting::new(&reader, run_bytes);
        lines.iter().try_for_each(|line| sorting.take(line.as_bytes()))?;
        let (out, mut taken) = mpsc::channel(100);
        sorting.merge("A", "A", &out)?;
        drop(out);
        Ok(std::iter::from_fn(|| taken.blocking_recv()).collect())
    }

    fn line(id: u128, tenant: &str) -> String {
        json!({"id": Uuid::from_u128(id), "tenant": tenant, "properties": {"n": 1}}).to_string()
    }

    #[test]
    fn runs_come_back_in_one_order_however_many_there_are() {
        let all = [line(3, "b"), line(1, "b"), line(9, "a"), line(2, "b"), line(4, "a")];
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        for run_bytes in [1, 150, usize::MAX] {
            let batches = lines(&all, run_bytes).unwrap();
            let ids = |batch: &Batch| batch.ids.iter().map(Uuid::as_u128).collect::<Vec<_>>();
            let found: Vec<_> =
                batches.iter().map(|(tenant, batch)| (tenant.as_deref().unwrap(), ids(batch))).collect();
            assert_eq!(found, [("a", vec![4, 9]), ("b", vec![1, 2, 3])]);
            assert!(batches.iter().all(|(_, batch)| batch.creation_times.iter().all(|time| *time > 0)));
        }
    }

    #[test]
    fn lines_that_cannot_be_taken_are_named() {
        let twice = [line(1, "a"), String::new(), line(1, "a")];
        let classes =
            [r#"{"class":"A","tenant":"t"}"#.to_owned(), r#"{"class":"B","tenant":"t"}"#.to_owned()];
        for (all, told) in [
            (
                &twice[..],
                "line 3 cannot be taken: object 00000000-0000-0000-0000-000000000001 is in line 1 already",
            ),
            (&classes, "line 2 cannot be taken: it is of \"B\", those before of \"A\""),
            (&["{".to_owned()], "line 1 cannot be taken: it is no object: EOF"),
            (&[r#"{"tenant":"t","properties":{"x":1}}"#.to_owned()], "line 1 cannot be taken: "),
            (&["{}".to_owned()], "lacks a tenant"),
        ] {
            let all: Vec<_> = all.iter().map(String::as_str).collect();
            for run_bytes in [1, usize::MAX] {
                let error = lines(&all, run_bytes).unwrap_err().to_string();
                assert!(error.contains(told), "{error}");
            }
        }
    }
}
