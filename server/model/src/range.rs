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

    /// Cuts off the later half of what lies behind `id`. None if there is nothing to cut.
    pub fn cut_behind(&mut self, id: Uuid) -> Option<Self> {
        let (from, last) = (id.max(self.first).as_u128(), self.last.as_u128());
        let middle = from + last.checked_sub(from)? / 2;
        let later = Self { first: Uuid::from_u128(middle.checked_add(1)?), last: self.last };
        if later.first > later.last {
            return None;
        }
        self.last = Uuid::from_u128(middle);
        Some(later)
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
    fn halves_tile_what_was_left() {
        let mut all = UuidRange::ALL;
        let mut later = all.cut_behind(Uuid::nil()).unwrap();
        assert_eq!(later.cursor(), Some(all.last));
        assert_eq!((all.first, later.last), (Uuid::nil(), Uuid::max()));
        let last = later.cut_behind(Uuid::from_u128(u128::MAX - 1)).unwrap();
        assert_eq!((last.first, last.last), (Uuid::max(), Uuid::max()));
        assert_eq!(later.last, Uuid::from_u128(u128::MAX - 1));
        let mut single = UuidRange { first: Uuid::max(), last: Uuid::max() };
        assert_eq!(single.cut_behind(Uuid::nil()), None);
        assert_eq!(single, last, "what cannot be cut stays as it is");
        assert_eq!(UuidRange::ALL.cursor(), None);
    }
}
