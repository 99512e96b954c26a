//! Objects of one collection (and one tenant) as columns.
//!
//! A page of objects becomes a handful of allocations, however many objects it has: this is what keeps reading and
//! writing fast, and what a Parquet file takes as it is.

use uuid::Uuid;

use super::{VectorSpace, Vectors};

/// A run of objects, column by column. All columns have one entry for each object, in the same order; where only some columns
/// were read, the others are empty.
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

    /// Appends the objects of another batch with the same columns.
    pub fn append(&mut self, other: &Self) {
        self.ids.extend_from_slice(&other.ids);
        self.creation_times.extend_from_slice(&other.creation_times);
        self.update_times.extend_from_slice(&other.update_times);
        other.properties.iter().for_each(|text| self.properties.push(text));
        if let (Some(column), Some(more)) = (&mut self.references, &other.references) {
            more.iter().for_each(|text| column.push(text));
        }
        self.vectors.iter_mut().zip(&other.vectors).for_each(|(column, more)| column.append(more));
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
        self.pick(&[row])
    }

    /// Some of the objects, in the order of `rows`. Columns that were not read stay empty.
    pub fn pick(&self, rows: &[usize]) -> Self {
        let texts = |column: &TextColumn| {
            let mut picked = TextColumn::default();
            if !column.is_empty() {
                rows.iter().for_each(|row| picked.push(column.get(*row)));
            }
            picked
        };
        let times = |column: &[i64]| match column.is_empty() {
            true => Vec::new(),
            false => rows.iter().map(|row| column[*row]).collect(),
        };
        let vectors = self.vectors.iter().filter(|column| column.len() == self.len());
        Self {
            ids: rows.iter().map(|row| self.ids[*row]).collect(),
            creation_times: times(&self.creation_times),
            update_times: times(&self.update_times),
            properties: texts(&self.properties),
            references: self.references.as_ref().map(texts),
            vectors: vectors.map(|column| column.pick(rows)).collect(),
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

/// Arrow's offsets are 32 bits wide. A batch is a page, which Weaviate's message limit keeps far below 2 GiB.
pub(super) fn offset(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

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
