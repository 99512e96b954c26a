//! How many objects make a request.

use std::ops::Range;

use super::{ObjectWriter, REQUEST_BYTES, REQUEST_OBJECTS, Slice};
use selvedge_model::{Batch, TextColumn, Vectors};

impl ObjectWriter {
    /// Cuts a batch into runs of rows that make a request of a good size each, which is no larger than `room` unless a single
    /// object is. Of a batch without some of its columns, what is there counts.
    pub fn split(&self, batch: &Batch, room: usize) -> Vec<Range<usize>> {
        runs((0..batch.len()).map(|row| weight(batch, row)), room.min(REQUEST_BYTES))
    }
}

/// Runs that go together in a request, of as many batches as there are.
#[derive(Debug, Default)]
pub struct Parcel {
    slices: Vec<Slice>,
    objects: usize,
    bytes: usize,
}

impl Parcel {
    /// Adds a run. If it does not fit any more, what was there before is given back, to be sent.
    pub fn add(&mut self, slice: Slice, room: usize) -> Option<Vec<Slice>> {
        let bytes: usize = slice.rows.clone().map(|row| weight(&slice.batch, row)).sum();
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

/// Runs of things of these weights: as few as weigh no more than `most` each, unless a single one does.
fn runs(weights: impl Iterator<Item = usize>, most: usize) -> Vec<Range<usize>> {
    let (mut runs, mut bytes) = (Vec::<Range<usize>>::new(), 0);
    for (row, weight) in weights.enumerate() {
        match runs.last_mut() {
            Some(run) if run.len() < REQUEST_OBJECTS && bytes + weight <= most => {
                run.end = row + 1;
                bytes += weight;
            }
            _ => {
                runs.push(row..row + 1);
                bytes = weight;
            }
        }
    }
    runs
}

/// What a row of a batch weighs, as far as it is there.
fn weight(batch: &Batch, row: usize) -> usize {
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
    text(&batch.properties) + batch.references.as_ref().map_or(0, text) + vectors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_as_long_as_there_is_room() {
        assert_eq!(runs([3, 3, 3, 9, 1].into_iter(), 6), [0..2, 2..3, 3..4, 4..5]);
        assert_eq!(runs([1, 1].into_iter(), 0), [0..1, 1..2]);
        assert_eq!(runs([1; REQUEST_OBJECTS + 1].into_iter(), usize::MAX).len(), 2);
        assert!(runs(std::iter::empty(), 0).is_empty());
    }

    #[test]
    fn columns_that_were_not_read_weigh_nothing() {
        let mut batch = Batch::new(&[], true);
        batch.ids.push(uuid::Uuid::nil());
        batch.references.get_or_insert_default().push("{}");
        assert_eq!(weight(&batch, 0), 2);
    }
}
