//! Objects of one collection (and one tenant) as columns.
//!
//! A page of objects becomes a handful of allocations, however many objects it has: this is what keeps reading and
//! writing fast, and what a Parquet file takes as it is.

use uuid::Uuid;

use super::VectorSpace;

/// A run of objects, column by column. All columns have one entry for each object, in the same order.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pub ids: Vec<Uuid>,
    /// Milliseconds since 1970, UTC.
    pub creation_times: Vec<i64>,
    /// Milliseconds since 1970, UTC.
    pub update_times: Vec<i64>,
    /// One JSON object each: the properties an object has, names sorted, no nulls at the top level, no references.
    pub properties: TextColumn,
    /// One JSON object each: lists of beacons by property, see [`super::References`]; empty for an object that has none.
    /// None if the collection has no reference properties.
    pub references: Option<TextColumn>,
    /// One column for each vector space of the collection, in the same order.
    pub vectors: Vec<Vectors>,
}

impl Batch {
    /// An empty batch with a column for each of `spaces`, and one for references where there can be any.
    pub fn new(spaces: &[VectorSpace], references: bool) -> Self {
        let vectors = spaces.iter().map(Vectors::new).collect();
        Self {
            ids: Vec::new(),
            creation_times: Vec::new(),
            update_times: Vec::new(),
            properties: TextColumn::default(),
            references: references.then(TextColumn::default),
            vectors,
        }
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Keeps the first `len` objects.
    pub fn truncate(&mut self, len: usize) {
        self.ids.truncate(len);
        self.creation_times.truncate(len);
        self.update_times.truncate(len);
        self.properties.truncate(len);
        if let Some(references) = &mut self.references {
            references.truncate(len);
        }
        self.vectors.iter_mut().for_each(|column| column.truncate(len));
    }

    /// One object as a batch of its own.
    pub fn row(&self, row: usize) -> Self {
        let one = |column: &TextColumn| {
            let mut single = TextColumn::default();
            single.push(column.get(row));
            single
        };
        Self {
            ids: vec![self.ids[row]],
            creation_times: vec![self.creation_times[row]],
            update_times: vec![self.update_times[row]],
            properties: one(&self.properties),
            references: self.references.as_ref().map(one),
            vectors: self.vectors.iter().map(|column| column.row(row)).collect(),
        }
    }

    /// Bytes of the values, without the overhead of the columns.
    pub fn byte_len(&self) -> usize {
        const ID_AND_TIMES: usize = 32;
        let vectors: usize = self.vectors.iter().map(Vectors::byte_len).sum();
        let references = self.references.as_ref().map_or(0, TextColumn::byte_len);
        self.len() * ID_AND_TIMES + self.properties.byte_len() + references + vectors
    }
}

/// Texts in one buffer.
#[derive(Debug, Clone, PartialEq)]
pub struct TextColumn {
    text: String,
    /// Where each text ends; its start is the end before. Starts with a 0, as Arrow's offsets do.
    offsets: Vec<i32>,
}

impl Default for TextColumn {
    fn default() -> Self {
        Self { text: String::new(), offsets: vec![0] }
    }
}

impl TextColumn {
    /// Appends whatever `write` appends to the buffer as one more text.
    pub fn push_with<E>(&mut self, write: impl FnOnce(&mut String) -> Result<(), E>) -> Result<(), E> {
        let start = self.text.len();
        match write(&mut self.text) {
            Ok(()) => {
                self.offsets.push(offset(self.text.len()));
                Ok(())
            }
            Err(error) => {
                self.text.truncate(start);
                Err(error)
            }
        }
    }

    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.offsets.push(offset(self.text.len()));
    }

    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, index: usize) -> &str {
        &self.text[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    pub fn byte_len(&self) -> usize {
        self.text.len()
    }

    /// Keeps the first `len` texts.
    pub fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        self.text.truncate(self.offsets.last().map_or(0, |end| *end as usize));
    }

    /// The buffer and the offsets, `len + 1` of them.
    pub fn into_parts(self) -> (String, Vec<i32>) {
        (self.text, self.offsets)
    }
}

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

    fn row(&self, row: usize) -> Self {
        match self {
            Self::Single(column) => {
                let mut single = VectorColumn::default();
                match column.get(row) {
                    Some(vector) => single.push(vector),
                    None => single.push_absent(),
                }
                Self::Single(single)
            }
            Self::Multi(column) => {
                let mut single = MultiVectorColumn::default();
                match column.get(row) {
                    Some(vectors) => single.push(vectors),
                    None => single.push_absent(),
                }
                Self::Multi(single)
            }
        }
    }

    /// Appends "no vector" for one object.
    pub fn push_absent(&mut self) {
        match self {
            Self::Single(column) => column.push_absent(),
            Self::Multi(column) => column.push_absent(),
        }
    }

    fn truncate(&mut self, len: usize) {
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

    /// How many of the objects have no vector here.
    pub fn absent(&self) -> usize {
        let present = match self {
            Self::Single(column) => &column.present,
            Self::Multi(column) => &column.present,
        };
        present.iter().filter(|present| !**present).count()
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

/// Arrow's offsets are 32 bits wide. A batch is a page, which Weaviate's message limit keeps far below 2 GiB.
fn offset(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
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

    #[test]
    fn a_truncated_batch_is_as_if_the_rest_had_never_been() {
        let space = |name: Option<&str>, multi| VectorSpace {
            name: name.map(str::to_owned),
            multi,
            vectorizer: "none".to_owned(),
            index_type: "flat".to_owned(),
        };
        let spaces = [space(None, false), space(Some("m"), true)];
        let build = |len: u128| {
            let mut batch = Batch::new(&spaces, true);
            for n in 0..len {
                batch.ids.push(Uuid::from_u128(n));
                batch.creation_times.push(1);
                batch.update_times.push(2);
                batch.properties.push("{}");
                batch.references.as_mut().unwrap().push("");
                let (Vectors::Single(single), [Vectors::Multi(multi)]) =
                    batch.vectors.split_first_mut().unwrap()
                else {
                    panic!()
                };
                single.push(&[n as f32; 3]);
                multi.push([&[1.0_f32][..], &[2.0, 3.0]].into_iter());
            }
            batch
        };
        let mut batch = build(5);
        batch.truncate(2);
        assert_eq!(batch, build(2));
        batch.truncate(0);
        assert_eq!(batch, Batch::new(&spaces, true));
    }

    #[test]
    fn a_text_that_fails_midway_leaves_no_trace() {
        let mut column = TextColumn::default();
        column.push("{}");
        let failed = column.push_with(|text| {
            text.push_str("{\"half");
            Err(())
        });
        assert_eq!(failed, Err(()));
        column.push("[]");
        assert_eq!(column.iter().collect::<Vec<_>>(), ["{}", "[]"]);
    }
}
