//! A task that a lane is at, as other lanes see it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use selvedge_model::UuidRange;
use tokio::sync::Notify;
use uuid::Uuid;

use super::task::Position;
use super::{Part, Piece, Task};

/// How large a tenant counts whose size nobody knows.
const WORTH_OF_TENANT: u64 = 100;

/// Shared by the lane that carries the task out and those that would take a part of it.
#[derive(Debug)]
pub struct Running {
    state: Mutex<State>,
    /// Objects that are left of all that the task was split from, if all guesses were right.
    left: Arc<AtomicU64>,
    /// Rings for lanes that might take a part of it.
    bell: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    /// Ends where the last split has cut it.
    task: Task,
    position: Position,
    /// Objects that were moved of it.
    done: u64,
    /// Objects for each id there could be, on the last page. None before there was one.
    density: Option<f64>,
}

impl Running {
    pub fn new(task: Task, bell: Arc<Notify>) -> Self {
        let left = Arc::new(AtomicU64::new(task.objects));
        Self::sharing(task, left, bell)
    }

    fn sharing(task: Task, left: Arc<AtomicU64>, bell: Arc<Notify>) -> Self {
        Self {
            state: Mutex::new(State { task, position: Position::Start, done: 0, density: None }),
            left,
            bell,
        }
    }

    /// There are so many objects of it in all, which was not known.
    pub fn expect(&self, objects: u64) {
        self.state().task.objects = objects;
        self.left.store(objects, Relaxed);
        self.bell.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is in it is never half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn task(&self) -> Task {
        self.state().task.clone()
    }

    /// The ids that are the task's by now.
    pub fn ids(&self) -> UuidRange {
        match self.state().task.piece {
            Piece::Ids { ids, .. } => ids,
            Piece::File { .. } => UuidRange::ALL,
        }
    }

    /// All of it was moved: nothing is left to give away. Returns what it was in the end.
    pub fn close(&self) -> Piece {
        let mut state = self.state();
        state.position = Position::Closed;
        state.task.piece.clone()
    }

    /// Takes a tenant out of a run, by its place.
    pub fn take_out(&self, at: usize) {
        let mut state = self.state();
        if let Piece::Ids { part: Part::Tenants(tenants), .. } = &mut state.task.piece {
            tenants.remove(at);
            state.position = at.checked_sub(1).map_or(Position::Start, Position::Within);
        }
    }

    /// Takes everything out of a run that comes after the tenant at this place.
    pub fn take_rest(&self, at: usize) -> Vec<String> {
        match &mut self.state().task.piece {
            Piece::Ids { part: Part::Tenants(tenants), .. } => tenants.split_off(at + 1),
            Piece::Ids { .. } | Piece::File { .. } => Vec::new(),
        }
    }

    /// Everything up to this id was fetched, the last of it as a page with these ids. Returns where the task ends by now: what is
    /// behind is another's.
    pub fn pass(&self, id: Uuid, page: &[Uuid]) -> Uuid {
        let mut state = self.state();
        if let [first, .., last] = page {
            let width = (last.as_u128() - first.as_u128()).max(1);
            state.density = Some(page.len() as f64 / width as f64);
        }
        let last = match state.task.piece {
            Piece::Ids { ids, .. } => ids.last,
            Piece::File { .. } => Uuid::max(),
        };
        if matches!(state.task.piece, Piece::Ids { part: Part::Whole | Part::Tenant(_), .. }) {
            state.position = Position::Behind(id.min(last));
        }
        // It may hold more than lanes thought when they found nothing to do.
        self.bell.notify_one();
        last
    }

    /// Goes on to the tenant of a run, or to the row group of a file, after this one (None for the first). None if the task
    /// ends there.
    pub fn enter_next(&self, at: Option<usize>) -> Option<usize> {
        let mut state = self.state();
        let next = match &state.task.piece {
            Piece::Ids { part: Part::Tenants(tenants), .. } => {
                Some(at.map_or(0, |at| at + 1)).filter(|next| *next < tenants.len())
            }
            Piece::Ids { .. } => at.is_none().then_some(0),
            Piece::File { groups, .. } => {
                Some(at.map_or(groups.start, |at| at + 1)).filter(|next| *next < groups.end)
            }
        };
        if let (Some(next), Piece::Ids { part: Part::Tenants(_), .. } | Piece::File { .. }) =
            (next, &state.task.piece)
        {
            state.position = Position::Within(next);
        }
        next
    }

    /// Objects were moved.
    pub fn add(&self, objects: u64) {
        self.state().done += objects;
        // More than was guessed may come.
        let _ = self.left.fetch_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(objects)));
    }

    /// The tenants of a run, by their place.
    pub fn tenant(&self, at: usize) -> Option<String> {
        match &self.state().task.piece {
            Piece::Ids { part: Part::Tenants(tenants), .. } => tenants.get(at).cloned(),
            Piece::Ids { part: Part::Tenant(tenant), .. } => Some(tenant.clone()),
            Piece::Ids { part: Part::Whole, .. } | Piece::File { .. } => None,
        }
    }

    /// A guess of how many objects are left.
    pub fn objects_left(&self) -> u64 {
        let state = self.state();
        let all = self.left.load(Relaxed);
        match (&state.task.piece, state.position) {
            (_, Position::Closed) => 0,
            // As dense as those that were read last, but no more than there are.
            (Piece::Ids { part: Part::Whole | Part::Tenant(_), ids }, Position::Behind(id)) => {
                let after = ids.last.as_u128().saturating_sub(id.as_u128());
                let dense = state.density.map_or(f64::MAX, |density| density * after as f64);
                dense.min(all as f64) as u64
            }
            (Piece::Ids { part: Part::Tenants(tenants), .. }, position) => {
                let begun = if let Position::Within(at) = position { at + 1 } else { 0 };
                WORTH_OF_TENANT * tenants.len().saturating_sub(begun) as u64
            }
            _ => state.task.objects.saturating_sub(state.done).min(all),
        }
    }

    /// Takes the later half of what is left. None if that is not worth it.
    pub fn split(&self) -> Option<Self> {
        let left = self.objects_left();
        let mut state = self.state();
        let position = state.position;
        let whole = state.task.objects;
        state.task.objects = left;
        let later = state.task.split(position);
        if later.is_none() {
            state.task.objects = whole;
        } else {
            // Counted from the start, as before.
            state.task.objects += state.done;
        }
        later.map(|later| Self::sharing(later, Arc::clone(&self.left), Arc::clone(&self.bell)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a collection whose ids all begin alike, as those made from the time do, with a second lane that takes halves.
    #[test]
    fn halves_are_taken_until_they_hold_something() {
        let first = 0x0193_0000_0000_0000_0000_0000_0000_0000_u128;
        let id = |n: u128| Uuid::from_u128(first + n * (1 << 70));
        let objects = 100_000_u128;
        let running = Running::new(Task::whole(objects as u64), Arc::default());
        running.add(1_000);
        running.pass(id(999), &(0..1_000).map(id).collect::<Vec<_>>());
        let mut splits = 0;
        loop {
            let taken = running.split().expect("there is much left");
            splits += 1;
            let range = taken.ids();
            let held = (0..objects).filter(|n| range.contains(&id(*n))).count();
            if held > 1_000 {
                break;
            }
            // The other lane finds nothing, and comes back.
            assert!(splits < 60);
        }
        assert!(splits > 5);
    }

    #[test]
    fn what_was_passed_is_not_given_away() {
        let running = Running::new(Task::whole(100_000), Arc::default());
        running.add(50_000);
        let middle = Uuid::from_u128(u128::MAX / 2);
        assert_eq!(running.pass(middle, &[]), Uuid::max());
        let taken = running.split().unwrap();
        assert!(taken.ids().first > middle);
        assert_eq!(running.pass(middle, &[]).as_u128() + 1, taken.ids().first.as_u128());
        assert_eq!(taken.objects_left(), 25_000);
        assert!(running.objects_left() <= 50_000);
    }
}
