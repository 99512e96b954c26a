//! What a lane is given to do.

use std::fmt;
use std::ops::Range;

use selvedge_model::UuidRange;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Below, cutting costs more than it brings.
pub const LEAST_OBJECTS: u64 = 4_000;
/// Each half of a run makes a data file.
const LEAST_TENANTS: usize = 128;
/// Tenants that are read into one data file, and the objects of all of them, at most.
const TENANTS_OF_RUN: usize = 1_000;
pub const OBJECTS_OF_RUN: u64 = 10_000;

/// What a task is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A collection without tenants.
    Whole,
    Tenant(String),
    /// Small tenants, each as a whole, in the order of their names.
    Tenants(Vec<String>),
}

/// Some objects of a collection, waiting to be moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub piece: Piece,
    /// How many there may be: a guess, for finding out which task is the largest.
    pub objects: u64,
}

/// Which objects these are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// The objects of a part with these ids: all ids, for a run of tenants.
    Ids { part: Part, ids: UuidRange },
    /// Row groups of a data file of a backup, both by their place in the list.
    File { file: usize, groups: Range<usize> },
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ids { part: Part::Whole, ids } => write!(f, "ids from {}", ids.first),
            Self::Ids { part: Part::Tenant(tenant), ids } => {
                write!(f, "tenant {tenant}, ids from {}", ids.first)
            }
            Self::Ids { part: Part::Tenants(tenants), .. } => {
                let first = tenants.first().map(String::as_str).unwrap_or_default();
                write!(f, "{} tenants from {first}", tenants.len())
            }
            Self::File { file, groups } => write!(f, "file {file}, row groups from {}", groups.start),
        }
    }
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Position {
    #[default]
    Start,
    /// Behind this id.
    Behind(Uuid),
    /// Within this tenant of a run, or this row group of a file, by its place.
    Within(usize),
    /// Behind all of it.
    Closed,
}

/// How far a task was moved: up to this, and all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Of a part whose objects are in the order of their ids.
    Id(Uuid),
    /// Of a data file, by its place.
    Group(usize),
}

impl Mark {
    /// Where a task begins that can be sealed in between; None for a run of tenants, which is sealed as a whole.
    pub fn first_of(piece: &Piece) -> Option<Self> {
        match piece {
            Piece::Ids { part: Part::Whole | Part::Tenant(_), ids } => Some(Self::Id(ids.first)),
            Piece::Ids { part: Part::Tenants(_), .. } => None,
            Piece::File { groups, .. } => Some(Self::Group(groups.start)),
        }
    }

    /// None behind the last id of all.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Id(id) => id.as_u128().checked_add(1).map(Uuid::from_u128).map(Self::Id),
            Self::Group(group) => Some(Self::Group(group + 1)),
        }
    }
}

impl Part {
    /// The one that it is of, if it is of one.
    pub fn tenant(&self) -> Option<String> {
        match self {
            Self::Tenant(tenant) => Some(tenant.clone()),
            Self::Whole | Self::Tenants(_) => None,
        }
    }
}

impl Piece {
    /// From `first` on.
    pub fn starting_at(self, first: Option<Mark>) -> Self {
        match (self, first) {
            (Self::Ids { part, ids }, Some(Mark::Id(first))) => {
                Self::Ids { part, ids: UuidRange { first, ..ids } }
            }
            (Self::File { file, groups }, Some(Mark::Group(first))) => {
                Self::File { file, groups: first..groups.end }
            }
            (piece, _) => piece,
        }
    }

    /// Up to `last`, and no further.
    pub fn up_to(self, last: Mark) -> Self {
        match (self, last) {
            (Self::Ids { part, ids }, Mark::Id(last)) => {
                Self::Ids { part, ids: UuidRange { last: last.min(ids.last), ..ids } }
            }
            (Self::File { file, groups }, Mark::Group(last)) => {
                Self::File { file, groups: groups.start..groups.end.min(last + 1) }
            }
            (piece, _) => piece,
        }
    }

    /// The ids of a part that it covers; None for a run of tenants and for a data file.
    pub fn ids(&self) -> Option<UuidRange> {
        match self {
            Self::Ids { part: Part::Whole | Part::Tenant(_), ids } => Some(*ids),
            Self::Ids { part: Part::Tenants(_), .. } | Self::File { .. } => None,
        }
    }

    /// Whether there is nothing in it at all.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Ids { part: Part::Tenants(tenants), .. } => tenants.is_empty(),
            Self::Ids { ids, .. } => ids.first > ids.last,
            Self::File { groups, .. } => groups.is_empty(),
        }
    }
}

impl Task {
    pub fn whole(objects: u64) -> Self {
        Self { piece: Piece::Ids { part: Part::Whole, ids: UuidRange::ALL }, objects }
    }

    /// Tenants with the number of their objects, large ones each by itself and small ones together.
    pub fn of_tenants(tenants: impl IntoIterator<Item = (String, u64)>) -> Vec<Self> {
        let mut tenants: Vec<_> = tenants.into_iter().collect();
        tenants.sort();
        let (mut tasks, mut run, mut objects_of_run) = (Vec::new(), Vec::new(), 0);
        for (tenant, objects) in tenants {
            if objects >= LEAST_OBJECTS {
                let piece = Piece::Ids { part: Part::Tenant(tenant), ids: UuidRange::ALL };
                tasks.push(Self { piece, objects });
                continue;
            }
            run.push(tenant);
            objects_of_run += objects;
            if run.len() == TENANTS_OF_RUN || objects_of_run >= OBJECTS_OF_RUN {
                tasks.extend(Self::run(&mut run, &mut objects_of_run));
            }
        }
        tasks.extend(Self::run(&mut run, &mut objects_of_run));
        tasks
    }

    fn run(tenants: &mut Vec<String>, objects: &mut u64) -> Option<Self> {
        let (tenants, objects) = (std::mem::take(tenants), std::mem::take(objects));
        let piece = Piece::Ids { part: Part::Tenants(tenants), ids: UuidRange::ALL };
        (!matches!(&piece, Piece::Ids { part: Part::Tenants(tenants), .. } if tenants.is_empty()))
            .then_some(Self { piece, objects })
    }

    /// Cuts off the later half of what is left behind `position`. None if that is not worth it.
    pub fn split(&mut self, position: Position) -> Option<Self> {
        if position == Position::Closed {
            return None;
        }
        let left = self.objects;
        let later = match &mut self.piece {
            Piece::Ids { part: Part::Tenants(tenants), ids } => {
                let done = if let Position::Within(at) = position { at + 1 } else { 0 };
                let rest = tenants.len().saturating_sub(done);
                if rest < LEAST_TENANTS {
                    return None;
                }
                let part = Part::Tenants(tenants.split_off(done + rest / 2));
                Piece::Ids { part, ids: *ids }
            }
            Piece::Ids { part, ids } => {
                if left < LEAST_OBJECTS {
                    return None;
                }
                let from = if let Position::Behind(id) = position { id } else { ids.first };
                let later = ids.cut_behind(from)?;
                Piece::Ids { part: part.clone(), ids: later }
            }
            Piece::File { file, groups } => {
                let done = if let Position::Within(at) = position { at + 1 } else { groups.start };
                if groups.end.saturating_sub(done) < 2 {
                    return None;
                }
                let middle = done + (groups.end - done) / 2;
                let later = Piece::File { file: *file, groups: middle..groups.end };
                groups.end = middle;
                later
            }
        };
        self.objects = left / 2;
        Some(Self { piece: later, objects: left - self.objects })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_tenants_go_together_in_the_order_of_their_names() {
        let tenants = [("d", 5), ("a", 5), ("big", LEAST_OBJECTS), ("c", OBJECTS_OF_RUN / 3), ("b", 1)];
        let tasks = Task::of_tenants(tenants.map(|(name, objects)| (name.to_owned(), objects)));
        let part = |names: &[&str]| Part::Tenants(names.iter().map(|name| (*name).to_owned()).collect());
        let parts: Vec<_> = tasks
            .iter()
            .map(|task| match &task.piece {
                Piece::Ids { part, .. } => part.clone(),
                Piece::File { .. } => panic!(),
            })
            .collect();
        assert_eq!(parts, [Part::Tenant("big".to_owned()), part(&["a", "b", "c", "d"])]);
        assert!(Task::of_tenants([]).is_empty());
    }

    #[test]
    fn the_halves_of_a_split_are_all_that_was_left() {
        let mut task = Task::whole(LEAST_OBJECTS);
        let later = task.split(Position::Start).unwrap();
        let ids = |task: &Task| match task.piece {
            Piece::Ids { ids, .. } => ids,
            Piece::File { .. } => panic!(),
        };
        assert_eq!(ids(&task).last.as_u128() + 1, ids(&later).first.as_u128());
        assert_eq!((ids(&task).first, ids(&later).last), (Uuid::nil(), Uuid::max()));
        let before = task.clone();
        assert_eq!(task.split(Position::Start), None, "too small");
        assert_eq!(task, before, "and left as it is");

        let piece = Piece::File { file: 7, groups: 0..5 };
        let mut task = Task { piece, objects: 50 };
        let later = task.split(Position::Within(1)).unwrap();
        assert_eq!(task.piece, Piece::File { file: 7, groups: 0..3 });
        assert_eq!(later.piece, Piece::File { file: 7, groups: 3..5 });
        assert_eq!(task.split(Position::Within(1)), None);

        let names: Vec<_> = (0..200).map(|n| format!("{n:03}")).collect();
        let mut task = Task::of_tenants(names.iter().map(|name| (name.clone(), 1))).remove(0);
        let later = task.split(Position::Within(3)).unwrap();
        assert_eq!(
            task.piece,
            Piece::Ids { part: Part::Tenants(names[..102].to_vec()), ids: UuidRange::ALL }
        );
        assert_eq!(
            later.piece,
            Piece::Ids { part: Part::Tenants(names[102..].to_vec()), ids: UuidRange::ALL }
        );
    }
}
