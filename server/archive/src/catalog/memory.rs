//! What is known from the list before.

use std::ops::Bound;

use object_store::ObjectMeta;

use super::index::Entries;
use crate::BackupId;

/// So many are looked at again by each list, one after the other.
const AGAIN: usize = 3;

/// The default knows nothing.
#[derive(Debug, Default)]
pub struct Memory {
    /// The index that it was taken from. None if there was none.
    index: Option<ObjectMeta>,
    /// What the index said, and what was read since.
    entries: Entries,
    /// The one that was looked at again last.
    last: Option<BackupId>,
}

impl Memory {
    /// Nothing if this is another index: then marks may be gone that told that something here is no longer so.
    pub fn of(&self, index: Option<&ObjectMeta>) -> Option<Entries> {
        (self.index.as_ref() == index).then(|| self.entries.clone())
    }

    pub fn keep(&mut self, index: Option<ObjectMeta>, entries: Entries) {
        self.index = index;
        self.entries = entries;
    }

    /// Those whose turn it is to be looked at again.
    pub fn next_few(&mut self, known: &Entries) -> Vec<BackupId> {
        let after = self.last.take().map_or(Bound::Unbounded, Bound::Excluded);
        let rest = known.range((after, Bound::Unbounded));
        let few: Vec<_> = rest.chain(known.iter()).take(AGAIN).map(|(id, _)| id.clone()).collect();
        self.last = few.last().cloned();
        few
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;

    use super::super::index::Entry;
    use super::*;

    #[test]
    fn every_backup_has_its_turn() {
        let entry = |name: &str| {
            let id: BackupId = name.parse().unwrap();
            (id.clone(), Arc::new(Entry { id, made: DateTime::UNIX_EPOCH, text: None }))
        };
        let known: Entries = ["a", "b", "c", "d", "e"].map(entry).into();
        let mut memory = Memory::default();
        let mut few = || memory.next_few(&known).iter().map(ToString::to_string).collect::<String>();
        assert_eq!([few(), few(), few()], ["abc", "dea", "bcd"]);
        assert!(memory.next_few(&Entries::new()).is_empty());
    }
}
