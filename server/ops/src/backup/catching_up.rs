//! After reading: what has changed meanwhile is read again, until nothing has, or as often as was asked for.
//!
//! A pass compares ids and times with what was read before, as if that were a backup. When a pass finds nothing, every object
//! was the same before that pass as in it: the backup is an image of any moment between the end of the reading before and the
//! start of the pass. Otherwise each object is at least as it was at some moment of the last pass.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use selvedge_archive::{BackupId, CollectionReader, DataFile, Inheriting};
use selvedge_model::error::Result;
use selvedge_model::{Reason, Remark};
use selvedge_weaviate::ObjectReader;

use super::copying::Copying;
use super::inheriting::Whole;
use super::reading::{Gathered, Reading};
use super::settle;
use crate::engine::{Base, Changes, Done, Look};
use crate::journal::Ledger;

/// How far it came.
pub struct CaughtUp {
    pub whole: Whole,
    pub remarks: Vec<Remark>,
}

impl Copying {
    /// Makes up to so many passes over what was read. What is read in them is not gone on with by another attempt, which makes them
    /// anew.
    pub async fn catch_up(&self, reading: &Reading<'_>, mut whole: Whole, passes: u32) -> Result<CaughtUp> {
        let Self { job, cluster, writer, .. } = self;
        let collection = &reading.subject.collection;
        let parts = &reading.subject.contents.parts;
        let keys = Arc::new(ObjectReader::open_keys(cluster, collection).await?);
        // None of them is another object.
        let counters = Arc::new(reading.counters.of_phase());
        let (mut since, mut read_until) = (self.decided.settled_before, Utc::now());
        let (mut remarks, mut pass, mut is_any_lost) = (Vec::new(), 1, false);
        loop {
            let (settled_before, from) = (job.or_stop(cluster.settled_before()).await?, Utc::now());
            let reader = reading.target.so_far(
                writer.id(),
                collection,
                &whole.files,
                whole.inheriting.as_ref(),
                &whole.content,
            )?;
            let spans = reader.files().iter().flat_map(|file| &file.tenants);
            let base = Base {
                tenants: Arc::new(spans.map(|span| span.tenant.clone()).collect()),
                digester: reader.digester().clone(),
                look: Look::Times(Arc::clone(&keys)),
                // Of what was written since the reading before began, a time does not tell everything.
                since: since.map_or(i64::MIN, |since| since.timestamp_millis()),
                gone: Arc::default(),
                reader: reader.clone(),
                tells_deleted: self.beside(&collection.name).is_some(),
            };
            let again = Reading {
                subject: reading.subject,
                counters: &counters,
                reader: Arc::clone(&reading.reader),
                base: Some(base),
                target: reading.target.clone(),
                ledger: Ledger::default(),
                done: Done::default(),
            };
            let mut found = Gathered::default();
            self.read_parts(&again, parts, Vec::new(), &mut found).await?;
            let mut changes = found.tally.changes.take().unwrap_or_default();
            let is_same = changes.gone.total() == found.content.total();
            let changed = changes.gone.total().objects.max(found.content.total().objects);
            if let Some(beside) = self.beside(&collection.name) {
                let deleted = std::mem::take(&mut changes.deleted);
                self.delete(beside, collection, deleted, &BTreeSet::new()).await?;
            }
            let to = Utc::now();
            // Of a tenant that is gone or inactive by now, nobody knows since when it was not as it was read.
            is_any_lost |= !found.tally.lost.is_empty();
            let current_from = if is_any_lost { self.decided.start_time } else { from };
            // What was read again and holds the same need not be kept twice.
            if !is_same {
                remarks.extend(settle::misread(&found.tally.misread));
                whole = merged(&reader, whole, changes, found, writer.id())?;
            }
            let reason = match is_same && !is_any_lost {
                true => Reason::ImageOf { from: stamp(read_until), to: stamp(from), passes: pass },
                false => Reason::CurrentBetween { from: stamp(current_from), to: stamp(to), passes: pass },
            };
            if is_same || pass >= passes || changed < u64::from(self.request.settle_below) {
                remarks.push(Remark::note(reason));
                // What is in none of its files is of no use.
                reading.target.sweep(whole.names()).await?;
                return Ok(CaughtUp { whole, remarks });
            }
            (since, read_until) = (Some(settled_before), to);
            pass += 1;
        }
    }
}

/// What was read before, without what has changed since, and what was read now.
fn merged(
    reader: &CollectionReader,
    whole: Whole,
    changes: Changes,
    found: Gathered,
    own: &BackupId,
) -> Result<Whole> {
    let Changes { hidden, gone, deleted: _ } = changes;
    let left = reader.without(hidden.into_iter().map(|(file, rows)| (file, rows.into_parts())))?;
    let mut content = whole.content;
    content.subtract(&gone);
    let mut files = found.files;
    let mut inheriting = whole
        .inheriting
        .as_ref()
        .map_or_else(|| Inheriting::from(own), |before| Inheriting::from(before.parent()));
    for file in left.files().iter().filter(|file| file.objects() > 0) {
        match left.is_inherited(file) {
            true => inheriting.take(&left, file),
            false => files.push(DataFile::clone(file)),
        }
    }
    content.merge(found.content);
    Ok(Whole { files, inheriting: Some(inheriting), content })
}

fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
