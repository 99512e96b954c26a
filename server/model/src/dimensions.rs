//! The dimensions of vectors: one for each vector space of a collection, or of each of its tenants. Where there are several
//! an index cannot hold them all, so whoever restores them should know before.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Batch, VectorSpace, Vectors};

/// How many vectors there are of each dimension, by tenant and vector space. In JSON, a list of all of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<DimensionCount>", into = "Vec<DimensionCount>")]
pub struct Dimensions(BTreeMap<(String, String), BTreeMap<u64, Seen>>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    objects: u64,
    sample: Uuid,
}

/// Vectors of one dimension in a space where there are others too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DimensionCount {
    /// Empty without multi-tenancy.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tenant: String,
    /// The name of the vector space; empty for the legacy one.
    pub vector: String,
    pub dimension: u64,
    pub objects: u64,
    /// The id of one of these objects.
    pub sample: Uuid,
}

impl Dimensions {
    pub fn add(&mut self, spaces: &[VectorSpace], tenant: Option<&str>, batch: &Batch) {
        for (space, vectors) in spaces.iter().zip(&batch.vectors) {
            let mut runs: Vec<(u64, Seen)> = Vec::new();
            for (row, id) in batch.ids.iter().enumerate() {
                let Some(dimension) = dimension(vectors, row) else { continue };
                match runs.last_mut() {
                    Some((last, seen)) if *last == dimension => seen.objects += 1,
                    _ => runs.push((dimension, Seen { objects: 1, sample: *id })),
                }
            }
            if runs.is_empty() {
                continue;
            }
            let key = (tenant.unwrap_or_default().to_owned(), space.name.clone().unwrap_or_default());
            let counts = self.0.entry(key).or_default();
            runs.into_iter().for_each(|(dimension, seen)| count(counts, dimension, seen));
        }
    }

    pub fn merge(&mut self, other: Self) {
        for (key, counts) in other.0 {
            let mine = self.0.entry(key).or_default();
            counts.into_iter().for_each(|(dimension, seen)| count(mine, dimension, seen));
        }
    }

    /// As if there were another vector of this dimension in a space; none, if it is 0.
    pub fn assume(&mut self, space: &str, dimension: u64) {
        if dimension > 0 {
            let counts = self.0.entry((String::new(), space.to_owned())).or_default();
            counts.entry(dimension).or_insert(Seen { objects: 1, sample: Uuid::nil() });
        }
    }

    /// The one dimension of each of these spaces, by its name, 0 if there are no vectors; those with several are left out.
    pub fn of_spaces(&self, spaces: &[VectorSpace]) -> BTreeMap<String, u64> {
        let names = spaces.iter().map(|space| space.name.clone().unwrap_or_default());
        let of = |name: &String| {
            let counts =
                self.0.iter().filter(|((_, vector), _)| vector == name).flat_map(|(_, counts)| counts.keys());
            let all: BTreeSet<_> = counts.copied().collect();
            (all.len() <= 1).then(|| all.first().copied().unwrap_or_default())
        };
        names.filter_map(|name| Some((name.clone(), of(&name)?))).collect()
    }

    /// Those of spaces with more than one dimension, the rarest of a space first; usually none at all.
    pub fn mixed(&self) -> Vec<DimensionCount> {
        let mut mixed = Vec::new();
        for (space, counts) in self.0.iter().filter(|(_, counts)| counts.len() > 1) {
            let mut of_space: Vec<_> = counts_of(space, counts).collect();
            of_space.sort_by_key(|count| count.objects);
            mixed.append(&mut of_space);
        }
        mixed
    }
}

fn counts_of(
    (tenant, vector): &(String, String),
    counts: &BTreeMap<u64, Seen>,
) -> impl Iterator<Item = DimensionCount> {
    counts.iter().map(|(dimension, Seen { objects, sample })| DimensionCount {
        tenant: tenant.clone(),
        vector: vector.clone(),
        dimension: *dimension,
        objects: *objects,
        sample: *sample,
    })
}

impl From<Dimensions> for Vec<DimensionCount> {
    fn from(dimensions: Dimensions) -> Self {
        dimensions.0.iter().flat_map(|(space, counts)| counts_of(space, counts)).collect()
    }
}

impl From<Vec<DimensionCount>> for Dimensions {
    fn from(listed: Vec<DimensionCount>) -> Self {
        let mut dimensions = Self::default();
        for DimensionCount { tenant, vector, dimension, objects, sample } in listed {
            count(dimensions.0.entry((tenant, vector)).or_default(), dimension, Seen { objects, sample });
        }
        dimensions
    }
}

fn count(counts: &mut BTreeMap<u64, Seen>, dimension: u64, seen: Seen) {
    counts.entry(dimension).and_modify(|mine| mine.objects += seen.objects).or_insert(seen);
}

/// None for an object without a vector there.
fn dimension(vectors: &Vectors, row: usize) -> Option<u64> {
    let dimension = match vectors {
        Vectors::Single(column) => column.get(row)?.len(),
        Vectors::Multi(column) => column.get(row)?.next()?.len(),
    };
    Some(dimension as u64).filter(|dimension| *dimension > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_odd_one_is_found_with_its_id() {
        let space =
            VectorSpace { name: None, multi: false, vectorizer: "none".into(), index_type: "flat".into() };
        let spaces = [space];
        let mut dimensions = Dimensions::default();
        for (number, length) in [(1, 3), (2, 3), (3, 4)] {
            let mut batch = Batch::new(&spaces, false);
            batch.ids.push(Uuid::from_u128(number));
            let Vectors::Single(column) = &mut batch.vectors[0] else { panic!() };
            column.push(&vec![1.0; length]);
            let mut one = Dimensions::default();
            one.add(&spaces, None, &batch);
            dimensions.merge(one);
        }
        let json = serde_json::to_string(&dimensions).unwrap();
        let mut dimensions: Dimensions = serde_json::from_str(&json).unwrap();
        let mixed = dimensions.mixed();
        assert_eq!((mixed[0].dimension, mixed[0].objects, mixed[0].sample), (4, 1, Uuid::from_u128(3)));
        assert_eq!((mixed[1].dimension, mixed[1].objects), (3, 2));
        dimensions.0.values_mut().for_each(|counts| counts.retain(|dimension, _| *dimension != 4));
        assert!(dimensions.mixed().is_empty());
    }
}
