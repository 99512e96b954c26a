//! Ranges of object ids: the unit of parallel reading.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The ids from `first` to `last`, both included. Weaviate orders ids by their 16 bytes, as `Uuid` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UuidRange {
    pub first: Uuid,
    pub last: Uuid,
}

impl UuidRange {
    /// All ids there are.
    pub const ALL: Self = Self { first: Uuid::nil(), last: Uuid::max() };

    /// Cuts all ids into `parts` ranges of the same width; together they hold each id once.
    pub fn split_all(parts: usize) -> Vec<Self> {
        let parts = parts.max(1) as u128;
        let width = u128::MAX / parts;
        (0..parts)
            .map(|part| Self {
                first: Uuid::from_u128(part * width),
                last: if part == parts - 1 { Uuid::max() } else { Uuid::from_u128((part + 1) * width - 1) },
            })
            .collect()
    }

    /// The cursor that makes Weaviate start with `first`: the id before it, or none at the very start. `after` is
    /// exclusive and need not exist, and an id of all zeros can only be reached without one.
    pub fn cursor(&self) -> Option<Uuid> {
        self.first.as_u128().checked_sub(1).map(Uuid::from_u128)
    }

    pub fn contains(&self, id: &Uuid) -> bool {
        (self.first..=self.last).contains(id)
    }

    /// Which part of the range lies after `id`, from 0 to 1.
    pub fn fraction_after(&self, id: &Uuid) -> f64 {
        let width = (self.last.as_u128() - self.first.as_u128()) as f64;
        let rest = self.last.as_u128().saturating_sub(id.as_u128()) as f64;
        if width > 0.0 { (rest / width).clamp(0.0, 1.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_tile_the_space() {
        for parts in [1, 2, 3, 7, 64] {
            let ranges = UuidRange::split_all(parts);
            assert_eq!(ranges.len(), parts);
            assert_eq!(ranges[0].first, Uuid::nil());
            assert_eq!(ranges[parts - 1].last, Uuid::max());
            for pair in ranges.windows(2) {
                assert_eq!(pair[0].last.as_u128() + 1, pair[1].first.as_u128());
                assert_eq!(pair[1].cursor(), Some(pair[0].last));
            }
        }
        assert_eq!(UuidRange::ALL.cursor(), None);
    }
}
