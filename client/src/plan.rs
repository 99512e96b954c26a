//! A plan as a table.

use selvedge_proto::v1::{MergeCounts, Plan, PlannedCollection};

use crate::table::{Align, Table};
use crate::{format, words};

/// One row a collection; what would be lost or left out below. The table is as wide as there is `room`.
pub fn render(plan: &Plan, room: Option<usize>) -> String {
    if plan.collections.is_empty() {
        return "nothing to do".to_owned();
    }
    let with_target = plan.collections.iter().any(|planned| !planned.target.is_empty());
    let with_bytes = plan.collections.iter().any(|planned| planned.bytes.is_some());
    let with_tenants = plan.collections.iter().any(|planned| planned.tenants > 0);
    let columns = [
        (true, ("COLLECTION", Align::Left)),
        (with_target, ("TARGET", Align::Left)),
        (true, ("ACTION", Align::Left)),
        (true, ("OBJECTS", Align::Right)),
        (with_bytes, ("SIZE", Align::Right)),
        (with_tenants, ("TENANTS", Align::Right)),
    ];
    let mut table = Table::new(columns.iter().filter(|(shown, _)| *shown).map(|(_, column)| *column))
        .cut("COLLECTION", 20)
        .cut("TARGET", 20)
        .cut("ACTION", 20)
        .leave(["SIZE", "TENANTS"]);
    let mut notes = String::new();
    for planned in &plan.collections {
        let cells = columns.iter().zip(row(planned)).filter(|((shown, _), _)| *shown);
        table.row(cells.map(|(_, cell)| cell));
        if let Some(merge) = &planned.merge {
            notes.push_str(&format!("\n{}: {}", planned.target, merged(merge)));
        }
        notes.extend(planned.newest_backup.iter().map(|newest| {
            format!("\nnote on {}: the newest whole backup is {}", planned.collection, words::newest(newest))
        }));
        for note in &planned.notes {
            notes.push_str(&format!("\nnote on {}: {note}", planned.collection));
        }
    }
    notes.extend(plan.notes.iter().map(|note| format!("\nnote: {note}")));
    if let Some(seconds) = plan.estimated_seconds {
        notes.push_str(&format!("\ntakes roughly {}", format::remaining(seconds as f64)));
    }
    table.render(room) + &notes
}

/// `3 new, 10 identical, 2 overwritten objects`
pub fn merged(merge: &MergeCounts) -> String {
    let MergeCounts {
        objects_new,
        objects_identical,
        objects_overwritten,
        objects_skipped,
        objects_conflicting,
        objects_deleted,
    } = *merge;
    let always =
        [(objects_new, "new"), (objects_identical, "identical")].map(|(count, word)| (count, word, true));
    let some = [
        (objects_overwritten, "overwritten"),
        (objects_skipped, "skipped"),
        (objects_conflicting, "in conflict"),
        (objects_deleted, "deleted"),
    ]
    .map(|(count, word)| (count, word, count > 0));
    let shown = always.into_iter().chain(some).filter(|(.., shown)| *shown);
    let parts: Vec<_> = shown.map(|(count, word, _)| format!("{} {word}", format::count(count))).collect();
    parts.join(", ")
}

fn row(planned: &PlannedCollection) -> [String; 6] {
    let about = if planned.objects_exact { "" } else { "~" };
    [
        planned.collection.clone(),
        planned.target.clone(),
        planned.action.clone(),
        format!("{about}{}", format::count(planned.objects)),
        planned.bytes.map(format::bytes).unwrap_or_default(),
        format::count(planned.tenants),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{example, snapshot};

    #[test]
    fn plans() {
        let clear = example::unconfirmed().plan.unwrap_or_default();
        snapshot("plan_clear", render(&clear, None));
        let mut restore = clear;
        restore.collections[0].target = "ArticleCopy".to_owned();
        restore.collections[1].target = "Author".to_owned();
        restore.collections[1].tenants = 1200;
        restore.collections[1].bytes = Some(3_396_000);
        restore.notes = vec!["the backup is of Weaviate 1.39.0, and the cluster is 1.27.27".to_owned()];
        restore.estimated_seconds = Some(75);
        snapshot("plan_restore", render(&restore, None));
        restore.collections[1].action = "merge".to_owned();
        let (objects_new, objects_identical, objects_skipped) = (3, 12_000, 1);
        restore.collections[1].merge =
            Some(MergeCounts { objects_new, objects_identical, objects_skipped, ..MergeCounts::default() });
        snapshot("plan_merge", render(&restore, None));
        assert_eq!(render(&Plan::default(), None), "nothing to do");
    }
}
