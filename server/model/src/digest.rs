//! Content digests: what objects hold, whatever their order and wherever they are.
//!
//! Each object gives three hashes (XXH3, 128 bits): of its properties, its references and its vectors, each together with its id and tenant.
//! A digest is how many objects there are, and the sum of each of the three, wrapping. So digests of parts add up to the
//! digest of the whole, and equal digests mean equal content, but for an accident of about 1 in 2^128.
//!
//! A value is hashed as what it is by the schema, never as its JSON text: names sorted, nulls at the top level left out,
//! empty lists kept, floats by their bits, coordinates as 32-bit floats, dates as Weaviate prints them. Left out is what
//! Weaviate derives or does not give back: times, the parts of a phone number but its input and default country, and
//! `blobHash` values.

mod buckets;
mod content;
mod values;

use std::iter::Sum;
use std::ops::{Add, AddAssign, SubAssign};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use super::{Batch, Property, ValueKind, VectorSpace, Vectors};
pub use buckets::{BUCKETS, Buckets, bucket_of};
pub use content::Content;
pub use values::Unfit;

/// What some objects hold, in 56 bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    pub objects: u64,
    pub properties: HashSum,
    pub references: HashSum,
    pub vectors: HashSum,
}

/// A wrapping sum of hashes; 32 hex digits in JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HashSum(u128);

impl Digest {
    /// In one number, for people to compare: 64 hex digits.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.objects.to_le_bytes());
        for sum in [self.properties, self.references, self.vectors] {
            hasher.update(&sum.0.to_le_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

impl Digest {
    /// How long the hashes of one object are.
    pub const HASHES: usize = 48;

    /// The hashes of one object as data files hold them: of its properties, its references and its vectors, little-endian.
    pub fn to_hashes(self) -> [u8; Self::HASHES] {
        let mut hashes = [0_u8; Self::HASHES];
        let (places, _) = hashes.as_chunks_mut::<{ size_of::<u128>() }>();
        for (place, sum) in places.iter_mut().zip([self.properties, self.references, self.vectors]) {
            *place = sum.0.to_le_bytes();
        }
        hashes
    }

    /// The digest of the one object that has these hashes.
    pub fn from_hashes(hashes: [u8; Self::HASHES]) -> Self {
        let (sums, _) = hashes.as_chunks::<{ size_of::<u128>() }>();
        let sum = |index: usize| HashSum(u128::from_le_bytes(sums[index]));
        Self { objects: 1, properties: sum(0), references: sum(1), vectors: sum(2) }
    }

    /// Whether any of the objects has a vector.
    pub fn has_vectors(&self) -> bool {
        self.vectors != HashSum::default()
    }

    /// As if the objects had no references.
    pub fn without_references(self) -> Self {
        Self { references: HashSum::default(), ..self }
    }
}

impl AddAssign for Digest {
    fn add_assign(&mut self, other: Self) {
        self.objects += other.objects;
        self.properties.0 = self.properties.0.wrapping_add(other.properties.0);
        self.references.0 = self.references.0.wrapping_add(other.references.0);
        self.vectors.0 = self.vectors.0.wrapping_add(other.vectors.0);
    }
}

impl Add for Digest {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl SubAssign for Digest {
    fn sub_assign(&mut self, other: Self) {
        self.objects = self.objects.wrapping_sub(other.objects);
        self.properties.0 = self.properties.0.wrapping_sub(other.properties.0);
        self.references.0 = self.references.0.wrapping_sub(other.references.0);
        self.vectors.0 = self.vectors.0.wrapping_sub(other.vectors.0);
    }
}

impl Sum for Digest {
    fn sum<I: Iterator<Item = Self>>(digests: I) -> Self {
        digests.fold(Self::default(), Add::add)
    }
}

impl Serialize for HashSum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", self.0))
    }
}

impl<'de> Deserialize<'de> for HashSum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        u128::from_str_radix(&hex, 16).map(Self).map_err(de::Error::custom)
    }
}

/// Computes the digests of the objects of one collection.
#[derive(Debug, Clone)]
pub struct Digester {
    /// Sorted by name, as objects have them.
    properties: Vec<Property>,
    spaces: Vec<VectorSpace>,
}

impl Digester {
    /// `spaces` are those that batches have columns for.
    pub fn new(properties: &[Property], spaces: &[VectorSpace]) -> Self {
        Self { properties: values::sorted(properties), spaces: spaces.to_vec() }
    }

    pub fn spaces(&self) -> &[VectorSpace] {
        &self.spaces
    }

    /// Calls with the id and the digest of each object of a batch, in order.
    pub fn each(
        &self,
        tenant: Option<&str>,
        batch: &Batch,
        mut found: impl FnMut(usize, Uuid, Digest),
    ) -> Result<(), Unfit> {
        let mut text = Vec::with_capacity(4096);
        for row in 0..batch.len() {
            let digest = self.object(tenant.unwrap_or_default(), batch, row, &mut text);
            let digest = digest.map_err(|error| error.of_object(batch.ids[row]))?;
            found(row, batch.ids[row], digest);
        }
        Ok(())
    }

    /// The names of the properties that are not the same in two objects.
    pub fn changed_properties(&self, was: &str, is: &str) -> Vec<String> {
        values::changed(was, is, |out, json| values::put_object(out, &self.properties, json))
    }

    /// The names of the reference properties that are not the same in two objects.
    pub fn changed_references(&self, was: &str, is: &str) -> Vec<String> {
        values::changed(was, is, |out, json| values::put_references(out, &self.properties, json).map(drop))
    }

    fn object(&self, tenant: &str, batch: &Batch, row: usize, text: &mut Vec<u8>) -> Result<Digest, Unfit> {
        text.clear();
        text.extend_from_slice(batch.ids[row].as_bytes());
        values::put_text(text, tenant);
        let key = text.len();
        values::put_object(text, &self.properties, batch.properties.get(row))?;
        let properties = hash(text);
        let mut references = HashSum::default();
        if let Some(column) = &batch.references
            && !column.get(row).is_empty()
        {
            text.truncate(key);
            if values::put_references(text, &self.properties, column.get(row))? {
                references = hash(text);
            }
        }
        text.truncate(key);
        for (space, column) in self.spaces.iter().zip(&batch.vectors) {
            put_vectors(text, space, column, row);
        }
        let vectors = if text.len() > key { hash(text) } else { HashSum::default() };
        Ok(Digest { objects: 1, properties, references, vectors })
    }
}

/// Digests find accidents, and the files have cryptographic checksums of their own. Measured: with BLAKE3, which takes one
/// object at a time and so cannot use the processor's width, digests would cost a backup three times as much.
fn hash(bytes: &[u8]) -> HashSum {
    HashSum(xxhash_rust::xxh3::xxh3_128(bytes))
}

/// Nothing at all for an object without a vector there.
fn put_vectors(text: &mut Vec<u8>, space: &VectorSpace, column: &Vectors, row: usize) {
    let name = space.name.as_deref().unwrap_or_default();
    match column {
        Vectors::Single(column) => {
            let Some(vector) = column.get(row).filter(|vector| !vector.is_empty()) else { return };
            values::put_text(text, name);
            values::put_floats(text, vector);
        }
        Vectors::Multi(column) => {
            let Some(vectors) = column.get(row) else { return };
            values::put_text(text, name);
            for vector in vectors {
                values::put_floats(text, vector);
            }
            values::put_end(text);
        }
    }
}

/// Whether the digest of an object takes this property's value in.
fn is_digested(kind: ValueKind) -> bool {
    !matches!(kind, ValueKind::BlobHash | ValueKind::Reference)
}

#[cfg(test)]
mod tests;
