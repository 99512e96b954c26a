//! What is left of tasks of which a part is done.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use selvedge_model::UuidRange;
use uuid::Uuid;

use super::{Part, Piece, Task};

/// Pieces that are done: none of them overlaps another.
#[derive(Debug, Default)]
pub struct Done {
    /// Tenants that were read as a whole, in a run.
    tenants: BTreeSet<String>,
    /// Of a collection without tenants, under `None`, or of a tenant.
    ids: BTreeMap<Option<String>, Vec<Span>>,
    /// Of a data file.
    groups: BTreeMap<usize, Vec<Span>>,
}

/// First and last, both included.
type Span = (u128, u128);

const ALL: Span = (0, u128::MAX);

impl Done {
    /// False if some of it was done already, and nothing is added then.
    pub fn add(&mut self, piece: &Piece) -> bool {
        match piece {
            Piece::Ids { part: Part::Tenants(tenants), .. } => {
                let is_known = |tenant: &String| {
                    self.tenants.contains(tenant) || self.ids.contains_key(&Some(tenant.clone()))
                };
                if tenants.iter().any(is_known) {
                    return false;
                }
                self.tenants.extend(tenants.iter().cloned());
                true
            }
            Piece::Ids { part: Part::Tenant(tenant), .. } if self.tenants.contains(tenant) => false,
            Piece::Ids { part, ids } => add(self.ids.entry(part.tenant()).or_default(), span_of_ids(ids)),
            Piece::File { file, groups } => match span_of_groups(groups) {
                Some(span) => add(self.groups.entry(*file).or_default(), span),
                None => true,
            },
        }
    }

    /// Whether all objects of a tenant are done.
    pub fn has_tenant(&self, tenant: &str) -> bool {
        let of_tenant = self.ids.get(&Some(tenant.to_owned()));
        self.tenants.contains(tenant) || of_tenant.is_some_and(|spans| gaps(ALL, Some(spans)).is_empty())
    }

    /// What is left of these tasks.
    pub fn rest_of(&self, tasks: Vec<Task>) -> Vec<Task> {
        tasks.into_iter().flat_map(|task| self.rest(task)).collect()
    }

    fn rest(&self, task: Task) -> Vec<Task> {
        let Task { piece, objects } = task;
        match piece {
            Piece::Ids { part: Part::Tenants(tenants), ids } => self.rest_of_run(tenants, ids, objects),
            Piece::Ids { part: Part::Tenant(tenant), .. } if self.tenants.contains(&tenant) => Vec::new(),
            Piece::Ids { part, ids } => {
                let left = gaps(span_of_ids(&ids), self.ids.get(&part.tenant()));
                let piece = |span: &Span| Piece::Ids { part: part.clone(), ids: ids_of(*span) };
                shared(&left, objects, span_of_ids(&ids), piece)
            }
            Piece::File { file, groups } => {
                let Some(whole) = span_of_groups(&groups) else { return Vec::new() };
                let left = gaps(whole, self.groups.get(&file));
                let piece =
                    |(first, last): &Span| Piece::File { file, groups: *first as usize..*last as usize + 1 };
                shared(&left, objects, whole, piece)
            }
        }
    }

    /// A tenant of which only a part is done makes a task of its own.
    fn rest_of_run(&self, mut tenants: Vec<String>, ids: UuidRange, objects: u64) -> Vec<Task> {
        tenants.retain(|tenant| !self.tenants.contains(tenant));
        let (begun, run): (Vec<_>, Vec<_>) =
            tenants.into_iter().partition(|tenant| self.ids.contains_key(&Some(tenant.clone())));
        let of_its_own = |tenant| Task { piece: Piece::Ids { part: Part::Tenant(tenant), ids }, objects };
        let mut rest: Vec<_> = begun.into_iter().flat_map(|tenant| self.rest(of_its_own(tenant))).collect();
        if !run.is_empty() {
            rest.push(Task { piece: Piece::Ids { part: Part::Tenants(run), ids }, objects });
        }
        rest
    }
}

fn span_of_ids(ids: &UuidRange) -> Span {
    (ids.first.as_u128(), ids.last.as_u128())
}

fn ids_of((first, last): Span) -> UuidRange {
    UuidRange { first: Uuid::from_u128(first), last: Uuid::from_u128(last) }
}

/// None if there are none.
fn span_of_groups(groups: &Range<usize>) -> Option<Span> {
    (!groups.is_empty()).then(|| (groups.start as u128, groups.end as u128 - 1))
}

fn add(spans: &mut Vec<Span>, (first, last): Span) -> bool {
    if first > last {
        return true;
    }
    let at = spans.partition_point(|span| span.1 < first);
    if spans.get(at).is_some_and(|span| span.0 <= last) {
        return false;
    }
    spans.insert(at, (first, last));
    true
}

/// What of `whole` is in none of these.
fn gaps((first, last): Span, done: Option<&Vec<Span>>) -> Vec<Span> {
    let (mut gaps, mut next) = (Vec::new(), Some(first));
    for (from, to) in done.into_iter().flatten() {
        let Some(start) = next.filter(|start| *start <= last) else { break };
        if *from > start {
            gaps.push((start, last.min(from - 1)));
        }
        next = to.checked_add(1).map(|behind| behind.max(start));
    }
    gaps.extend(next.filter(|start| *start <= last).map(|start| (start, last)));
    gaps
}

/// Tasks for these, each with its share of the objects.
fn shared(left: &[Span], objects: u64, whole: Span, piece: impl Fn(&Span) -> Piece) -> Vec<Task> {
    let width = |(first, last): &Span| (last - first) as f64 + 1.0;
    let share = |span: &Span| (objects as f64 * width(span) / width(&whole)) as u64;
    left.iter().map(|span| Task { piece: piece(span), objects: share(span) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(first: u128, last: u128) -> UuidRange {
        ids_of((first, last))
    }

    #[test]
    fn what_is_left_of_a_collection_is_what_no_record_covers() {
        let mut done = Done::default();
        let piece = |first, last| Piece::Ids { part: Part::Whole, ids: ids(first, last) };
        assert!(done.add(&piece(0, 9)) && done.add(&piece(20, 29)) && done.add(&piece(10, 14)));
        assert!(!done.add(&piece(14, 16)), "two records never tell of the same object");
        let left = |done: &Done| -> Vec<_> {
            let tasks = done.rest_of(vec![Task::whole(100)]);
            tasks
                .into_iter()
                .map(|task| match task.piece {
                    Piece::Ids { ids, .. } => span_of_ids(&ids),
                    Piece::File { .. } => panic!(),
                })
                .collect()
        };
        assert_eq!(left(&done), [(15, 19), (30, u128::MAX)]);
        assert!(done.add(&piece(30, u128::MAX)) && done.add(&piece(15, 19)));
        assert_eq!(left(&done), []);
    }

    #[test]
    fn what_is_left_of_tenants_is_read_in_runs_or_by_itself() {
        let tenants = |names: &[&str]| Part::Tenants(names.iter().map(|name| (*name).to_owned()).collect());
        let run = |names: &[&str]| Piece::Ids { part: tenants(names), ids: UuidRange::ALL };
        let of = |tenant: &str, ids| Piece::Ids { part: Part::Tenant(tenant.to_owned()), ids };
        let mut done = Done::default();
        assert!(done.add(&run(&["a", "b"])) && done.add(&of("big", ids(0, 9))));
        assert!(!done.add(&of("a", ids(0, 9))) && !done.add(&run(&["big", "c"])) && !done.add(&run(&["b"])));
        let task = |piece| Task { piece, objects: 100 };
        let tasks = vec![task(run(&["a", "big", "c", "d"])), task(of("b", UuidRange::ALL))];
        let left: Vec<_> = done.rest_of(tasks).into_iter().map(|task| task.piece).collect();
        assert_eq!(left, [of("big", ids(10, u128::MAX)), run(&["c", "d"])]);
    }

    #[test]
    fn what_is_left_of_a_file_are_its_row_groups() {
        let piece = |file, groups| Piece::File { file, groups };
        let mut done = Done::default();
        assert!(done.add(&piece(1, 0..2)) && done.add(&piece(1, 3..4)) && done.add(&piece(1, 2..2)));
        let tasks = [piece(0, 0..2), piece(1, 0..6)].map(|piece| Task { piece, objects: 60 });
        let left = done.rest_of(tasks.to_vec());
        let expected = [(piece(0, 0..2), 60), (piece(1, 2..3), 10), (piece(1, 4..6), 20)];
        assert_eq!(left, expected.map(|(piece, objects)| Task { piece, objects }));
    }
}
