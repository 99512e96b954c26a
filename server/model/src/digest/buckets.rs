//! Digests by the hash of the id: where two of them differ, objects differ.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Digest;

/// How many there are: enough that a few changed objects leave most of a large collection untouched, few enough that the
/// list stays small beside any data.
pub const BUCKETS: usize = 1024;

/// The digests of a collection's objects, by bucket. In JSON, those of buckets with anything in them, each with its number; a list
/// of all of them, as in format 1, is understood too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Buckets(Vec<Digest>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    /// Each with its number.
    Filled(Vec<(usize, Digest)>),
    All(Vec<Digest>),
}

impl From<Buckets> for Written {
    fn from(buckets: Buckets) -> Self {
        let filled = |(_, digest): &(usize, Digest)| *digest != Digest::default();
        Self::Filled(buckets.0.into_iter().enumerate().filter(filled).collect())
    }
}

impl From<Written> for Buckets {
    fn from(written: Written) -> Self {
        let filled = match written {
            Written::All(all) => return Self(all),
            Written::Filled(filled) => filled,
        };
        let mut buckets = Self::default();
        for (bucket, digest) in filled {
            match buckets.0.get_mut(bucket) {
                Some(place) => *place = digest,
                // Of another version, which `is_whole` tells.
                None => return Self(Vec::new()),
            }
        }
        buckets
    }
}

impl Default for Buckets {
    fn default() -> Self {
        Self(vec![Digest::default(); BUCKETS])
    }
}

impl Buckets {
    pub fn add(&mut self, id: &Uuid, digest: Digest) {
        self.0[bucket_of(id)] += digest;
    }

    /// Adds another collection of buckets, one by one.
    pub fn merge(&mut self, other: &Self) {
        for (mine, other) in self.0.iter_mut().zip(&other.0) {
            *mine += *other;
        }
    }

    pub fn total(&self) -> Digest {
        self.0.iter().copied().sum()
    }

    /// False for a list that was not made by this version of the format.
    pub fn is_whole(&self) -> bool {
        self.0.len() == BUCKETS
    }

    pub fn get(&self, bucket: usize) -> Digest {
        self.0[bucket]
    }

    pub fn subtract(&mut self, other: &Self) {
        for (mine, other) in self.0.iter_mut().zip(&other.0) {
            *mine -= *other;
        }
    }

    pub fn map(&mut self, change: impl Fn(Digest) -> Digest) {
        self.0.iter_mut().for_each(|digest| *digest = change(*digest));
    }

    /// Which differ.
    pub fn differing(&self, other: &Self) -> Vec<usize> {
        (0..BUCKETS).filter(|bucket| self.0[*bucket] != other.0[*bucket]).collect()
    }
}

/// The bucket of an id: 10 bits of its two halves, mixed so that neither counted nor timed ids crowd together. Part of the
/// repository's format.
pub fn bucket_of(id: &Uuid) -> usize {
    let (high, low) = id.as_u64_pair();
    let mixed = mix(high ^ mix(low));
    (mixed >> (u64::BITS - BUCKETS.ilog2())) as usize
}

/// The finalizer of SplitMix64.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_back_whether_all_are_listed_or_only_those_with_anything_in_them() {
        let mut buckets = Buckets::default();
        let digest = Digest { objects: 3, ..Digest::default() };
        buckets.add(&Uuid::from_u128(1), digest);
        let json = serde_json::to_value(&buckets).unwrap();
        assert_eq!(json.as_array().unwrap().len(), 1);
        assert_eq!(serde_json::from_value::<Buckets>(json).unwrap(), buckets);
        let all = serde_json::to_value(&buckets.0).unwrap();
        assert_eq!(serde_json::from_value::<Buckets>(all).unwrap(), buckets);
        let foreign = serde_json::json!([[1024, digest]]);
        assert!(!serde_json::from_value::<Buckets>(foreign).unwrap().is_whole());
    }

    #[test]
    fn ids_spread_over_all_buckets_and_stay_where_they_are() {
        let mut seen = [0_u32; BUCKETS];
        for number in 0..100_000_u128 {
            seen[bucket_of(&Uuid::from_u128(number))] += 1;
        }
        assert!(seen.iter().all(|count| (40..200).contains(count)));
        // The format: these must never change.
        let of = |text: &str| bucket_of(&text.parse().unwrap());
        assert_eq!(of("00000000-0000-0000-0000-000000000000"), 0);
        assert_eq!(of("00000000-0000-0000-0000-000000000001"), 490);
        assert_eq!(of("7c1e9d0a-5b7f-4a57-9f0e-3d0f4a7b2c11"), 668);
    }
}
