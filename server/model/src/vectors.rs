//! The vectors of a batch, space by space.

use super::VectorSpace;
use super::batch::offset;

/// The vectors of one vector space.
#[derive(Debug, Clone, PartialEq)]
pub enum Vectors {
    Single(VectorColumn),
    Multi(MultiVectorColumn),
}

impl Vectors {
    pub fn new(space: &VectorSpace) -> Self {
        if space.multi {
            Self::Multi(MultiVectorColumn::default())
        } else {
            Self::Single(VectorColumn::default())
        }
    }

    pub(super) fn pick(&self, rows: &[usize]) -> Self {
        match self {
            Self::Single(column) => {
                let mut picked = VectorColumn::default();
                for row in rows {
                    match column.get(*row) {
                        Some(vector) => picked.push(vector),
                        None => picked.push_absent(),
                    }
                }
                Self::Single(picked)
            }
            Self::Multi(column) => {
                let mut picked = MultiVectorColumn::default();
                for row in rows {
                    match column.get(*row) {
                        Some(vectors) => picked.push(vectors),
                        None => picked.push_absent(),
                    }
                }
                Self::Multi(picked)
            }
        }
    }

    /// Appends those of another column of the same space.
    pub(super) fn append(&mut self, other: &Self) {
        match (self, other) {
            (Self::Single(column), Self::Single(more)) => {
                for row in 0..more.present.len() {
                    match more.get(row) {
                        Some(vector) => column.push(vector),
                        None => column.push_absent(),
                    }
                }
            }
            (Self::Multi(column), Self::Multi(more)) => {
                for row in 0..more.present.len() {
                    match more.get(row) {
                        Some(vectors) => column.push(vectors),
                        None => column.push_absent(),
                    }
                }
            }
            _ => {}
        }
    }

    /// Makes room for so many bytes of floats more, and no more than that: without it, a large column is copied while it
    /// grows, and takes up to twice the memory.
    pub fn reserve(&mut self, bytes: usize) {
        let values = match self {
            Self::Single(column) => &mut column.values,
            Self::Multi(column) => &mut column.values,
        };
        values.reserve_exact(bytes / size_of::<f32>());
    }

    /// Appends "no vector" for one object.
    pub fn push_absent(&mut self) {
        match self {
            Self::Single(column) => column.push_absent(),
            Self::Multi(column) => column.push_absent(),
        }
    }

    pub(super) fn truncate(&mut self, len: usize) {
        match self {
            Self::Single(column) => {
                column.present.truncate(len);
                truncate_parts(&mut column.offsets, &mut column.values, len);
            }
            Self::Multi(column) => {
                column.present.truncate(len);
                column.offsets.truncate(len + 1);
                let vectors = column.offsets.last().map_or(0, |end| *end as usize);
                truncate_parts(&mut column.vector_offsets, &mut column.values, vectors);
            }
        }
    }

    pub fn byte_len(&self) -> usize {
        let floats = match self {
            Self::Single(column) => column.values.len(),
            Self::Multi(column) => column.values.len(),
        };
        floats * size_of::<f32>()
    }

    /// Of the first vector there is, as all others of an index have it.
    pub fn dimension(&self) -> Option<usize> {
        let lengths = |row| match self {
            Self::Single(column) => column.get(row).map(<[f32]>::len),
            Self::Multi(column) => column.get(row)?.next().map(<[f32]>::len),
        };
        (0..self.len()).filter_map(lengths).find(|length| *length > 0)
    }

    /// For how many objects it says what they have here.
    pub(super) fn len(&self) -> usize {
        self.present().len()
    }

    /// How many of the objects have no vector here.
    pub fn absent(&self) -> usize {
        self.present().iter().filter(|present| !**present).count()
    }

    fn present(&self) -> &[bool] {
        match self {
            Self::Single(column) => &column.present,
            Self::Multi(column) => &column.present,
        }
    }
}

/// At most one vector for each object.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorColumn {
    pub values: Vec<f32>,
    /// Where each object's floats end in `values`, after a leading 0.
    pub offsets: Vec<i32>,
    pub present: Vec<bool>,
}

impl Default for VectorColumn {
    fn default() -> Self {
        Self { values: Vec::new(), offsets: vec![0], present: Vec::new() }
    }
}

impl VectorColumn {
    /// Appends a vector of little-endian floats; a trailing part of a float is ignored, so check the length before.
    pub fn push_le_bytes(&mut self, bytes: &[u8]) {
        extend_from_le_bytes(&mut self.values, bytes);
        self.offsets.push(offset(self.values.len()));
        self.present.push(true);
    }

    pub fn push(&mut self, vector: &[f32]) {
        self.values.extend_from_slice(vector);
        self.offsets.push(offset(self.values.len()));
        self.present.push(true);
    }

    pub fn push_absent(&mut self) {
        self.offsets.push(offset(self.values.len()));
        self.present.push(false);
    }

    pub fn get(&self, index: usize) -> Option<&[f32]> {
        let range = self.offsets[index] as usize..self.offsets[index + 1] as usize;
        self.present[index].then(|| &self.values[range])
    }
}

/// Any number of vectors for each object.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiVectorColumn {
    pub values: Vec<f32>,
    /// Where each vector's floats end in `values`, after a leading 0.
    pub vector_offsets: Vec<i32>,
    /// Where each object's vectors end in `vector_offsets`, counted in vectors, after a leading 0.
    pub offsets: Vec<i32>,
    pub present: Vec<bool>,
}

impl Default for MultiVectorColumn {
    fn default() -> Self {
        Self { values: Vec::new(), vector_offsets: vec![0], offsets: vec![0], present: Vec::new() }
    }
}

impl MultiVectorColumn {
    /// Appends an object's vectors, all of `dimension` little-endian floats, laid end to end.
    pub fn push_le_bytes(&mut self, dimension: usize, bytes: &[u8]) {
        for vector in bytes.chunks_exact((dimension * size_of::<f32>()).max(1)) {
            extend_from_le_bytes(&mut self.values, vector);
            self.vector_offsets.push(offset(self.values.len()));
        }
        self.end_object(true);
    }

    pub fn push<'a>(&mut self, vectors: impl Iterator<Item = &'a [f32]>) {
        for vector in vectors {
            self.values.extend_from_slice(vector);
            self.vector_offsets.push(offset(self.values.len()));
        }
        self.end_object(true);
    }

    pub fn push_absent(&mut self) {
        self.end_object(false);
    }

    fn end_object(&mut self, present: bool) {
        self.offsets.push(offset(self.vector_offsets.len() - 1));
        self.present.push(present);
    }

    pub fn get(&self, index: usize) -> Option<impl Iterator<Item = &[f32]>> {
        let vectors = self.offsets[index] as usize..self.offsets[index + 1] as usize;
        self.present[index].then(|| {
            vectors.map(|vector| {
                let floats = self.vector_offsets[vector] as usize..self.vector_offsets[vector + 1] as usize;
                &self.values[floats]
            })
        })
    }
}

/// Keeps the first `len` runs of floats.
fn truncate_parts(offsets: &mut Vec<i32>, values: &mut Vec<f32>, len: usize) {
    offsets.truncate(len + 1);
    values.truncate(offsets.last().map_or(0, |end| *end as usize));
}

fn extend_from_le_bytes(values: &mut Vec<f32>, bytes: &[u8]) {
    let (floats, _) = bytes.as_chunks::<{ size_of::<f32>() }>();
    values.extend(floats.iter().map(|float| f32::from_le_bytes(*float)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_back_to_the_bit_and_absent_is_not_empty() {
        let mut column = VectorColumn::default();
        let bytes: Vec<u8> =
            [1.5_f32, -0.0, f32::MIN_POSITIVE].iter().flat_map(|v| v.to_le_bytes()).collect();
        column.push_le_bytes(&bytes);
        column.push_absent();
        column.push(&[]);
        let bits = |v: &[f32]| v.iter().map(|f| f.to_bits()).collect::<Vec<_>>();
        assert_eq!(column.get(0).map(bits), Some(bits(&[1.5, -0.0, f32::MIN_POSITIVE])));
        assert_eq!(column.get(1), None);
        assert_eq!(column.get(2), Some(&[][..]));
    }

    #[test]
    fn multi_vectors_keep_their_grouping() {
        let mut column = MultiVectorColumn::default();
        let bytes: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        column.push_le_bytes(2, &bytes);
        column.push_absent();
        column.push([&[5.0_f32][..]].into_iter());
        let got = |index| column.get(index).map(|vectors| vectors.map(<[f32]>::to_vec).collect::<Vec<_>>());
        assert_eq!(got(0), Some(vec![vec![1.0, 2.0], vec![3.0, 4.0]]));
        assert_eq!(got(1), None);
        assert_eq!(got(2), Some(vec![vec![5.0]]));
    }
}
