//! How many objects make a request.

use std::ops::Range;

use super::{ObjectWriter, REQUEST_BYTES, REQUEST_OBJECTS, Slice};
use selvedge_model::{Batch, TextColumn, Vectors};

impl ObjectWriter {
    /// Cuts a batch into runs of rows that make a request of a good size each, which is no larger than `room` unless a single
    /// object is.
    pub fn split(&self, batch: &Batch, room: usize) -> Vec<Run> {
        let weight = |row| weight(batch, row, self.needs_rest(batch, row));
        runs((0..batch.len()).map(weight), room.min(REQUEST_BYTES))
    }
}

/// How much larger a vector is in JSON: a float of 4 bytes takes up to 16, with its comma.
const FLOAT_IN_JSON: usize = 4;

/// Rows of a batch that follow each other, and what they weigh in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub rows: Range<usize>,
    pub bytes: usize,
}

/// Runs that go together in a request, of as many batches as there are.
#[derive(Debug, Default)]
pub struct Parcel {
    slices: Vec<Slice>,
    objects: usize,
    bytes: usize,
}

impl Parcel {
    /// Adds a run that weighs so much. If it does not fit any more, what was there before is given back, to be sent.
    pub fn add(&mut self, slice: Slice, bytes: usize, room: usize) -> Option<Vec<Slice>> {
        let fits = self.objects + slice.rows.len() <= REQUEST_OBJECTS
            && self.bytes + bytes <= room.min(REQUEST_BYTES);
        let full = (!fits && !self.slices.is_empty()).then(|| self.take());
        self.objects += slice.rows.len();
        self.bytes += bytes;
        self.slices.push(slice);
        full
    }

    /// All there is.
    pub fn take(&mut self) -> Vec<Slice> {
        std::mem::take(self).slices
    }
}

/// Runs of things of these weights, which weigh no more than `most` each, unless a single one does. What is too much for one is
/// shared out evenly: few that are left over would be a request of their own.
fn runs(weights: impl Iterator<Item = usize>, most: usize) -> Vec<Run> {
    let weights: Vec<_> = weights.collect();
    let bytes: usize = weights.iter().sum();
    // An eighth more, as things do not weigh the same.
    let by_bytes = (bytes + bytes / 8).div_ceil(most.max(1));
    let requests = weights.len().div_ceil(REQUEST_OBJECTS).max(by_bytes).max(1);
    let most_rows = weights.len().div_ceil(requests);
    let mut runs = Vec::<Run>::new();
    for (row, weight) in weights.into_iter().enumerate() {
        match runs.last_mut() {
            Some(run) if run.rows.len() < most_rows && run.bytes + weight <= most => {
                run.rows.end = row + 1;
                run.bytes += weight;
            }
            _ => runs.push(Run { rows: row..row + 1, bytes: weight }),
        }
    }
    runs
}

/// What a row of a batch weighs in a request, as far as it is there.
fn weight(batch: &Batch, row: usize, over_rest: bool) -> usize {
    let text = |column: &TextColumn| if row < column.len() { column.get(row).len() } else { 0 };
    let vector = |column: &Vectors| -> usize {
        match column {
            Vectors::Single(column) => column.get(row).map_or(0, size_of_val),
            Vectors::Multi(column) => match column.get(row) {
                Some(all) => all.map(size_of_val).sum(),
                None => 0,
            },
        }
    };
    let vectors: usize = batch.vectors.iter().map(vector).sum();
    let vectors = if over_rest { vectors * FLOAT_IN_JSON } else { vectors };
    text(&batch.properties) + batch.references.as_ref().map_or(0, text) + vectors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_as_long_as_there_is_room() {
        let run = |rows, bytes| Run { rows, bytes };
        let found = runs([3, 3, 3, 9, 1].into_iter(), 6);
        assert_eq!(found, [run(0..2, 6), run(2..3, 3), run(3..4, 9), run(4..5, 1)]);
        assert_eq!(runs([1, 1].into_iter(), 0), [run(0..1, 1), run(1..2, 1)]);
        let lengths = |rows: usize| -> Vec<usize> {
            runs((0..rows).map(|_| 1), usize::MAX).iter().map(|run| run.rows.len()).collect()
        };
        assert_eq!(lengths(REQUEST_OBJECTS), [REQUEST_OBJECTS]);
        assert_eq!(lengths(REQUEST_OBJECTS + 60), [280, 280]);
        let heavy: Vec<_> = runs((0..310).map(|_| 7_000), 2 << 20).iter().map(|run| run.rows.len()).collect();
        assert_eq!(heavy, [155, 155]);
        assert!(runs(std::iter::empty(), 0).is_empty());
    }

    #[test]
    fn columns_that_were_not_read_weigh_nothing() {
        let mut batch = Batch::new(&[], true);
        batch.ids.push(uuid::Uuid::nil());
        batch.references.get_or_insert_default().push("{}");
        assert_eq!(weight(&batch, 0, false), 2);
    }
}
