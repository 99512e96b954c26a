//! What is in the catalog's folder.

use chrono::TimeDelta;
use object_store::ObjectMeta;
use object_store::path::Path;

use crate::{BackupId, layout};

/// How long a removal stays marked, by the store's clock: whoever was listing when it began has long ended.
const REMOVED_FOR: TimeDelta = TimeDelta::days(1);

pub struct Listed {
    pub index: Option<ObjectMeta>,
    /// With the ids that they are of.
    pub removals: Vec<(BackupId, ObjectMeta)>,
}

impl Listed {
    pub fn of(all: Vec<ObjectMeta>) -> Self {
        let mut listed = Self { index: None, removals: Vec::new() };
        for meta in all {
            if meta.location == layout::index() {
                listed.index = Some(meta);
            } else if let Some(id) = removed(&meta.location) {
                listed.removals.push((id, meta));
            }
        }
        listed
    }

    /// Marks that have done their part once an index is written that was made with them in sight.
    pub fn spent(&self) -> Vec<Path> {
        let times = self.removals.iter().map(|(_, meta)| meta).chain(&self.index);
        let Some(newest) = times.map(|meta| meta.last_modified).max() else { return Vec::new() };
        let old = self.removals.iter().filter(|(_, meta)| newest - meta.last_modified > REMOVED_FOR);
        old.map(|(_, meta)| meta.location.clone()).collect()
    }
}

/// The id that a mark is of.
fn removed(path: &Path) -> Option<BackupId> {
    let id = path.prefix_match(&layout::removals_dir())?.next()?;
    id.as_ref().parse().ok()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    fn meta(location: Path, hour: i64) -> ObjectMeta {
        let last_modified = DateTime::from_timestamp(hour * 3600, 0).unwrap();
        ObjectMeta { location, last_modified, size: 1, e_tag: None, version: None }
    }

    #[test]
    fn a_removal_stays_marked_for_a_day_after_which_something_was_written() {
        let id: BackupId = "b".parse().unwrap();
        let marks = [0, 1, 30].map(|hour| meta(layout::removal(&id, Uuid::new_v4()), hour));
        let first = marks[0].location.clone();
        let listed = Listed::of(marks.to_vec());
        assert_eq!(listed.removals.iter().map(|(of, _)| of).collect::<Vec<_>>(), [&id, &id, &id]);
        assert_eq!(listed.spent().len(), 2);

        let index = meta(layout::index(), 25);
        let listed = Listed::of([&marks[..2], std::slice::from_ref(&index)].concat());
        assert_eq!(listed.index, Some(index));
        assert_eq!(listed.spent(), [first]);
        assert!(Listed::of(Vec::new()).spent().is_empty());
    }
}
