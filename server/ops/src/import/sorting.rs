//! Lines in any order, into objects in that of their tenants and ids: runs that fit into memory are sorted, kept in files, and
//! merged.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Lines, Seek, Write};

use bytes::Bytes;
use chrono::Utc;
use selvedge_archive::{LineReader, Rows};
use selvedge_model::Batch;
use selvedge_model::error::{Error, Kind, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::sync::mpsc;
use uuid::Uuid;

/// Bytes of lines that are sorted at once.
const RUN_BYTES: usize = 32 << 20;
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

/// Hands on the objects of all lines, in order. Blocks.
pub fn sorted(
    reader: &LineReader,
    mut chunks: mpsc::Receiver<Bytes>,
    out: &mpsc::Sender<(Option<String>, Batch)>,
) -> Result<()> {
    let mut sorting = Sorting { reader, class: None, number: 0, run: Vec::new(), bytes: 0, runs: Vec::new() };
    let mut rest: Vec<u8> = Vec::new();
    while let Some(chunk) = chunks.blocking_recv() {
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
    sorting.merge(out)
}

struct Sorting<'r> {
    reader: &'r LineReader,
    /// The collection that all lines say they are of.
    class: Option<String>,
    number: u64,
    run: Vec<Line>,
    bytes: usize,
    runs: Vec<File>,
}

impl Sorting<'_> {
    fn take(&mut self, line: &[u8]) -> Result<()> {
        self.number += 1;
        let number = self.number;
        let text = str::from_utf8(line).map_err(|error| wrong(number, error))?;
        if text.trim().is_empty() {
            return Ok(());
        }
        let outline: Outline<'_> = serde_json::from_str(text).map_err(|error| wrong(number, error))?;
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
        let text = if outline.id.is_some() { text.to_owned() } else { with_id(text) };
        let rows = self.reader.read(&text).map_err(|why| wrong(number, why))?;
        self.bytes += text.len();
        self.run.push(Line { key: key(rows), number, text });
        if self.bytes >= RUN_BYTES { self.end_run() } else { Ok(()) }
    }

    fn sort_run(&mut self) -> Vec<Line> {
        self.bytes = 0;
        let mut run = std::mem::take(&mut self.run);
        run.sort_by(|a, b| (&a.key, a.number).cmp(&(&b.key, b.number)));
        run
    }

    fn end_run(&mut self) -> Result<()> {
        let run = self.sort_run();
        let write = || {
            // It has no name, and is gone with us.
            let mut file = BufWriter::new(tempfile::tempfile()?);
            for Line { number, text, .. } in &run {
                writeln!(file, "{number}\t{text}")?;
            }
            let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.rewind()?;
            Ok(file)
        };
        self.runs.push(write().map_err(no_room)?);
        Ok(())
    }

    fn merge(mut self, out: &mpsc::Sender<(Option<String>, Batch)>) -> Result<()> {
        let last = self.sort_run().into_iter().map(Ok);
        let mut sources: Vec<Box<dyn Iterator<Item = Result<Line>> + '_>> = vec![Box::new(last)];
        for file in std::mem::take(&mut self.runs) {
            sources.push(Box::new(Run { lines: BufReader::new(file).lines(), reader: self.reader }));
        }
        let mut heads = BinaryHeap::new();
        for (index, source) in sources.iter_mut().enumerate() {
            if let Some(line) = source.next().transpose()? {
                heads.push(Reverse((line.key, line.number, index, line.text)));
            }
        }
        let mut sending = Sending { out, batch: None };
        let mut before: Option<(Key, u64)> = None;
        while let Some(Reverse((key, number, index, text))) = heads.pop() {
            if let Some(next) = sources[index].next().transpose()? {
                heads.push(Reverse((next.key, next.number, index, next.text)));
            }
            if let Some((_, first)) = before.filter(|(before, _)| *before == key) {
                return Err(wrong(number, format_args!("object {} is in line {first} already", key.1)));
            }
            let rows = self.reader.read(&text).map_err(|why| wrong(number, why))?;
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

/// What has to be known of a line before it is read.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow, default)]
    class: Option<Cow<'a, str>>,
    #[serde(default)]
    id: Option<IgnoredAny>,
}

/// A run in its file.
struct Run<'r> {
    lines: Lines<BufReader<File>>,
    reader: &'r LineReader,
}

impl Iterator for Run<'_> {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = match self.lines.next()? {
            Ok(line) => line,
            Err(error) => return Some(Err(no_room(error))),
        };
        let lost = || Error::internal("a line that was put aside is not what it was");
        let read = || {
            let (number, text) = line.split_once('\t').ok_or_else(lost)?;
            let number = number.parse().map_err(|_| lost())?;
            let rows = self.reader.read(text).map_err(|why| wrong(number, why))?;
            Ok(Line { key: key(rows), number, text: text.to_owned() })
        };
        Some(read())
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
        let is_full = |open: &Rows| open.batch.len() >= BATCH_ROWS || open.batch.byte_len() >= BATCH_BYTES;
        if self.batch.as_ref().is_some_and(is_full) { self.flush() } else { true }
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

fn key(rows: Rows) -> Key {
    (rows.tenant, rows.batch.ids.first().copied().unwrap_or_default())
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
    Error::new(Kind::RepositoryUnavailable, text).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge_model::Collection;
    use serde_json::json;

    fn lines(lines: &[&str], run_bytes: usize) -> Result<Vec<(Option<String>, Batch)>> {
        let schema = json!({"class": "A", "multiTenancyConfig": {"enabled": true},
            "properties": [{"name": "n", "dataType": ["int"]}]});
        let reader = LineReader::new(&Collection::from_schema(schema).unwrap()).unwrap();
        let mut sorting =
            Sorting { reader: &reader, class: None, number: 0, run: Vec::new(), bytes: 0, runs: Vec::new() };
        for line in lines {
            sorting.take(line.as_bytes())?;
            if sorting.bytes >= run_bytes {
                sorting.end_run()?;
            }
        }
        let (out, mut taken) = mpsc::channel(100);
        sorting.merge(&out)?;
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
            (&["{".to_owned()], "line 1 cannot be taken: EOF"),
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
