//! A plan as a table.

use selvedge_proto::v1::{Plan, PlannedCollection};

use crate::format;
use crate::table::{Align, Table};

/// One row a collection; what would be lost or left out below.
pub fn render(plan: &Plan) -> String {
    if plan.collections.is_empty() {
        return "nothing to do".to_owned();
    }
    let with_target = plan.collections.iter().any(|planned| !planned.target.is_empty());
    let with_tenants = plan.collections.iter().any(|planned| planned.tenants > 0);
    let columns = [
        (true, ("COLLECTION", Align::Left)),
        (with_target, ("TARGET", Align::Left)),
        (true, ("ACTION", Align::Left)),
        (true, ("OBJECTS", Align::Right)),
        (with_tenants, ("TENANTS", Align::Right)),
    ];
    let mut table = Table::new(columns.iter().filter(|(shown, _)| *shown).map(|(_, column)| *column));
    let mut notes = String::new();
    for planned in &plan.collections {
        let cells = columns.iter().zip(row(planned)).filter(|((shown, _), _)| *shown);
        table.row(cells.map(|(_, cell)| cell));
        for note in &planned.notes {
            notes.push_str(&format!("\nnote on {}: {note}", planned.collection));
        }
    }
    table.render() + &notes
}

fn row(planned: &PlannedCollection) -> [String; 5] {
    let about = if planned.objects_exact { "" } else { "~" };
    [
        planned.collection.clone(),
        planned.target.clone(),
        planned.action.clone(),
        format!("{about}{}", format::count(planned.objects)),
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
        snapshot("plan_clear", render(&clear));
        let mut restore = clear;
        restore.collections[0].target = "ArticleCopy".to_owned();
        restore.collections[1].target = "Author".to_owned();
        restore.collections[1].tenants = 1200;
        snapshot("plan_restore", render(&restore));
        assert_eq!(render(&Plan::default()), "nothing to do");
    }
}
